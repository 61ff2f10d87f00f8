"""Verification with hints: the statuses of verification without them, whatever the hints.

OpenSSL made the signatures and judged the damaged ones; its arithmetic says which hint is the right one.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

import accel
from accel import sm2
from oracles import crafted, openssl, samples
from oracles.crafted import BAD_SIGNATURE, FAMILIES, OK, Case, N, split
from oracles.samples import Sample, rows

verify_op = pytest.mark.op("sm2.verify")

# Around the smallest batch that hints serve, and around blocks of 4,096.
SIZES = (1, 8, 33, 47, 48, 49, 64, 129, 257, 4095, 4096, 4097)


def arguments(sample: Sample):
    return rows(sample.keys), rows(sample.signatures), sample.messages


def user_id(sample: Sample):
    return sm2.NO_ZA if sample.user_id is None else sample.user_id


def right_hints(sample: Sample):
    """Hints of the sample's signatures; the statuses that come with them are checked."""
    keys, signatures, messages = arguments(sample)
    digests = sm2.digest_many(keys, messages, id=user_id(sample))
    hints, statuses = sm2.recovery_hints(keys, signatures, digests)
    np.testing.assert_array_equal(statuses, sample.statuses)
    assert not hints[sample.statuses != OK].any()
    return hints


def test_hints_tell_which_point(signed) -> None:
    """R = [s]G + [t]P by OpenSSL: its parity, and whether its x is n or above."""
    for sample in signed[:3]:
        hints = right_hints(sample)
        for i in range(0, len(sample), 401):
            r, s = split(sample.signatures[i])
            point = openssl.multiply_add(s, (r + s) % N, split(sample.keys[i]))
            assert point is not None
            assert hints[i] == (point[1] & 1) + 2 * (point[0] >= N)


@verify_op
def test_accepts_what_openssl_signed(kernel, signed) -> None:
    for sample in signed:
        hints = right_hints(sample)
        statuses = sm2.verify_hinted_many(*arguments(sample), hints, id=user_id(sample))
        assert (statuses == OK).all()
    assert kernel.items() >= 20_000


@verify_op
def test_damaged_items_get_openssls_verdict(kernel, damaged) -> None:
    for sample in damaged:
        statuses = sm2.verify_hinted_many(*arguments(sample), right_hints(sample), id=user_id(sample))
        np.testing.assert_array_equal(statuses, sample.statuses)
    assert kernel.items() >= 20_000


@verify_op
def test_every_size_with_right_and_wrong_hints(kernel, signed_by_members, damaged_by_members) -> None:
    generator = np.random.default_rng(1)
    choice = generator.random(SIZES[-1]) < 0.01
    keys, signatures, messages = (
        [(b if choice[i] else a)[i] for i in range(SIZES[-1])]
        for a, b in (
            (signed_by_members.keys, damaged_by_members.keys),
            (signed_by_members.signatures, damaged_by_members.signatures),
            (signed_by_members.messages, damaged_by_members.messages),
        )
    )
    expected = np.where(choice, damaged_by_members.statuses[: len(keys)], signed_by_members.statuses[: len(keys)])
    digests = sm2.digest_many(rows(keys), messages)
    hints, statuses = sm2.recovery_hints(rows(keys), rows(signatures), digests)
    np.testing.assert_array_equal(statuses, expected)
    few_wrong = np.where(generator.random(len(hints)) < 0.002, hints ^ 1, hints)
    for size in SIZES:
        batch = rows(keys[:size]), rows(signatures[:size])
        for given in (hints, few_wrong, bytes(len(hints)), generator.integers(0, 256, len(hints), np.uint8)):
            statuses = sm2.verify_hinted_many(*batch, messages[:size], given[:size])
            np.testing.assert_array_equal(statuses, expected[:size])
            statuses = sm2.verify_hinted_digest_many(*batch, digests[:size], given[:size])
            np.testing.assert_array_equal(statuses, expected[:size])
    assert kernel.items() >= sum(SIZES)


@verify_op
@pytest.mark.parametrize("family", FAMILIES)
def test_what_an_adversary_crafts(kernel, family) -> None:
    """Every family of `oracles.crafted`, with the right hints and with each of the four for all."""
    items = FAMILIES[family]()
    batch = tuple(rows([getattr(item, name) for item in items]) for name in ("key", "signature", "digest"))
    expected = np.array([item.status for item in items], np.uint8)
    hints, statuses = sm2.recovery_hints(*batch)
    np.testing.assert_array_equal(statuses, expected)
    for given in (hints, *(np.full_like(hints, value) for value in range(4))):
        np.testing.assert_array_equal(sm2.verify_hinted_digest_many(*batch, given), expected)
    assert kernel.items() >= len(items)


def off_by(k: int, error: int, generator: random.Random) -> tuple[Case, int]:
    """A signature that claims R = [k + error]G where [s]G + [t]P = [k]G, and its hint."""
    s, t = generator.randrange(1, N), generator.randrange(1, N)
    secret = (k - s) * pow(t, -1, N) % N
    x, y = crafted.base(k + error)
    r = (t - s) % N
    status = BAD_SIGNATURE if error else OK
    return crafted.case(crafted.base(secret), (r, s), (r - x) % N, status, "off"), y & 1


@verify_op
def test_errors_that_cancel_are_found(kernel) -> None:
    """Their sum is zero: a check without random coefficients would accept them."""
    generator = random.Random(5)
    error = generator.randrange(1, N)
    errors = [error, -error, error, error, -2 * error] + [0] * 95
    for _ in range(3):
        generator.shuffle(errors)
        items, hints = zip(*(off_by(generator.randrange(1, N), e, generator) for e in errors), strict=True)
        batch = (rows([getattr(item, name) for item in items]) for name in ("key", "signature", "digest"))
        statuses = sm2.verify_hinted_digest_many(*batch, bytes(hints))
        assert statuses.tolist() == [item.status for item in items]
    assert kernel.items() == 300


def test_der_and_out(signed_by_members) -> None:
    sample = samples.sign(7, 100, 100, sm2.DEFAULT_ID)
    keys, signatures, messages = arguments(sample)
    hints = right_hints(sample)
    ders = [openssl.signature_to_der(signature) for signature in sample.signatures]
    ders[3] = ders[3] + b"\0"
    out = np.full(100, 77, np.uint8)
    assert sm2.verify_hinted_many(keys, ders, messages, hints, encoding="der", out=out) is out
    assert out.tolist() == [BAD_SIGNATURE if i == 3 else OK for i in range(100)]
    digests = sm2.digest_many(keys, messages)
    statuses = sm2.verify_hinted_digest_many(keys, ders, digests, memoryview(hints), encoding="der")
    np.testing.assert_array_equal(statuses, out)
    strided = np.repeat(hints, 2)[::2]
    assert (sm2.verify_hinted_many(list(keys), signatures, messages, strided) == OK).all()


@pytest.mark.parametrize(
    ("value", "error", "got"),
    [
        (np.zeros(3, np.int8), TypeError, "int8"),
        (np.zeros((3, 1), np.uint8), accel.ArgumentError, "(3, 1)"),
        (np.zeros(2, np.uint8), accel.ArgumentError, "expected 3 items, as many as keys, got 2"),
        (bytes(4), accel.ArgumentError, "got 4"),
        ([0, 0, 0], TypeError, "list"),
        (None, TypeError, "NoneType"),
    ],
)
def test_bad_hints(value: object, error: type[Exception], got: str) -> None:
    keys, signatures, digests = (np.zeros((3, width), np.uint8) for width in (64, 64, 32))
    for call in (
        lambda: sm2.verify_hinted_many(keys, signatures, [b"a", b"b", b"c"], value),
        lambda: sm2.verify_hinted_digest_many(keys, signatures, digests, value),
    ):
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value).startswith("hints")
        assert got in str(caught.value)


def test_other_bad_arguments() -> None:
    key = sm2.PrivateKey.from_bytes(bytes(31) + b"\x07")
    ring = sm2.KeyRing([key.public_key])
    keys, signatures, digests = (np.zeros((3, width), np.uint8) for width in (64, 64, 32))
    for call in (
        lambda: sm2.verify_hinted_digest_many(ring[[0, 0, 0]], signatures, digests, bytes(3)),
        lambda: sm2.recovery_hints(ring[[0, 0, 0]], signatures, digests),
    ):
        with pytest.raises(TypeError, match=r"^keys: .*KeyRing"):
            call()
    with pytest.raises(accel.ArgumentError, match=r"^signatures: expected 3 items"):
        sm2.recovery_hints(keys, signatures[:2], digests)
    with pytest.raises(accel.ArgumentError, match=r"^digests: expected 3 items"):
        sm2.verify_hinted_digest_many(keys, signatures, digests[:2], bytes(3))
    hints, statuses = sm2.recovery_hints(keys[:0], signatures[:0], digests[:0])
    assert hints.shape == statuses.shape == (0,)
    assert (sm2.verify_hinted_digest_many(keys, signatures, digests, bytes(3)) == sm2.BAD_KEY).all()
