"""The questions that a peer answers before it is timed; each takes a function that answers for a whole workload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from accel import merkle, sm2, sm3
from accel.batch import ByteArray
from accel.bench.peers._peer import PeerWrongAnswerError
from accel.bench.workload import Workload
from accel.errors import AccelError

DAMAGED_ITEMS = 4
"""Items of each kind of damage that are asked about: a peer in pure Python takes 20 ms for one."""


def first(workload: Workload, count: int) -> Workload:
    """The first `count` items (all, if there are fewer), over the same memory."""
    arrays = ("messages", "digests", "signer_of", "public_keys", "signatures")
    slices: dict[str, Any] = {name: rows[:count] for name in arrays if (rows := getattr(workload, name)) is not None}
    return replace(workload, batch=min(count, workload.batch), **slices)


def damages(workload: Workload) -> dict[str, Workload]:
    """The signed items damaged in every known way, by name; no signature in any of them is valid.

    A flipped bit lies in the low half of r or s: the number stays in [1, n-1], so that the equation refuses it.
    """
    signatures, keys = present(workload.signatures), present(workload.public_keys)
    flipped = signatures.copy()
    flipped[0::2, 17] ^= 0x10
    flipped[1::2, 60] ^= 0x01
    ways = {"a bit of r or s flipped": replace(workload, signatures=flipped)}
    if workload.message_length != 0:
        messages = None if workload.messages is None else _flipped(workload.messages)
        other = replace(workload, messages=messages, digests=_flipped(present(workload.digests)))
        ways["a bit of what was signed flipped"] = other
    others = np.roll(keys, 1, axis=0)
    if (others != keys).any(axis=1).all():
        ways["another signer's key"] = replace(workload, public_keys=others)
    return ways


def present(rows: ByteArray | None) -> ByteArray:
    """An input that the operation needs."""
    if rows is None:
        raise AccelError("workload: made for another operation, which has other inputs")
    return rows


def check_verdicts(peer: str, workload: Workload, verdicts: Callable[[Workload], Sequence[bool]]) -> None:
    """Ask for the verdicts on right signatures and on damaged ones.

    Raises:
        PeerWrongAnswerError: One of them is wrong.
    """
    if not all(verdicts(workload)):
        raise PeerWrongAnswerError(f"{peer}: refuses a valid signature")
    for damage, bad in damages(first(workload, DAMAGED_ITEMS)).items():
        if any(verdicts(bad)):
            raise PeerWrongAnswerError(f"{peer}: accepts a signature with {damage}")


def check_hashes(peer: str, workload: Workload, hashes: Callable[[Workload], Sequence[bytes]]) -> None:
    """Ask for the hashes of the messages, and of other messages.

    Raises:
        PeerWrongAnswerError: A hash is wrong, or is the same for a message with a bit flipped.
    """
    messages = present(workload.messages)
    wanted = [row.tobytes() for row in sm3.hash_many(messages)]
    if list(hashes(workload)) != wanted:
        raise PeerWrongAnswerError(f"{peer}: gives another SM3 hash than accel")
    if workload.message_length:
        few = first(workload, DAMAGED_ITEMS)
        if set(hashes(replace(few, messages=_flipped(messages[:DAMAGED_ITEMS])))) & set(wanted):
            raise PeerWrongAnswerError(f"{peer}: gives the same hash for another message")


def check_signatures(peer: str, workload: Workload, signatures: ByteArray) -> None:
    """Verify what the peer signed, (N, 64) uint8 r ‖ s.

    Raises:
        PeerWrongAnswerError: A signature is not valid, or was not made now.
    """
    keys, digests = present(workload.public_keys), present(workload.digests)
    bad = np.count_nonzero(sm2.verify_digest_many(keys, signatures, digests) != sm2.OK)
    if bad:
        raise PeerWrongAnswerError(f"{peer}: {bad} of {len(signatures)} signatures are not valid")
    if workload.signatures is not None and (signatures == workload.signatures).all(axis=1).any():
        raise PeerWrongAnswerError(f"{peer}: gives back a signature that was there before")


def check_key_pair(peer: str, secret: bytes, public_key: bytes) -> None:
    """Look at a new key pair: 32 bytes, and x ‖ y.

    Raises:
        PeerWrongAnswerError: The public key is not that of the secret.
    """
    if sm2.PrivateKey.from_bytes(secret).public_key.raw != public_key:
        raise PeerWrongAnswerError(f"{peer}: a new public key is not that of its private key")


def check_root(peer: str, workload: Workload, root: Callable[[Workload], bytes]) -> None:
    """Ask for the root over the messages, and over other messages.

    Raises:
        PeerWrongAnswerError: A root is not that of RFC 9162.
    """
    messages = present(workload.messages)
    for leaves in (messages, _flipped(messages)):
        if root(replace(workload, messages=leaves)) != merkle.Tree(leaves, keep="root").root:
            raise PeerWrongAnswerError(f"{peer}: gives another Merkle root than accel")


def _flipped(rows: ByteArray) -> ByteArray:
    """A copy with one bit of each row flipped."""
    copy = rows.copy()
    copy[:, -1:] ^= 0x80
    return copy
