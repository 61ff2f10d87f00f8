"""The batches of `accel.sm2`: verdicts in their places at every size, IDs, rings, threads, DER."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import accel
from accel import Ragged, sm2
from conftest import ForcedKernel

SIZES = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257, 4097]
SIGNERS = [sm2.PrivateKey.from_bytes((i + 1).to_bytes(32, "big")) for i in range(5)]
PUBLIC = np.frombuffer(b"".join(key.public_key.raw for key in SIGNERS), np.uint8).reshape(-1, 64)
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123

# How item i is damaged, and what it then is. `both` shows that a bad key wins over a bad range.
DAMAGES = {
    "none": sm2.OK,
    "r": sm2.BAD_SIGNATURE,
    "s": sm2.BAD_SIGNATURE,
    "message": sm2.BAD_SIGNATURE,
    "r=0": sm2.BAD_RANGE,
    "s=n": sm2.BAD_RANGE,
    "r+s=n": sm2.BAD_RANGE,
    "key": sm2.BAD_KEY,
    "key=0": sm2.BAD_KEY,
    "x=p": sm2.BAD_KEY,
    "both": sm2.BAD_KEY,
}


def put(array: np.ndarray, value: int) -> None:
    array[:] = np.frombuffer(int(value).to_bytes(array.size, "big"), np.uint8)


def damage(kind: str, key: np.ndarray, signature: np.ndarray, message: np.ndarray) -> None:
    r = int.from_bytes(signature[:32].tobytes(), "big")
    changes = {
        "none": lambda: None,
        "r": lambda: put(signature[31:32], signature[31] ^ 1),
        "s": lambda: put(signature[63:], signature[63] ^ 1),
        "message": lambda: put(message[3:4], message[3] ^ 0x80),
        "r=0": lambda: put(signature[:32], 0),
        "s=n": lambda: put(signature[32:], N),
        "r+s=n": lambda: put(signature[32:], N - r),
        "key": lambda: put(key[17:18], key[17] ^ 4),
        "key=0": lambda: put(key, 0),
        "x=p": lambda: put(key[:32], P),
        "both": lambda: (put(key[17:18], key[17] ^ 4), put(signature, 2**512 - 1)),
    }
    changes[kind]()


class Batch:
    """N signed messages of 48 bytes; with `damaged`, most items have one of DAMAGES."""

    def __init__(
        self, count: int, *, damaged: bool = False, keys: bool = True, user_id: object = sm2.DEFAULT_ID
    ) -> None:
        random = np.random.default_rng(count)
        self.indices = random.integers(0, len(SIGNERS), count)
        self.messages = random.integers(0, 256, (count, 48), np.uint8)
        self.keys = PUBLIC[self.indices].copy()
        self.signatures = sm2.sign_many(SIGNERS, self.messages, indices=self.indices, id=user_id)
        self.expected = np.full(count, sm2.OK, np.uint8)
        kinds = [kind for kind in DAMAGES if keys or DAMAGES[kind] != sm2.BAD_KEY]
        for i in range(count if damaged else 0):
            kind = kinds[i * 7 % len(kinds)]
            damage(kind, self.keys[i], self.signatures[i], self.messages[i])
            self.expected[i] = DAMAGES[kind]


@pytest.fixture(autouse=True)
def _threads_restored():
    threads = accel.num_threads()
    yield
    accel.set_num_threads(threads)


@pytest.mark.op("sm2.verify")
def test_every_size_and_damage(kernel: ForcedKernel) -> None:
    for size in SIZES:
        batch = Batch(size, damaged=True)
        before = kernel.items()
        status = sm2.verify_many(batch.keys, batch.signatures, batch.messages)
        assert kernel.items() - before == size
        assert status.dtype == np.uint8
        np.testing.assert_array_equal(status, batch.expected, f"{size} items")
        digests = sm2.digest_many(batch.keys, batch.messages)
        np.testing.assert_array_equal(
            sm2.verify_digest_many(batch.keys, batch.signatures, digests), batch.expected, f"{size} digests"
        )


@pytest.mark.op("sm2.verify")
def test_every_size_with_a_ring(kernel: ForcedKernel) -> None:
    table = sm2.KeyRing(PUBLIC[:1]).table_bytes
    for tables in (0, 2, 5):  # none, some and all of the keys have tables
        ring = sm2.KeyRing(PUBLIC, memory_limit=tables * table + 1)
        assert (len(ring), ring.tables, ring.table_bytes) == (5, tables, tables * table)
        for size in SIZES:
            batch = Batch(size, damaged=True, keys=False)
            before = kernel.items()
            status = sm2.verify_many(ring[batch.indices], batch.signatures, batch.messages)
            assert kernel.items() - before == size
            np.testing.assert_array_equal(status, batch.expected, f"{size} items, {tables} tables")
            digests = sm2.digest_many(ring[batch.indices], batch.messages)
            np.testing.assert_array_equal(
                sm2.verify_digest_many(ring[batch.indices], batch.signatures, digests), batch.expected
            )


@pytest.mark.op("sm2.sign")
def test_signing_every_size(kernel: ForcedKernel) -> None:
    for size in SIZES:
        before = kernel.items()
        batch = Batch(size)
        assert kernel.items() - before == size
        assert (sm2.verify_many(batch.keys, batch.signatures, batch.messages) == sm2.OK).all()
        assert len(np.unique(batch.signatures[:, :32], axis=0)) == size  # no nonce comes twice


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_of_the_pool_change_nothing(threads: int) -> None:
    accel.set_num_threads(threads)
    batch = Batch(1000, damaged=True)
    np.testing.assert_array_equal(sm2.verify_many(batch.keys, batch.signatures, batch.messages), batch.expected)


def test_called_from_many_threads() -> None:
    ring = sm2.KeyRing(PUBLIC)
    batches = [Batch(size, damaged=True, keys=False) for size in (1, 40, 300, 700)]
    start = threading.Barrier(4)

    def work(batch: Batch) -> None:
        start.wait()
        for _ in range(5):
            status = sm2.verify_many(ring[batch.indices], batch.signatures, batch.messages)
            np.testing.assert_array_equal(status, batch.expected)
            np.testing.assert_array_equal(sm2.verify_many(batch.keys, batch.signatures, batch.messages), batch.expected)
            sm2.sign_many(SIGNERS[0], batch.messages)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, batches))


def test_messages_in_every_form() -> None:
    batch = Batch(10)
    rows = [row.tobytes() for row in batch.messages]
    spaced = np.zeros((10, 100), np.uint8)
    spaced[:, 7:55] = batch.messages
    forms = [rows, tuple(map(bytearray, rows)), Ragged.from_list(rows), spaced[:, 7:55]]
    pa = pytest.importorskip("pyarrow")
    forms += [pa.array(rows), pa.array(rows, pa.large_binary()), pa.chunked_array([rows[:3], rows[3:]])]
    for messages in forms:
        assert (sm2.verify_many(batch.keys, batch.signatures, messages) == sm2.OK).all()


def test_messages_of_all_lengths_and_none() -> None:
    messages = [b"x" * length for length in range(200)] + [b"y" * 100_000]
    signatures = SIGNERS[0].sign_many(messages)
    keys = np.repeat(PUBLIC[:1], len(messages), axis=0)
    assert (sm2.verify_many(keys, signatures, messages) == sm2.OK).all()
    for message, signature in zip(messages, signatures, strict=True):
        SIGNERS[0].public_key.verify(signature.tobytes(), message)


def test_keys_and_signatures_in_every_form() -> None:
    batch = Batch(6)
    public = [SIGNERS[i].public_key for i in batch.indices]
    raw = [key.raw for key in public]
    table = np.hstack([batch.keys, batch.signatures])  # rows that lie apart, as in a table of records
    table.flags.writeable = False
    for keys in (batch.keys, public, raw, table[:, :64]):
        for signatures in (batch.signatures, [row.tobytes() for row in batch.signatures], table[:, 64:]):
            assert (sm2.verify_many(keys, signatures, batch.messages) == sm2.OK).all()


def test_out_is_written_and_returned() -> None:
    batch = Batch(5)
    out = np.full(5, 77, np.uint8)
    assert sm2.verify_many(batch.keys, batch.signatures, batch.messages, out=out) is out
    assert (out == sm2.OK).all()
    digests = np.empty((5, 32), np.uint8)
    assert sm2.digest_many(batch.keys, batch.messages, out=digests) is digests
    signatures = np.empty((5, 64), np.uint8)
    assert sm2.sign_digest_many(SIGNERS, digests, out=signatures) is signatures
    assert (sm2.verify_digest_many(PUBLIC, signatures, digests) == sm2.OK).all()


IDS = [sm2.DEFAULT_ID, b"", b"A", b"ALICE123@YAHOO.COM", b"x" * 8191, sm2.NO_ZA]


@pytest.mark.parametrize("signed_with", IDS, ids=lambda value: repr(value)[:20])
def test_id_is_part_of_what_is_signed(signed_with: object) -> None:
    batch = Batch(3, user_id=signed_with)
    for verified_with in IDS:
        status = sm2.verify_many(batch.keys, batch.signatures, batch.messages, id=verified_with)
        assert (status == (sm2.OK if verified_with is signed_with else sm2.BAD_SIGNATURE)).all()


def test_ring_keeps_its_id() -> None:
    batch = Batch(3, user_id=b"someone")
    ring = sm2.KeyRing(PUBLIC, id=b"someone")
    items = ring[batch.indices]
    assert ring.id == b"someone"
    for arguments in ({}, {"id": b"someone"}, {"id": bytearray(b"someone")}):
        assert (sm2.verify_many(items, batch.signatures, batch.messages, **arguments) == sm2.OK).all()
        sm2.digest_many(items, batch.messages, **arguments)
    for other in (sm2.DEFAULT_ID, sm2.NO_ZA, b""):
        with pytest.raises(accel.ArgumentError, match=r"id: expected none, or the ring's own \(b'someone'\)"):
            sm2.verify_many(items, batch.signatures, batch.messages, id=other)
    no_za = sm2.KeyRing(PUBLIC, id=sm2.NO_ZA)
    assert no_za.id is sm2.NO_ZA
    batch = Batch(3, user_id=sm2.NO_ZA)
    assert (sm2.verify_many(no_za[batch.indices], batch.signatures, batch.messages) == sm2.OK).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint32, np.int64, np.uint64])
def test_ring_indices_of_every_dtype(dtype: type) -> None:
    ring = sm2.KeyRing(PUBLIC)
    np.testing.assert_array_equal(ring[np.array([4, 0, 2], dtype)].indices, [4, 0, 2])


def test_ring_items() -> None:
    ring = sm2.KeyRing(PUBLIC)
    assert ring[[]].indices.tolist() == []
    assert ring[[3, 3, 0]].indices.tolist() == [3, 3, 0]
    assert ring[2].indices.tolist() == [2]
    assert ring[np.uint8(2)].indices.tolist() == [2]
    assert ring[1:4].indices.tolist() == [1, 2, 3]
    assert len(ring[np.arange(5)[::-2]]) == 3  # strided indices
    np.testing.assert_array_equal(ring.public_keys, PUBLIC)
    assert not ring.public_keys.flags.writeable
    with pytest.raises(TypeError):
        iter(ring)


@pytest.mark.parametrize("indices", [[-1], [5], [0, 1, 2**32], np.array([2**63], np.uint64), -1, 5])
def test_ring_index_out_of_range(indices: object) -> None:
    with pytest.raises(accel.ArgumentError, match="indices: expected integers from 0 to 4") as caught:
        sm2.KeyRing(PUBLIC)[indices]
    assert isinstance(caught.value, IndexError)


@pytest.mark.parametrize("indices", [[0.0], np.array([True]), "0", [None], True])
def test_ring_index_of_another_type(indices: object) -> None:
    with pytest.raises(TypeError, match="indices: expected an array of integers"):
        sm2.KeyRing(PUBLIC)[indices]
    with pytest.raises(accel.ArgumentError, match="indices: expected an array of integers"):
        sm2.KeyRing(PUBLIC)[np.zeros((2, 2), int)]


def test_indices_that_change_are_checked_again() -> None:
    ring = sm2.KeyRing(PUBLIC)
    batch = Batch(3)
    indices = np.array([0, 1, 2], np.uint32)
    items = ring[indices]
    indices[1] = 5
    with pytest.raises(accel.ArgumentError, match=r"indices\[1\] = 5: there are 5 keys in the ring"):
        sm2.verify_many(items, batch.signatures, batch.messages)


def test_ring_names_its_first_bad_key() -> None:
    keys = np.repeat(PUBLIC, 40, axis=0)
    keys[[150, 33], 5] ^= 1
    with pytest.raises(accel.BadKeyError, match=r"public_keys\[33\]") as caught:
        sm2.KeyRing(keys)
    assert caught.value.index == 33


def test_ring_copies_its_keys() -> None:
    keys = PUBLIC.copy()
    ring = sm2.KeyRing(keys)
    keys[:] = 0
    batch = Batch(3)
    assert (sm2.verify_many(ring[batch.indices], batch.signatures, batch.messages) == sm2.OK).all()
    assert len(sm2.KeyRing([])) == 0
    assert len(sm2.KeyRing([SIGNERS[0].public_key, SIGNERS[1].public_key.raw])) == 2


@pytest.mark.parametrize(
    ("limit", "error"), [(-1, accel.ArgumentError), (1.5, TypeError), (1 << 64, accel.ArgumentError)]
)
def test_ring_memory_limit(limit: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="memory_limit"):
        sm2.KeyRing(PUBLIC, memory_limit=limit)
    assert sm2.KeyRing(PUBLIC, memory_limit=0).tables == 0


def test_der_batches() -> None:
    batch = Batch(8)
    ders = sm2.signatures_to_der(batch.signatures)
    back, status = sm2.signatures_from_der(ders)
    np.testing.assert_array_equal(back, batch.signatures)
    assert (status == sm2.OK).all()
    assert (sm2.verify_many(batch.keys, ders, batch.messages, encoding="der") == sm2.OK).all()
    ring = sm2.KeyRing(PUBLIC)
    ders[1] = ders[1][:-1]
    ders[2] = b""
    ders[3] += b"\0"
    ders[4] = bytes.fromhex("3026022101" + 32 * "00" + "020102")  # r = 2^256
    ders[5] = bytes.fromhex("30060201ff020102")  # r = -1
    ders[6] = b"junk"
    expected = np.array([1, 2, 2, 2, 4, 4, 2, 1], np.uint8)
    np.testing.assert_array_equal(
        sm2.verify_many(ring[batch.indices], Ragged.from_list(ders), batch.messages, encoding="der"), expected
    )
    digests = sm2.digest_many(batch.keys, batch.messages)
    batch.keys[[4, 6], 0] ^= 1  # a bad key wins over range and malformed DER
    expected[[4, 6]] = sm2.BAD_KEY
    np.testing.assert_array_equal(sm2.verify_many(batch.keys, ders, batch.messages, encoding="der"), expected)
    np.testing.assert_array_equal(sm2.verify_digest_many(batch.keys, ders, digests, encoding="der"), expected)


def test_statuses() -> None:
    names = {0: "NOT_CHECKED", 1: "OK", 2: "BAD_SIGNATURE", 3: "BAD_KEY", 4: "BAD_RANGE"}
    assert names == sm2.STATUS_NAMES
    assert all(getattr(sm2, name) == value for value, name in names.items())


@pytest.mark.op("sm2.verify")
def test_ring_keeps_the_kernel_it_was_made_with(kernel: ForcedKernel) -> None:
    ring = sm2.KeyRing(PUBLIC)
    batch = Batch(4)
    accel.set_kernels(None)
    assert (sm2.verify_many(ring[batch.indices], batch.signatures, batch.messages) == sm2.OK).all()
    assert kernel.items() >= 4
