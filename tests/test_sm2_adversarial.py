"""What an adversary can bring before verification, among valid neighbours that must stay valid.

The cases and the reasoning behind each family are in `oracles.crafted`. Here every family goes through every kernel,
for unknown keys, for a ring with tables, for a ring whose memory holds no table and for one that holds some, in batches
of several sizes. A kernel shares inversions between the items of a batch, so a case that divides by zero unnoticed
shows in its neighbours: half of each batch are ordinary valid signatures.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

import accel
from accel import sm2
from accel.reference import sm2 as reference
from oracles import crafted, openssl
from oracles.crafted import BAD_KEY, BAD_SIGNATURE, CURVE, FAMILIES, OK, Case, N, split
from oracles.samples import rows

verify_op = pytest.mark.op("sm2.verify")
each_family = pytest.mark.parametrize("family", FAMILIES)

# One item; one less than, exactly and one more than a power of two; two and four of those and one more.
SIZES = (1, 63, 64, 65, 129, 257)
RING_LIMIT = 96  # keys with tables of their own in a test, for the time that building them takes

Verify = Callable[[Sequence[Case]], "np.ndarray"]


@pytest.fixture(scope="session")
def cases() -> dict[str, list[Case]]:
    """All families, made once."""
    return {name: family() for name, family in FAMILIES.items()}


@pytest.fixture(scope="session")
def neighbours(signed_by_members) -> list[Case]:
    """Ordinary valid signatures by eight signers."""
    sample = signed_by_members
    chosen = [i for i in range(len(sample)) if sample.indices[i] < 8]
    keys, messages = [sample.keys[i] for i in chosen], [sample.messages[i] for i in chosen]
    points = {key: split(key) for key in set(keys)}
    za = {key: reference.za(CURVE, point) for key, point in points.items()}
    digests = [openssl.sm3(za[key] + message) for key, message in zip(keys, messages, strict=True)]
    return [
        Case(key, sample.signatures[i], digest, OK, "neighbour")
        for key, i, digest in zip(keys, chosen, digests, strict=True)
    ]


# --- the cases are what they claim to be ---


@each_family
def test_openssl_agrees_with_the_crafted_status(cases, family):
    expected = {OK: "ok", BAD_SIGNATURE: "bad", BAD_KEY: "key", crafted.BAD_RANGE: "bad"}
    items = cases[family]
    verdicts = openssl.verdicts(*map(list, zip(*((c.key, c.signature, c.digest) for c in items), strict=True)))
    wrong = [item.aim for item, verdict in zip(items, verdicts, strict=True) if verdict != expected[item.status]]
    assert not wrong


@each_family
def test_reference_agrees_with_the_crafted_status(cases, family):
    """The reference also says which check failed. A sample of the large families: it takes 20 ms an item."""
    expected = {OK: "", BAD_SIGNATURE: "equation", BAD_KEY: "key", crafted.BAD_RANGE: "range"}
    items = cases[family]
    for item in items if len(items) <= 50 else random.Random(1).sample(items, 50):
        result = reference.verify(CURVE, split(item.key), split(item.signature), int.from_bytes(item.digest, "big"))
        assert result.reason == expected[item.status], item.aim


def test_families_hold_what_they_promise(cases):
    """The one such scalar known for windows of 8 bits is among the splits, as s and as t, and so are the others."""
    k = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFE8DFC2094DE39FAD4AC440BF6C62ABEDD
    signatures = [split(item.signature) for item in cases["window_splits"]]
    assert any(s == k for _, s in signatures)
    assert any((r + s) % N == k for r, s in signatures)
    assert any(s == N - 6 for _, s in (split(item.signature) for item in cases["near_the_order"]))
    statuses = {item.status for items in cases.values() for item in items}
    assert statuses == {OK, BAD_SIGNATURE, BAD_KEY, crafted.BAD_RANGE}


# --- batches ---


def batches(items: list[Case], neighbours: list[Case], size: int) -> Iterator[list[Case]]:
    """Batches of `size` in which about half are neighbours, the cases at random places and some at the very ends."""
    generator = random.Random(size)
    if size == 1:
        yield from ([item] for item in items)
        return
    step = (size + 1) // 2
    for start in range(0, len(items), step):
        batch = items[start : start + step]
        batch = batch + generator.sample(neighbours, size - len(batch))
        generator.shuffle(batch)
        yield batch
    # One case alone, first, in the middle and last.
    for position in (0, size // 2, size - 1):
        batch = generator.sample(neighbours, size)
        batch[position] = generator.choice(items)
        yield batch


def arrays(items: Sequence[Case]):
    """Keys, signatures and digests as arrays."""
    return tuple(rows([getattr(item, name) for item in items]) for name in ("key", "signature", "digest"))


def verify_unknown(items: Sequence[Case]):
    return sm2.verify_digest_many(*arrays(items))


class Ring:
    """Verification of cases through a ring of all their keys, which must be good."""

    def __init__(self, keys: list[bytes], **options: int) -> None:
        self.keys = {key: i for i, key in enumerate(keys)}
        self.ring = sm2.KeyRing(rows(keys), **options)

    def __call__(self, items: Sequence[Case]):
        indices = np.array([self.keys[item.key] for item in items], np.uint32)
        _, signatures, digests = arrays(items)
        return sm2.verify_digest_many(self.ring[indices], signatures, digests)


def assert_statuses(items: Sequence[Case], statuses) -> None:
    expected = np.array([item.status for item in items], np.uint8)
    wrong = np.flatnonzero(statuses != expected)
    details = [f"item {i}: {items[i].aim}: expected {expected[i]}, got {statuses[i]}" for i in wrong[:5]]
    assert not len(wrong), f"{len(wrong)} of {len(items)} wrong: {'; '.join(details)}"


def check(verify: Verify, items: list[Case], neighbours: list[Case]) -> int:
    """All cases in batches of the largest size, a sample in the others. Returns how many were verified."""
    sample = items if len(items) <= 300 else random.Random(2).sample(items, 300)
    done = 0
    for size in SIZES:
        for batch in batches(items if size == SIZES[-1] else sample, neighbours, size):
            assert_statuses(batch, verify(batch))
            done += len(batch)
    return done


@verify_op
@each_family
def test_unknown_keys(kernel, cases, neighbours, family):
    assert kernel.items() == 0
    done = check(verify_unknown, cases[family], neighbours)
    assert kernel.items() >= done


def ring_cases(items: list[Case], neighbours: list[Case]) -> tuple[list[Case], list[bytes]]:
    """The cases whose keys a ring takes, by at most RING_LIMIT keys, and those keys after the neighbours'."""
    good = [item for item in items if item.status != BAD_KEY]
    keys = list(dict.fromkeys(item.key for item in good))[:RING_LIMIT]
    neighbours_keys = list(dict.fromkeys(item.key for item in neighbours))
    return [item for item in good if item.key in set(keys)], list(dict.fromkeys(neighbours_keys + keys))


@verify_op
@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "bad_keys"])
def test_ring(kernel, cases, neighbours, family):
    items, keys = ring_cases(cases[family], neighbours)
    ring = Ring(keys)
    assert ring.ring.tables == len(keys)
    done = check(ring, items, neighbours)
    assert kernel.items() >= done


@verify_op
@pytest.mark.parametrize("share", ["none", "some"])
def test_ring_without_memory_for_all_tables(kernel, cases, neighbours, share):
    """Keys behind the ones that memory holds are verified like unknown ones, in the same batch as the others."""
    items = [item for name in ("window_splits", "last_addition", "running_sums") for item in cases[name]]
    items, keys = ring_cases(random.Random(3).sample(items, 400), neighbours)
    table_bytes = Ring(keys[:1]).ring.table_bytes
    tables = {"none": 0, "some": len(keys) // 2}[share]
    ring = Ring(keys, memory_limit=max(1, tables * table_bytes))
    assert ring.ring.tables == tables
    for size in (64, 257):
        for batch in batches(items, neighbours, size):
            assert_statuses(batch, ring(batch))


@verify_op
def test_all_families_in_one_batch(kernel, cases, neighbours):
    """Everything at once, shuffled, over more than one thread's share."""
    items = [item for family in cases.values() for item in family] + neighbours
    random.Random(4).shuffle(items)
    assert_statuses(items, verify_unknown(items))
    assert kernel.items() >= len(items)


# --- batches of a kind ---


@verify_op
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["unknown", "ring"])
def test_the_same_item_many_times(kernel, cases, neighbours, size, mode):
    """Replayed transactions: identical items share an inversion, so differences between items are zero everywhere."""
    chosen = [neighbours[0], *(cases[name][0] for name in ("window_splits", "last_addition", "second_candidate"))]
    chosen += [cases["window_splits"][1]]  # and one that is not valid
    verify = verify_unknown if mode == "unknown" else Ring(list({item.key for item in chosen}))
    for item in chosen:
        batch = [item] * size
        assert_statuses(batch, verify(batch))


@verify_op
@pytest.mark.parametrize("size", SIZES)
def test_nothing_valid_and_one_valid(kernel, cases, neighbours, size):
    """All items bad in all ways; then one valid one among them, first, in the middle and last."""
    generator = random.Random(size)
    bad = [item for family in cases.values() for item in family if item.status != OK]
    batch = generator.sample(bad, size)
    assert_statuses(batch, verify_unknown(batch))
    for position in {0, size // 2, size - 1}:
        mixed = list(batch)
        mixed[position] = generator.choice(neighbours)
        assert_statuses(mixed, verify_unknown(mixed))


@verify_op
def test_one_key_under_many_signatures_and_many_keys_under_one(kernel, neighbours):
    """A repeated row may come as a view with stride 0: it is read like any other."""
    key, signature, digest = (np.frombuffer(field, np.uint8) for field in arrays_of(neighbours[0]))
    broadcast = [np.broadcast_to(field, (100, field.size)) for field in (key, signature, digest)]
    for repeated in range(3):
        fields = [np.ascontiguousarray(field) if i != repeated else field for i, field in enumerate(broadcast)]
        assert (sm2.verify_digest_many(*fields) == OK).all()
    others = rows([item.key for item in neighbours[:100]])
    expected = np.where((others == key).all(axis=1), OK, BAD_SIGNATURE)
    assert (sm2.verify_digest_many(others, broadcast[1], broadcast[2]) == expected).all()


def arrays_of(item: Case) -> tuple[bytes, bytes, bytes]:
    return item.key, item.signature, item.digest


# --- real messages without ZA ---


@verify_op
def test_without_za_chosen_scalars_work_on_real_messages(kernel, neighbours):
    """With no ZA the digest of a message does not depend on the key, so the key can be chosen after it.

    Take any message, e = SM3(M), and the scalars s = n - 2a and t = 2a whose windows split into equal halves. Then
    r = t - s, and R has x = r - e, which half of all messages make the x of a point; the key is t^-1 (R - [s]G).
    """
    items, messages = [], []
    for j in range(8, 256, 8):
        a = N % (1 << j)
        s, t = N - 2 * a, 2 * a + 1
        for attempt in range(100):
            message = f"pay {attempt} to the bearer, split at bit {j}".encode()
            e = int.from_bytes(openssl.sm3(message), "big")
            x = (t - s - e) % N
            y = reference.solve_y(CURVE, x, odd=False)
            if y is not None:
                items += crafted.craft_point((x, y), s, t, None, f"{message!r}")
                messages.append(message)
                break
    assert len(items) == 31
    keys, signatures, _ = arrays(items)
    assert (sm2.verify_many(keys, signatures, messages, id=sm2.NO_ZA) == OK).all()
    ring = sm2.KeyRing(keys, id=sm2.NO_ZA)
    assert (sm2.verify_many(ring[np.arange(31, dtype=np.uint32)], signatures, messages) == OK).all()
    # Under an ID the same signatures are worth nothing.
    assert (sm2.verify_many(keys, signatures, messages) == BAD_SIGNATURE).all()
    wrong = [message + b"!" for message in messages]
    assert (sm2.verify_many(keys, signatures, wrong, id=sm2.NO_ZA) == BAD_SIGNATURE).all()


# --- keys that a ring must refuse ---


@pytest.mark.parametrize("family", ["bad_keys", "unreduced_keys"])
def test_ring_refuses_a_bad_key_and_says_which(cases, neighbours, family):
    good = list(dict.fromkeys(item.key for item in neighbours))
    for item in cases[family]:
        if item.status == BAD_KEY:
            with pytest.raises(accel.BadKeyError) as error:
                sm2.KeyRing(rows([*good[:3], item.key, *good[3:]]))
            assert error.value.index == 3


@pytest.mark.parametrize("family", ["bad_keys", "unreduced_keys"])
def test_public_key_refuses_a_bad_key(cases, family):
    for item in cases[family]:
        if item.status == BAD_KEY:
            for encoded in (item.key, b"\x04" + item.key):
                with pytest.raises(accel.BadKeyError):
                    sm2.PublicKey.from_bytes(encoded)


@pytest.mark.parametrize("secret", [0, N - 1, N, N + 1, crafted.LIMIT - 1])
def test_private_keys_outside_1_to_n_minus_2_are_refused(secret):
    with pytest.raises(accel.BadKeyError):
        sm2.PrivateKey.from_bytes(secret.to_bytes(32, "big"))


# --- signing ---


@pytest.mark.op("sm2.sign")
def test_signing_extreme_digests_with_extreme_keys(kernel):
    """Digests of 0, about n and all ones, and digests and keys of chosen density, signed for OpenSSL to judge."""
    generator = random.Random(5)
    patterns = [0, 1, N - 1, N, N + 1, crafted.LIMIT - 1, crafted.P]
    patterns += [1 << bit for bit in range(0, 256, 15)]
    patterns += [sum(1 << bit for bit in generator.sample(range(256), weight)) for weight in (2, 8, 32, 224, 248, 254)]
    patterns += [(1 << length) - 1 for length in (32, 64, 96, 128, 192, 224)]
    secrets = [secret for secret in {pattern % N for pattern in patterns} if 1 <= secret <= N - 2]
    digests = rows([pattern.to_bytes(32, "big") for pattern in patterns])
    for secret in secrets:
        key = sm2.PrivateKey.from_bytes(secret.to_bytes(32, "big"))
        theirs = openssl.PublicKey(key.public_key.raw)
        signatures = sm2.sign_digest_many(key, digests)
        for signature, digest in zip(signatures, digests, strict=True):
            assert theirs.verify_digest(signature.tobytes(), digest.tobytes())
    assert kernel.items() >= len(secrets) * len(patterns)
