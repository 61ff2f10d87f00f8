"""The inputs of one case, with the right answers: what accel and every peer are given.

Answers come from accel's kernels; samples of them are held against `accel.reference`, which is no code of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accel import merkle, sm2, sm3
from accel.batch import ByteArray
from accel.bench.report import OPERATIONS, Keys
from accel.errors import AccelError, ArgumentError
from accel.reference import merkle as reference_merkle
from accel.reference import sm2 as reference_sm2
from accel.reference import sm3 as reference_sm3

KNOWN_SIGNERS = 64
"""Keys in the ring of a case with known keys."""

_RULE = reference_merkle.RULES["rfc9162"]

REFERENCE_LEAVES = 5
"""Leaves of the small tree whose root is known from the reference."""

WITH_MESSAGES = ("sm3.hash", "merkle.root", "sm2.verify_message", "sm2.sign_message")
VERIFYING = ("sm2.verify", "sm2.verify_message")


class WrongAnswerError(AccelError):
    """accel gave a wrong answer to a question that it was to be timed with."""


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """Inputs and answers of `batch` items. What an operation does not need is None.

    Attributes:
        operation: one of `accel.bench.report.OPERATIONS`.
        batch: the number of items N.
        message_length: bytes of each message or leaf.
        messages: (N, message_length) uint8 array: what is hashed, the leaves, or what was signed under `DEFAULT_ID`.
        digests: (N, 32) uint8 array: what was signed, or is to be.
        signers: the private keys; item i is the work of ``signers[signer_of[i]]``.
        signer_of: (N,) uint32 array.
        public_keys: (N, 64) uint8 array of x ‖ y, one row per item.
        signatures: (N, 64) uint8 array of r ‖ s, all valid.
        hints: (N,) uint8 array of recovery hints.
        expected: the answer where there is one alone: (N, 32) digests, or the (1, 32) Merkle root under ``rfc9162``.
        small_root: the (1, 32) root over the first `REFERENCE_LEAVES` leaves (or all, if fewer), by the reference.
    """

    operation: str
    batch: int
    message_length: int | None = None
    keys: Keys | None = None
    messages: ByteArray | None = None
    digests: ByteArray | None = None
    signers: tuple[sm2.PrivateKey, ...] | None = None
    signer_of: np.ndarray[tuple[int], np.dtype[np.uint32]] | None = None
    public_keys: ByteArray | None = None
    signatures: ByteArray | None = None
    hints: ByteArray | None = None
    expected: ByteArray | None = None
    small_root: ByteArray | None = None


def make(
    operation: str, *, batch: int, message_length: int | None = None, keys: Keys | None = None, seed: int = 1
) -> Workload:
    """Make the inputs of a case; its answers come from the kernels in force.

    Args:
        operation: one of `OPERATIONS`.
        batch: items.
        message_length: bytes per message; for those of `WITH_MESSAGES`.
        keys: for verification: `unknown` and `hinted` have as many signers as items, `known` has `KNOWN_SIGNERS`.
        seed: of messages and digests. Keys come from the system's generator.

    Raises:
        ArgumentError: an argument is missing, or not of this operation.
    """
    _check(operation, batch, message_length, keys)
    random = np.random.default_rng([seed, batch, message_length or 0])
    messages = None if message_length is None else random.integers(0, 256, (batch, message_length), np.uint8)
    if operation == "sm3.hash":
        assert messages is not None
        digests = sm3.hash_many(messages)
        _require(reference_sm3.digest(messages[-1].tobytes()) == digests[-1].tobytes(), operation, "a digest")
        return Workload(operation, batch, message_length, messages=messages, expected=digests)
    if operation == "merkle.root":
        assert messages is not None
        leaves = [reference_merkle.leaf_hash(leaf.tobytes(), _RULE) for leaf in messages[:REFERENCE_LEAVES]]
        return Workload(
            operation,
            batch,
            message_length,
            messages=messages,
            expected=_row(merkle.Tree(messages, keep="root").root),
            small_root=_row(reference_merkle.root(leaves, _RULE)),
        )
    if operation == "sm2.generate":
        return Workload(operation, batch)
    return _signed(operation, batch, keys, messages, random)


def _check(operation: str, batch: int, message_length: int | None, keys: Keys | None) -> None:
    if operation not in OPERATIONS:
        raise ArgumentError(f"operation: expected one of {', '.join(OPERATIONS)}, got {operation!r}")
    if batch < 1:
        raise ArgumentError(f"batch: expected a positive number of items, got {batch}")
    if (message_length is not None) != (operation in WITH_MESSAGES):
        raise ArgumentError(f"message_length: {operation} takes {'none' if message_length is not None else 'one'}")
    if (keys is not None) != (operation in VERIFYING):
        raise ArgumentError(f"keys: {operation} takes {'no kind of keys' if keys is not None else 'a kind of keys'}")


def _signed(
    operation: str, batch: int, keys: Keys | None, messages: ByteArray | None, random: np.random.Generator
) -> Workload:
    """Signers, signatures and hints; what signs has signatures too, which are examples of the answer."""
    count = batch if keys in {"unknown", "hinted"} else min(batch, KNOWN_SIGNERS)
    signers = tuple(sm2.generate_many(count))
    signer_of = np.arange(batch, dtype=np.uint32) % np.uint32(count)
    raw = np.frombuffer(b"".join(signer.public_key.raw for signer in signers), np.uint8).reshape(count, 64)
    public_keys = raw[signer_of]
    if messages is None:
        digests = random.integers(0, 256, (batch, 32), np.uint8)
    else:
        digests = sm2.digest_many(public_keys, messages)
    signatures = sm2.sign_digest_many(signers, digests, indices=signer_of)
    hints, statuses = sm2.recovery_hints(public_keys, signatures, digests)
    valid = bool((statuses == sm2.OK).all()) and _reference_accepts(public_keys, signatures, digests)
    _require(valid, operation, "a signature")
    return Workload(
        operation,
        batch,
        None if messages is None else messages.shape[1],
        keys,
        messages,
        digests,
        signers,
        signer_of,
        public_keys,
        signatures,
        hints if keys == "hinted" else None,
    )


def _reference_accepts(public_keys: ByteArray, signatures: ByteArray, digests: ByteArray) -> bool:
    """Whether the reference verifies the last signature."""
    key, signature, e = _halves(public_keys[-1]), _halves(signatures[-1]), _integer(digests[-1])
    return reference_sm2.verify(reference_sm2.RECOMMENDED, key, signature, e).ok


def _integer(row: ByteArray) -> int:
    return int.from_bytes(row.tobytes())


def _halves(row: ByteArray) -> tuple[int, int]:
    return _integer(row[:32]), _integer(row[32:])


def _row(data: bytes) -> ByteArray:
    return np.frombuffer(data, np.uint8).reshape(1, -1)


def _require(right: bool, operation: str, what: str) -> None:
    if not right:
        raise WrongAnswerError(f"{operation}: {what} that accel made is not what the reference says")
