"""Commands as Python sees them, read out of the C structs and checked as ``accel/driver.h`` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from itertools import pairwise
from typing import Any

from accel.driver._contract import load

NO_ZA = 2**64 - 1
MAX_ID_LENGTH = 8191
RULES = (1, 2, 3)


class Opcode(IntEnum):
    """``accel_opcode``."""

    SM3 = 1
    SM2_VERIFY_DIGEST = 2
    SM2_VERIFY = 3
    MERKLE_LEVELS = 4
    MERKLE_ROOT = 5


class CommandFlag(IntFlag):
    """``accel_command_flag``."""

    RAGGED = 1
    HANDLES = 2
    POINTS = 4


class CompletionStatus(IntEnum):
    """``accel_completion_status``."""

    NONE = 0
    DONE = 1
    CANCELLED = 2
    UNSUPPORTED = 3
    BAD_COMMAND = 4
    FAULT = 5


class LogLevel(IntEnum):
    """``accel_log_level``."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


VERIFY = (Opcode.SM2_VERIFY_DIGEST, Opcode.SM2_VERIFY)
MERKLE = (Opcode.MERKLE_LEVELS, Opcode.MERKLE_ROOT)
_MESSAGES = (Opcode.SM3, Opcode.SM2_VERIFY)
_FLAGS = {
    Opcode.SM3: CommandFlag.RAGGED,
    Opcode.SM2_VERIFY_DIGEST: CommandFlag.HANDLES | CommandFlag.POINTS,
    Opcode.SM2_VERIFY: CommandFlag.RAGGED | CommandFlag.HANDLES | CommandFlag.POINTS,
}


@dataclass(frozen=True)
class Command:
    """One command, its inputs copied: nothing of it points into the caller's memory.

    Attributes:
        opcode: What is asked for.
        flags: Of `CommandFlag`.
        tag: The command's name among those in flight.
        count: Items.
        messages: ``count`` messages (``SM3``, ``SM2_VERIFY``).
        keys: ``count`` public keys of 64 bytes, also where the command names them by handle.
        signatures: ``count`` signatures of 64 bytes.
        digests: ``count`` digests, or leaf hashes of a Merkle tree, of 32 bytes.
        user_id: The ID that ZA binds; None: e = SM3(M).
        rule: ``accel_merkle_rule``.
    """

    opcode: Opcode
    flags: CommandFlag
    tag: int
    count: int
    messages: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    signatures: list[bytes] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    user_id: bytes | None = None
    rule: int = 0


def nodes_above(leaves: int) -> int:
    """Nodes above so many leaf hashes."""
    total, width = 0, leaves
    while width > 1:
        width = (width + 1) // 2
        total += width
    return total


def output_size(opcode: int, count: int) -> int:
    """Bytes at ``output`` that a command writes."""
    if opcode == Opcode.SM3:
        return 32 * count
    if opcode == Opcode.MERKLE_ROOT:
        return 32
    return 32 * nodes_above(count) if opcode == Opcode.MERKLE_LEVELS else 0


def check(raw: Any, caps: Any) -> CompletionStatus:
    """DONE if the command may run; otherwise the status to complete it with."""
    opcode, count = raw.opcode, raw.count
    if opcode > 63 or not caps.opcodes >> opcode & 1 or not 1 <= count <= caps.max_items:
        return CompletionStatus.UNSUPPORTED
    if raw.flags & ~(int(_FLAGS.get(opcode, 0)) & caps.flags) or (opcode in MERKLE and raw.rule not in RULES):
        return CompletionStatus.UNSUPPORTED
    if opcode in _MESSAGES:
        status = _check_messages(raw, caps)
        if status != CompletionStatus.DONE:
            return status
    if opcode == Opcode.SM2_VERIFY and raw.id_length != NO_ZA and raw.id_length > MAX_ID_LENGTH:
        return CompletionStatus.BAD_COMMAND
    if _has_null(raw) or raw.output_size < output_size(opcode, count):
        return CompletionStatus.BAD_COMMAND
    return CompletionStatus.DONE


def _check_messages(raw: Any, caps: Any) -> CompletionStatus:
    if not raw.flags & CommandFlag.RAGGED:
        longest, total = raw.message_length, raw.message_length * raw.count
    else:
        if not raw.offsets:
            return CompletionStatus.BAD_COMMAND
        offsets = list(raw.offsets[0 : raw.count + 1])
        lengths = [end - begin for begin, end in pairwise(offsets)]
        if min(lengths) < 0:
            return CompletionStatus.BAD_COMMAND
        longest, total = max(lengths), offsets[-1] - offsets[0]
    too_long = longest > caps.max_message or total > caps.max_bytes
    return CompletionStatus.UNSUPPORTED if too_long else CompletionStatus.DONE


def _has_null(raw: Any) -> bool:
    opcode, needed = raw.opcode, []
    if opcode in _MESSAGES:
        ragged = raw.flags & CommandFlag.RAGGED
        any_byte = raw.offsets[raw.count] != raw.offsets[0] if ragged else raw.message_length != 0
        needed += [raw.messages] if any_byte else []
    if opcode in VERIFY:
        needed += [raw.key_handles if raw.flags & CommandFlag.HANDLES else raw.keys, raw.signatures, raw.status_out]
        needed += [raw.points_out] if raw.flags & CommandFlag.POINTS else []
    if opcode == Opcode.SM2_VERIFY_DIGEST or opcode in MERKLE:
        needed.append(raw.digests)
    if opcode == Opcode.SM2_VERIFY and raw.id_length not in (0, NO_ZA):
        needed.append(raw.id)
    if output_size(opcode, raw.count):
        needed.append(raw.output)
    return not all(needed)


def copy(raw: Any, keys: dict[int, bytes]) -> Command | None:
    """The command with its inputs; None if it names a handle that is not loaded. `keys`: loaded keys by handle."""
    ffi, _ = load()
    opcode, count = raw.opcode, raw.count
    base = ffi.cast("uintptr_t", raw.messages)

    def items(pointer: Any, stride: int, size: int) -> list[bytes]:
        start = int(ffi.cast("uintptr_t", pointer))
        return [bytes(ffi.buffer(ffi.cast("char*", start + i * stride), size)) for i in range(count)]

    messages: list[bytes] = []
    if opcode in _MESSAGES and raw.flags & CommandFlag.RAGGED:
        offsets = list(raw.offsets[0 : count + 1])
        messages = [
            bytes(ffi.buffer(ffi.cast("char*", int(base) + begin), end - begin)) if end > begin else b""
            for begin, end in pairwise(offsets)
        ]
    elif opcode in _MESSAGES:
        length = raw.message_length
        messages = items(raw.messages, raw.messages_stride, length) if length else [b""] * count
    by_key: list[bytes] = []
    if opcode in VERIFY and raw.flags & CommandFlag.HANDLES:
        handles = list(raw.key_handles[0:count])
        if any(handle not in keys for handle in handles):
            return None
        by_key = [keys[handle] for handle in handles]
    elif opcode in VERIFY:
        by_key = items(raw.keys, raw.keys_stride, 64)
    has_digests = opcode == Opcode.SM2_VERIFY_DIGEST or opcode in MERKLE
    has_id = opcode == Opcode.SM2_VERIFY and raw.id_length != NO_ZA
    return Command(
        Opcode(opcode),
        CommandFlag(raw.flags),
        raw.tag,
        count,
        messages,
        by_key,
        items(raw.signatures, raw.signatures_stride, 64) if opcode in VERIFY else [],
        items(raw.digests, raw.digests_stride, 32) if has_digests else [],
        (bytes(ffi.buffer(raw.id, raw.id_length)) if raw.id_length else b"") if has_id else None,
        raw.rule,
    )
