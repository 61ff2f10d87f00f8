"""libaccel_golden's SM2: ZA, e, verifying and signing, every intermediate value, against the reference and OpenSSL."""

from __future__ import annotations

import itertools
import random
from ctypes import byref, c_uint64

import pytest

from accel.reference import sm2
from oracles import crafted, golden, openssl, samples, vectors
from oracles.golden import BAD_ARGUMENT, BAD_KEY, BAD_RANGE, BAD_SIGNATURE, OK, buffer, call, compute, integer, words

CURVE = sm2.RECOMMENDED
N = CURVE.n
EXAMPLE = vectors.recommended_example()
REASONS = {"": OK, "key": BAD_KEY, "range": BAD_RANGE, "equation": BAD_SIGNATURE}


def verify(key, signature, e):
    """The trace; both functions, with and without a trace, must agree on the verdict."""
    trace, again = golden.Verification(), golden.Verification()
    numbers = (golden.point_words(key), *(words(x) for x in (*signature, e)))
    status = call("sm2_verify", trace, *numbers)
    assert status == trace.status == call("sm2_verify", None, *numbers)
    raw = (buffer(data) for data in (crafted.join(key), crafted.join(signature), sm2.to_bytes(e)))
    assert call("sm2_verify_bytes", again, *raw) == status
    assert bytes(again) == bytes(trace)
    return trace


def check(key, signature, e):
    """A verification beside the reference's, value by value. Returns the status."""
    trace, expected = verify(key, signature, e), sm2.verify(CURVE, key, signature, e)
    assert trace.status == REASONS[expected.reason]
    assert integer(trace.t) == (expected.t or 0)
    assert golden.point(trace.sg) == expected.sg
    assert golden.point(trace.tp) == expected.tp
    assert golden.point(trace.sum) == expected.point
    assert integer(trace.r) == (expected.r or 0)
    assert integer(trace.x1_mod_n) == (expected.point[0] % N if expected.point else 0)
    reached = expected.sg is not None
    assert trace.infinity == int(reached and expected.point is None)
    if reached:
        same_x = expected.sg[0] == expected.tp[0]
        generic = golden.EQUAL if expected.sg == expected.tp else golden.OPPOSITE
        assert trace.addition == (generic if same_x else golden.GENERIC)
    else:
        assert trace.addition == 0
    return trace.status


# --- the standard's example ---


def test_published_values():
    example = EXAMPLE
    key, user_id, message = golden.point_words(example.public_key), example.user_id, example.message
    assert compute("sm2_public_key", words(example.private_key), size=16) == integer(key)
    za = buffer(32)
    assert call("sm2_za", za, buffer(user_id), len(user_id), key) == OK
    assert bytes(za) == example.za
    assert compute("sm2_e", buffer(user_id), len(user_id), key, buffer(message), len(message)) == example.e
    signing = golden.Signing()
    assert call("sm2_sign", signing, words(example.private_key), words(example.e), words(example.nonce)) == OK
    assert golden.point(signing.point) == example.point
    assert (integer(signing.r), integer(signing.s)) == (example.r, example.s)
    trace = verify(example.public_key, (example.r, example.s), example.e)
    assert trace.status == OK
    assert integer(trace.t) == example.t
    assert (golden.point(trace.sg), golden.point(trace.tp)) == (example.sg, example.tp)
    assert golden.point(trace.sum) == example.point
    assert integer(trace.r) == example.r


# --- ZA and e ---


@pytest.mark.parametrize("id_length", [0, 1, 16, 37, 38, 39, 100, 8190, 8191])
def test_za_and_e(id_length):
    generator = random.Random(id_length)
    user_id, message = generator.randbytes(id_length), generator.randbytes(generator.randrange(200))
    key = crafted.base(generator.randrange(1, N))
    key_words, length = golden.point_words(key), c_uint64()
    arguments = buffer(user_id), id_length, key_words
    size = 2 + id_length + 192
    short, room = buffer(size), buffer(size)
    assert call("sm2_za_input", short, size - 1, byref(length), *arguments) == BAD_ARGUMENT
    assert length.value == size
    assert call("sm2_za_input", room, size, byref(length), *arguments) == OK
    assert length.value == size
    za = buffer(32)
    assert call("sm2_za", za, *arguments) == OK
    assert bytes(za) == sm2.za(CURVE, key, user_id) == openssl.sm3(bytes(room))
    e = compute("sm2_e", *arguments, buffer(message), len(message))
    assert e == sm2.digest(CURVE, key, message, user_id)


def test_e_without_za():
    key = golden.point_words(CURVE.generator)
    for id_pointer in (None, buffer(b"ignored")):
        e = compute("sm2_e", id_pointer, golden.NO_ZA, key, buffer(b"abc"), 3)
        assert e == int.from_bytes(openssl.sm3(b"abc"), "big")


@pytest.mark.parametrize("id_length", [8192, 2**32, 2**64 - 2])
def test_ids_that_are_too_long(id_length):
    key, length = golden.point_words(CURVE.generator), c_uint64()
    assert call("sm2_za_input", buffer(9000), 9000, byref(length), buffer(8192), id_length, key) == BAD_ARGUMENT
    assert call("sm2_za", buffer(32), buffer(8192), id_length, key) == BAD_ARGUMENT
    assert call("sm2_e", words(0), buffer(8192), id_length, key, None, 0) == BAD_ARGUMENT


# --- verification ---


@pytest.fixture(scope="module")
def cases() -> dict[str, list[crafted.Case]]:
    return {name: family() for name, family in crafted.FAMILIES.items()}


@pytest.mark.parametrize("family", crafted.FAMILIES)
def test_crafted_cases(cases, family):
    """Verdicts of many cases; of some, every value."""
    generator, items = random.Random(20), cases[family]
    for case in items if len(items) <= 300 else generator.sample(items, 300):
        raw = (buffer(case.key), buffer(case.signature), buffer(case.digest))
        assert call("sm2_verify_bytes", None, *raw) == case.status, case.aim
    for case in items if len(items) <= 20 else generator.sample(items, 20):
        e = int.from_bytes(case.digest, "big")
        assert check(crafted.split(case.key), crafted.split(case.signature), e) == case.status, case.aim


def test_exceptional_sums_are_named():
    """[s]G = [t]P with P = [d]G where s = t d, and opposite where s = -t d: valid, and infinity."""
    generator = random.Random(21)
    for d in (1, 2, N - 2, generator.randrange(1, N - 1)):
        key, t = crafted.base(d), generator.randrange(1, N)
        s = t * d % N
        x = crafted.base(2 * s)[0]
        r = (t - s) % N
        if r != 0:
            assert check(key, (r, s), (r - x) % N) == OK
            assert verify(key, (r, s), (r - x) % N).addition == golden.EQUAL
        opposite = verify(key, ((t + s) % N, N - s), 0)
        assert (opposite.status, opposite.addition, opposite.infinity) == (BAD_SIGNATURE, golden.OPPOSITE, 1)
        assert integer(opposite.r) == 0
        assert check(key, ((t + s) % N, N - s), 0) == BAD_SIGNATURE


def test_keys_of_g_and_minus_g():
    generator = random.Random(22)
    for key, (s, t) in itertools.product((crafted.base(1), crafted.base(-1)), ((1, 2), (2, 1), (N - 1, 2), (7, 9))):
        point, r = openssl.multiply_add(s, t, key), (t - s) % N
        e = generator.randrange(N) if point is None else (r - point[0]) % N
        assert check(key, (r, s), e) == (BAD_SIGNATURE if point is None else OK)


def test_x1_of_n_and_above(cases):
    seen = [case for case in cases["second_candidate"] if case.status == OK and "second" in case.aim]
    assert len(seen) == 12
    for case in seen:
        trace = verify(crafted.split(case.key), crafted.split(case.signature), int.from_bytes(case.digest, "big"))
        x1 = integer(trace.sum[:8])
        assert x1 >= N
        assert integer(trace.x1_mod_n) == x1 - N


@pytest.mark.parametrize("user_id", [sm2.DEFAULT_ID, b"", b"x" * 300, None], ids=["default", "empty", "long", "no ZA"])
def test_signatures_by_openssl(user_id):
    """Random signatures, and the same damaged, from messages to verdicts."""
    seed = 0 if user_id is None else 30 + len(user_id)
    good = samples.sign(seed, 60, 20, user_id)
    statuses = set()
    for sample in (good, samples.damage(good, seed + 1, keys=True)):
        for i, expected in enumerate(sample.statuses):
            key, message = crafted.split(sample.keys[i]), sample.messages[i]
            identity = (None, golden.NO_ZA) if user_id is None else (buffer(user_id), len(user_id))
            e = compute("sm2_e", *identity, golden.point_words(key), buffer(message), len(message))
            assert e == sm2.digest(CURVE, key, message, user_id)
            assert verify(key, crafted.split(sample.signatures[i]), e).status == expected
            statuses.add(int(expected))
    assert statuses == {OK, BAD_SIGNATURE, BAD_KEY, BAD_RANGE}


# --- keys and signing ---


def test_public_keys():
    generator = random.Random(40)
    for d in (1, 2, N - 2, *(generator.randrange(1, N - 1) for _ in range(5))):
        assert golden.point(words(compute("sm2_public_key", words(d), size=16), 16)) == sm2.public_key(CURVE, d)
    for d in (0, N - 1, N, crafted.LIMIT - 1):
        out = words(1, 16)
        assert call("sm2_public_key", out, words(d)) == BAD_KEY
        assert integer(out) == 0


def sign(d, e, k):
    trace = golden.Signing()
    status = call("sm2_sign", trace, *map(words, (d, e, k)))
    assert status == trace.status
    return trace


def test_signing():
    generator = random.Random(41)
    digests = (0, 1, N - 1, N, CURVE.p, crafted.LIMIT - 1, *(generator.randrange(crafted.LIMIT) for _ in range(6)))
    for e in digests:
        d, k = (
            generator.choice((1, N - 2, generator.randrange(1, N - 1))),
            generator.choice((1, N - 1, generator.randrange(1, N))),
        )
        trace, expected = sign(d, e, k), sm2.sign(CURVE, d, e, k)
        assert trace.status == (OK if expected else BAD_SIGNATURE)
        assert golden.point(trace.point) == crafted.base(k)
        assert integer(trace.inverse) == pow(1 + d, -1, N)
        if expected:
            signature = integer(trace.r), integer(trace.s)
            assert signature == expected
            key = openssl.PrivateKey(d)
            assert key.verify_digest(crafted.join(signature), sm2.to_bytes(e))


def test_nonces_that_the_standard_refuses():
    """r = 0, r + k = n and s = 0, each brought about by choosing e, or d."""
    generator = random.Random(42)
    d, k = generator.randrange(1, N - 1), generator.randrange(1, N)
    x1 = crafted.base(k)[0]
    assert integer(sign(d, -x1 % N, k).r) == 0
    assert sign(d, -x1 % N, k).status == BAD_SIGNATURE
    trace = sign(d, (-k - x1) % N, k)
    assert (trace.status, integer(trace.r) + k) == (BAD_SIGNATURE, N)
    r = k * pow(d, -1, N) % N
    trace = sign(d, (r - x1) % N, k)
    assert (trace.status, integer(trace.r), integer(trace.s)) == (BAD_SIGNATURE, r, 0)


def test_keys_and_nonces_out_of_range():
    size = golden.ctypes.sizeof(golden.Signing)
    for status, d, k in (
        *((BAD_KEY, d, k) for d in (0, N - 1, N, crafted.LIMIT - 1) for k in (0, 1)),
        *((BAD_RANGE, 1, k) for k in (0, N, N + 1, crafted.LIMIT - 1)),
    ):
        trace = sign(d, 5, k)
        assert trace.status == status
        assert not any(bytes(trace)[8:size])


def test_larger_structures_of_a_later_version_are_taken():
    """A caller built against a later header passes a larger struct_size, which comes back as it was."""
    arguments = (golden.point_words(EXAMPLE.public_key), *map(words, (EXAMPLE.r, EXAMPLE.s, EXAMPLE.e)))
    trace = golden.Verification()
    trace.struct_size += 64
    assert call("sm2_verify", trace, *arguments) == OK
    assert trace.struct_size == golden.ctypes.sizeof(golden.Verification) + 64
    trace.struct_size = golden.ctypes.sizeof(golden.Verification) - 1
    assert call("sm2_verify", trace, *arguments) == BAD_ARGUMENT
