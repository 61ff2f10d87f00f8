"""Batches as arguments: every layout that is taken, every mistake that must be named."""

from __future__ import annotations

import array
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accel
from accel import Ragged, sm3
from accel.batch import as_output, as_rows
from oracles import openssl

pa = pytest.importorskip("pyarrow", reason="the package's extra `cli` is not installed")

generator = random.Random(7)
ITEMS = [generator.randbytes(length) for length in (0, 1, 31, 32, 63, 64, 65, 200, 0, 1000)]
BLOCK = np.frombuffer(generator.randbytes(640), np.uint8).reshape(10, 64)  # read-only


def digests(items) -> bytes:
    return b"".join(openssl.sm3(bytes(item)) for item in items)


def hashed(messages) -> bytes:
    return sm3.hash_many(messages).tobytes()


# --- what is taken ---


def test_array_of_rows():
    assert hashed(BLOCK) == digests(BLOCK)
    assert not BLOCK.flags.writeable


def test_rows_that_lie_apart():
    assert hashed(BLOCK[::3]) == digests(BLOCK[::3])
    assert hashed(BLOCK[:, 5:20]) == digests(np.ascontiguousarray(BLOCK[:, 5:20]))
    assert hashed(np.broadcast_to(BLOCK[0], (4, 64))) == digests([BLOCK[0]] * 4)
    assert hashed(BLOCK[3:4][::-1]) == digests(BLOCK[3:4])  # the stride of a single row means nothing
    assert hashed(BLOCK[:, 7:8]) == digests(BLOCK[:, 7:8])  # nor does that of a single byte


def test_nothing_at_all():
    for empty in ([], (), np.empty((0, 64), np.uint8), Ragged(b"", np.zeros(1, np.int32)), pa.array([], pa.binary())):
        assert sm3.hash_many(empty).shape == (0, 32)
    assert hashed(np.empty((3, 0), np.uint8)) == digests([b""] * 3)
    assert hashed([b""] * 3) == digests([b""] * 3)


def test_all_kinds_of_bytes():
    kinds = [b"abc", bytearray(b"abc"), memoryview(b"abc"), np.frombuffer(b"abc", np.uint8), array.array("B", b"abc")]
    kinds += [pa.py_buffer(b"abc"), memoryview(b"xabcx")[1:4]]
    assert hashed(kinds) == digests([b"abc"] * len(kinds))
    assert hashed(tuple(kinds)) == digests([b"abc"] * len(kinds))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.longlong])
def test_ragged(dtype):
    offsets = np.concatenate([[0], np.cumsum([len(item) for item in ITEMS])]).astype(dtype)
    ragged = Ragged(b"".join(ITEMS), offsets)
    assert hashed(ragged) == digests(ITEMS)
    assert list(ragged) == ITEMS
    assert hashed(ragged[2:7]) == digests(ITEMS[2:7])
    assert hashed(ragged[5:5]) == b""
    assert len(ragged[7:3]) == 0
    assert ragged[-1] == ITEMS[-1]
    with pytest.raises(IndexError, match="index: 10 is out of range for 10 messages"):
        ragged[10]
    with pytest.raises(accel.ArgumentError, match="slice of step 1, got step 2"):
        ragged[::2]


def test_ragged_from_list():
    assert list(Ragged.from_list(ITEMS)) == ITEMS
    assert repr(Ragged.from_list([b"ab", b"c"])) == "Ragged(2 messages in 3 bytes)"
    with pytest.raises(TypeError, match=r"^items\[1\]: expected a bytes-like object, got str$"):
        Ragged.from_list([b"a", "b"])


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_arrow_binary(kind):
    values = pa.array(ITEMS, kind)
    assert hashed(values) == digests(ITEMS)
    assert hashed(values[3:8]) == digests(ITEMS[3:8])
    chunked = pa.chunked_array([values[:4], values[4:4], values[4:]])
    assert hashed(chunked) == digests(ITEMS)
    assert hashed(pa.chunked_array([values[2:5]])) == digests(ITEMS[2:5])
    assert hashed(pa.chunked_array([], kind)) == b""


def test_arrow_fixed():
    values = pa.array([row.tobytes() for row in BLOCK], pa.binary(64))
    assert hashed(values) == digests(BLOCK)
    assert hashed(values[3:8]) == digests(BLOCK[3:8])
    assert hashed(pa.chunked_array([values[:4], values[4:]])) == digests(BLOCK)
    assert hashed(pa.array([b""] * 3, pa.binary(0))) == digests([b""] * 3)


def test_arrow_is_not_copied():
    values = pa.array([b"abc", b"defg"], pa.binary())
    view = accel.batch.as_messages(values)
    data = np.frombuffer(values.buffers()[2], np.uint8)
    assert view.overlaps(data)
    chunks = accel.batch.as_messages(pa.chunked_array([values, values]))
    assert chunks.overlaps(data)


@given(st.lists(st.binary(max_size=200), max_size=50), st.integers(0, 20), st.sampled_from([np.int32, np.int64]))
def test_any_ragged_batch(items, gap, dtype):
    """Offsets that start anywhere and end before the buffer does."""
    offsets = gap + np.concatenate([[0], np.cumsum([len(item) for item in items])])
    ragged = Ragged(b"\xff" * gap + b"".join(items) + b"\xff" * gap, offsets.astype(dtype))
    assert hashed(ragged) == digests(items)
    assert list(ragged) == items


# --- what is refused ---


@pytest.mark.parametrize(
    ("messages", "error", "sentence"),
    [
        (
            b"abc",
            TypeError,
            "messages: expected an (N, L) uint8 array, a list of bytes-like objects, a Ragged or a "
            "pyarrow binary array, got bytes",
        ),
        ("abc", TypeError, "got str"),
        (None, TypeError, "got NoneType"),
        ((item for item in [b"a"]), TypeError, "got generator"),
        ([b"a", "b"], TypeError, "messages[1]: expected a bytes-like object, got str"),
        ([b"a", None], TypeError, "messages[1]: expected a bytes-like object, got NoneType"),
        ([3], TypeError, "messages[0]: expected a bytes-like object, got int"),
        (
            [b"", array.array("I", [1])],
            TypeError,
            "messages[1]: expected bytes (items of format B), got items of format I",
        ),
        ([np.zeros(3, np.int8)], TypeError, "messages[0]: expected bytes (items of format B), got items of format b"),
        ([np.zeros(6, np.uint8)[::2]], ValueError, "messages[0]: expected contiguous bytes, got a strided buffer"),
        (
            np.zeros((3, 64)),
            TypeError,
            "messages: expected a C-contiguous uint8 array of shape (N, L), got float64 (3, 64)",
        ),
        (np.zeros((3, 64), np.int8), TypeError, "got int8 (3, 64)"),
        (np.zeros((3, 64), bool), TypeError, "got bool (3, 64)"),
        (np.array([b"abc"]), TypeError, "got |S3 (1,)"),
        (
            np.zeros(64, np.uint8),
            ValueError,
            "messages: expected a C-contiguous uint8 array of shape (N, L), got uint8 (64,)",
        ),
        (np.zeros((1, 2, 3), np.uint8), ValueError, "got uint8 (1, 2, 3)"),
        (
            np.zeros((4, 64), np.uint8).T,
            ValueError,
            "contiguous rows in ascending order, got uint8 (64, 4) with strides (1, 64)",
        ),
        (np.zeros((4, 64), np.uint8)[::-1], ValueError, "got uint8 (4, 64) with strides (-64, 1)"),
        (np.zeros((4, 64), np.uint8)[:, ::2], ValueError, "got uint8 (4, 32) with strides (64, 2)"),
        (
            pa.array(["a"]),
            TypeError,
            "expected an Arrow array of binary, large_binary or fixed_size_binary, got string",
        ),
        (pa.array([1]), TypeError, "got int64"),
        (pa.array([b"a", None], pa.binary()), ValueError, "expected an Arrow array without nulls, got 1 nulls"),
    ],
)
def test_refused_messages(messages, error, sentence):
    with pytest.raises(error) as caught:
        sm3.hash_many(messages)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("messages")


@pytest.mark.parametrize(
    ("buffer", "offsets", "error", "sentence"),
    [
        ("abc", np.zeros(1, np.int32), TypeError, "buffer: expected a bytes-like object, got str"),
        (
            np.zeros(3),
            np.zeros(1, np.int32),
            TypeError,
            "buffer: expected a uint8 array of shape (size,), got float64 (3,)",
        ),
        (np.zeros((3, 3), np.uint8), np.zeros(1, np.int32), ValueError, "got uint8 (3, 3)"),
        (np.zeros(6, np.uint8)[::2], np.zeros(1, np.int32), ValueError, "got uint8 (3,) with strides (2,)"),
        (array.array("I", [1]), np.zeros(1, np.int32), TypeError, "got items of format I"),
        (b"abc", [0, 3], TypeError, "offsets: expected an int32 or int64 array of shape (N + 1,), got list"),
        (b"abc", np.zeros(2), TypeError, "got float64 (2,)"),
        (b"abc", np.zeros(2, np.uint32), TypeError, "got uint32 (2,)"),
        (b"abc", np.zeros(2, ">i4"), TypeError, "got >i4 (2,)"),
        (b"abc", np.zeros(0, np.int32), ValueError, "got int32 (0,)"),
        (b"abc", np.zeros((1, 2), np.int32), ValueError, "got int32 (1, 2)"),
        (b"abc", np.zeros(4, np.int32)[::2], ValueError, "got int32 (2,) with strides (8,)"),
    ],
)
def test_refused_ragged(buffer, offsets, error, sentence):
    with pytest.raises(error) as caught:
        Ragged(buffer, offsets)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("offsets", "sentence"),
    [
        ([0, 2, 5, 10, 7], "messages: offsets must not decrease: offsets[3] = 10 > offsets[4] = 7"),
        ([0, 11], "messages: offsets must stay within the buffer: offsets[1] = 11, the buffer has 10 bytes"),
        ([-1, 3], "messages: offsets must not be negative: offsets[0] = -1"),
        ([11], "accepted"),
        (
            [0, 2**31 - 1],
            "messages: offsets must stay within the buffer: offsets[1] = 2147483647, the buffer has 10 bytes",
        ),
        ([0, -(2**31)], "messages: offsets must not decrease: offsets[0] = 0 > offsets[1] = -2147483648"),
    ],
)
def test_refused_offsets(dtype, offsets, sentence):
    ragged = Ragged(b"0123456789", np.array(offsets, dtype))
    if sentence == "accepted":  # no message, so nothing to check
        assert hashed(ragged) == b""
        return
    with pytest.raises(accel.ArgumentError) as caught:
        sm3.hash_many(ragged)
    assert str(caught.value) == sentence


def test_offsets_changed_after_construction():
    offsets = np.array([0, 2, 4], np.int64)
    ragged = Ragged(b"0123", offsets)
    offsets[1] = 100
    with pytest.raises(accel.ArgumentError, match="no range within the buffer of 4 bytes"):
        ragged[0]
    with pytest.raises(accel.ArgumentError, match="offsets must not decrease"):
        sm3.hash_many(ragged)


# --- out ---


def test_out_is_written_and_returned():
    out = np.empty((10, 32), np.uint8)
    assert sm3.hash_many(BLOCK, out=out) is out
    assert out.tobytes() == digests(BLOCK)


def read_only() -> np.ndarray:
    out = np.empty((10, 32), np.uint8)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("out", "error", "sentence"),
    [
        (
            np.empty((10, 32)),
            TypeError,
            "out: expected a writable C-contiguous uint8 array of shape (10, 32), got float64",
        ),
        (bytearray(320), TypeError, "got bytearray"),
        (np.empty((9, 32), np.uint8), ValueError, "got uint8 (9, 32)"),
        (np.empty(320, np.uint8), ValueError, "got uint8 (320,)"),
        (np.empty((10, 64), np.uint8)[:, ::2], ValueError, "got uint8 (10, 32) with strides"),
        (np.empty((32, 10), np.uint8).T, ValueError, "got uint8 (10, 32) with strides"),
        (read_only(), ValueError, "got a read-only one"),
    ],
)
def test_refused_out(out, error, sentence):
    with pytest.raises(error) as caught:
        sm3.hash_many(BLOCK, out=out)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("out: ")


def test_out_that_overlaps():
    memory = np.zeros(2000, np.uint8)
    for first in (0, 100, 639):  # of the bytes that the messages take
        with pytest.raises(accel.ArgumentError, match="overlaps an input"):
            sm3.hash_many(memory[:640].reshape(10, 64), out=memory[first : first + 320].reshape(10, 32))
    sm3.hash_many(memory[:640].reshape(10, 64), out=memory[640:960].reshape(10, 32))
    with pytest.raises(accel.ArgumentError, match="overlaps an input"):
        sm3.hash_many([b"x", memory[5:8]], out=memory[:64].reshape(2, 32))
    with pytest.raises(accel.ArgumentError, match="overlaps an input"):
        sm3.hash_many(Ragged(memory[:100], np.array([0, 50], np.int64)), out=memory[60:92].reshape(1, 32))


# --- rows ---


def test_rows():
    assert as_rows(BLOCK, 64, "keys") is BLOCK
    assert as_rows([row.tobytes() for row in BLOCK], 64, "keys").tobytes() == BLOCK.tobytes()
    assert as_rows([], 64, "keys").shape == (0, 64)
    values = pa.array([row.tobytes() for row in BLOCK], pa.binary(64))
    assert np.shares_memory(as_rows(values, 64, "keys"), np.frombuffer(values.buffers()[1], np.uint8))
    assert as_rows(pa.chunked_array([values[:3], values[3:]]), 64, "keys").tobytes() == BLOCK.tobytes()
    assert as_rows(pa.chunked_array([], pa.binary(64)), 64, "keys").shape == (0, 64)


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        (
            np.zeros((3, 64)),
            TypeError,
            "keys: expected a C-contiguous uint8 array of shape (N, 64), got float64 (3, 64)",
        ),
        (
            np.zeros((3, 63), np.uint8),
            ValueError,
            "keys: expected a C-contiguous uint8 array of shape (N, 64), got uint8 (3, 63)",
        ),
        (np.zeros(64, np.uint8), ValueError, "got uint8 (64,)"),
        (
            b"x" * 64,
            TypeError,
            "keys: expected a C-contiguous uint8 array of shape (N, 64) or a list of 64-byte strings, got bytes",
        ),
        ([b"x" * 64, b"x"], ValueError, "keys[1]: expected 64 bytes, got 1"),
        ([b"x" * 64, 5], TypeError, "keys[1]: expected a bytes-like object, got int"),
        (
            pa.array([b"x" * 63], pa.binary(63)),
            TypeError,
            "keys: expected an Arrow array of fixed_size_binary[64], got fixed_size_binary[63]",
        ),
        (
            pa.array([b"x" * 64], pa.binary()),
            TypeError,
            "keys: expected an Arrow array of fixed_size_binary[64], got binary",
        ),
        (pa.array([None], pa.binary(64)), ValueError, "without nulls"),
    ],
)
def test_refused_rows(value, error, sentence):
    with pytest.raises(error) as caught:
        as_rows(value, 64, "keys")
    assert sentence in str(caught.value)


def test_output_is_made_when_there_is_none():
    made = as_output(None, (3, 4), "out")
    assert (made.shape, made.dtype) == ((3, 4), np.uint8)
