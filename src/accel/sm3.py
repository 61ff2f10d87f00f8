"""SM3 (GB/T 32905-2016): a hash object shaped like those of hashlib, and hashing in batches.

Digests are 32 bytes. Batches run on all threads of the pool without the GIL.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from accel import _native
from accel._calls import PLANS, Call
from accel.batch import ByteArray, BytesLike, Messages, as_messages, as_output

if TYPE_CHECKING:
    from accel.device import Device

__all__ = [
    "SM3",
    "block_size",
    "digest",
    "digest_size",
    "file_digest",
    "hash_many",
    "hmac_digest",
    "hmac_new",
    "name",
    "new",
]

name = "sm3"
"""The algorithm's name, as hashlib would have it."""
digest_size = 32
"""Bytes of a digest."""
block_size = 64
"""Bytes that the compression function takes at a time."""


class SM3:
    """A running SM3 computation, shaped like the objects of hashlib.

    Any number of threads may use one object: each call is one step. Updates of 2,048 bytes and more release the GIL.
    """

    __slots__ = ("_state",)

    name = name
    digest_size = digest_size
    block_size = block_size

    def __init__(self, data: BytesLike = b"", *, usedforsecurity: bool = True) -> None:
        """Start with `data`; `usedforsecurity` is taken for hashlib's sake and changes nothing.

        Raises:
            TypeError: `data` is not bytes-like.
        """
        del usedforsecurity
        self._state = _native.Sm3()
        self._state.update(data)

    def update(self, data: BytesLike, /) -> None:
        """Go on with `data`.

        Raises:
            TypeError: `data` is not bytes-like.
        """
        self._state.update(data)

    def digest(self) -> bytes:
        """Return the digest of all data so far: 32 bytes."""
        return self._state.digest()

    def hexdigest(self) -> str:
        """Return the digest of all data so far as 64 hexadecimal digits."""
        return self._state.digest().hex()

    def copy(self) -> SM3:
        """Return a computation that goes on from here by itself."""
        twin = SM3.__new__(SM3)
        twin._state = self._state.copy()
        return twin

    def __repr__(self) -> str:
        """Look like hashlib's objects."""
        return f"<sm3 accel.sm3.SM3 object @ {id(self):#x}>"


def new(data: BytesLike = b"", *, usedforsecurity: bool = True) -> SM3:
    """Return a new SM3 object that has taken `data`, like ``hashlib.sha256(data)``.

    `usedforsecurity` is taken for hashlib's sake and changes nothing.

    Raises:
        TypeError: `data` is not bytes-like.
    """
    return SM3(data, usedforsecurity=usedforsecurity)


def digest(data: BytesLike) -> bytes:
    """Return the 32-byte digest of one bytes-like object.

    Raises:
        TypeError: `data` is not bytes-like.
    """
    return _native.sm3_digest(data)


def hash_many(messages: Messages, out: ByteArray | None = None, *, device: Device | None = None) -> ByteArray:
    """Return the digests of N messages, in their order: an (N, 32) uint8 array.

    Args:
        messages: See `accel.batch`. (0, L), (N, 0) and empty lists are valid.
        out: None, or a writable C-contiguous (N, 32) uint8 array that shares no memory with the messages: written
            and returned.
        device: Where it runs; None: what ``ACCEL_DEVICE`` names, or the CPU.

    Raises:
        TypeError: `messages` or `out` has another type or dtype.
        ArgumentError: `messages` or `out` has another shape, stride, offsets that decrease or overrun; `out` is
            read-only or overlaps the messages.
        KernelError: ``ACCEL_KERNEL`` names a kernel that is not there.
        DeviceError: The device is closed, or fails and has no fallback.
    """
    return _hash_call(messages, out).now(device)


def _hash_call(messages: Messages, out: ByteArray | None = None) -> Call:
    batch = as_messages(messages)
    digests = as_output(out, (len(batch), digest_size), "out", batch)
    return Call(_native.sm3_hash_messages, _native.submit_sm3_hash_messages, (digests, batch), digests)


PLANS[hash_many] = _hash_call


def hmac_new(key: BytesLike, msg: BytesLike | None = None) -> hmac.HMAC:
    """Return an HMAC-SM3 object (RFC 2104) of the standard library, with update, copy, digest and hexdigest.

    Raises:
        TypeError: `key` or `msg` is not bytes-like.
    """
    return hmac.new(memoryview(key).tobytes(), msg, digestmod=new)  # type: ignore[arg-type, unused-ignore]


def hmac_digest(key: BytesLike, msg: BytesLike) -> bytes:
    """Return the 32-byte HMAC-SM3 (RFC 2104) of `msg`.

    Raises:
        TypeError: `key` or `msg` is not bytes-like.
    """
    return hmac_new(key, msg).digest()


def file_digest(file: str | os.PathLike[str] | BinaryIO, /) -> SM3:
    """Return an SM3 object that has taken a whole file, read in pieces of constant size without the GIL.

    Args:
        file: A path, or a file object opened for reading in binary mode; that is read from its position to its end
            and stays open.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file object is not in binary mode.
    """
    if isinstance(file, str | os.PathLike):
        with Path(file).open("rb", buffering=0) as opened:
            return file_digest(opened)
    return hashlib.file_digest(file, new)  # type: ignore[arg-type, return-value]
