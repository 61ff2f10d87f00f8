"""The plain-integer SM2 against both examples of the standard, every printed value, and against OpenSSL and gmssl."""

from __future__ import annotations

import random

import pytest

from accel.reference import sm2
from oracles import openssl, pygmssl, vectors

CURVE = sm2.RECOMMENDED
CURVES = pytest.mark.parametrize("curve", [sm2.RECOMMENDED, sm2.EXAMPLE], ids=["recommended", "example"])
EXAMPLES = vectors.signature_examples()
EACH_EXAMPLE = pytest.mark.parametrize("example", EXAMPLES, ids=["GB/T-32918.5-A.2", "GB/T-32918.2-A.2"])


def split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


# --- the standard's examples ---


@EACH_EXAMPLE
def test_published_key_and_digest(example):
    assert sm2.public_key(example.curve, example.private_key) == example.public_key
    assert sm2.za(example.curve, example.public_key, example.user_id) == example.za
    assert sm2.digest(example.curve, example.public_key, example.message, example.user_id) == example.e


@EACH_EXAMPLE
def test_published_signature(example):
    assert sm2.multiply(example.curve, example.nonce, example.curve.generator) == example.point
    signature = sm2.sign(example.curve, example.private_key, example.e, example.nonce)
    assert signature == (example.r, example.s)


@EACH_EXAMPLE
def test_published_verification(example):
    result = sm2.verify(example.curve, example.public_key, (example.r, example.s), example.e)
    assert result == sm2.Verification(
        ok=True, reason="", t=example.t, sg=example.sg, tp=example.tp, point=example.point, r=example.r
    )


def test_both_examples_are_there():
    assert [example.curve for example in EXAMPLES] == [sm2.RECOMMENDED, sm2.EXAMPLE]


# --- the group ---


@CURVES
def test_generator_has_order_n(curve):
    generator = curve.generator
    assert sm2.is_on_curve(curve, *generator)
    assert sm2.multiply(curve, curve.n, generator) is None
    assert sm2.multiply(curve, curve.n - 1, generator) == sm2.negate(curve, generator)
    assert pow(2, curve.n - 1, curve.n) == 1  # n is prime (a Fermat test: the standard says so, this guards a typo)
    assert pow(2, curve.p - 1, curve.p) == 1
    assert curve.p % 4 == 3  # square_root relies on it


@CURVES
def test_addition_handles_every_pair_of_small_multiples(curve):
    """[i]G + [j]G = [i + j]G where the two are equal, opposite, infinite or neither."""
    multiples = {0: None}
    for i in range(1, 13):
        multiples[i] = sm2.add(curve, multiples[i - 1], curve.generator)
        multiples[-i] = sm2.negate(curve, multiples[i])
    for i in range(-6, 7):
        for j in range(-6, 7):
            assert sm2.add(curve, multiples[i], multiples[j]) == multiples[i + j]


def test_multiplication_agrees_with_openssl():
    generator = random.Random(1)
    key = openssl.multiply_add(generator.randrange(CURVE.n), 0, None)
    for _ in range(20):
        s, t = generator.randrange(CURVE.n), generator.randrange(CURVE.n)
        point = sm2.add(CURVE, sm2.multiply(CURVE, s, CURVE.generator), sm2.multiply(CURVE, t, key))
        assert point == openssl.multiply_add(s, t, key)


@pytest.mark.parametrize("x", [-1, CURVE.p, CURVE.p + CURVE.gx])
def test_coordinates_outside_the_field_are_off_the_curve(x):
    assert not sm2.is_on_curve(CURVE, x, CURVE.gy)


# --- encodings ---


@CURVES
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("multiple", [1, 2, 3, 5, -1, -2])
def test_points_survive_encoding(curve, compressed, multiple):
    point = sm2.multiply(curve, multiple, curve.generator)
    encoded = sm2.encode_point(point, compressed=compressed)
    assert len(encoded) == (33 if compressed else 65)
    assert sm2.decode_point(curve, encoded) == point


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x00",
        b"\x04" + bytes(64),
        b"\x04" + bytes(63),
        b"\x05" + bytes(64),
        b"\x02" + sm2.to_bytes(CURVE.p),
        b"\x02" + sm2.to_bytes(CURVE.p + 7),  # x = 7 is on the curve, but p + 7 is not an encoding of it
        b"\x02" + sm2.to_bytes(5),  # no point of the curve has x = 5
        b"\x04" + sm2.to_bytes(CURVE.gx) + sm2.to_bytes(CURVE.gy + 1),
    ],
)
def test_bad_encodings_are_refused(encoded):
    with pytest.raises(ValueError, match=r"^encoded: "):
        sm2.decode_point(CURVE, encoded)


def test_solve_y_knows_which_x_are_on_the_curve():
    """About half of all x have a point; the small ones used above as examples are what they claim to be."""
    assert sm2.solve_y(CURVE, 7, odd=False) is not None
    assert sm2.solve_y(CURVE, 5, odd=False) is None
    on_curve = sum(sm2.solve_y(CURVE, x, odd=True) is not None for x in range(200))
    assert 70 < on_curve < 130


# --- signatures ---


def test_openssl_accepts_our_signatures_and_we_accept_theirs():
    generator = random.Random(2)
    for user_id in (sm2.DEFAULT_ID, b"", b"a", b"x" * openssl.MAX_ID_LENGTH, None):
        key = openssl.PrivateKey(generator.randrange(1, CURVE.n - 1))
        point = split(key.raw)
        message = generator.randbytes(100)
        e = sm2.digest(CURVE, point, message, user_id)
        theirs = key.sign(message, user_id)
        assert sm2.verify(CURVE, point, split(theirs), e).ok
        ours = sm2.sign(CURVE, key.secret, e, generator.randrange(1, CURVE.n))
        assert key.verify(b"".join(map(sm2.to_bytes, ours)), message, user_id)
        assert not key.verify(b"".join(map(sm2.to_bytes, ours)), message + b"!", user_id)


def test_agrees_with_gmssl():
    generator = random.Random(3)
    for _ in range(3):
        secret = generator.randrange(1, CURVE.n - 1)
        point = sm2.public_key(CURVE, secret)
        raw = b"".join(map(sm2.to_bytes, point))
        message = generator.randbytes(40)
        e = sm2.digest(CURVE, point, message)
        assert sm2.verify(CURVE, point, split(pygmssl.sign(secret, raw, message)), e).ok
        signature = b"".join(map(sm2.to_bytes, sm2.sign(CURVE, secret, e, generator.randrange(1, CURVE.n))))
        assert pygmssl.verify(raw, signature, message)
        assert not pygmssl.verify(raw, signature, message + b"!")


def test_longest_id():
    """8,191 bytes are 65,528 bits: the most that ENTL's two bytes count, and one more than OpenSSL takes."""
    key = CURVE.generator
    assert len(sm2.za(CURVE, key, b"x" * sm2.MAX_ID_LENGTH)) == 32
    with pytest.raises(ValueError, match="user_id: expected at most 8191 bytes, got 8192"):
        sm2.za(CURVE, key, b"x" * (sm2.MAX_ID_LENGTH + 1))


@pytest.mark.parametrize("secret", [-1, 0, CURVE.n - 1, CURVE.n, CURVE.n + 1])
def test_private_keys_are_1_to_n_minus_2(secret):
    with pytest.raises(ValueError, match=r"private_key: expected an integer in \[1, n - 2\]"):
        sm2.public_key(CURVE, secret)
    with pytest.raises(ValueError, match=r"private_key: expected an integer in \[1, n - 2\]"):
        sm2.sign(CURVE, secret, 0, 1)


@pytest.mark.parametrize("nonce", [0, CURVE.n])
def test_nonces_are_1_to_n_minus_1(nonce):
    with pytest.raises(ValueError, match=r"nonce: expected an integer in \[1, n - 1\]"):
        sm2.sign(CURVE, 1, 0, nonce)


def test_sign_asks_for_another_nonce():
    """The three cases of steps A5 and A6; [1]G = G, so with k = 1 the digest decides r."""
    n, x = CURVE.n, CURVE.gx
    assert sm2.sign(CURVE, 1, -x % n, 1) is None  # r = 0
    assert sm2.sign(CURVE, 1, (n - 1 - x) % n, 1) is None  # r + k = n
    secret = 5
    r = pow(secret, -1, n)  # then k - r d = 0
    assert sm2.sign(CURVE, secret, (r - x) % n, 1) is None  # s = 0
    assert sm2.sign(CURVE, secret, (r + 1 - x) % n, 1) is not None


def test_verify_checks_key_then_range_then_equation():
    n, key = CURVE.n, CURVE.generator
    off_curve = (CURVE.gx, CURVE.gy + 1)
    assert sm2.verify(CURVE, off_curve, (0, 0), 0).reason == "key"
    for signature in ((0, 1), (1, 0), (n, 1), (1, n), (1, n - 1), (n - 1, 1)):
        assert sm2.verify(CURVE, key, signature, 0).reason == "range"
    assert sm2.verify(CURVE, key, (1, 1), 0).reason == "equation"


def test_infinity_is_not_valid():
    """P = G and s + t = n: [s]G + [t]P is infinity, has no x, and is valid for no digest."""
    n = CURVE.n
    s = 3
    r = (n - 2 * s) % n  # t = r + s = n - s
    result = sm2.verify(CURVE, CURVE.generator, (r, s), r)
    assert (result.ok, result.reason, result.point, result.r) == (False, "equation", None, None)
