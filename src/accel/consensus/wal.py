"""The write-ahead log: what a validator must not forget, before it acts on it.

Entries are framed, numbered from 1 and appended; `WriteAheadLog.sync` makes them durable. The order for whatever
depends on an entry is: append, sync, sign, send. The log is cut into segments, files named by the number of their first
entry, so that `WriteAheadLog.forget` can remove what a decided height no longer needs.

A frame, little-endian:

====== ===== ==========================================================================
offset bytes field
====== ===== ==========================================================================
0      4     CRC-32 (zlib's) of the log's identity, then of everything after this field
4      4     length of the payload
8      8     number of the entry
16     8     number of the last entry that was durable when this frame was written
24     1     kind of the entry
25           payload
====== ===== ==========================================================================

A segment begins with a header of 32 bytes: magic, the log's random identity, number of the first entry, CRC-32. The
identity is part of every frame's checksum so that bytes which a peer chose, inside a payload, never read as a frame.

Recovery. Writes between two syncs may reach the disk in any order and in part, so a bad frame is a torn tail if nothing
after it was written after it had been durable: then the log ends before it. Does any later frame say that the bad one
was durable, or does a later segment exist, then acknowledged entries are damaged: `LogDamaged`, and a person must look.
(ALICE, Pillai et al., OSDI 2014, section 4, lists logs that got this wrong.)

A failed write or sync is final (`LogFailed`): after it nobody knows what a second sync's success would mean (Rebello et
al., "Can Applications Recover from fsync Failures?", ATC 2020). The process ends and recovers from what is on the disk.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np

from accel.consensus.disk import Disk
from accel.consensus.errors import ConsensusError
from accel.errors import ArgumentError

__all__ = ["MAX_ENTRY_BYTES", "SEGMENT_BYTES", "Entry", "LogDamaged", "LogFailed", "WriteAheadLog"]

#: The longest payload of an entry, in bytes.
MAX_ENTRY_BYTES: Final = 16 << 20
#: A segment that has reached this many bytes is closed at the next `WriteAheadLog.sync`.
SEGMENT_BYTES: Final = 64 << 20

_MAGIC: Final = b"accelwal"
_HEADER: Final = struct.Struct("<8s8sQ4sI")
_FRAME: Final = struct.Struct("<IIQQB")
_CHECKED: Final = struct.Struct("<IQQB")  # the frame's header without its checksum
_NUMBER_OFFSET: Final = 8
_PREFIX: Final = "wal-"


class LogDamaged(ConsensusError, ValueError):  # noqa: N818 - says what is the case
    """Entries that were durable are damaged or missing. Starting all the same could sign twice."""


class LogFailed(ConsensusError, OSError):  # noqa: N818 - says what is the case
    """A write or a sync has failed. The log takes nothing more; a new process recovers from what the disk holds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log.

    Attributes:
        number: From 1, consecutive over the whole life of the log.
        kind: From 0 to 255, the caller's.
        payload: The caller's bytes.
    """

    number: int
    kind: int
    payload: bytes


class _Segment:
    """What recovery finds out about one file."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data
        self.entries: list[Entry] = []
        self.end = 0  # bytes up to the first bad frame, or all

    def header(self) -> tuple[bytes, int] | None:
        """(identity, number of the first entry), or None if the header is damaged."""
        if len(self.data) < _HEADER.size:
            return None
        magic, identity, first, _, crc = _HEADER.unpack_from(self.data)
        if magic != _MAGIC or crc != zlib.crc32(self.data[: _HEADER.size - 4]):
            return None
        return identity, first


class WriteAheadLog:
    """An append-only log of entries on a `accel.consensus.disk.Disk`; making one recovers what is there.

    Args:
        disk: Where the files are.
        identity: 8 bytes for a log that begins; left out: random ones. The simulation gives its own.
        segment_bytes: When to begin another file.

    Raises:
        LogDamaged: Entries that were durable are damaged or missing.
        LogFailed: The disk failed.

    Attributes:
        recovered: The entries that the log held when it was opened, in order.
    """

    def __init__(self, disk: Disk, *, identity: bytes | None = None, segment_bytes: int = SEGMENT_BYTES) -> None:
        if identity is not None and len(identity) != 8:
            raise ArgumentError(f"identity: expected 8 bytes, got {len(identity)}")
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._failure: OSError | None = None
        self._segments: list[tuple[str, int]] = []  # (name, number of the first entry)
        self._identity = b""
        self._size = 0
        self._next = 1
        self._durable = 0
        self._buffer = bytearray()
        self.recovered: list[Entry] = []
        try:
            self._recover()
            if not self._segments:
                self._identity = identity if identity is not None else os.urandom(8)
                self._begin_segment()
        except OSError as error:
            self._fail(error)

    @property
    def next_number(self) -> int:
        """The number that the next entry gets."""
        return self._next

    @property
    def durable(self) -> int:
        """The number of the last entry that survives a loss of power, or 0."""
        return self._durable

    def append(self, kind: int, payload: bytes) -> int:
        """Append an entry, which is durable after the next `sync`.

        Args:
            kind: From 0 to 255.
            payload: At most `MAX_ENTRY_BYTES`.

        Returns:
            The entry's number.

        Raises:
            ArgumentError: `kind` or the length of `payload` is out of range.
            LogFailed: The log has failed.
        """
        self._require_working()
        if not 0 <= kind <= 255:
            raise ArgumentError(f"kind: expected 0 to 255, got {kind}")
        if len(payload) > MAX_ENTRY_BYTES:
            raise ArgumentError(f"payload: expected at most {MAX_ENTRY_BYTES} bytes, got {len(payload)}")
        number = self._next
        self._buffer += frame(self._identity, Entry(number, kind, payload), self._durable)
        self._next = number + 1
        if len(self._buffer) >= self._segment_bytes:
            self.sync()  # early is harmless, without bound is not
        return number

    def sync(self) -> None:
        """Make all entries durable.

        Raises:
            LogFailed: The log has failed.
        """
        self._require_working()
        if not self._buffer:
            return
        name = self._segments[-1][0]
        try:
            self._disk.write(name, self._size, bytes(self._buffer))
            self._disk.sync(name)
        except OSError as error:
            self._fail(error)
        self._size += len(self._buffer)
        self._buffer.clear()
        self._durable = self._next - 1
        if self._size >= self._segment_bytes:
            self.rotate()

    def rotate(self) -> None:
        """Make all entries durable and begin another segment.

        Raises:
            LogFailed: The log has failed.
        """
        self.sync()
        if self._segments[-1][1] == self._next:
            return  # nothing in it yet
        try:
            self._begin_segment()
        except OSError as error:
            self._fail(error)

    def forget(self, number: int) -> None:
        """Remove the segments all of whose entries come before entry `number`.

        Raises:
            LogFailed: The log has failed.
        """
        self._require_working()
        try:
            while len(self._segments) > 1 and self._segments[1][1] <= number:
                self._disk.remove(self._segments[0][0])
                del self._segments[0]
        except OSError as error:
            self._fail(error)

    def _begin_segment(self) -> None:
        name = f"{_PREFIX}{self._next:016x}"
        header = _HEADER.pack(_MAGIC, self._identity, self._next, b"", 0)[:-4]
        self._disk.truncate(name, 0)
        self._disk.write(name, 0, header + struct.pack("<I", zlib.crc32(header)))
        self._disk.sync(name)
        self._segments.append((name, self._next))
        self._size = _HEADER.size

    def _require_working(self) -> None:
        if self._failure is not None:
            raise LogFailed(f"the log has failed before: {self._failure}") from self._failure

    def _fail(self, error: OSError) -> NoReturn:
        self._failure = error
        raise LogFailed(f"the log has failed: {error}") from error

    def _recover(self) -> None:
        segments = [_Segment(name, self._disk.read(name)) for name in self._disk.names() if name.startswith(_PREFIX)]
        # A header is synced before the segment's first frame is written: without one, nothing in it was durable.
        while segments and segments[-1].header() is None and len(segments[-1].data) <= _HEADER.size:
            self._disk.remove(segments.pop().name)
        for i, segment in enumerate(segments):
            self._read(segment, last=i == len(segments) - 1)
        if segments and segments[-1].end < len(segments[-1].data):
            # Durable before anything is appended: half of an old frame must not follow a new one.
            self._disk.truncate(segments[-1].name, segments[-1].end)
            self._disk.sync(segments[-1].name)
        self._durable = self._next - 1

    def _read(self, segment: _Segment, *, last: bool) -> None:
        header = segment.header()
        if header is None:
            raise LogDamaged(f"{segment.name}: the header is damaged")
        identity, first = header
        if not self._segments:
            self._identity, self._next = identity, first
        if identity != self._identity or first != self._next or segment.name != f"{_PREFIX}{first:016x}":
            raise LogDamaged(
                f"{segment.name}: begins with entry {first} of log {identity.hex()}, "
                f"expected entry {self._next} of log {self._identity.hex()}"
            )
        self._segments.append((segment.name, first))
        segment.end = _HEADER.size
        while (found := parse_frame(self._identity, segment.data, segment.end, self._next)) is not None:
            entry, segment.end, _ = found
            self.recovered.append(entry)
            self._next += 1
        self._size = segment.end
        if segment.end < len(segment.data) and (not last or self._was_durable(segment)):
            raise LogDamaged(f"{segment.name}: entry {self._next}, at byte {segment.end}, was durable and is damaged")

    def _was_durable(self, segment: _Segment) -> bool:
        """Whether a frame behind the bad one says that the bad one had been durable."""
        data, begin = segment.data, segment.end + 1
        count = len(data) - _FRAME.size + 1 - begin
        if count <= 0:
            return False
        # The number that a frame would have if it began at byte begin + i.
        numbers = np.ndarray((count,), "<u8", data, begin + _NUMBER_OFFSET, (1,))
        for i in np.flatnonzero((numbers > self._next) & (numbers <= self._next + len(data))).tolist():
            found = parse_frame(self._identity, data, begin + i, int(numbers[i]))
            if found is not None and found[2] >= self._next:
                return True
        return False


def frame(identity: bytes, entry: Entry, durable: int) -> bytes:
    """The bytes of an entry in the log `identity`, written when entry `durable` was the last durable one."""
    checked = _CHECKED.pack(len(entry.payload), entry.number, durable, entry.kind)
    crc = zlib.crc32(entry.payload, zlib.crc32(checked, zlib.crc32(identity)))
    return crc.to_bytes(4, "little") + checked + entry.payload


def parse_frame(identity: bytes, data: bytes, offset: int, number: int) -> tuple[Entry, int, int] | None:
    """(entry, offset of the byte behind it, last durable entry) if `data` has the whole frame of entry `number`."""
    if len(data) - offset < _FRAME.size:
        return None
    crc, length, got, durable, kind = _FRAME.unpack_from(data, offset)
    end = offset + _FRAME.size + length
    if got != number or durable >= number or length > MAX_ENTRY_BYTES or end > len(data):
        return None
    if crc != zlib.crc32(data[offset + 4 : end], zlib.crc32(identity)):
        return None
    return Entry(number, kind, data[offset + _FRAME.size : end]), end, durable
