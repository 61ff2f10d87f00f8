"""Known signers: the ring grows only with keys that earned it, stays bounded, and never changes a verdict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

pa = pytest.importorskip("pyarrow")
from accel import sm2  # noqa: E402
from accel.ledger import KnownSigners, Signers  # noqa: E402
from accel.ledger import signers as signers_module  # noqa: E402

Bytes = npt.NDArray[np.uint8]


class Traffic:
    """Transactions by K signers, signed once and drawn from as often as wanted."""

    def __init__(self, count: int, signers: Signers) -> None:
        random = np.random.default_rng(7)
        self.indices = random.integers(len(signers), size=count).astype(np.uint32)
        messages = random.integers(0, 256, (count, 24), np.uint8)
        self.keys = signers.public_keys[self.indices]
        self.signatures = sm2.sign_many(signers.private_keys, messages, indices=self.indices)
        self.messages = pa.array([row.tobytes() for row in messages], pa.binary())


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return Traffic(1_200, Signers.from_seed(6, 1))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test of a thousand rows sees the ring grow."""
    monkeypatch.setattr(signers_module, "_STRANGERS_AT_ONCE", 100)


def test_the_ring_grows_and_every_verdict_stays(traffic: Traffic):
    keys, signatures = traffic.keys.copy(), traffic.signatures.copy()
    damaged = np.arange(0, 1_200, 5)
    signatures[damaged, 63] ^= 1
    keys[damaged[::2], 63] ^= 1
    expected = sm2.verify_many(keys, signatures, traffic.messages)
    assert set(expected[damaged[::2]]) == {sm2.BAD_KEY}
    assert set(expected[damaged[1::2]]) == {sm2.BAD_SIGNATURE}
    known = KnownSigners()
    for _ in range(3):
        statuses = known.verify(keys, signatures, traffic.messages)
        assert statuses.tolist() == expected.tolist()
        assert len(known) == 6


def test_a_key_in_the_ring_is_compared_whole(traffic: Traffic):
    """Keys that agree with a known one in all that the search looks at, and differ elsewhere, are strangers."""
    known = KnownSigners()
    known.verify(traffic.keys, traffic.signatures, traffic.messages)
    for position in (0, 31, 32, 55):
        keys = traffic.keys.copy()
        keys[:, position] ^= 1
        statuses = known.verify(keys, traffic.signatures, traffic.messages)
        assert set(statuses) == {sm2.BAD_KEY}
    negated = traffic.keys.copy()
    p = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
    for row in negated:
        y = int.from_bytes(row[32:].tobytes(), "big")
        row[32:] = np.frombuffer((p - y).to_bytes(32, "big"), np.uint8)
    assert set(known.verify(negated, traffic.signatures, traffic.messages)) == {sm2.BAD_SIGNATURE}
    assert len(known) == 6


def test_bad_keys_and_bad_signatures_never_enter(traffic: Traffic):
    known = KnownSigners()
    off_curve = traffic.keys.copy()
    off_curve[:, 63] ^= 1
    wrong = traffic.signatures.copy()
    wrong[:, 63] ^= 1
    for _ in range(3):
        assert set(known.verify(off_curve, traffic.signatures, traffic.messages)) == {sm2.BAD_KEY}
        assert set(known.verify(traffic.keys, wrong, traffic.messages)) == {sm2.BAD_SIGNATURE}
    assert len(known) == 0


def test_a_flood_of_fresh_keys_builds_no_tables():
    """Valid signatures by keys that never come back: nothing is built, and what is counted stays bounded."""
    flood = Traffic(400, Signers.from_seed(400, 2))
    known = KnownSigners(capacity=50)
    flood_keys = len(np.unique(flood.keys, axis=0))
    assert flood_keys > 200
    assert set(known.verify(flood.keys, flood.signatures, flood.messages)) == {sm2.OK}
    assert len(known) == 0
    assert len(known._counts) <= 50


def test_busy_signers_are_found_among_many(traffic: Traffic):
    """Six busy signers and a flood of others: the counts forget the flood and keep the six."""
    flood = Traffic(400, Signers.from_seed(400, 2))
    order = np.random.default_rng(3).permutation(1_600)
    keys = np.concatenate([traffic.keys, flood.keys])[order]
    signatures = np.concatenate([traffic.signatures, flood.signatures])[order]
    messages = pa.concat_arrays([traffic.messages, flood.messages]).take(order)
    known = KnownSigners(capacity=40)
    assert set(known.verify(keys, signatures, messages)) == {sm2.OK}
    ring = {row.tobytes() for row in known._ring.public_keys}
    assert {row.tobytes() for row in traffic.keys} <= ring
    assert len(known) <= 12


def test_the_ring_is_bounded(traffic: Traffic):
    known = KnownSigners(capacity=4)
    for _ in range(3):
        assert set(known.verify(traffic.keys, traffic.signatures, traffic.messages)) == {sm2.OK}
    assert len(known) == 4
    assert not known._counts


def test_the_ring_stops_growing_without_memory_for_tables(traffic: Traffic):
    known = KnownSigners(table_memory=1)
    for _ in range(3):
        assert set(known.verify(traffic.keys, traffic.signatures, traffic.messages)) == {sm2.OK}
    assert known._full
    rebuilt = len(known)
    known.verify(traffic.keys, traffic.signatures, traffic.messages)
    assert len(known) == rebuilt


def test_rebuilding_is_rare(monkeypatch: pytest.MonkeyPatch):
    """Signers that appear one after another: rebuilding costs no more than the rows that were verified without."""
    signers = Signers.from_seed(12, 4)
    built: list[int] = []
    original = sm2.KeyRing

    def counting(keys: Bytes, **options: object) -> sm2.KeyRing:
        built.append(len(keys))
        return original(keys, **options)

    monkeypatch.setattr(sm2, "KeyRing", counting)
    known = KnownSigners()
    slow_rows = 0
    for number in range(12):
        part = Traffic(150, Signers(signers.private_keys[number : number + 1]))
        slow_rows += 150
        assert set(known.verify(part.keys, part.signatures, part.messages)) == {sm2.OK}
        assert 8 * sum(built) <= slow_rows
    assert len(known) >= 10


def test_no_rows():
    known = KnownSigners()
    nothing = np.empty((0, 64), np.uint8)
    assert known.verify(nothing, nothing, pa.array([], pa.binary())).shape == (0,)
