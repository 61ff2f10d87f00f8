"""The plain-integer SM3 against the standard's examples, step by step, and against OpenSSL."""

from __future__ import annotations

import random

import pytest

from accel.reference import sm3
from oracles import openssl, pygmssl, vectors

EXAMPLES = vectors.load("sm3.json")


@pytest.mark.parametrize("example", EXAMPLES, ids=["annex-A.1", "annex-A.2"])
def test_published_digest(example):
    assert sm3.digest(bytes.fromhex(example["message"])).hex() == example["digest"]


def test_published_expanded_words():
    (compression,) = sm3.trace(bytes.fromhex(EXAMPLES[0]["message"]))
    assert list(compression.words) == vectors.words(EXAMPLES[0]["words"])
    assert list(compression.words_prime) == vectors.words(EXAMPLES[0]["words_prime"])


def test_published_registers_after_each_round():
    (compression,) = sm3.trace(bytes.fromhex(EXAMPLES[0]["message"]))
    published = [tuple(vectors.words([line])) for line in EXAMPLES[0]["states"]]
    assert list(compression.states[: len(published)]) == published
    assert len(compression.states) == sm3.ROUNDS + 1


def test_trace_chains_the_blocks():
    """Each compression starts from the output of the one before, and the last output is the digest."""
    message = bytes(range(200))
    compressions = sm3.trace(message)
    assert len(compressions) == 4  # 200 bytes, one byte 0x80, eight bytes of length: 209, so four blocks
    starts = [compression.states[0] for compression in compressions]
    assert starts == [sm3.INITIAL_VALUE, *(compression.output for compression in compressions[:-1])]
    assert sm3.to_bytes(compressions[-1].output) == openssl.sm3(message)


@pytest.mark.parametrize("length", [*range(131), 1000])
def test_agrees_with_openssl(length):
    message = random.Random(length).randbytes(length)
    assert sm3.digest(message) == openssl.sm3(message)


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 300])
def test_agrees_with_gmssl(length):
    message = random.Random(length).randbytes(length)
    assert sm3.digest(message) == pygmssl.digest(message)


@pytest.mark.parametrize("example", vectors.load("hmac_sm3.json"))
def test_published_hmac(example):
    key, message, mac = (bytes.fromhex(example[name]) for name in ("key", "message", "mac"))
    assert sm3.hmac(key, message) == mac


@pytest.mark.parametrize("key_length", [0, 1, 63, 64, 65, 128, 200])
def test_hmac_agrees_with_openssl(key_length):
    key = random.Random(key_length).randbytes(key_length)
    assert sm3.hmac(key, b"message") == openssl.hmac_sm3(key, b"message")


def test_expand_wants_a_whole_block():
    with pytest.raises(ValueError, match="block: expected 64 bytes, got 63"):
        sm3.expand(bytes(63))
