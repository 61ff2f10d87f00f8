"""Random signatures made by OpenSSL, damaged copies of them, and the status that each must get."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accel.reference import sm2

from . import openssl
from .crafted import BAD_KEY, BAD_RANGE, BAD_SIGNATURE, LIMIT, OK, N, P, join, split

Bytes2D = npt.NDArray[np.uint8]
UserID = bytes | None  # None: no ZA


def rows(items: Sequence[bytes]) -> Bytes2D:
    """Byte strings of one length as the rows of an array."""
    return np.frombuffer(b"".join(items), np.uint8).reshape(len(items), -1)


@dataclass(frozen=True)
class Sample:
    """Signatures under one ID, with OpenSSL's verdict on each.

    Attributes:
        user_id: the ID that all were signed with; None: no ZA.
        keys: public keys, 64 bytes each.
        signatures: r || s, 64 bytes each.
        messages: messages of many lengths.
        indices: which of `signers` each item's key is; for damaged keys, the one it was made from.
        signers: the distinct keys that signed.
        changes: what was done to each item, "" for nothing.
    """

    user_id: UserID
    keys: list[bytes]
    signatures: list[bytes]
    messages: list[bytes]
    indices: list[int]
    signers: list[bytes]
    changes: list[str]

    def __len__(self) -> int:
        """Number of items."""
        return len(self.keys)

    @cached_property
    def statuses(self) -> npt.NDArray[np.uint8]:
        """The status of each item: from OpenSSL, and for what it refuses, from plain integers in the order of checks.

        OpenSSL says only yes or no to a signature. A no to numbers out of range is BAD_RANGE, any other BAD_SIGNATURE.
        """

        def status(i: int) -> int:
            try:
                valid = openssl.PublicKey(self.keys[i]).verify(self.signatures[i], self.messages[i], self.user_id)
            except openssl.RejectedKeyError:
                assert not sm2.is_on_curve(sm2.RECOMMENDED, *split(self.keys[i]))
                return BAD_KEY
            r, s = split(self.signatures[i])
            in_range = 1 <= r < N and 1 <= s < N and r + s != N
            assert in_range or not valid
            if not in_range:
                return BAD_RANGE
            return OK if valid else BAD_SIGNATURE

        return np.array(openssl.parallel(status, range(len(self))), np.uint8)


def sign(seed: int, count: int, signers: int, user_id: UserID) -> Sample:
    """`count` messages of 0 to 300 bytes, signed by OpenSSL with `signers` random keys in turn."""
    generator = random.Random(seed)
    secrets = [generator.randrange(1, N - 1) for _ in range(signers)]
    keys = openssl.parallel(openssl.PrivateKey, secrets)
    messages = [generator.randbytes(generator.randrange(301)) for _ in range(count)]
    indices = [i % signers for i in range(count)]
    signatures = openssl.parallel(lambda i: keys[indices[i]].sign(messages[i], user_id), range(count))
    return Sample(
        user_id=user_id,
        keys=[keys[i].raw for i in indices],
        signatures=signatures,
        messages=messages,
        indices=indices,
        signers=[key.raw for key in keys],
        changes=[""] * count,
    )


# --- damage ---


def flip_bit(data: bytes, bit: int) -> bytes:
    """`data` with one bit flipped."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@dataclass
class _Item:
    key: bytes
    signature: bytes
    message: bytes


def _flip(field: str) -> Callable[[_Item, random.Random], None]:
    def change(item: _Item, generator: random.Random) -> None:
        data = getattr(item, field)
        if data:
            setattr(item, field, flip_bit(data, generator.randrange(8 * len(data))))

    return change


def _signature(make: Callable[[int, int], tuple[int, int]]) -> Callable[[_Item, random.Random], None]:
    def change(item: _Item, _: random.Random) -> None:
        item.signature = join(make(*split(item.signature)))

    return change


def _key(make: Callable[[int, int], tuple[int, int]]) -> Callable[[_Item, random.Random], None]:
    def change(item: _Item, _: random.Random) -> None:
        item.key = join(make(*split(item.key)))

    return change


def _append(item: _Item, _: random.Random) -> None:
    item.message += b"\0"


SIGNATURE_AND_MESSAGE_CHANGES = {
    "nothing": lambda _item, _generator: None,
    "a bit of the signature": _flip("signature"),
    "a bit of the message": _flip("message"),
    "a zero byte after the message": _append,
    "r and s exchanged": _signature(lambda r, s: (s, r)),
    "n - r": _signature(lambda r, s: (N - r, s)),
    "n - s": _signature(lambda r, s: (r, N - s)),  # no twin as in ECDSA: SM2 is not malleable this way
    "r = 0": _signature(lambda _, s: (0, s)),
    "s = 0": _signature(lambda r, _: (r, 0)),
    "r = n": _signature(lambda _, s: (N, s)),
    "s = n": _signature(lambda r, _: (r, N)),
    "r + s = n": _signature(lambda r, _: (r, N - r)),
    "all ones": _signature(lambda _r, _s: (LIMIT - 1, LIMIT - 1)),
}
KEY_CHANGES = {
    "a bit of the key": _flip("key"),
    "-P": _key(lambda x, y: (x, P - y)),
    "x and y exchanged": _key(lambda x, y: (y, x)),
    "(0, 0)": _key(lambda _x, _y: (0, 0)),
}


def damage(sample: Sample, seed: int, *, keys: bool) -> Sample:
    """A copy in which every item is changed in one known way, in turn; `keys`: the keys too."""
    generator = random.Random(seed)
    changes = {**SIGNATURE_AND_MESSAGE_CHANGES, **(KEY_CHANGES if keys else {})}
    names = [generator.choice(list(changes)) for _ in range(len(sample))]
    items = [_Item(*each) for each in zip(sample.keys, sample.signatures, sample.messages, strict=True)]
    for name, item in zip(names, items, strict=True):
        changes[name](item, generator)
    return replace(
        sample,
        keys=[item.key for item in items],
        signatures=[item.signature for item in items],
        messages=[item.message for item in items],
        changes=names,
    )
