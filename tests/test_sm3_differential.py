"""Every SM3 kernel against OpenSSL: all lengths, all layouts of a batch, streams cut anywhere, HMAC."""

from __future__ import annotations

import random

import numpy as np
import pytest

import accel
from accel import sm3
from oracles import openssl, pygmssl

op = pytest.mark.op("sm3.hash")
LENGTHS = range(1101)


@pytest.fixture(scope="module")
def messages() -> list[bytes]:
    """One message of every length from 0 to 1,100."""
    generator = random.Random(1)
    return [generator.randbytes(length) for length in LENGTHS]


@pytest.fixture(scope="module")
def digests(messages) -> list[bytes]:
    return [openssl.sm3(message) for message in messages]


def as_list(array) -> list[bytes]:
    assert (array.dtype, array.shape[1]) == (np.uint8, 32)
    return [row.tobytes() for row in array]


@op
def test_every_length_one_by_one(kernel, messages, digests):
    assert [sm3.digest(message) for message in messages] == digests
    assert kernel.items() >= len(messages)


@op
@pytest.mark.parametrize("order", ["rising", "falling", "mixed"])
def test_every_length_in_one_batch(kernel, messages, digests, order):
    """Lanes of different lengths side by side, in three orders, as a list and as Ragged."""
    indices = list(range(len(messages)))
    if order == "falling":
        indices.reverse()
    elif order == "mixed":
        random.Random(2).shuffle(indices)
    batch = [messages[i] for i in indices]
    expected = [digests[i] for i in indices]
    assert as_list(sm3.hash_many(batch)) == expected
    assert as_list(sm3.hash_many(accel.Ragged.from_list(batch))) == expected
    assert kernel.items() >= 2 * len(messages)


@op
def test_every_length_as_an_array(kernel):
    """(N, L) arrays for every L: 17 messages, so that vector lanes are neither all full nor all empty."""
    generator = np.random.default_rng(3)
    for length in LENGTHS:
        batch = generator.integers(0, 256, (17, length), np.uint8)
        expected = [openssl.sm3(row.tobytes()) for row in batch]
        assert as_list(sm3.hash_many(batch)) == expected
    assert kernel.items() >= 17 * len(LENGTHS)


@op
@pytest.mark.parametrize("count", [*range(1, 40), 63, 64, 65, 127, 128, 129, 1000])
def test_every_batch_size(kernel, count):
    """Whatever the number of lanes, a batch that does not fill them is right too."""
    generator = random.Random(count)
    batch = [generator.randbytes(generator.choice([0, 1, 55, 56, 63, 64, 65, 119, 120, 200])) for _ in range(count)]
    assert as_list(sm3.hash_many(batch)) == [openssl.sm3(message) for message in batch]
    assert kernel.items() >= count


@op
def test_stream_cut_anywhere(kernel, messages, digests):
    """update() with every length, so that a block is completed from every fill of the buffer; digest() in between."""
    generator = random.Random(4)
    for message, digest in zip(messages[::7], digests[::7], strict=True):
        stream, done = sm3.new(), 0
        while done < len(message):
            step = generator.choice([0, 1, 63, 64, 65, generator.randrange(1, 300)])
            stream.update(message[done : done + step])
            done += step
            if generator.random() < 0.2:
                assert stream.digest() == openssl.sm3(message[:done])
        assert stream.digest() == digest
    whole = b"".join(messages)
    stream = sm3.new()
    for message in messages:
        stream.update(message)
    assert stream.hexdigest() == openssl.sm3(whole).hex()
    assert sm3.digest(whole) == openssl.sm3(whole)  # some 600 kB through the one-shot door, which counts its items


@op
def test_copies_go_their_own_ways(kernel):
    stream = sm3.new(b"common ")
    other = stream.copy()
    stream.update(b"one")
    other.update(b"two")
    assert stream.digest() == openssl.sm3(b"common one")
    assert other.digest() == openssl.sm3(b"common two")
    assert as_list(sm3.hash_many([b"common one", b"common two"])) == [stream.digest(), other.digest()]


@pytest.mark.parametrize("key_length", [0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 1000])
def test_hmac(key_length, messages):
    key = random.Random(key_length).randbytes(key_length)
    for message in messages[::50]:
        expected = openssl.hmac_sm3(key, message)
        assert sm3.hmac_digest(key, message) == expected
        stream = sm3.hmac_new(key)
        stream.update(message[:33])
        stream.update(message[33:])
        assert stream.digest() == expected


@op
def test_agrees_with_gmssl(kernel, messages):
    sample = messages[:150:5]
    assert as_list(sm3.hash_many(sample)) == [pygmssl.digest(message) for message in sample]


@pytest.mark.long
@op
def test_a_million_messages(kernel):
    """1,000,000 random messages of 0 to 300 bytes in batches of 10,000, and a few of many megabytes."""
    generator = random.Random(5)
    for _ in range(100):
        batch = [generator.randbytes(generator.randrange(301)) for _ in range(10_000)]
        assert as_list(sm3.hash_many(batch)) == [openssl.sm3(message) for message in batch]
    for megabytes in (1, 16, 100):
        message = generator.randbytes(megabytes << 20)
        assert sm3.digest(message) == openssl.sm3(message)
