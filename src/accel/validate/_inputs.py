"""Inputs whose right answers are known: published, or made so that arithmetic says what must come out.

Whoever chooses the digest e can choose s and t freely and has a valid signature under any key: r = t - s, e = r - x(R)
for R = [s]G + [t]P. With P = [d]G the point R is [s + t d]G. So every exceptional case of the addition formulas can be
met on purpose. `tests/test_validate.py` has the plain-integer reference judge all of them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from accel import sm2 as fast
from accel.driver import Opcode
from accel.reference import sm2, sm3
from accel.validate._work import BAD_KEY, BAD_RANGE, BAD_SIGNATURE, OK, Work

CURVE = sm2.RECOMMENDED
P, N, G = CURVE.p, CURVE.n, CURVE.generator
LIMIT = 1 << 256

# GB/T 32905-2016, annex A.
PUBLISHED_SM3 = (
    (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
    (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
)


@dataclass(frozen=True)
class Item:
    """A signature over a digest, its right status, and R where it is valid."""

    key: bytes
    signature: bytes
    digest: bytes
    status: int
    aim: str
    point: bytes | None = None


# GB/T 32918.5-2017, annex A.2: the message "message digest" under the default ID.
PUBLISHED_SM2 = Item(
    bytes.fromhex(
        "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    ),
    bytes.fromhex(
        "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
        "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
    ),
    bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"),
    OK,
    "GB/T 32918.5-2017, annex A.2",
    bytes.fromhex(
        "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
        "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    ),
)
PUBLISHED_MESSAGE = b"message digest"


def _openssl_sm3() -> Callable[[bytes], bytes] | None:
    try:
        hashlib.new("sm3", b"")
    except ValueError:
        return None
    return lambda message: hashlib.new("sm3", message).digest()


hash_one: Callable[[bytes], bytes] = _openssl_sm3() or sm3.digest
"""SM3 of one message by OpenSSL, where Python has it; otherwise by the plain-integer reference."""


def join(x: int, y: int) -> bytes:
    """Two integers as 64 bytes."""
    return sm2.to_bytes(x) + sm2.to_bytes(y)


@cache
def base(k: int) -> tuple[int, int]:
    """[k]G; k is no multiple of n."""
    k %= N
    if k == N - 1:
        return G[0], P - G[1]
    raw = fast.PrivateKey.from_bytes(sm2.to_bytes(k)).public_key.to_bytes()[-64:]
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")


def sign(d: int, e: int, k: int, aim: str = "valid") -> Item:
    """The signature of digest e under the private key d with the nonce k (GB/T 32918.2-2016, section 6.1)."""
    x, y = base(k)
    r = (e + x) % N
    s = pow(1 + d, -1, N) * (k - r * d) % N
    assert 0 not in (r, s, (r + k) % N), aim
    return Item(join(*base(d)), join(r, s), sm2.to_bytes(e), OK, aim, join(x, y))


def craft(d: int, s: int, t: int, aim: str) -> Item:
    """The signature with these s and t under [d]G; BAD_SIGNATURE where R is infinity, whatever the digest."""
    s, t = s % N, t % N
    r, k = (t - s) % N, (s + t * d) % N
    assert 0 not in (r, s, t), aim
    if k == 0:
        return Item(join(*base(d)), join(r, s), sm2.to_bytes(r), BAD_SIGNATURE, f"{aim}: infinity")
    x, y = base(k)
    return Item(join(*base(d)), join(r, s), sm2.to_bytes((r - x) % N), OK, aim, join(x, y))


def spoilt(item: Item, field: str, bit: int, aim: str) -> Item:
    """A valid item with one bit of its signature or digest the other way: BAD_SIGNATURE while in range."""
    data = bytearray(getattr(item, field))
    data[bit // 8] ^= 0x80 >> bit % 8
    return replace(item, **{field: bytes(data)}, status=BAD_SIGNATURE, aim=aim, point=None)


@cache
def valid_items(count: int, seed: int) -> tuple[Item, ...]:
    """Valid signatures of seven keys over random digests."""
    random_ = random.Random(seed)
    secrets = [random_.randrange(1, N - 1) for _ in range(7)]
    return tuple(sign(secrets[i % 7], random_.getrandbits(256), random_.randrange(1, N)) for i in range(count))


@cache
def mixed_items(count: int, seed: int) -> tuple[Item, ...]:
    """Most of them valid, others with a bit of r, s or e spoilt."""
    random_ = random.Random(seed)
    items = list(valid_items(count, seed))
    for i, item in enumerate(items):
        if random_.random() < 0.25:
            field, bit = random_.choice((("signature", 64), ("signature", 320), ("digest", 0)))
            items[i] = spoilt(item, field, bit + random_.randrange(190), "a bit is wrong")
    return tuple(items)


def exceptional() -> list[Item]:
    """Equal and opposite points in the last addition, keys that are multiples of G, scalars at their limits."""
    items = []
    half = (N + 1) // 2
    names = {
        1: "P = G",
        N - 1: "P = -G",
        2: "P = 2G",
        N - 2: "P = -2G",
        half: "2P = G",
        3: "P = 3G",
        12345: "P = [12345]G",
    }
    for d, name in names.items():
        for t in (1, 2, 7, 0x1234567 << 200, half, N - 2):
            if d != 1:
                items.append(craft(d, t * d, t, f"{name}: [s]G = [t]P"))
            if (d + 1) % N:
                items.append(craft(d, -t * d, t, f"{name}: [s]G = -[t]P"))
        items.append(craft(d, 5, 77, f"{name}: valid"))
    for s, t in ((1, 2), (2, 1), (1, N - 1), (N - 1, 1), (N - 1, N - 2), (1 << 255, 3), (3, 1 << 255)):
        items.append(craft(0xABCDEF, s, t, f"s = {s:#x}, t = {t:#x}"))
    return items


def digests() -> list[Item]:
    """Digests at and beyond n, which are taken mod n."""
    values = {0: "0", 1: "1", N - 1: "n - 1", N: "n", N + 1: "n + 1", LIMIT - 1: "2^256 - 1", P: "p"}
    items = []
    for i, (e, name) in enumerate(values.items()):
        good = sign(0x5EED + i, e, 0xC0FFEE + i, f"e = {name}")
        items += [good, replace(good, digest=sm2.to_bytes((e + 2) % LIMIT), status=BAD_SIGNATURE, point=None)]
    return items


def ranges() -> list[Item]:
    """r or s outside [1, n - 1], and r + s = n."""
    good = valid_items(1, 5)[0]
    r, s = int.from_bytes(good.signature[:32], "big"), int.from_bytes(good.signature[32:], "big")
    top = LIMIT - 1
    bad = {
        "r = 0": (0, s), "s = 0": (r, 0), "r = s = 0": (0, 0), "r = n": (N, s), "s = n": (r, N),
        "r = n + 1": (N + 1, s), "s = n + 1": (r, N + 1), "r = 2^256 - 1": (top, s), "s = 2^256 - 1": (r, top),
        "r + s = n": (r, N - r), "r = 1, s = n - 1": (1, N - 1), "r = n - 1, s = 1": (N - 1, 1), "r = p": (P, s),
    }  # fmt: skip
    items = [replace(good, signature=join(*pair), status=BAD_RANGE, aim=aim, point=None) for aim, pair in bad.items()]
    # A small r or s, valid, and the same with n added: equal mod n, and out of range all the same.
    small = craft(99, 1 << 40, (1 << 40) + 12, "r = 12")
    low = craft(99, 12, 1 << 40, "s = 12")
    for item, add_r, add_s in ((small, N, 0), (low, 0, N)):
        pair = int.from_bytes(item.signature[:32], "big") + add_r, int.from_bytes(item.signature[32:], "big") + add_s
        items += [item, replace(item, signature=join(*pair), status=BAD_RANGE, aim=f"{item.aim} + n", point=None)]
    return items


@cache
def small_x() -> tuple[int, int]:
    """A point whose x is below 2^256 - p."""
    x = next(x for x in range(1, 1000) if sm2.solve_y(CURVE, x, odd=False) is not None)
    y = sm2.solve_y(CURVE, x, odd=False)
    assert y is not None
    return x, y


@cache
def keys() -> tuple[Item, ...]:
    """Keys that are no points: off the curve, zero, coordinates from p on, also where they are right mod p."""
    good = valid_items(1, 6)[0]
    x, y = int.from_bytes(good.key[:32], "big"), int.from_bytes(good.key[32:], "big")
    sx, sy = small_x()
    s, t = 0x1111, 0x7777
    r = (t - s) % N
    point = sm2.add(CURVE, sm2.multiply(CURVE, s, G), sm2.multiply(CURVE, t, (sx, sy)))
    assert point is not None
    alias = Item(join(sx, sy), join(r, s), sm2.to_bytes((r - point[0]) % N), OK, f"x = {sx}", join(*point))
    bad = {
        "y + 1": (x, (y + 1) % P), "x + 1": ((x + 1) % P, y), "(0, 0)": (0, 0), "x = 0": (0, y), "y = 0": (x, 0),
        "(p, p)": (P, P), "x = p": (P, y), "2^256 - 1": (LIMIT - 1, LIMIT - 1), "x and y exchanged": (y, x),
    }  # fmt: skip
    items = [replace(good, key=join(*pair), status=BAD_KEY, aim=f"key: {aim}", point=None) for aim, pair in bad.items()]
    return (
        *items,
        replace(good, aim="the key that was spoilt"),
        replace(good, key=join(x, P - y), status=BAD_SIGNATURE, aim="key: -P", point=None),
        alias,
        replace(alias, key=join(sx + P, sy), status=BAD_KEY, aim="key: x + p, right mod p", point=None),
    )


def precedence() -> list[Item]:
    """Two mistakes at once: the key counts first, then the range, then the equation."""
    good = valid_items(1, 7)[0]
    off = good.key[:63] + bytes([good.key[63] ^ 1])
    zero = bytes(32) + good.signature[32:]
    return [
        replace(good, key=off, signature=zero, status=BAD_KEY, aim="bad key and r = 0", point=None),
        replace(good, key=off, signature=b"\xff" * 64, status=BAD_KEY, aim="bad key and r, s >= n", point=None),
        replace(good, key=bytes(64), signature=bytes(64), status=BAD_KEY, aim="all zero", point=None),
        replace(good, signature=zero, digest=bytes(32), status=BAD_RANGE, aim="r = 0 and another digest", point=None),
    ]


# --- commands ---


def verify_work(items: Sequence[Item], *, points: bool = False, by_handle: bool = False) -> Work:
    """A command over digests."""
    return Work(
        Opcode.SM2_VERIFY_DIGEST,
        len(items),
        keys=b"".join(item.key for item in items),
        load_keys=by_handle,
        handles=tuple(range(len(items))) if by_handle else (),
        signatures=b"".join(item.signature for item in items),
        digests=b"".join(item.digest for item in items),
        points=points,
        status=bytes(item.status for item in items),
        right_points=tuple(item.point for item in items) if points else (),
        aims=tuple(item.aim for item in items),
    )


def _pack(messages: Iterable[bytes], gap: int) -> tuple[bytes, tuple[int, ...]]:
    data, offsets = bytearray(gap), [gap]
    for message in messages:
        data += message
        offsets.append(len(data))
    return bytes(data), tuple(offsets)


def ragged_work(messages: Sequence[bytes], *, gap: int = 0) -> Work:
    """SM3 of messages of any lengths, the first one `gap` bytes behind the pointer."""
    data, offsets = _pack(messages, gap)
    aims = tuple(f"{len(message)} bytes" for message in messages)
    output = b"".join(map(hash_one, messages))
    return Work(Opcode.SM3, len(messages), messages=data, offsets=offsets, output=output, aims=aims)


def strided_work(data: bytes, count: int, length: int, stride: int) -> Work:
    """SM3 of messages of one length."""
    messages = [data[i * stride : i * stride + length] for i in range(count)]
    output = b"".join(map(hash_one, messages))
    return Work(Opcode.SM3, count, messages=data, stride=stride, length=length, output=output,
                aims=(f"{length} bytes, stride {stride}",) * count)  # fmt: skip


def message_work(messages: Sequence[bytes], user_id: bytes | None, seed: int, *, ragged: bool = True) -> Work:
    """Signatures over messages, every third of them of another message."""
    random_ = random.Random(seed)
    items, statuses = [], []
    for i, message in enumerate(messages):
        d = random_.randrange(1, N - 1)
        e = sm2.digest(CURVE, base(d), message, user_id)
        item = sign(d, e, random_.randrange(1, N))
        items.append(spoilt(item, "signature", 300 + i % 100, "s is wrong") if i % 3 == 2 else item)
        statuses.append(items[-1].status)
    data, offsets = _pack(messages, 3)
    length = len(messages[0])
    return Work(
        Opcode.SM2_VERIFY,
        len(messages),
        messages=data if ragged else data[3:],
        stride=0 if ragged else length,
        length=0 if ragged else length,
        offsets=offsets if ragged else (),
        keys=b"".join(item.key for item in items),
        signatures=b"".join(item.signature for item in items),
        user_id=user_id,
        status=bytes(statuses),
        aims=tuple(f"{len(message)} bytes" for message in messages),
    )


def merkle_work(opcode: Opcode, rule: int, leaves: Sequence[bytes], *, repeat: bool = False) -> Work:
    """A tree over leaf hashes; with `repeat` over the first one again and again (stride 0)."""
    hashes = [leaves[0]] * len(leaves) if repeat else list(leaves)
    return Work(
        opcode,
        len(leaves),
        digests=hashes[0] if repeat else b"".join(hashes),
        digests_stride=0 if repeat else 32,
        rule=rule,
        output=b"".join(nodes_above(hashes, rule)) if opcode == Opcode.MERKLE_LEVELS else root(hashes, rule),
        aims=(f"{len(leaves)} leaves, rule {rule}",),
    )


def nodes_above(hashes: Sequence[bytes], rule: int) -> list[bytes]:
    """Every level above the leaves, as accel.h defines the rules."""
    nodes, level = [], list(hashes)
    prefix = b"\x01" if rule == 1 else b""
    while len(level) > 1:
        above = [hash_one(prefix + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            lone = level[-1]
            above.append(lone if rule == 1 else hash_one(lone + lone if rule == 2 else lone))
        nodes += above
        level = above
    return nodes


def root(hashes: Sequence[bytes], rule: int) -> bytes:
    """The root over leaf hashes."""
    return nodes_above(hashes, rule)[-1] if len(hashes) > 1 else hashes[0]
