"""Verifying in batches, and rings of known signers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

import numpy as np

from accel import _native
from accel._calls import PLANS, Call
from accel.batch import ByteArray, Messages, Rows, as_messages, as_output, as_rows
from accel.errors import ArgumentError
from accel.sm2 import _common
from accel.sm2._common import BAD_KEY, BAD_SIGNATURE, LEFT_OUT, NO_ZA, OK, Encoding, NoZA, OptionalId
from accel.sm2._keys import PublicKey

if TYPE_CHECKING:
    import numpy.typing as npt

    from accel.device import Device

Indices: TypeAlias = np.ndarray[Any, np.dtype[np.uint32]]


class RingKeys:
    """The keys of a batch, chosen from a `KeyRing`: what ``ring[indices]`` gives to `verify_many`."""

    __slots__ = ("indices", "ring")

    ring: KeyRing
    indices: Indices

    def __init__(self, ring: KeyRing, indices: Indices) -> None:
        """Take indices that have been checked."""
        self.ring = ring
        self.indices = indices

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.indices)

    def __repr__(self) -> str:
        return f"<RingKeys: {len(self)} items of {self.ring!r}>"


class KeyRing:
    """Known signers: each key checked once, its ZA kept, and fixed-base tables that make verifying much faster.

    Tables are built at once, in the order of the keys, while they fit into `memory_limit`. If not all fit, keys without
    a table are verified like unknown ones, and the least recently used table gives way to a key that has more than
    twice as many valid signatures. If memory is left over, the most used keys get larger tables, where the kernel has
    them. All that takes a tenth of the time of verification at most and changes no verdict. A ring keeps the kernel
    that is in force when it is made, and may be used by any number of threads.

    Args:
        public_keys: (K, 64) uint8 array of x ‖ y, or a sequence of `PublicKey` or of 64-byte strings. Copied.
        id: The signers' ID (at most 8,191 bytes), or `NO_ZA`.
        memory_limit: Bytes for tables (0: no tables); None: 1 GiB.

    Raises:
        TypeError: An argument has another type or dtype.
        ArgumentError: An argument has another shape or value.
        BadKeyError: A key is no point of the curve; `index` says which.
        MemoryError: There is no memory for the tables.
    """

    __slots__ = ("_id", "_public_keys", "_ring")

    def __init__(
        self,
        public_keys: Keys,
        *,
        id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
        memory_limit: int | None = None,
    ) -> None:
        identity = _common.native_id(id)
        rows = _key_rows(public_keys, "public_keys").copy()
        rows.flags.writeable = False
        self._id = identity
        self._public_keys = rows
        self._ring = _native.Sm2KeyRing(rows, identity, _native_limit(memory_limit))

    @property
    def public_keys(self) -> ByteArray:
        """The keys, a read-only (K, 64) uint8 array of x ‖ y."""
        return self._public_keys

    @property
    def id(self) -> bytes | NoZA:
        """The signers' ID, or `NO_ZA`."""
        return NO_ZA if self._id is None else self._id

    @property
    def tables(self) -> int:
        """Number of keys that have tables now (the first ones, until others are used more)."""
        return self._ring.tables()

    @property
    def table_bytes(self) -> int:
        """Memory of all tables now, in bytes; at most `memory_limit`."""
        return self._ring.table_bytes()

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._public_keys)

    __iter__ = None  # ring[i] names a key for a batch; the keys themselves are in public_keys

    def __getitem__(self, indices: npt.ArrayLike | slice) -> RingKeys:
        """Name the key of each item of a batch.

        Args:
            indices: N integers from 0 to K-1, of any integer dtype; one integer, for a batch of one; or a slice.

        Raises:
            TypeError: Not integers.
            ArgumentError: An index is negative or beyond the ring (an IndexError too), or the shape is wrong.
        """
        if isinstance(indices, slice):
            return RingKeys(self, np.arange(*indices.indices(len(self)), dtype=np.uint32))
        is_array = isinstance(indices, np.ndarray)
        if not is_array and isinstance(indices, int | np.integer) and not isinstance(indices, bool):
            indices = [int(indices)]
        return RingKeys(self, _common.as_uint32_indices(indices, len(self), "indices", "keys in the ring"))

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self)} keys, {self.tables} with tables>"


Keys: TypeAlias = Union[Rows, "Sequence[PublicKey]"]
Hints: TypeAlias = Union["npt.NDArray[np.uint8]", bytes, bytearray, memoryview]


def _native_limit(memory_limit: int | None) -> int:
    """Return a memory limit as accel.h takes it, where 0 is the default."""
    if memory_limit is None:
        return 0
    if not isinstance(memory_limit, int | np.integer) or isinstance(memory_limit, bool):
        raise TypeError(f"memory_limit: expected an integer number of bytes or None, got {type(memory_limit).__name__}")
    if not 0 <= memory_limit < 1 << 64:
        raise ArgumentError(f"memory_limit: expected a number of bytes from 0 on, got {memory_limit}")
    return max(1, int(memory_limit))  # one byte holds no table


def _key_rows(keys: Keys, name: str) -> ByteArray:
    """Return keys as an (N, 64) array."""
    if isinstance(keys, list | tuple):
        return as_rows([key.raw if isinstance(key, PublicKey) else key for key in keys], 64, name)
    if isinstance(keys, PublicKey | RingKeys):
        raise TypeError(f"{name}: expected a (N, 64) uint8 array or a sequence of keys, got {type(keys).__name__}")
    return as_rows(keys, 64, name)


def _signature_rows(signatures: Rows | Messages, encoding: Encoding) -> tuple[ByteArray, ByteArray | None]:
    """Return signatures as an (N, 64) array, and the statuses of their DER."""
    _common.check_encoding(encoding)
    if encoding == "der":
        return _common.signatures_from_der(signatures)
    return as_rows(signatures, 64, "signatures"), None


def _merge(status: ByteArray, der_status: ByteArray | None) -> ByteArray:
    """Give malformed DER its status; a bad key wins over it."""
    if der_status is not None:
        status[(der_status != OK) & (status != BAD_KEY)] = BAD_SIGNATURE
    return status


def _merging(der_status: ByteArray | None) -> Callable[[ByteArray], ByteArray] | None:
    """Return what `_merge` has to do to a call's result, or None."""
    return None if der_status is None else partial(_merge, der_status=der_status)


def _check_ring_id(ring: KeyRing, id: OptionalId) -> None:  # noqa: A002 - the standard's name
    if id is not LEFT_OUT and _common.native_id(id) != ring._id:
        raise ArgumentError(f"id: expected none, or the ring's own ({ring.id!r}), got {id!r}")


def verify_many(
    keys: Keys | RingKeys,
    signatures: Rows | Messages,
    messages: Messages,
    *,
    id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
    encoding: Encoding = "raw",
    out: ByteArray | None = None,
    device: Device | None = None,
) -> ByteArray:
    """Verify N signatures over N messages (GB/T 32918.2, section 7.1), on all threads of the pool without the GIL.

    A key that is seen often with valid signatures gets a table by itself (see `adaptive_tables`).

    Args:
        keys: (N, 64) uint8 array of x ‖ y, a sequence of N `PublicKey` or 64-byte strings, or ``ring[indices]``.
        signatures: (N, 64) uint8 array of r ‖ s; with ``encoding="der"`` N encodings as `accel.batch` lists messages.
        messages: N messages, in any form that `accel.batch` lists.
        id: The signers' ID (at most 8,191 bytes), or `NO_ZA`; left out: `DEFAULT_ID`, or a ring's own. Another than
            the ring's own is an error.
        encoding: ``raw`` or ``der``.
        out: None, or a writable C-contiguous (N,) uint8 array that shares no memory with the inputs: written and
            returned.
        device: Where it runs; None: what ``ACCEL_DEVICE`` names, or the CPU.

    Returns:
        An (N,) uint8 array of `OK`, `BAD_KEY`, `BAD_RANGE` or `BAD_SIGNATURE`. Malformed DER is `BAD_SIGNATURE`.

    Raises:
        TypeError: An argument has another type or dtype; `id` must not be a str.
        ArgumentError: An argument has another shape, stride or value, or counts differ.
        DeviceError: The device is closed, or fails and has no fallback.
    """
    return _verify_call(keys, signatures, messages, id=id, encoding=encoding, out=out).now(device)


def _verify_call(
    keys: Keys | RingKeys,
    signatures: Rows | Messages,
    messages: Messages,
    *,
    id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
    encoding: Encoding = "raw",
    out: ByteArray | None = None,
) -> Call:
    rows, der_status = _signature_rows(signatures, encoding)
    batch = as_messages(messages)
    if isinstance(keys, RingKeys):
        _check_ring_id(keys.ring, id)
        _common.check_count(len(rows), len(keys), "signatures", "keys")
        _common.check_count(len(batch), len(keys), "messages", "keys")
        status = as_output(out, (len(keys),), "out", keys.indices, rows, batch)
        items = (keys.ring._ring, status, keys.indices, rows, batch)
        return Call(_native.Sm2KeyRing.verify, _native.submit_sm2_ring_verify, items, status, _merging(der_status))
    identity = _common.native_id(id)
    key_rows = _key_rows(keys, "keys")
    _common.check_count(len(rows), len(key_rows), "signatures", "keys")
    _common.check_count(len(batch), len(key_rows), "messages", "keys")
    status = as_output(out, (len(key_rows),), "out", key_rows, rows, batch)
    arguments = (status, key_rows, rows, batch, identity)
    return Call(_native.sm2_verify, _native.submit_sm2_verify, arguments, status, _merging(der_status))


PLANS[verify_many] = _verify_call


def verify_digest_many(
    keys: Keys | RingKeys,
    signatures: Rows | Messages,
    digests: Rows,
    *,
    encoding: Encoding = "raw",
    out: ByteArray | None = None,
    device: Device | None = None,
) -> ByteArray:
    """Verify N signatures over N digests e (see `digest_many`), on all threads of the pool without the GIL.

    Args:
        keys: As in `verify_many`. A ring's ID plays no part.
        signatures: As in `verify_many`.
        digests: (N, 32) uint8 array. Any value is valid.
        encoding: ``raw`` or ``der``.
        out: As in `verify_many`.
        device: As in `verify_many`.

    Returns:
        An (N,) uint8 array of `OK`, `BAD_KEY`, `BAD_RANGE` or `BAD_SIGNATURE`. Malformed DER is `BAD_SIGNATURE`.

    Raises:
        TypeError: An argument has another type or dtype.
        ArgumentError: An argument has another shape, stride or value, or counts differ.
        DeviceError: The device is closed, or fails and has no fallback.
    """
    return _verify_digest_call(keys, signatures, digests, encoding=encoding, out=out).now(device)


def _verify_digest_call(
    keys: Keys | RingKeys,
    signatures: Rows | Messages,
    digests: Rows,
    *,
    encoding: Encoding = "raw",
    out: ByteArray | None = None,
) -> Call:
    rows, der_status = _signature_rows(signatures, encoding)
    digest_rows = as_rows(digests, 32, "digests")
    if isinstance(keys, RingKeys):
        _common.check_count(len(rows), len(keys), "signatures", "keys")
        _common.check_count(len(digest_rows), len(keys), "digests", "keys")
        status = as_output(out, (len(keys),), "out", keys.indices, rows, digest_rows)
        items = (keys.ring._ring, status, keys.indices, rows, digest_rows)
        submit = _native.submit_sm2_ring_verify_digests
        return Call(_native.Sm2KeyRing.verify_digests, submit, items, status, _merging(der_status))
    key_rows = _key_rows(keys, "keys")
    _common.check_count(len(rows), len(key_rows), "signatures", "keys")
    _common.check_count(len(digest_rows), len(key_rows), "digests", "keys")
    status = as_output(out, (len(key_rows),), "out", key_rows, rows, digest_rows)
    arguments = (status, key_rows, rows, digest_rows)
    submit_digests = _native.submit_sm2_verify_digests
    return Call(_native.sm2_verify_digests, submit_digests, arguments, status, _merging(der_status))


PLANS[verify_digest_many] = _verify_digest_call


class AdaptiveTables(NamedTuple):
    """Tables that verifying with explicit keys has built by itself in this process, for the kernel in force."""

    tables: int
    """Keys that have tables now."""
    table_bytes: int
    """Memory of all tables now, in bytes."""
    built: int
    """Tables built so far."""
    memory_limit: int
    """Bytes that `table_bytes` does not exceed; 0 where ``ACCEL_ADAPTIVE_TABLES=0`` switches such tables off."""


def adaptive_tables() -> AdaptiveTables:
    """Return how the tables stand that keys with enough valid signatures get by themselves.

    They make verifying faster and change no verdict. ``ACCEL_ADAPTIVE_TABLES=0`` switches them off.

    Raises:
        ArgumentError: ``ACCEL_ADAPTIVE_TABLES`` is neither 0 nor 1.
    """
    return AdaptiveTables(*_native.sm2_adaptive_tables())


def _hint_rows(hints: Hints, count: int) -> ByteArray:
    """Return hints as an (N, 1) array of bytes one after the other."""
    if isinstance(hints, bytes | bytearray | memoryview):
        hints = np.frombuffer(hints, dtype=np.uint8)
    if not isinstance(hints, np.ndarray):
        raise TypeError(f"hints: expected a (N,) uint8 array or bytes, got {type(hints).__name__}")
    if hints.dtype != np.uint8:
        raise TypeError(f"hints: expected dtype uint8, got {hints.dtype}")
    if hints.ndim != 1:
        raise ArgumentError(f"hints: expected shape (N,), got {hints.shape}")
    _common.check_count(len(hints), count, "hints", "keys")
    return np.ascontiguousarray(hints).reshape(-1, 1)


def _unknown_key_rows(keys: Keys, name: str) -> ByteArray:
    """Return keys as an (N, 64) array; a ring's keys have tables, and need no hints."""
    if isinstance(keys, RingKeys):
        raise TypeError("keys: expected unknown signers' keys; a KeyRing's are verified faster by verify_many")
    return _key_rows(keys, name)


def verify_hinted_many(
    keys: Keys,
    signatures: Rows | Messages,
    messages: Messages,
    hints: Hints,
    *,
    id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
    encoding: Encoding = "raw",
    out: ByteArray | None = None,
) -> ByteArray:
    """Verify like `verify_many`, with a hint for each item: several times faster for thousands of unknown signers.

    Blocks of up to 4,096 items are checked as a whole with random coefficients, on CPUs with AVX-512 IFMA; elsewhere,
    and for small batches, hints make no difference. A hint that is wrong costs time and changes no verdict. An invalid
    signature is accepted with a probability of at most 2^-128 for each check of a block.

    Args:
        keys: (N, 64) uint8 array of x ‖ y, or a sequence of N `PublicKey` or 64-byte strings.
        signatures: As in `verify_many`.
        messages: As in `verify_many`.
        hints: (N,) uint8 array or N bytes, from `recovery_hints`: which point R = [s]G + [t]P is. Bit 0: its y is odd;
            bit 1: its x is n or above. Any other value is a wrong hint.
        id: The signers' ID (at most 8,191 bytes), or `NO_ZA`; left out: `DEFAULT_ID`.
        encoding: ``raw`` or ``der``.
        out: As in `verify_many`.

    Returns:
        An (N,) uint8 array of `OK`, `BAD_KEY`, `BAD_RANGE` or `BAD_SIGNATURE`: what `verify_many` returns.

    Raises:
        TypeError: An argument has another type or dtype; keys are a ring's.
        ArgumentError: An argument has another shape, stride or value, or counts differ.
        OSError: The system's random number generator failed.
    """
    rows, der_status = _signature_rows(signatures, encoding)
    batch = as_messages(messages)
    identity = _common.native_id(id)
    key_rows = _unknown_key_rows(keys, "keys")
    _common.check_count(len(rows), len(key_rows), "signatures", "keys")
    _common.check_count(len(batch), len(key_rows), "messages", "keys")
    hint_rows = _hint_rows(hints, len(key_rows))
    status = as_output(out, (len(key_rows),), "out", key_rows, rows, batch, hint_rows)
    _native.sm2_verify_hinted(status, key_rows, rows, batch, hint_rows, identity)
    return _merge(status, der_status)


def verify_hinted_digest_many(
    keys: Keys,
    signatures: Rows | Messages,
    digests: Rows,
    hints: Hints,
    *,
    encoding: Encoding = "raw",
    out: ByteArray | None = None,
) -> ByteArray:
    """Verify like `verify_digest_many`, with hints: see `verify_hinted_many`.

    Args:
        keys: As in `verify_hinted_many`.
        signatures: As in `verify_many`.
        digests: (N, 32) uint8 array. Any value is valid.
        hints: As in `verify_hinted_many`.
        encoding: ``raw`` or ``der``.
        out: As in `verify_many`.

    Returns:
        An (N,) uint8 array of `OK`, `BAD_KEY`, `BAD_RANGE` or `BAD_SIGNATURE`.

    Raises:
        TypeError: An argument has another type or dtype; keys are a ring's.
        ArgumentError: An argument has another shape, stride or value, or counts differ.
        OSError: The system's random number generator failed.
    """
    rows, der_status = _signature_rows(signatures, encoding)
    digest_rows = as_rows(digests, 32, "digests")
    key_rows = _unknown_key_rows(keys, "keys")
    _common.check_count(len(rows), len(key_rows), "signatures", "keys")
    _common.check_count(len(digest_rows), len(key_rows), "digests", "keys")
    hint_rows = _hint_rows(hints, len(key_rows))
    status = as_output(out, (len(key_rows),), "out", key_rows, rows, digest_rows, hint_rows)
    _native.sm2_verify_hinted_digests(status, key_rows, rows, digest_rows, hint_rows)
    return _merge(status, der_status)


def recovery_hints(keys: Keys, signatures: Rows, digests: Rows) -> tuple[ByteArray, ByteArray]:
    """Verify N signatures over N digests, and return the hints with which others verify them faster.

    Args:
        keys: As in `verify_hinted_many`.
        signatures: (N, 64) uint8 array of r ‖ s.
        digests: (N, 32) uint8 array (see `digest_many`).

    Returns:
        Two (N,) uint8 arrays: the hints, 0 for signatures that are not valid, and the statuses. A hint takes one byte,
        and reveals nothing that the signature and the key do not.

    Raises:
        TypeError: An argument has another type or dtype; keys are a ring's.
        ArgumentError: An argument has another shape, stride or value, or counts differ.
    """
    rows = as_rows(signatures, 64, "signatures")
    digest_rows = as_rows(digests, 32, "digests")
    key_rows = _unknown_key_rows(keys, "keys")
    _common.check_count(len(rows), len(key_rows), "signatures", "keys")
    _common.check_count(len(digest_rows), len(key_rows), "digests", "keys")
    hints = np.empty(len(key_rows), dtype=np.uint8)
    status = np.empty(len(key_rows), dtype=np.uint8)
    _native.sm2_recovery_hints(hints, status, key_rows, rows, digest_rows)
    return hints, status


def digest_many(
    keys: Keys | RingKeys,
    messages: Messages,
    *,
    id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
    out: ByteArray | None = None,
) -> ByteArray:
    """Return the digests e = SM3(ZA ‖ M) that are signed: an (N, 32) uint8 array (GB/T 32918.2, sections 5.5 and 6.1).

    Args:
        keys: As in `verify_many`; whether they are points of the curve is not checked.
        messages: N messages, in any form that `accel.batch` lists.
        id: As in `verify_many`.
        out: None, or a writable C-contiguous (N, 32) uint8 array that shares no memory with the inputs.

    Raises:
        TypeError: An argument has another type or dtype; `id` must not be a str.
        ArgumentError: An argument has another shape, stride or value, or counts differ.
    """
    batch = as_messages(messages)
    if isinstance(keys, RingKeys):
        _check_ring_id(keys.ring, id)
        identity = keys.ring._id
        key_rows = keys.ring.public_keys[keys.indices]
    else:
        identity = _common.native_id(id)
        key_rows = _key_rows(keys, "keys")
    _common.check_count(len(batch), len(key_rows), "messages", "keys")
    digests = as_output(out, (len(key_rows), 32), "out", key_rows, batch)
    _native.sm2_digests(digests, key_rows, batch, identity)
    return digests
