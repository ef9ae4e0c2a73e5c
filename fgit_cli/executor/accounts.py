"""Says how a run ended, in the words of a verdict: by the child's last frame, else by the zygote's account."""

import json
from typing import Any

from fgit_cli.executor import interpreter, wire
from fgit_cli.executor.jobs import Call, Status
from fgit_cli.executor.sandbox import Frame


def ended_as(ended: Call | None, end: dict[str, Any]) -> tuple[Status, str, str]:
    """Status, error type and message of a script: by the frame that ended it, else by the zygote's account."""
    if end["reason"] == "finished":
        return "pass", "", ""
    ended = ended or call_that_ended(end)
    status, _ = failure_of(ended) or ("error", "")
    if ended.status == "output":
        status = "error"
    elif ended.error_type == "AssertionError":
        status = "fail"
    return status, ended.error_type, ended.message


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def call_of(frame: Frame) -> Call:
    if frame.kind == wire.MEMORY:
        return Call("memory", seconds=frame.seconds, error_type="MemoryError")
    if frame.kind == wire.RAISED:
        told = _texts(frame.content)
        if told is None:
            return Call("malformed", seconds=frame.seconds, error_type="MalformedAnswer")
        return Call("error", seconds=frame.seconds, error_type=told[0][:200], message=told[1][:500])
    return Call("ok", output=frame.content, seconds=frame.seconds)


def _texts(content: bytes) -> tuple[str, str] | None:
    """The two texts of a RAISED frame, as plain JSON: the decoder of values could be stalled here."""
    try:
        name, message = json.loads(content)
    except (ValueError, TypeError, RecursionError):
        return None
    return (name, message) if isinstance(name, str) and isinstance(message, str) else None


def call_that_ended(end: dict[str, Any]) -> Call:
    """The call during which the process ended, from the zygote's account."""
    reason, code = end["reason"], end["exit"]
    if reason in ("timeout", "total"):
        what = "time limit" if reason == "timeout" else "total time limit"
        return Call("timeout", error_type="Timeout", message=f"the {what} ran out", seconds=end["seconds"])
    if reason == "output":
        return Call("output", error_type="OutputLimit", message="more output than allowed")
    if reason == "malformed":
        return Call("malformed", error_type="MalformedAnswer", message="bytes that are no answer")
    if reason == "memory":
        return Call("memory", error_type="MemoryLimit", message="the processes together held more than allowed")
    if code > 128:  # as the first process of a box with several tells it
        code = 128 - code
    message = f"killed by {interpreter.signal_name(-code)}" if code < 0 else f"exited with status {code} before its end"
    return Call("died", error_type="Died", message=message)


def failure_of(call: Call) -> tuple[Status, str] | None:
    """Status and text of the verdict on a call that gave no output."""
    if call.status == "ok":
        return None
    text = f"{call.error_type}: {call.message}" if call.message else call.error_type
    if call.status in ("timeout", "memory"):
        return call.status, text  # type: ignore[return-value]
    return ("fail" if call.status == "output" else "error"), text
