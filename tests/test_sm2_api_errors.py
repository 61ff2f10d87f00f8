"""Bad arguments of `accel.sm2`: each error names the argument, what came and what is wanted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import accel
from accel import Ragged, sm2

KEY = sm2.PrivateKey.from_bytes(bytes(31) + b"\x07")
MESSAGES = [b"a", b"bb", b"ccc"]
KEYS = np.repeat(np.frombuffer(KEY.public_key.raw, np.uint8).reshape(1, 64), 3, axis=0)
SIGNATURES = KEY.sign_many(MESSAGES)
DIGESTS = sm2.digest_many(KEYS, MESSAGES)
RING = sm2.KeyRing(KEYS[:1])


def read_only(shape: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape, np.uint8)
    array.flags.writeable = False
    return array


# Rows of 64 bytes, as keys or signatures.
BAD_ROWS = [
    (np.zeros((3, 64)), TypeError, "float64 (3, 64)"),
    (np.zeros((3, 64), np.int8), TypeError, "int8"),
    (np.zeros((3, 63), np.uint8), accel.ArgumentError, "(3, 63)"),
    (np.zeros(192, np.uint8), accel.ArgumentError, "(192,)"),
    (np.zeros((1, 3, 64), np.uint8), accel.ArgumentError, "(1, 3, 64)"),
    (np.zeros((3, 128), np.uint8)[:, ::2], accel.ArgumentError, "strides"),
    (np.zeros((2, 64), np.uint8), accel.ArgumentError, "2"),
    ([b"x" * 63] * 3, accel.ArgumentError, "63"),
    ("text", TypeError, "str"),
    (None, TypeError, "NoneType"),
    (7, TypeError, "int"),
]
BAD_MESSAGES = [
    (np.zeros((3, 4), np.uint16), TypeError, "uint16"),
    (np.zeros((3, 8), np.uint8)[:, ::2], accel.ArgumentError, "strides"),
    (MESSAGES[:2], accel.ArgumentError, "expected 3 items, as many as keys, got 2"),
    ([b"a", "b", b"c"], TypeError, "str"),
    (Ragged(b"abc", np.array([0, 2, 1, 3])), accel.ArgumentError, "must not decrease"),
    (Ragged(b"abc", np.array([0, 1, 2, 4])), accel.ArgumentError, "within the buffer"),
    ("text", TypeError, "str"),
]
BAD_OUT = [
    (np.zeros(3), TypeError, "float64"),
    (np.zeros(4, np.uint8), accel.ArgumentError, "(4,)"),
    (np.zeros(6, np.uint8)[::2], accel.ArgumentError, "strides"),
    (read_only((3,)), accel.ArgumentError, "read-only"),
    (bytearray(3), TypeError, "bytearray"),
]


def expect(error: type[Exception], name: str, got: str, call: Callable[[], object]) -> None:
    with pytest.raises(error) as caught:
        call()
    sentence = str(caught.value)
    assert sentence.startswith(name), sentence
    assert got in sentence, sentence


@pytest.mark.parametrize(("value", "error", "got"), BAD_ROWS)
def test_rows(value: object, error: type[Exception], got: str) -> None:
    expect(error, "signatures", got, lambda: sm2.verify_many(KEYS, value, MESSAGES))
    expect(error, "signatures", got, lambda: sm2.verify_digest_many(KEYS, value, DIGESTS))
    expect(error, "signatures", got, lambda: sm2.verify_many(RING[[0, 0, 0]], value, MESSAGES))
    if not (isinstance(value, np.ndarray) and value.shape == (2, 64)):
        expect(error, "keys", got, lambda: sm2.verify_many(value, SIGNATURES, MESSAGES))
        expect(error, "public_keys", got, lambda: sm2.KeyRing(value))


@pytest.mark.parametrize(("value", "error", "got"), BAD_MESSAGES)
def test_messages(value: object, error: type[Exception], got: str) -> None:
    expect(error, "messages", got, lambda: sm2.verify_many(KEYS, SIGNATURES, value))
    expect(error, "messages", got, lambda: sm2.verify_many(RING[[0, 0, 0]], SIGNATURES, value))
    expect(error, "messages", got, lambda: sm2.digest_many(KEYS, value))
    if "keys" not in got:
        expect(error, "messages", got, lambda: KEY.sign_many(value))


@pytest.mark.parametrize(("value", "error", "got"), BAD_OUT)
def test_out(value: object, error: type[Exception], got: str) -> None:
    expect(error, "out", got, lambda: sm2.verify_many(KEYS, SIGNATURES, MESSAGES, out=value))
    expect(error, "out", got, lambda: sm2.verify_digest_many(KEYS, SIGNATURES, DIGESTS, out=value))
    expect(error, "out", got, lambda: sm2.verify_many(RING[[0, 0, 0]], SIGNATURES, MESSAGES, out=value))
    expect(error, "out", "", lambda: KEY.sign_many(MESSAGES, out=value))


def test_out_that_overlaps_an_input() -> None:
    buffer = np.zeros((3, 64), np.uint8)
    for arguments in ((buffer, SIGNATURES), (KEYS, buffer)):
        expect(
            accel.ArgumentError,
            "out",
            "overlaps",
            lambda arguments=arguments: sm2.verify_many(*arguments, MESSAGES, out=buffer.reshape(-1)[:3]),
        )


@pytest.mark.parametrize(
    ("value", "error", "got"),
    [
        ("1234567812345678", TypeError, "str"),
        (None, TypeError, "NoneType"),
        (1234, TypeError, "int"),
        (b"x" * 8192, accel.ArgumentError, "8192"),
    ],
)
def test_id(value: object, error: type[Exception], got: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: sm2.verify_many(KEYS, SIGNATURES, MESSAGES, id=value),
        lambda: sm2.verify_many(RING[[0, 0, 0]], SIGNATURES, MESSAGES, id=value),
        lambda: sm2.digest_many(KEYS, MESSAGES, id=value),
        lambda: sm2.sign_many(KEY, MESSAGES, id=value),
        lambda: sm2.KeyRing(KEYS, id=value),
        lambda: KEY.sign(b"m", id=value),
        lambda: KEY.sign_many(MESSAGES, id=value),
        lambda: KEY.public_key.verify(bytes(64), b"m", id=value),
    ]
    for call in calls:
        expect(error, "id", got, call)


def test_digests() -> None:
    expect(TypeError, "digests", "int64", lambda: sm2.verify_digest_many(KEYS, SIGNATURES, np.zeros((3, 32), np.int64)))
    expect(accel.ArgumentError, "digests", "(3, 31)", lambda: sm2.sign_digest_many(KEY, np.zeros((3, 31), np.uint8)))
    expect(accel.ArgumentError, "digests", "2", lambda: sm2.verify_digest_many(KEYS, SIGNATURES, DIGESTS[:2]))
    expect(accel.ArgumentError, "digest", "31", lambda: KEY.sign_digest(bytes(31)))
    expect(accel.ArgumentError, "digest", "33", lambda: KEY.public_key.verify_digest(bytes(64), bytes(33)))


def test_encoding() -> None:
    expect(
        accel.ArgumentError,
        "encoding",
        "'hex'",
        lambda: sm2.verify_many(KEYS, SIGNATURES, MESSAGES, encoding="hex"),
    )
    expect(accel.ArgumentError, "encoding", "'DER'", lambda: KEY.sign(b"m", encoding="DER"))
    expect(accel.ArgumentError, "encoding", "1", lambda: KEY.public_key.verify(bytes(64), b"m", encoding=1))
    expect(TypeError, "ders", "int", lambda: sm2.verify_many(KEYS, 7, MESSAGES, encoding="der"))


def test_signers() -> None:
    expect(TypeError, "keys", "PublicKey", lambda: sm2.sign_many(KEY.public_key, MESSAGES))
    expect(TypeError, "keys", "bytes", lambda: sm2.sign_many(KEY.to_bytes(), MESSAGES))
    expect(TypeError, "keys[1]", "NoneType", lambda: sm2.sign_many([KEY, None], MESSAGES, indices=[0, 0, 0]))
    expect(accel.ArgumentError, "keys", "got 2", lambda: sm2.sign_many([KEY, KEY], MESSAGES))
    expect(accel.ArgumentError, "indices", "got 2", lambda: sm2.sign_many([KEY], MESSAGES, indices=[0, 0]))
    expect(accel.ArgumentError, "indices", "got 1", lambda: sm2.sign_many([KEY], MESSAGES, indices=[0, 1, 0]))
    expect(accel.ArgumentError, "indices", "got -1", lambda: sm2.sign_many([KEY], MESSAGES, indices=[0, -1, 0]))
    expect(accel.ArgumentError, "indices", "single key", lambda: sm2.sign_many(KEY, MESSAGES, indices=[0, 0, 0]))
    expect(TypeError, "indices", "float64", lambda: sm2.sign_many([KEY], MESSAGES, indices=[0.0, 0.0, 0.0]))


def test_rings_are_no_keys() -> None:
    expect(TypeError, "keys", "KeyRing", lambda: sm2.verify_many(RING, SIGNATURES, MESSAGES))
    expect(TypeError, "public_keys", "RingKeys", lambda: sm2.KeyRing(RING[[0]]))
    expect(accel.ArgumentError, "signatures", "got 3", lambda: sm2.verify_many(RING[[0]], SIGNATURES, MESSAGES))
