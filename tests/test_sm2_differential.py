"""Every SM2 kernel against OpenSSL: on random signatures, both ways round, and on damaged ones."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

import accel
from accel import sm2
from accel.reference import sm2 as reference
from oracles import openssl, pygmssl, samples
from oracles.crafted import N, split
from oracles.samples import Sample, rows

verify_op = pytest.mark.op("sm2.verify")
sign_op = pytest.mark.op("sm2.sign")


def id_argument(user_id):
    """What `id=` wants: the oracles say None where there is no ZA."""
    return sm2.NO_ZA if user_id is None else user_id


def assert_statuses(statuses, sample: Sample) -> None:
    """Compare with OpenSSL's verdicts, and on failure say which changes were judged wrongly."""
    assert statuses.dtype == np.uint8
    wrong = np.flatnonzero(statuses != sample.statuses)
    found = Counter((sample.changes[i], int(sample.statuses[i]), int(statuses[i])) for i in wrong)
    assert not found, f"(change, expected, got): {dict(found)}, first at {wrong[:5]}"


def verify_unknown(sample: Sample):
    return sm2.verify_many(rows(sample.keys), rows(sample.signatures), sample.messages, id=id_argument(sample.user_id))


def verify_known(sample: Sample):
    ring = sm2.KeyRing(rows(sample.signers), id=id_argument(sample.user_id))
    return sm2.verify_many(ring[np.array(sample.indices, np.uint32)], rows(sample.signatures), sample.messages)


# --- OpenSSL signs, we verify ---


@verify_op
def test_accepts_what_openssl_signed(kernel, signed):
    assert sum(map(len, signed)) == 10_000
    for sample in signed:
        statuses = verify_unknown(sample)
        assert (sample.statuses == sm2.OK).all()
        assert_statuses(statuses, sample)
    assert kernel.items() >= 10_000


@verify_op
def test_ring_accepts_what_openssl_signed(kernel, signed_by_members):
    assert len(signed_by_members) == 10_000
    assert (signed_by_members.statuses == sm2.OK).all()
    assert_statuses(verify_known(signed_by_members), signed_by_members)
    assert kernel.items() >= 10_000


@verify_op
@pytest.mark.parametrize("user_id", [b"", b"x" * openssl.MAX_ID_LENGTH, None], ids=["empty", "longest", "no-za"])
def test_ring_keeps_its_id(kernel, user_id):
    sample = samples.sign(400, 200, 8, user_id)
    assert_statuses(verify_known(sample), sample)


# --- damage ---


@verify_op
def test_damaged_items_get_openssls_verdict(kernel, damaged):
    for sample in damaged:
        assert_statuses(verify_unknown(sample), sample)
    assert kernel.items() >= 10_000


@verify_op
def test_ring_gives_damaged_items_openssls_verdict(kernel, damaged_by_members):
    assert_statuses(verify_known(damaged_by_members), damaged_by_members)
    assert kernel.items() >= 10_000


def test_damage_has_every_status(damaged, damaged_by_members):
    """The damaged samples test what they are meant to: each change occurs, and gives the statuses it should."""
    statuses: dict[str, set[int]] = {}
    for sample in [*damaged, damaged_by_members]:
        for change, status in zip(sample.changes, sample.statuses, strict=True):
            statuses.setdefault(change, set()).add(int(status))
    assert set(statuses) == {*samples.SIGNATURE_AND_MESSAGE_CHANGES, *samples.KEY_CHANGES}
    assert statuses["nothing"] == {sm2.OK}
    assert statuses["-P"] == {sm2.BAD_SIGNATURE}
    for change in ("n - r", "n - s", "r and s exchanged", "a zero byte after the message"):
        assert statuses[change] == {sm2.BAD_SIGNATURE}
    for change in ("r = 0", "s = 0", "r = n", "s = n", "r + s = n", "all ones"):
        assert statuses[change] == {sm2.BAD_RANGE}
    for change in ("a bit of the key", "x and y exchanged", "(0, 0)"):
        assert statuses[change] == {sm2.BAD_KEY}


@verify_op
def test_wrong_id_or_signer_is_a_bad_signature(kernel, signed_by_members):
    """All 64 members' keys are good, only not for these items."""
    count = 1000
    keys, signatures = rows(signed_by_members.keys[:count]), rows(signed_by_members.signatures[:count])
    messages = signed_by_members.messages[:count]
    for other in (b"", b"1234567812345679", sm2.NO_ZA):
        assert (sm2.verify_many(keys, signatures, messages, id=other) == sm2.BAD_SIGNATURE).all()
    ring = sm2.KeyRing(rows(signed_by_members.signers))
    shifted = (np.array(signed_by_members.indices[:count], np.uint32) + 1) % 64
    assert (sm2.verify_many(ring[shifted], signatures, messages) == sm2.BAD_SIGNATURE).all()


# --- digests ---


@verify_op
def test_digests_of_messages_and_verdicts_on_digests(kernel, signed):
    """e is what the reference computes, and verifying e gives what verifying the message gives."""
    for sample in signed:
        digests = sm2.digest_many(rows(sample.keys), sample.messages, id=id_argument(sample.user_id))
        for i in range(0, len(sample), 250):
            e = reference.digest(reference.RECOMMENDED, split(sample.keys[i]), sample.messages[i], sample.user_id)
            assert int.from_bytes(digests[i].tobytes(), "big") == e
        statuses = sm2.verify_digest_many(rows(sample.keys), rows(sample.signatures), digests)
        assert_statuses(statuses, sample)


# --- we sign, OpenSSL verifies ---


def private_keys(seed: int, count: int) -> list[sm2.PrivateKey]:
    generator = random.Random(seed)
    secrets = [1, 2, N - 2, N - 3, *(generator.randrange(1, N - 1) for _ in range(count - 4))]
    return [sm2.PrivateKey.from_bytes(secret.to_bytes(32, "big")) for secret in secrets]


@sign_op
@pytest.mark.parametrize(
    ("user_id", "count"),
    [(sm2.DEFAULT_ID, 8000), (b"", 1000), (b"x" * openssl.MAX_ID_LENGTH, 500), (None, 500)],
    ids=["default", "empty", "longest", "no-za"],
)
def test_openssl_accepts_what_we_sign(kernel, user_id, count):
    """10,000 in all; the smallest and the largest private keys are among the signers."""
    keys = private_keys(500, 64)
    generator = random.Random(501)
    messages = [generator.randbytes(generator.randrange(301)) for _ in range(count)]
    indices = np.arange(count, dtype=np.uint32) % len(keys)
    signatures = sm2.sign_many(keys, messages, indices=indices, id=id_argument(user_id))
    assert kernel.items() >= count
    theirs = [openssl.PublicKey(key.public_key.raw) for key in keys]

    def accepted(i: int) -> bool:
        return theirs[indices[i]].verify(signatures[i].tobytes(), messages[i], user_id)

    assert all(openssl.parallel(accepted, range(count)))
    assert len({signature.tobytes() for signature in signatures}) == count


@sign_op
def test_public_keys_are_openssls(kernel):
    generator = random.Random(502)
    secrets = [*range(1, 20), *(N - k for k in range(2, 20)), *(1 << bit for bit in range(256) if 1 << bit < N - 1)]
    secrets += [generator.randrange(1, N - 1) for _ in range(500)]
    for secret in secrets:
        key = sm2.PrivateKey.from_bytes(secret.to_bytes(32, "big"))
        assert key.public_key.raw == openssl.PrivateKey(secret).raw
    assert key.sign(b"so that the kernel has signed something")


@sign_op
def test_single_signatures_are_accepted_by_openssl(kernel):
    for key in private_keys(503, 8):
        message = key.public_key.raw[:20]
        theirs = openssl.PublicKey(key.public_key.raw)
        assert theirs.verify(key.sign(message), message, sm2.DEFAULT_ID)
        assert theirs.verify(key.sign(message, id=b"A"), message, b"A")
        assert theirs.verify(key.sign(message, id=sm2.NO_ZA), message, None)
        der = key.sign(message, encoding="der")
        assert der == openssl.signature_to_der(openssl.signature_from_der(der))
        assert theirs.verify(openssl.signature_from_der(der), message, sm2.DEFAULT_ID)
        for digest in (bytes(32), b"\xff" * 32, openssl.sm3(message)):
            assert theirs.verify_digest(key.sign_digest(digest), digest)


# --- gmssl ---


@verify_op
def test_agrees_with_gmssl(kernel):
    """A second implementation that shares nothing with OpenSSL, on a small sample."""
    for key in private_keys(504, 8):
        secret, raw, message = int.from_bytes(key.to_bytes(), "big"), key.public_key.raw, b"message"
        if 1 < secret < N - 2:  # gmssl's point addition does not know doublings, which d = 1 and n - 2 lead to
            theirs = pygmssl.sign(secret, raw, message)
            assert sm2.verify_many(rows([raw]), rows([theirs]), [message]).tolist() == [sm2.OK]
            assert pygmssl.verify(raw, key.sign(message), message)
            assert not pygmssl.verify(raw, key.sign(message), message + b"!")
        key.public_key.verify(key.sign(message), message)


# --- many ---


@pytest.mark.long
def test_a_million_signatures_for_each_kernel(each_kernel):
    """1,000,000 by OpenSSL, as unknown keys and through rings, then damaged, in rounds of 20,000 with fresh keys."""
    items: Counter[str] = Counter()
    for seed in range(1000, 1050):
        sample = samples.sign(seed, 20_000, 64, sm2.DEFAULT_ID)
        broken = samples.damage(sample, seed, keys=True)
        for kernel in each_kernel():
            assert (verify_unknown(sample) == sm2.OK).all()
            assert (verify_known(sample) == sm2.OK).all()
            assert_statuses(verify_unknown(broken), broken)
            items[kernel.name] += kernel.items()
    assert all(count >= 3_000_000 for count in items.values()), items
    assert set(items) == set(accel.available_kernels("sm2.verify"))
