"""The standard library: SM3 as OpenSSL has it, and what people build from it."""

from __future__ import annotations

import hashlib
import platform

from accel.bench.peers._peer import Missing, Peer
from accel.bench.peers._single import Single

NAME = "hashlib"


def find() -> Peer | Missing:
    """Look whether this Python's OpenSSL has SM3."""
    try:
        hashlib.new("sm3")
    except ValueError:
        return Missing(NAME, "the OpenSSL of this Python has no SM3")
    import ssl  # noqa: PLC0415  only here, and not in every Python

    return Peer(
        NAME,
        f"{platform.python_version()} ({' '.join(ssl.OPENSSL_VERSION.split()[:2])})",
        'hashlib.new("sm3", message).digest() for each message; a Merkle tree is a loop of them, level by level',
        Single(NAME, hash=_hash, root=_root).operations(),
    )


def _hash(message: bytes) -> bytes:
    return hashlib.new("sm3", message).digest()


def _root(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, with everything but hashing kept cheap."""
    new = hashlib.new
    level = [new("sm3", b"\x00" + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        lone = level[len(level) & ~1 :]
        level = [new("sm3", b"\x01" + left + right).digest() for left, right in pairs] + lone
    return level[0]
