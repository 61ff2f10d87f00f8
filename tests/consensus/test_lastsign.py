"""The last-sign state and the signer over it: never two messages for one position, whatever the disk did."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from accel import sm2
from accel.consensus.lastsign import MAX_SIGNED_BYTES, LastSign, LastSignDamaged, Position, Slot
from accel.consensus.signer import LocalSigner, SigningRefused
from accel.consensus.wal import LogDamaged, LogFailed
from accel.errors import ArgumentError
from consensus.memory_disk import MemoryDisk

SLOTS = ("last-sign-0", "last-sign-1")


class CountingKey:
    """Signs with a number: two signatures over one message differ, as SM2's do."""

    def __init__(self) -> None:
        self.count = 0

    def sign(self, _message: bytes, /) -> bytes:
        self.count += 1
        return self.count.to_bytes(64, "big")


def opened(disk: MemoryDisk, *, height: int = 1, log_number: int = 0, safe_height: int | None = None) -> LastSign:
    return LastSign(disk, height=height, log_number=log_number, safe_height=safe_height)


def signer(disk: MemoryDisk, *, height: int = 1, log_number: int = 0) -> LocalSigner:
    return LocalSigner(CountingKey(), opened(disk, height=height, log_number=log_number))


def test_signs_with_an_sm2_key() -> None:
    key = sm2.PrivateKey.generate()
    signature = LocalSigner(key, opened(MemoryDisk())).sign(Position(1, 0, 1), b"a vote", 1)
    key.public_key.verify(signature, b"a vote")


def test_the_same_bytes_get_the_same_signature_also_after_a_restart() -> None:
    disk = MemoryDisk()
    signature = signer(disk).sign(Position(1, 0, 1), b"a vote", 1)
    again = signer(disk, height=1, log_number=1)
    assert again.sign(Position(1, 0, 1), b"a vote", 1) == signature


@pytest.mark.parametrize("position", [(1, 2, 1), (1, 2, 0), (1, 1, 2), (0, 9, 2)])
@pytest.mark.parametrize("restart", [False, True])
def test_nothing_else_is_signed_there_or_before(position: tuple[int, int, int], *, restart: bool) -> None:
    disk = MemoryDisk()
    first = signer(disk)
    first.sign(Position(1, 2, 1), b"a vote", 1)
    second = signer(disk, height=1, log_number=1) if restart else first
    with pytest.raises(SigningRefused, match=r"after \(1, 2, 1\)"):
        second.sign(Position(*position), b"another", 1)
    second.sign(Position(1, 2, 2), b"another", 1)


def test_a_slot_is_durable_before_the_signature_leaves() -> None:
    disk = MemoryDisk()
    last_sign = opened(disk)
    for call in ("write", "sync"):
        disk.failing = {call}
        with pytest.raises(LogFailed):
            LocalSigner(CountingKey(), last_sign).sign(Position(1, 0, 1), b"a vote", 1)
        disk.failing = set()
        with pytest.raises(LogFailed, match="before"):
            LocalSigner(CountingKey(), last_sign).sign(Position(1, 0, 1), b"a vote", 1)
        last_sign = opened(disk, height=1, log_number=1)


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("signatures", [1, 2, 3])
def test_with_a_damaged_slot_it_waits_for_a_safe_height(slot: str, signatures: int) -> None:
    disk = MemoryDisk()
    first = signer(disk)
    for round_ in range(signatures):
        first.sign(Position(3, round_, 1), b"a vote", 1)
    for _ in range(3):  # ending again and again does not move the safe height
        disk.flip(slot, 20)
        second = signer(disk, height=5, log_number=1)
        for position in [(3, signatures - 1, 1), (3, 9, 2), (5, 0, 1), (5, 100, 2)]:
            with pytest.raises(SigningRefused):
                second.sign(Position(*position), b"a vote", 1)
    assert second.sign(Position(6, 0, 1), b"a vote", 1)


def test_a_slot_that_is_gone_is_damaged() -> None:
    disk = MemoryDisk()
    signer(disk).sign(Position(3, 0, 1), b"a vote", 1)
    disk.remove(SLOTS[1])
    with pytest.raises(SigningRefused):
        signer(disk, height=3, log_number=1).sign(Position(3, 1, 1), b"a vote", 1)


def test_a_beginning_that_ended_early_begins_again() -> None:
    whole = MemoryDisk()
    opened(whole)
    for kept in ({}, {SLOTS[1]: whole.files[SLOTS[1]]}, {SLOTS[1]: whole.files[SLOTS[1]][:9]}):
        assert signer(MemoryDisk(kept)).sign(Position(1, 0, 0), b"a proposal", 1)


def test_two_damaged_slots_need_a_person() -> None:
    disk = MemoryDisk()
    signer(disk).sign(Position(3, 0, 1), b"a vote", 1)
    for slot in SLOTS:
        disk.flip(slot, 0)
    with pytest.raises(LastSignDamaged, match="from which height"):
        opened(disk, height=3, log_number=1)
    chosen = LocalSigner(CountingKey(), opened(disk, height=3, log_number=1, safe_height=7))
    with pytest.raises(SigningRefused):
        chosen.sign(Position(6, 0, 1), b"a vote", 1)
    assert chosen.sign(Position(7, 0, 0), b"a proposal", 1)


def test_a_log_that_lost_its_end_is_refused() -> None:
    disk = MemoryDisk()
    signer(disk).sign(Position(3, 0, 1), b"a vote", 17)
    with pytest.raises(LogDamaged, match="ends with entry 16; entry 17 was durable"):
        opened(disk, height=3, log_number=16)


def test_record_checks_its_argument() -> None:
    last_sign = opened(MemoryDisk())
    with pytest.raises(ArgumentError, match="message: expected at most 1024 bytes, got 1025"):
        last_sign.record(Slot(Position(1, 0, 0), bytes(MAX_SIGNED_BYTES + 1)))
    last_sign.record(Slot(Position(1, 0, 0)))
    with pytest.raises(ArgumentError, match="position: expected one after"):
        last_sign.record(Slot(Position(1, 0, 0)))


@given(st.integers(1, 6), st.data())
def test_any_damage_to_the_slots_signs_nothing_twice(signatures: int, data: st.DataObject) -> None:
    disk = MemoryDisk()
    first = signer(disk)
    for round_ in range(signatures):
        first.sign(Position(3, round_, 1), b"m" * round_, 1)
    slot = data.draw(st.sampled_from(SLOTS))
    before = disk.files[slot]
    content = bytearray(before)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(0, 255))
    disk.files[slot] = bytes(content[: data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=20)))
    second = signer(disk, height=3, log_number=1)
    for round_ in range(signatures - 1):
        with pytest.raises(SigningRefused):
            second.sign(Position(3, round_, 1), b"another", 1)
    with pytest.raises(SigningRefused):
        second.sign(Position(3, signatures - 1, 1), b"another", 1)
    assert second.sign(Position(4, 0, 0), b"a proposal", 1)
