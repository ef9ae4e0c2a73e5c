"""Supervises one child: relays its bytes under its own tag, stamps times, counts bytes, says when to stop.

Of the child's bytes it reads only the frames' heads (kind and length), to know when an input is done and when there
are too many bytes. The clock runs from outside, so nothing in the child can hold it.
"""

import contextlib
import os
import select
import socket
import time

from fgit_cli.executor import wire
from fgit_cli.executor.confine import Box
from fgit_cli.executor.deadline import Deadline

_CHUNK = 1 << 18  # bytes read of the child at a time
_STARVED = 20.0  # a child that waits for a processor gets at most this many times its total limit, by the clock
_LAST_WORDS = 5.0  # seconds from the last output to the end
_BESIDES = 16 << 20  # bytes that a child may send beside its outputs
_EXCEPTION = 1 << 14  # bytes of a report of an exception
_HELD_BYTES, _HELD_SECONDS = 1 << 16, 0.005  # outputs are relayed together, up to so many and so late
_SOON = 0.02  # seconds until another look at a sample that seems to be waiting for a processor
_TICK = 0.1  # seconds between looks at the memory of a box with several processes


class Watch:
    """One child's pipes and clock. `index`: the input that is running, -1 the loading; `began`: it was confined."""

    def __init__(
        self, control: socket.socket, frames: wire.Frames, box: Box, number: int, job: dict, pid: int, questions: int
    ) -> None:
        """`questions`: the pipe to the child in a dialogue, else -1."""
        self.control, self.frames, self.box, self.number, self.job, self.pid = control, frames, box, number, job, pid
        self._questions, self._untold = questions, bytearray()  # what the child has still to be told
        if questions >= 0:
            os.set_blocking(questions, False)
        self.index, self.began = -1, False
        self.schedule = -1  # the file that tells how long the child waited for a processor
        now = time.monotonic()
        self._input = Deadline(self._limit(), now)
        self._whole = Deadline(job["total_limit"], now)
        self._starved = 0.0  # seconds without a processor, in all
        self._looked, self._ran, self._look_again = 0.0, 0.0, 0.0  # at a sample past its deadline: when, what, next
        self.overran = False  # a limit was passed, within the job's patience
        self.over_limit_alone = False  # limit and patience were used up in processor time
        self._head, self._kind = b"", b""  # of the frame that is being read
        self._missing = 0  # bytes of its content still to come
        self._printed = 0
        self._held: list[bytes] = []  # frames for the parent
        self._held_bytes, self._held_since = 0, 0.0
        outputs = job["output_limits"]
        most = sum(outputs) if len(outputs) > 1 else outputs[0] * (len(job["limits"]) + 1) if outputs else 0
        self._room = most + _BESIDES

    def until_end(self, results: int, output: int) -> str:
        """Relay until the child is done or has to go, and return why.

        The reason is finished, closed (it ended without saying so), timeout, total, memory, output (too many bytes),
        malformed or stopped (by the parent).
        """
        poller = select.poll()
        for fd in (results, output, self.control.fileno()):
            if fd >= 0:
                poller.register(fd, select.POLLIN)
        while True:
            until = min(self._deadline(), self._held_since + _HELD_SECONDS) if self._held else self._deadline()
            wait = max(until - time.monotonic(), 0)
            events = dict(poller.poll((min(wait, _TICK) if self.box.crowded else wait) * 1000 + 1))
            reason = ""
            if output in events:
                data = os.read(output, _CHUNK)
                reason = self._print(data)
                if not data:
                    poller.unregister(output)
            if results in events:
                ended = self._relay(os.read(results, _CHUNK))
                reason = reason or ended
            if self.control.fileno() in events:
                reason = reason or self._obey()
            if self._questions >= 0:
                self._tell(poller)
            if self._held and time.monotonic() - self._held_since >= _HELD_SECONDS:
                self.hand_over()
            if reason in ("finished", "closed") and output >= 0:
                return self._drain(output) or reason
            reason = reason or self._late() or ("memory" if self._too_much_memory() else "")
            if reason:
                return reason

    # time

    def _limit(self) -> float:
        if self.index < 0:
            return self.job["load_limit"]
        limits = self.job["limits"]
        return limits[self.index] if self.index < len(limits) else _LAST_WORDS

    def _deadline(self) -> float:
        """The earlier of the two, by the clock; or the next look at what is past it."""
        return max(min(self._input.at(self._starved), self._whole.at(self._starved)), self._look_again)

    def _late(self) -> str:
        """ "timeout" or "total" when a deadline passed.

        It is put off by the time that the sample waited for a processor, unless its own threads used that time up; and
        for a busy sample by the job's patience, so that a run beside others can be certain of what it says. The total
        of many inputs is not put off by patience: what has used it all is over.
        """
        now = time.monotonic()
        if now < self._deadline():
            return ""
        before, self._starved = self._starved, self._read_starved()
        used = self.box.processor_seconds(self.pid)
        waited_long = now - self._whole.since > _STARVED * self._whole.allowed
        spent = self._input.spent(used) or self._whole.spent(used)
        if not (spent or waited_long) and (self._starved - before > 0.01 or self._is_waiting(now, used)):
            return ""
        passed = self._whole if now >= self._whole.at(before) else self._input
        busy = passed.busy(used) and not self.box.crowded  # of several processes the clock alone tells
        calls = self.job["kind"] == "calls"
        patience = 1.0 if calls and passed is self._whole else self.job["patience"]
        if busy and passed.patience < patience:
            self.overran = True
            passed.patience = patience
            return ""
        self.over_limit_alone = busy and passed.patience >= patience
        return "total" if passed is self._whole else "timeout"

    def _read_starved(self) -> float:
        """Seconds that the child was ready to run and did not, so far (0 where the kernel does not count them)."""
        if self.box.proc < 0:
            return 0.0
        if self.schedule < 0:
            try:
                pid = self.box.sample_of(self.pid)
                self.schedule = os.open(f"{pid}/schedstat", os.O_RDONLY, dir_fd=self.box.proc)
            except OSError:
                return self._starved
        try:
            return int(os.pread(self.schedule, 100, 0).split()[1]) / 1e9
        except (OSError, IndexError):
            return self._starved

    def _is_waiting(self, now: float, used: float) -> bool:
        """Whether the sample seems to wait for a processor at this moment, which the kernel counts when the wait ends.

        It is ready to run, and since a look a moment ago it ran for less than half of the time; the first look is
        followed by another.
        """
        if not self.box.is_ready(self.pid):
            return False
        passed, ran = now - self._looked, used - self._ran
        self._looked, self._ran = now, used
        if passed < 10 * _SOON and ran > passed / 2:
            return False
        self._look_again = now + _SOON
        return True

    def _too_much_memory(self) -> bool:
        """Whether the processes of the box together hold more than one may (their limits count one by one)."""
        return self.box.crowded and self.box.memory_held() > self.job["memory"]

    @property
    def starved(self) -> float:
        """Seconds, in all, that the sample was ready to run and had no processor."""
        return self._starved

    # bytes

    def _relay(self, data: bytes) -> str:
        if not data:
            return "closed"
        now = time.monotonic()
        stamps, reason = self._follow(data, now)
        self._room -= len(data)
        head = bytes([len(stamps) >> 8 & 255, len(stamps) & 255])
        self._held_since = self._held_since if self._held else now
        self._held += wire.pack(wire.DATA, self.number, head, *map(wire.STAMP.pack, stamps), data)
        self._held_bytes += len(data)
        if self._held_bytes >= _HELD_BYTES or self._questions >= 0:  # a dialogue waits for each message
            self.hand_over()
        return reason or ("output" if self._room < 0 else "")

    def hand_over(self, *last: bytes) -> None:
        """Send the parent what is held back, and `last`."""
        wire.send_packed(self.control, [*self._held, *last])
        self._held, self._held_bytes = [], 0

    def _follow(self, data: bytes, now: float) -> tuple[list[float], str]:
        """Track the frames in the child's bytes: the times of those that end an input, and why to stop, if so."""
        stamps: list[float] = []
        at, size, reason = 0, wire.CHILD_HEADER.size, ""
        while not reason:
            if self._missing:
                step = min(self._missing, len(data) - at)
                self._missing -= step
                at += step
                if self._missing:
                    break
            elif not self._kind:
                need = size - len(self._head)
                self._head += data[at : at + need]
                at += need
                if len(self._head) < size:
                    break
                self._kind, self._missing = wire.CHILD_HEADER.unpack(self._head)
                reason = self._refusal()
                continue
            if self._kind == wire.FINISHED:
                reason = "finished"
            elif self._kind == wire.BEGIN:
                self.began = True
                self._begin_input(now)
                self._whole.since = now
            elif self._kind in wire.STAMPED:
                stamps.append(now - self._input.since)
                self.index += 1
                if self.overran and self.job["kind"] == "calls":
                    reason = "timeout"  # whatever the other inputs say, it is run again alone
                self._begin_input(now)
            self._head, self._kind = b"", b""
        return stamps, reason

    def _begin_input(self, now: float) -> None:
        starved, used = self._input.starved_before, self._input.used_before
        if now > self._input.since:  # several frames of one read share one look
            starved = self._starved = self._read_starved()
            used = self.box.processor_seconds(self.pid)
        self._input = Deadline(self._limit(), now, starved, used)

    def _refusal(self) -> str:
        """Why the frame whose head has come is not taken, if so."""
        if self._kind not in wire.CHILD_KINDS or (self._kind == wire.BEGIN) == self.began:
            return "malformed"
        if self._kind in wire.STAMPED and self.index >= len(self.job["limits"]):
            return "malformed"
        if self._kind == wire.RAISED and self._missing > _EXCEPTION:
            return "malformed"
        limits = self.job["output_limits"]
        limit = limits[self.index] if 0 <= self.index < len(limits) else limits[-1] if limits else _BESIDES
        return "output" if self._missing > limit else ""

    def _print(self, data: bytes) -> str:
        room = self.job["stdout_limit"] - self._printed
        self._printed += len(data)
        wire.send(self.control, wire.STDOUT, self.number, data[:room])
        return "output" if len(data) > room else ""

    def _drain(self, output: int) -> str:
        """What was printed before the end and is still in the pipe."""
        os.set_blocking(output, False)
        try:
            while data := os.read(output, _CHUNK):
                if reason := self._print(data):
                    return reason
        except BlockingIOError:
            pass
        return ""

    def _obey(self) -> str:
        for kind, number, content in wire.receive(self.control, self.frames):
            if number == self.number and kind == wire.STOP:
                return "stopped"
            if number == self.number and kind == wire.TELL:
                self._untold += wire.TOLD.pack(len(content)) + content
        return ""

    def _tell(self, poller: select.poll) -> None:
        """Write to the child as much as its pipe takes; look out for more room while something is left."""
        if not self._untold:
            return
        try:
            del self._untold[: os.write(self._questions, self._untold)]
        except BlockingIOError:
            pass
        except BrokenPipeError:  # it reads no more; how it ends is seen elsewhere
            self._untold.clear()
        if self._untold:
            poller.register(self._questions, select.POLLOUT)
        else:
            with contextlib.suppress(KeyError):
                poller.unregister(self._questions)
