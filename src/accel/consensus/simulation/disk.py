"""A disk that loses, tears and fails, with a crash at any point of its use."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from accel.consensus.messages import PRECOMMIT, PREVOTE, PROPOSAL
from accel.consensus.simulation.points import LOG_WRITES, CrashPoint

__all__ = ["PowerLoss", "SimulatedDisk"]

SECTOR_BYTES: Final = 16  # small, so that frames and slots are torn in the middle
_HISTORY: Final = 8  # syncs that can be rolled back
_HEADER_BYTES: Final = 32
_FRAME_BYTES: Final = 25  # before the record: its type, then that of what an intent is to sign
_VOTE: Final = 5
_STEP_AT: Final = 28  # in a slot of the last-sign state: what kind of message was signed, or 0 or 255 of a limit
_INTENTS: Final = {1: LOG_WRITES[1], 2: LOG_WRITES[2], 3: LOG_WRITES[3]}
_RECORDS: Final = {2: LOG_WRITES[4], 3: LOG_WRITES[5], 4: LOG_WRITES[6]}

Write = tuple[str, int, bytes | None]  # (file, offset, data), or (file, size, None): cut


class PowerLoss(BaseException):
    """The power is gone. Not an ``Exception``: nothing that runs may handle it."""


class SimulatedDisk:
    """Flat files whose unsynced writes reach the medium in any order, in part or not at all.

    Args:
        random: Decides what a crash leaves.
        reached: Called with every `CrashPoint`; raises `PowerLoss` to end the validator there.
    """

    def __init__(self, random: Random, reached: Callable[[CrashPoint], None]) -> None:
        self._random = random
        self._reached = reached
        self._durable: dict[str, bytes] = {}
        self._seen: dict[str, bytes] = {}
        self._unsynced: list[Write] = []
        self._written = ""
        self._history: list[tuple[int, dict[str, bytes]]] = []
        #: The height that is being worked on: how far a log may lose its end and the last-sign state still know enough.
        self.height = 0
        self._signed_end = ("", 0)
        #: Whether the log has lost what was durable when the newest signature was recorded, which says so.
        self.has_lost_signed = False
        #: Calls that fail from now on: "write", "sync".
        self.failing: set[str] = set()

    def names(self) -> list[str]:
        """The files' names, sorted."""
        return sorted(self._seen)

    def read(self, name: str) -> bytes:
        """All bytes of the file `name`; none if there is no such file."""
        return self._seen.get(name, b"")

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write `data`, or fail after a part of it."""
        point = "write slot"
        if name.startswith("wal-"):
            point = f"write log: {_content(data)}"
            self._written = point
        self._reached((point, 0))
        if "write" in self.failing:
            self._apply((name, offset, data[: self._random.randrange(len(data) + 1)]))
            raise OSError(5, "simulated write error")
        self._apply((name, offset, data))
        self._reached((point, 1))

    def truncate(self, name: str, size: int) -> None:
        """Cut the file `name` to `size` bytes."""
        point = "truncate log"
        self._reached((point, 0))
        self._apply((name, size, None))
        self._reached((point, 1))

    def sync(self, name: str) -> None:
        """Make the file `name` durable, or fail, after which its unsynced writes may be on the medium or not."""
        point = self._written.replace("write", "sync", 1) if name.startswith("wal-") else "sync slot"
        self._reached((point, 0))
        if "sync" in self.failing:
            raise OSError(5, "simulated sync error")
        self._unsynced = [write for write in self._unsynced if write[0] != name]
        self._durable[name] = self._seen[name]
        if name.startswith("wal-"):
            self._history = [*self._history[1 - _HISTORY :], (self.height, self._logs())]
        elif _is_signature(self._durable[name]):
            self._signed_end = _end(self._logs())
        self._reached((point, 1))

    def remove(self, name: str) -> None:
        """Remove the file `name`, durably."""
        point = "remove log"
        self._reached((point, 0))
        self._unsynced = [write for write in self._unsynced if write[0] != name]
        self._seen.pop(name, None)
        self._durable.pop(name, None)
        self._reached((point, 1))

    def lose_power(self, tear: Callable[[str], bool]) -> list[str]:
        """Leave on the medium what a loss of power leaves; say what happened to each unsynced write.

        Args:
            tear: Whether a write to this file may be torn; otherwise it is there or not.
        """
        said = []
        files = self._durable
        for write in self._unsynced:
            fate = self._random.randrange(4)
            if fate == 0:
                files[write[0]] = _applied(files.get(write[0], b""), write)
                said.append(f"{write[0]}: kept")
            elif fate <= 2 and write[2] and tear(write[0]):
                files[write[0]] = self._torn(files.get(write[0], b""), write[1], write[2])
                said.append(f"{write[0]}: torn")
            else:
                said.append(f"{write[0]}: lost")
        self._unsynced = []
        self._seen = dict(files)
        self._written = "write log: tail"
        self.failing = set()
        return said

    def roll_back(self, *, within_height: bool) -> None:
        """Put the log back to what it was after one of its last syncs: the disk had lied."""
        choices = [logs for height, logs in self._history if height == self.height or not within_height]
        if choices:
            kept = {name: data for name, data in self._durable.items() if not name.startswith("wal-")}
            if self._random.randrange(2):
                choices = choices[-3:]
            logs = self._random.choice(choices)
            self._durable = {**kept, **logs}
            self._seen = dict(self._durable)
            self._history = []
            self.has_lost_signed = self.has_lost_signed or _end(logs) < self._signed_end

    def rot(self, name: str) -> None:
        """Change a byte of a file on the medium."""
        data = bytearray(self._durable.get(name, b""))
        if data:
            data[self._random.randrange(len(data))] ^= self._random.randrange(1, 256)
            self._durable[name] = self._seen[name] = bytes(data)
            self._signed_end = ("", 0)  # the signature may not be there any more

    def _logs(self) -> dict[str, bytes]:
        return {name: data for name, data in self._durable.items() if name.startswith("wal-")}

    def _apply(self, write: Write) -> None:
        self._unsynced.append(write)
        self._seen[write[0]] = _applied(self._seen.get(write[0], b""), write)

    def _torn(self, old: bytes, offset: int, data: bytes) -> bytes:
        """Some sectors of a write are on the medium; the others hold what was there before, or zeros."""
        file = bytearray(old.ljust(offset + len(data), b"\0"))
        if self._random.randrange(2):  # a beginning only
            size = self._random.randrange(len(data) + 1)
            return bytes(old[:offset] + data[:size] + old[offset + size :])
        for begin in range(0, len(data), SECTOR_BYTES):
            if self._random.randrange(2):
                part = data[begin : begin + SECTOR_BYTES]
                file[offset + begin : offset + begin + len(part)] = part
        return bytes(file)


def _content(data: bytes) -> str:
    """What is written to a log: the header of a segment, or frames, of which the last one that is no vote counts."""
    if len(data) == _HEADER_BYTES and data.startswith(b"accelwal"):
        return "header"
    content, at = "vote", 0
    while at < len(data):
        record = data[at + _FRAME_BYTES]
        if record != _VOTE:
            content = _INTENTS[data[at + _FRAME_BYTES + 1]] if record == 1 else _RECORDS[record]
        at += _FRAME_BYTES + int.from_bytes(data[at + 4 : at + 8], "little")
    return content


def _is_signature(slot: bytes) -> bool:
    """Whether a slot of the last-sign state says what was signed, not up to where nothing may be."""
    return len(slot) > _STEP_AT and slot[_STEP_AT] in (PROPOSAL, PREVOTE, PRECOMMIT)


def _end(logs: dict[str, bytes]) -> tuple[str, int]:
    """Where a log ends: its last segment with an entry, and the size of that."""
    return max(((name, len(data)) for name, data in logs.items() if len(data) > _HEADER_BYTES), default=("", 0))


def _applied(old: bytes, write: Write) -> bytes:
    _, offset, data = write
    if data is None:
        return old[:offset]
    if offset == len(old):
        return old + data
    old = old.ljust(offset, b"\0")
    return old[:offset] + data + old[offset + len(data) :]
