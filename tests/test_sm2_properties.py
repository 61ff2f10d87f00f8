"""What must hold for all keys, messages and IDs, whatever the batch looks like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import accel
from accel import sm2
from accel.reference import sm2 as reference
from oracles.crafted import CURVE, N, split
from oracles.samples import flip_bit, rows

verify_op = pytest.mark.op("sm2.verify")
sign_op = pytest.mark.op("sm2.sign")

# Mostly ordinary keys, and often the ones at the ends of the range.
secrets = st.one_of(st.integers(1, N - 2), st.integers(1, 20), st.integers(N - 20, N - 2))
private_keys = secrets.map(lambda secret: sm2.PrivateKey.from_bytes(secret.to_bytes(32, "big")))
messages = st.binary(max_size=300)
digests = st.one_of(
    st.binary(min_size=32, max_size=32), st.sampled_from([bytes(32), b"\xff" * 32, N.to_bytes(32, "big")])
)
ids = st.one_of(
    st.just(sm2.NO_ZA),
    st.binary(max_size=40),
    st.integers(0, 8191).map(lambda length: b"i" * length),
    st.sampled_from([b"", sm2.DEFAULT_ID, b"x" * 8190, b"x" * 8191]),
)


def verify_one(key: bytes, signature: bytes, message: bytes, **options) -> int:
    (status,) = sm2.verify_many(rows([key]), rows([signature]), [message], **options).tolist()
    return status


# --- one signature ---


@sign_op
@given(key=private_keys, message=messages, user_id=ids)
def test_what_is_signed_verifies(kernel, key, message, user_id):
    signature = key.sign(message, id=user_id)
    key.public_key.verify(signature, message, id=user_id)
    assert verify_one(key.public_key.raw, signature, message, id=user_id) == sm2.OK
    r, s = split(signature)
    assert 1 <= r < N
    assert 1 <= s < N
    assert r + s != N


@sign_op
@given(secret=secrets, digest=digests)
def test_the_reference_accepts_what_is_signed(kernel, secret, digest):
    key = sm2.PrivateKey.from_bytes(secret.to_bytes(32, "big"))
    assert split(key.public_key.raw) == reference.public_key(CURVE, secret)
    e = int.from_bytes(digest, "big")
    assert reference.verify(CURVE, split(key.public_key.raw), split(key.sign_digest(digest)), e).ok


@sign_op
@given(key=private_keys, message=messages)
def test_nonces_do_not_repeat(kernel, key, message):
    """The same key and message twice: another r, so another nonce. A nonce used twice gives the private key away."""
    first, second = (split(key.sign(message)) for _ in range(2))
    assert first[0] != second[0]


@verify_op
@given(key=private_keys, message=messages, user_id=ids, other=ids)
def test_another_id_is_another_signature(kernel, key, message, user_id, other):
    assume(user_id != other)
    signature = key.sign(message, id=user_id)
    assert verify_one(key.public_key.raw, signature, message, id=user_id) == sm2.OK
    assert verify_one(key.public_key.raw, signature, message, id=other) == sm2.BAD_SIGNATURE


@verify_op
@given(key=private_keys, message=st.binary(min_size=1, max_size=100), data=st.data())
def test_any_flipped_bit_is_noticed(kernel, key, message, data):
    signature, raw = key.sign(message), key.public_key.raw
    bit = data.draw(st.integers(0, 511), label="bit of the signature")
    assert verify_one(raw, flip_bit(signature, bit), message) in (sm2.BAD_SIGNATURE, sm2.BAD_RANGE)
    bit = data.draw(st.integers(0, 511), label="bit of the key")
    assert verify_one(flip_bit(raw, bit), signature, message) in (sm2.BAD_SIGNATURE, sm2.BAD_KEY)
    bit = data.draw(st.integers(0, 8 * len(message) - 1), label="bit of the message")
    assert verify_one(raw, signature, flip_bit(message, bit)) == sm2.BAD_SIGNATURE
    with pytest.raises(accel.InvalidSignature):
        key.public_key.verify(signature, flip_bit(message, bit))


@verify_op
@given(key=private_keys, digest=digests, bit=st.integers(0, 255))
def test_any_flipped_bit_of_a_digest_is_noticed(kernel, key, digest, bit):
    """No two digests that differ in one bit are equal modulo n."""
    public, signature = rows([key.public_key.raw]), rows([key.sign_digest(digest)])
    assert sm2.verify_digest_many(public, signature, rows([digest])).tolist() == [sm2.OK]
    assert sm2.verify_digest_many(public, signature, rows([flip_bit(digest, bit)])).tolist() == [sm2.BAD_SIGNATURE]


@verify_op
@given(key=st.binary(min_size=64, max_size=64), signature=st.binary(min_size=64, max_size=64), message=messages)
def test_noise_is_never_valid(kernel, key, signature, message):
    expected = sm2.BAD_SIGNATURE if reference.is_on_curve(CURVE, *split(key)) else sm2.BAD_KEY
    assert verify_one(key, signature, message) == expected


@verify_op
@given(first=private_keys, second=private_keys, message=messages)
def test_signatures_belong_to_their_key(kernel, first, second, message):
    assume(first.public_key != second.public_key)
    assert verify_one(second.public_key.raw, first.sign(message), message) == sm2.BAD_SIGNATURE
    assert verify_one(first.public_key.raw, first.sign(message), message) == sm2.OK


# --- batches ---


@dataclass(frozen=True, repr=False)  # hypothesis prints arguments, and these are large
class Mixture:
    """Items with their signers' indices and expected statuses."""

    keys: np.ndarray
    signatures: np.ndarray
    messages: list[bytes]
    indices: np.ndarray
    statuses: np.ndarray
    signers: np.ndarray


@pytest.fixture(scope="module")
def mixture(signed_by_members, damaged_by_members) -> Mixture:
    """2,000 items by 64 signers, valid and damaged in turn."""
    halves = (signed_by_members, damaged_by_members)
    picks = [(halves[i % 2], i) for i in range(2000)]
    return Mixture(
        keys=rows([sample.keys[i] for sample, i in picks]),
        signatures=rows([sample.signatures[i] for sample, i in picks]),
        messages=[sample.messages[i] for sample, i in picks],
        indices=np.array([sample.indices[i] for sample, i in picks], np.uint32),
        statuses=np.array([sample.statuses[i] for sample, i in picks], np.uint8),
        signers=rows(signed_by_members.signers),
    )


# Where a batch starts, how long it is, and in what order.
starts = st.integers(0, 1500)
counts = st.one_of(st.integers(0, 10), st.integers(0, 500), st.sampled_from([63, 64, 65, 127, 128, 129, 256, 257]))


@pytest.fixture
def ring(kernel, mixture) -> sm2.KeyRing:
    """All 64 signers, with the forced kernel: a ring keeps the kernel that it was made with."""
    return sm2.KeyRing(mixture.signers)


@verify_op
@given(start=starts, count=counts, seed=st.integers(0, 2**32 - 1))
def test_verdicts_follow_their_items(kernel, ring, mixture, start, count, seed):
    """Any slice in any order gives each item the verdict that OpenSSL gives it: no item sees another."""
    order = start + np.random.default_rng(seed).permutation(count)
    signatures, messages = mixture.signatures[order], [mixture.messages[i] for i in order]
    expected = mixture.statuses[order]
    assert (sm2.verify_many(mixture.keys[order], signatures, messages) == expected).all()
    assert (sm2.verify_many(ring[mixture.indices[order]], signatures, messages) == expected).all()


@verify_op
def test_a_batch_gives_what_its_items_give_alone(kernel, mixture):
    keys, signatures, messages, statuses = mixture.keys, mixture.signatures, mixture.messages, mixture.statuses
    singles = [
        sm2.verify_many(keys[i : i + 1], signatures[i : i + 1], messages[i : i + 1])[0] for i in range(len(statuses))
    ]
    assert singles == statuses.tolist()
    for i in range(0, 100):
        key, signature = sm2.PublicKey.from_bytes(keys[i].tobytes()), signatures[i].tobytes()
        if statuses[i] == sm2.OK:
            key.verify(signature, messages[i])
        else:
            with pytest.raises(accel.InvalidSignature):
                key.verify(signature, messages[i])


@verify_op
@given(start=starts, count=counts)
def test_layouts_of_messages_do_not_matter(kernel, mixture, start, count):
    """Ragged, list and, for messages of one length, an array."""
    part = slice(start, start + count)
    keys, signatures, messages = mixture.keys[part], mixture.signatures[part], mixture.messages[part]
    ragged = accel.Ragged.from_list(messages)
    assert (sm2.verify_many(keys, signatures, ragged) == mixture.statuses[part]).all()
    assert (sm2.digest_many(keys, ragged) == sm2.digest_many(keys, messages)).all()
    hashed = accel.sm3.hash_many(messages)
    as_array = sm2.verify_many(keys, signatures, hashed)
    assert (as_array == sm2.verify_many(keys, signatures, [row.tobytes() for row in hashed])).all()


@verify_op
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 64))
def test_der_and_raw_agree(kernel, mixture, seed, count):
    chosen = np.random.default_rng(seed).integers(0, len(mixture.statuses), count)
    ders = sm2.signatures_to_der(mixture.signatures[chosen])
    decoded, decoded_statuses = sm2.signatures_from_der(ders)
    assert (decoded == mixture.signatures[chosen]).all()
    assert (decoded_statuses == sm2.OK).all()
    messages = [mixture.messages[i] for i in chosen]
    statuses = sm2.verify_many(mixture.keys[chosen], ders, messages, encoding="der")
    assert (statuses == mixture.statuses[chosen]).all()


@sign_op
@given(data=st.data(), count=st.integers(1, 70))
def test_many_signers_in_one_call(kernel, data, count):
    """sign_many with indices signs each item with its own key, and with no other."""
    keys = data.draw(st.lists(private_keys, min_size=1, max_size=5))
    indices = np.array(data.draw(st.lists(st.integers(0, len(keys) - 1), min_size=count, max_size=count)), np.uint32)
    batch = [bytes([i]) * i for i in range(count)]
    signatures = sm2.sign_many(keys, batch, indices=indices)
    public = rows([keys[i].public_key.raw for i in indices])
    assert (sm2.verify_many(public, signatures, batch) == sm2.OK).all()


# --- encodings of keys ---


@given(secret=secrets)
def test_keys_survive_every_encoding(secret):
    key = sm2.PrivateKey.from_bytes(secret.to_bytes(32, "big"))
    assert sm2.PrivateKey.from_pem(key.to_pem()).to_bytes() == key.to_bytes()
    assert sm2.PrivateKey.from_der(key.to_der()).to_bytes() == key.to_bytes()
    assert sm2.PrivateKey.from_hex(key.to_hex()).to_bytes() == key.to_bytes()
    public = key.public_key
    point = split(public.raw)
    assert public.to_bytes() == reference.encode_point(point)
    assert public.to_bytes(compressed=True) == reference.encode_point(point, compressed=True)
    for encoded in (public.raw, public.to_bytes(), public.to_bytes(compressed=True)):
        assert sm2.PublicKey.from_bytes(encoded) == public
    assert sm2.PublicKey.from_pem(public.to_pem()) == public
    assert sm2.PublicKey.from_der(public.to_der()) == public
    assert sm2.PublicKey.from_hex(public.to_hex()) == public


@given(
    x=st.one_of(st.integers(0, 2**256 - 1), st.integers(0, 100), st.integers(CURVE.p - 100, CURVE.p + 100)),
    odd=st.booleans(),
)
def test_decompression_agrees_with_the_reference(x, odd):
    encoded = bytes([2 + odd]) + x.to_bytes(32, "big")
    y = reference.solve_y(CURVE, x, odd=odd)
    if y is None:
        with pytest.raises(accel.BadKeyError):
            sm2.PublicKey.from_bytes(encoded)
    else:
        assert split(sm2.PublicKey.from_bytes(encoded).raw) == (x, y)
