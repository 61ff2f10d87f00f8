"""Commands that are wrong: each is answered with its status, computes nothing, and harms nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accel.driver import CommandFlag, CompletionStatus, Opcode
from accel.validate import _inputs as inputs
from accel.validate._device import CheckFailed
from accel.validate._suite import Suite, check
from accel.validate._work import Work

BAD, UNSUPPORTED = CompletionStatus.BAD_COMMAND, CompletionStatus.UNSUPPORTED


def expect(suite: Suite, status: CompletionStatus, what: str, work: Work, change: Callable[[Any], None]) -> None:
    """One command, changed after it was put into memory."""
    device = suite.device
    device.arena.clear()
    placed = device.place(work, suite.next_tag())
    change(placed.raw)
    before = device.arena.read(device.arena.address, 1 << 16)
    if device.enqueue([placed.raw]) != 1:
        raise CheckFailed(f"{what}: the command was not taken; it is to be completed with status {status:d}")
    completions = device.collect(1)
    if not completions:
        raise CheckFailed(f"{what}: no completion within {device.seconds:g} s", work)
    if completions[0].tag != placed.raw.tag:
        raise CheckFailed(f"{what}: the completion has another tag", work)
    if completions[0].status != status:
        raise CheckFailed(f"{what}: expected status {status:d} ({status.name}), got {completions[0].status}", work)
    if device.arena.read(device.arena.address, 1 << 16) != before:
        raise CheckFailed(f"{what}: something was written", work)


def setting(**values: Any) -> Callable[[Any], None]:
    """A change of fields."""

    def change(raw: Any) -> None:
        for name, value in values.items():
            setattr(raw, name, value)

    return change


def _any_work(suite: Suite) -> Work:
    device = suite.device
    if device.supports(Opcode.SM3):
        return inputs.strided_work(b"0123456789abcdef" * 4, 1, 16, 16)
    if device.supports(Opcode.SM2_VERIFY_DIGEST):
        return inputs.verify_work(inputs.valid_items(8, 1)[:1])
    return inputs.merkle_work(Opcode.MERKLE_ROOT, 1, [bytes(32)] * 2)


@check("malformed.unsupported", "Opcodes, flags, counts and lengths that the device does not claim")
def unsupported(suite: Suite) -> None:
    """Each is UNSUPPORTED."""
    work, caps, null = _any_work(suite), suite.device.caps, suite.device.ffi.NULL
    for opcode in (0, 31, 63, 64, 65535):
        if opcode > 63 or not caps.opcodes >> opcode & 1:
            expect(suite, UNSUPPORTED, f"opcode {opcode}", work, setting(opcode=opcode))
    expect(suite, UNSUPPORTED, "an unknown flag", work, setting(flags=0x8000))
    expect(suite, UNSUPPORTED, "count 0", work, setting(count=0))
    if caps.max_items < 2**64 - 1:
        expect(suite, UNSUPPORTED, "more items than max_items", work, setting(count=caps.max_items + 1))
    if work.opcode == Opcode.SM3 and caps.max_message < 2**63:
        long = setting(message_length=caps.max_message + 1, messages_stride=0)
        expect(suite, UNSUPPORTED, "a message longer than max_message", work, long)
        expect(suite, UNSUPPORTED, "keys by handle of SM3", work, setting(flags=CommandFlag.HANDLES, key_handles=null))


@check("malformed.sm3", "SM3 without messages, without offsets, with too small an output", Opcode.SM3)
def bad_sm3(suite: Suite) -> None:
    """Each is BAD_COMMAND."""
    work, null = inputs.strided_work(b"0123456789abcdef" * 4, 4, 16, 16), suite.device.ffi.NULL
    expect(suite, BAD, "messages is NULL", work, setting(messages=null))
    expect(suite, BAD, "output is NULL", work, setting(output=null))
    expect(suite, BAD, "output_size is one byte too small", work, setting(output_size=127))


@check("malformed.ragged", "Offsets that decrease, or are not there", (Opcode.SM3, CommandFlag.RAGGED))
def bad_ragged(suite: Suite) -> None:
    """Each is BAD_COMMAND."""
    work, null = inputs.ragged_work([b"ab", b"cdef", b"g"]), suite.device.ffi.NULL

    def decrease(raw: Any) -> None:
        raw.offsets[1] = 7
        raw.offsets[2] = 3

    expect(suite, BAD, "offsets decrease", work, decrease)
    expect(suite, BAD, "offsets is NULL", work, setting(offsets=null))


@check("malformed.sm2", "Verification without keys, signatures, digests or room for statuses", Opcode.SM2_VERIFY_DIGEST)
def bad_sm2(suite: Suite) -> None:
    """Each is BAD_COMMAND."""
    work, null = inputs.verify_work(inputs.valid_items(8, 1)[:1]), suite.device.ffi.NULL
    for name in ("keys", "signatures", "digests", "status_out"):
        expect(suite, BAD, f"{name} is NULL", work, setting(**{name: null}))
    if suite.device.supports(Opcode.SM2_VERIFY_DIGEST, CommandFlag.HANDLES):
        by_handle = setting(flags=CommandFlag.HANDLES, keys=null, key_handles=null)
        expect(suite, BAD, "key_handles is NULL", work, by_handle)


@check("malformed.id", "IDs that are too long, or not there", Opcode.SM2_VERIFY)
def bad_id(suite: Suite) -> None:
    """Each is BAD_COMMAND."""
    work, null = inputs.message_work([b"message"], b"1234567812345678", 1, ragged=False), suite.device.ffi.NULL
    expect(suite, BAD, "an ID of 8,192 bytes", work, setting(id_length=8192))
    expect(suite, BAD, "id is NULL", work, setting(id=null))


@check("malformed.merkle", "Rules that nobody knows, too small an output, no leaves", Opcode.MERKLE_ROOT)
def bad_merkle(suite: Suite) -> None:
    """An unknown rule is UNSUPPORTED, the others BAD_COMMAND."""
    work, null = inputs.merkle_work(Opcode.MERKLE_ROOT, 1, [bytes(32)] * 2), suite.device.ffi.NULL
    for rule in (0, 4, 2**32 - 1):
        expect(suite, UNSUPPORTED, f"rule {rule}", work, setting(rule=rule))
    expect(suite, BAD, "output_size 31", work, setting(output_size=31))
    expect(suite, BAD, "digests is NULL", work, setting(digests=null))


@check("malformed.after", "After all that the device still answers rightly")
def after(suite: Suite) -> None:
    """One good command."""
    suite.run(_any_work(suite))
