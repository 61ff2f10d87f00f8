"""The points at which a simulated validator may lose its power, by name."""

from __future__ import annotations

from typing import Final

__all__ = ["CRASH_POINTS", "HEADER_POINT", "LOG_WRITES", "RECOVERY", "SENT", "TEARING_POINTS", "CrashPoint"]

#: What is being done, and whether the crash comes before (0) or after it (1).
CrashPoint = tuple[str, int]

#: What is written to the log, told by the last record of a write, votes apart: they are written along.
LOG_WRITES: Final = (
    "header",
    "intent to propose",
    "intent to prevote",
    "intent to precommit",
    "valid value",
    "decision",
    "evidence",
)
SENT: Final = ("proposal", "prevote", "precommit")

#: What the points of a recovery begin with.
RECOVERY: Final = "recovery: "

#: Where a segment of the log begins.
HEADER_POINT: Final = "write log: header"

_RUNNING: Final = (
    *(f"{call} log: {what}" for call in ("write", "sync") for what in LOG_WRITES),
    "write slot",
    "sync slot",
    "remove log",
    "truncate log",
    *(f"send {what}" for what in SENT),
    "apply",
)
_RECOVERING: Final = (
    "truncate log",
    "remove log",
    "sync log: tail",
    "write log: header",
    "sync log: header",
    "write slot",
    "sync slot",
    "replay",
)

#: All of them. A recovery that crashes is the second crash of a validator.
CRASH_POINTS: Final[tuple[CrashPoint, ...]] = tuple(
    (point, when) for point in (*_RUNNING, *(f"{RECOVERY}{point}" for point in _RECOVERING)) for when in (0, 1)
)

#: Those that leave a log with an unsynced tail.
TEARING_POINTS: Final = tuple(
    (point, 1) for point in _RUNNING if point.startswith("write log: ") and not point.endswith("header")
)
