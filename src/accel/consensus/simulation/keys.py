"""Keys of simulated validators: real SM2, or a fast stand-in that cannot be forged either.

Both are fixed, the same in every run and every process. The stand-in signs with BLAKE2b under a secret that is derived
from the validator's number; only the simulation knows it, so a signature made up by an adversary does not verify.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Protocol

import numpy as np

from accel import sm2
from accel.consensus.signer import SigningKey

__all__ = ["MAX_KEYS", "Keys", "Sm2Keys", "StandInKeys", "make_keys"]

MAX_KEYS = 100


class Keys(Protocol):
    """The keys of all validators of a run, by number."""

    def private(self, number: int) -> SigningKey:
        """What validator `number` signs with."""

    def public(self, number: int) -> bytes:
        """The public key of validator `number`, 64 bytes."""

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` over `message` is the key's."""


class _StandInKey:
    def __init__(self, number: int) -> None:
        self._secret = hashlib.blake2b(b"secret %d" % number, digest_size=32).digest()

    def sign(self, message: bytes, /) -> bytes:
        return hashlib.blake2b(message, key=self._secret).digest()


class StandInKeys:
    """Keyed BLAKE2b."""

    def __init__(self) -> None:
        self._private = [_StandInKey(number) for number in range(MAX_KEYS)]
        self._public = [hashlib.blake2b(b"public %d" % number).digest() for number in range(MAX_KEYS)]
        self._by_public = dict(zip(self._public, self._private, strict=True))

    def private(self, number: int) -> SigningKey:
        """What validator `number` signs with."""
        return self._private[number]

    def public(self, number: int) -> bytes:
        """The public key of validator `number`, 64 bytes."""
        return self._public[number]

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` over `message` is the key's."""
        return self._by_public[public_key].sign(message) == signature


class Sm2Keys:
    """SM2 under the standard's default ID, with a ring of known keys."""

    def __init__(self) -> None:
        secrets = [hashlib.blake2b(b"sm2 %d" % number, digest_size=31).digest() for number in range(MAX_KEYS)]
        self._private = [sm2.PrivateKey.from_bytes(secret.rjust(32, b"\0")) for secret in secrets]
        self._public = [key.public_key.raw for key in self._private]
        self._position = {public: number for number, public in enumerate(self._public)}
        self._ring = sm2.KeyRing(np.frombuffer(b"".join(self._public), np.uint8).reshape(-1, 64))

    def private(self, number: int) -> SigningKey:
        """What validator `number` signs with."""
        return self._private[number]

    def public(self, number: int) -> bytes:
        """The public key of validator `number`, 64 bytes."""
        return self._public[number]

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` over `message` is the key's."""
        rows = np.frombuffer(signature, np.uint8).reshape(1, 64)
        status = sm2.verify_many(self._ring[[self._position[public_key]]], rows, [message])
        return bool(status[0] == sm2.OK)


@functools.cache
def make_keys(kind: str) -> Keys:
    """The keys called "sm2" or "stand-in", made once in a process."""
    return Sm2Keys() if kind == "sm2" else StandInKeys()
