"""The last-sign state: the newest thing that a validator has signed, so that it never signs another in its place.

Two slots, written in turn: a write that is torn leaves the slot before it whole. A slot is durable before its signature
leaves the signer. If a slot is damaged, nobody knows what was signed last; then nothing is signed up to and including
the height under way: the one after the last that application or log know to be decided, or a later one of which the log
has an entry, since an entry of a height is durable before anything of that height is signed. Recovery writes that limit
into both slots as if it had been signed.

A slot, little-endian: magic (8 bytes), serial number of the write (8), height (8), round (4), step (1), length of the
signed bytes (2), last durable entry of the log (8), signature (64), the signed bytes, CRC-32 of all before it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final, NamedTuple, NoReturn

from accel.consensus.disk import Disk
from accel.consensus.errors import ConsensusError
from accel.consensus.wal import LogDamaged, LogFailed
from accel.errors import ArgumentError

__all__ = ["MAX_SIGNED_BYTES", "LastSign", "LastSignDamaged", "Position", "Slot"]

#: How many bytes may be signed. A vote or a proposal names what it is about by a digest.
MAX_SIGNED_BYTES: Final = 1024

_MAGIC: Final = b"accelsig"
_SLOT: Final = struct.Struct("<8sQQIBHQ64s")
_CRC_BYTES: Final = 4
_SLOTS: Final = ("last-sign-0", "last-sign-1")
_MAX_ROUND: Final = (1 << 32) - 1
_MAX_STEP: Final = 255


class LastSignDamaged(ConsensusError, ValueError):  # noqa: N818 - says what is the case
    """Both slots are damaged: more than a crash can do. A person must say from which height signing is safe."""


class Position(NamedTuple):
    """What may be signed once: one thing for each height, round and step, in this order."""

    height: int
    """From 0 to 2^64 - 1."""
    round: int
    """From 0 to 2^32 - 1."""
    step: int
    """From 0 to 255, a proposal before a prevote before a precommit."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The content of a slot.

    Attributes:
        position: What was signed, or up to where nothing may be signed.
        message: The bytes that were signed; none for a limit.
        signature: 64 bytes, r‖s; zeros for a limit.
        log_number: The last entry of the write-ahead log that was durable before.
    """

    position: Position
    message: bytes = b""
    signature: bytes = bytes(64)
    log_number: int = 0


class LastSign:
    """The two slots on a disk; making one recovers the newest.

    Args:
        disk: Where the slots are.
        height: The height under way; 1, with an empty log, for a validator that begins.
        log_number: The number of the log's last durable entry.
        safe_height: A person's word that this validator has signed nothing of this height or a later one; overrides
            what damaged slots would have said.

    Raises:
        LastSignDamaged: Both slots are damaged or missing, this is not the beginning, and there is no `safe_height`.
        LogDamaged: Something was signed after the last entry that the log still has.
        LogFailed: The disk failed.
    """

    def __init__(self, disk: Disk, *, height: int, log_number: int, safe_height: int | None = None) -> None:
        self._disk = disk
        self._failure: OSError | None = None
        self._serial = 0
        self._newest = Slot(Position(0, 0, 0))
        found = [_parse(disk.read(name), i) for i, name in enumerate(_SLOTS)]
        whole = sorted((slot for slot in found if slot is not None), key=lambda slot: slot[0])
        if whole:
            self._serial, self._newest = whole[-1]
        if self._newest.log_number > log_number:
            raise LogDamaged(
                f"the log ends with entry {log_number}; entry {self._newest.log_number} was durable when this "
                f"validator signed last"
            )
        if len(whole) == 2 and whole[1][0] - whole[0][0] == 1 and safe_height is None:
            return
        # The first write is still there: before a third one overwrites it, there was a second, and no signature.
        begins = self._serial == 1 if whole else (height, log_number) == (1, 0)
        if not whole and not begins and safe_height is None:
            raise LastSignDamaged("both slots of the last-sign state are damaged: from which height is signing safe?")
        if safe_height is not None:
            self._limit(safe_height - 1)
        else:
            self._limit(0 if begins else max(height, self._newest.position.height))

    @property
    def newest(self) -> Slot:
        """What was signed last, or up to where nothing may be signed."""
        return self._newest

    @property
    def sign_from(self) -> int:
        """The first height at which anything may be signed, which is 1 unless a slot has been damaged."""
        return 1 if self._newest.position.step < _MAX_STEP else self._newest.position.height + 1

    def record(self, slot: Slot) -> None:
        """Make `slot` the newest, durably.

        Raises:
            ArgumentError: Its message is too long, or its position does not come after the newest one's.
            LogFailed: The disk failed, now or before.
        """
        if self._failure is not None:
            raise LogFailed(f"the last-sign state has failed before: {self._failure}") from self._failure
        if len(slot.message) > MAX_SIGNED_BYTES:
            raise ArgumentError(f"message: expected at most {MAX_SIGNED_BYTES} bytes, got {len(slot.message)}")
        if slot.position <= self._newest.position:
            raise ArgumentError(f"position: expected one after {self._newest.position}, got {slot.position}")
        self._write(slot)

    def _limit(self, height: int) -> None:
        """Fill both slots with: nothing up to and including `height`; the damaged one first."""
        limit = Slot(Position(height, _MAX_ROUND, _MAX_STEP)) if height > 0 else Slot(Position(0, 0, 0))
        for _ in _SLOTS:
            self._write(limit)

    def _write(self, slot: Slot) -> None:
        serial = self._serial + 1
        name = _SLOTS[serial % 2]
        try:
            self._disk.write(name, 0, _pack(serial, slot))
            self._disk.sync(name)
        except OSError as error:
            self._fail(error)
        self._serial, self._newest = serial, slot

    def _fail(self, error: OSError) -> NoReturn:
        self._failure = error
        raise LogFailed(f"the last-sign state has failed: {error}") from error


def _pack(serial: int, slot: Slot) -> bytes:
    body = _SLOT.pack(
        _MAGIC,
        serial,
        *slot.position,
        len(slot.message),
        slot.log_number,
        slot.signature,
    )
    body += slot.message
    return body + zlib.crc32(body).to_bytes(_CRC_BYTES, "little")


def _parse(data: bytes, slot: int) -> tuple[int, Slot] | None:
    """(serial number, content) of a slot's file, which may be longer; None if it is damaged or not there."""
    if len(data) < _SLOT.size + _CRC_BYTES:
        return None
    magic, serial, height, round_, step, length, log_number, signature = _SLOT.unpack_from(data)
    end = _SLOT.size + length
    if magic != _MAGIC or serial % 2 != slot or length > MAX_SIGNED_BYTES or end + _CRC_BYTES > len(data):
        return None
    if zlib.crc32(data[:end]) != int.from_bytes(data[end : end + _CRC_BYTES], "little"):
        return None
    message = data[_SLOT.size : end]
    return serial, Slot(Position(height, round_, step), message, signature, log_number)
