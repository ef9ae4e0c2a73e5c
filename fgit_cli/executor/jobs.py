"""Says what the executor is asked and what it answers, in plain frozen dataclasses without behaviour.

Values cross the border as type-tagged JSON (`values.encode`), each input and each output as one `bytes`.
"""

from dataclasses import dataclass, field
from typing import Literal

Isolation = Literal["auto", "namespaces", "landlock+seccomp", "container", "none"]
Kind = Literal["equal", "set", "not-none", "always", "or-zero", "surface", "digits", "poly"]  # of comparison, see Rules
Profile = Literal["pure", "open"]  # pure: no fork, exec, socket, kill. open: those inside the box, loopback up

# pass, fail: a verdict. error: the code raised or died. timeout, memory: a limit. infra: our fault, no verdict.
Status = Literal["pass", "fail", "timeout", "error", "memory", "infra"]

TIME_LIMIT = 4.0  # seconds an input; EvalPlus's floor
OUTPUT_LIMIT = 64 * 1024  # bytes an output, beside four times the ground truth's own
GROUND_TRUTH_OUTPUT = 512 * 1024 * 1024  # bytes; the canonical HumanEval/15 needs more than 32 MB


@dataclass(frozen=True)
class CallJob:
    """Load `code`, then call `entry_point(*input)` for every input in turn, in one process (EvalPlus's way).

    `inputs`: each `encode(list_of_arguments)`. `time_limits`: seconds, one an input, or one number for all.
    `load_limit`: seconds for executing `code` itself. `total_limit`: seconds for everything (EvalPlus: 60), or None.
    `output_limit`: bytes of one encoded output (`check` derives it from the expected outputs where it is None).
    `memory`: bytes of address space, None for the executor's. `seed`: of `random` and numpy's generator.
    `collect`: list an iterator's items (for outputs compared as sets). `keep_going`: go on after an input at which the
    code raised.
    """

    code: str
    entry_point: str
    inputs: tuple[bytes, ...]
    time_limits: float | tuple[float, ...] = TIME_LIMIT
    load_limit: float = 10.0
    total_limit: float | None = None
    output_limit: int | None = None
    memory: int | None = None
    collect: bool = False
    keep_going: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Call:
    """What came of one input: `status` "ok" with the encoded `output`, else why there is none.

    status: ok, error (it raised: `error_type`, `message`), timeout, memory, output (larger than the limit),
    died (the process ended: exit or signal), malformed (its bytes are no answer).
    `seconds`: wall time, stamped from outside the process.
    """

    status: Literal["ok", "error", "timeout", "memory", "output", "died", "malformed"]
    output: bytes = b""
    seconds: float = 0.0
    error_type: str = ""
    message: str = ""


@dataclass(frozen=True)
class Calls:
    """The answer to `run_calls`. `calls` is as long as the inputs when each was reached, else shorter.

    `load`: what came of executing the code itself. `infra`: None, or what failed on our side
    (then there is no verdict). `starved`: seconds, of `seconds`, without a free processor, as far as looked.
    `timed_out_under_load`: a limit was passed while other jobs ran, by so little that a run alone might keep it.
    `out_of_total`: what ran out was the limit for all inputs together.
    """

    load: Call
    calls: tuple[Call, ...]
    seconds: float
    infra: str | None = None
    starved: float = 0.0
    drew: bool = False
    timed_out_under_load: bool = False
    out_of_total: bool = False

    def outputs(self) -> tuple[bytes, ...]:
        """The encoded outputs; raises ValueError, naming the first input without one, where some are missing."""
        if self.infra or self.load.status != "ok":
            raise ValueError(self.infra or f"loading the code: {self.load.error_type}: {self.load.message}")
        for i, call in enumerate(self.calls):
            if call.status != "ok":
                raise ValueError(f"input {i}: {call.status}: {call.error_type}: {call.message}")
        return tuple(call.output for call in self.calls)


@dataclass(frozen=True)
class Rules:
    """How an output is compared (EvalPlus 0.3.1, evalplus/eval/__init__.py).

    `kind`: `equal` (== first; then, where `atol` is not 0, same type and length and numpy's allclose with rtol 1e-7);
    `set` (equal as sets); `not-none` (a bool by ==, anything else by whether it is None; the expected values are
    bools); `always` (Mbpp/164: any value); `or-zero` (Mbpp/295: equal, or 0); `surface` (Mbpp/581: equal, or within
    atol of the pyramid's surface); `digits` (Mbpp/558: equal, or the digit distance); `poly` (HumanEval/32: a root
    of the polynomial in the input, within atol). `atol` 0 becomes 1e-6 at the first expected float and stays so for the
    inputs after it.
    """

    kind: Kind = "equal"
    atol: float = 0.0


@dataclass(frozen=True)
class Expected:
    """The trusted side's knowledge: encoded outputs, one an input, and how to compare. It never enters the box."""

    outputs: tuple[bytes, ...]
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True)
class Check:
    """The verdict on a CallJob against its Expected.

    `status`: pass when every output compared equal; fail when one did not (or was too large, or no value that can be
    compared); timeout, memory, error (raised, died, malformed), infra as the first failing input says.
    `failed_input`: the first failing input's number, -1 for the loading, None on a pass or infra.
    `details`: one bool an input reached. `error`: "Type: message" of the first failure, None on a pass.
    `seconds`: wall time of the run that decided; `seconds_each` per input reached. `reruns`: times it was run again
    (alone, after a limit was passed; in a fresh box, after an infra failure). `starved`: seconds, of `seconds`, in
    which the process was ready to run and had no processor, as far as the limits had to know; they do not count it.
    `drew`: it drew random numbers; then it is run with several seeds, `seeds` of them, and all must pass.
    `timed_out_under_load`: as in `Calls`; never in what the executor answers. `out_of_total`: as in `Calls`.
    """

    status: Status
    failed_input: int | None
    details: tuple[bool, ...]
    error: str | None
    seconds: float
    seconds_each: tuple[float, ...] = ()
    reruns: int = 0
    starved: float = 0.0
    drew: bool = False
    seeds: int = 1
    timed_out_under_load: bool = False
    out_of_total: bool = False


@dataclass(frozen=True)
class Outcome:
    """The answer to `run_script`.

    `status`: pass (code and tests ran to their end), fail (an AssertionError), timeout, memory, error (any other
    exception, an exit before the end, a signal, output past its limit), infra. `stage`: where it ended.
    `stdout`: what was printed, cut at `stdout_limit` bytes (then `truncated`); empty unless asked for.
    `report`: the encoded value of the global `__report__` that the tests left, b"" when there is none; decode it with
    `values.decode`. It comes from the untrusted process: evidence, not proof.
    `forgeable`: why the tests ran in the code's own process, where a program that means to can forge the verdict; empty
    where they ran apart from it, and where there were none. `drew`, `seeds`: as in
    `Check`; a run without tests has one seed. `timed_out_under_load`: as in `Calls`.
    """

    status: Status
    error_type: str = ""
    message: str = ""
    seconds: float = 0.0
    stage: Literal["code", "tests"] = "code"
    stdout: str = ""
    truncated: bool = False
    report: bytes = b""
    forgeable: str = ""
    reruns: int = 0
    drew: bool = False
    seeds: int = 1
    timed_out_under_load: bool = False
