"""Signing in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from accel import _native
from accel.batch import ByteArray, Messages, Rows, as_messages, as_output, as_rows
from accel.errors import ArgumentError
from accel.sm2 import _common
from accel.sm2._common import LEFT_OUT, OptionalId
from accel.sm2._keys import PrivateKey

if TYPE_CHECKING:
    import numpy.typing as npt

NativeKeys = list[_native.Sm2PrivateKey]


def _signers(
    keys: PrivateKey | Sequence[PrivateKey], indices: npt.ArrayLike | None, count: int, items: str
) -> tuple[NativeKeys, np.ndarray[Any, np.dtype[np.uint32]] | None]:
    """Return the native keys, and which of them signs each of `count` items (None: the first signs all)."""
    if isinstance(keys, PrivateKey):
        if indices is not None:
            raise ArgumentError("indices: expected None with a single key; a sequence of keys takes indices")
        return [keys._key], None
    if isinstance(keys, str | bytes) or not isinstance(keys, Sequence):
        raise TypeError(f"keys: expected a PrivateKey or a sequence of them, got {type(keys).__name__}")
    for i, key in enumerate(keys):
        if not isinstance(key, PrivateKey):
            raise TypeError(f"keys[{i}]: expected a PrivateKey, got {type(key).__name__}")
    native = [key._key for key in keys]
    if indices is None:
        _common.check_count(len(native), count, "keys", f"{items} (or pass indices)")
        return native, np.arange(count, dtype=np.uint32)
    chosen = _common.as_uint32_indices(indices, len(native), "indices", "keys")
    _common.check_count(len(chosen), count, "indices", items)
    return native, chosen


def sign_many(
    keys: PrivateKey | Sequence[PrivateKey],
    messages: Messages,
    *,
    indices: npt.ArrayLike | None = None,
    id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
    out: ByteArray | None = None,
) -> ByteArray:
    """Sign N messages (GB/T 32918.2, section 6.1), in constant time and on all threads of the pool without the GIL.

    Args:
        keys: One key that signs all, or a sequence of keys.
        messages: N messages, in any form that `accel.batch` lists.
        indices: With a sequence of K keys: N integers from 0 to K-1 of any dtype, message i being signed by
            ``keys[indices[i]]``; left out, there must be N keys, one for each message.
        id: The signers' ID (at most 8,191 bytes), or `NO_ZA`; left out: `DEFAULT_ID`.
        out: None, or a writable C-contiguous (N, 64) uint8 array that shares no memory with the messages: written and
            returned.

    Returns:
        An (N, 64) uint8 array of r ‖ s. Nonces mix 32 bytes of the system's generator with key and digest.

    Raises:
        TypeError: An argument has another type or dtype.
        ArgumentError: An argument has another shape or value, or counts differ.
        OSError: The system's random number generator failed.
    """
    identity = _common.native_id(id)
    batch = as_messages(messages)
    native, chosen = _signers(keys, indices, len(batch), "messages")
    signatures = as_output(out, (len(batch), 64), "out", batch)
    _native.sm2_sign(signatures, native, chosen, batch, identity)
    return signatures


def sign_digest_many(
    keys: PrivateKey | Sequence[PrivateKey],
    digests: Rows,
    *,
    indices: npt.ArrayLike | None = None,
    out: ByteArray | None = None,
) -> ByteArray:
    """Sign N digests e (see `digest_many`): an (N, 64) uint8 array of r ‖ s.

    Args:
        keys: As in `sign_many`.
        digests: (N, 32) uint8 array. Any value is valid.
        indices: As in `sign_many`.
        out: As in `sign_many`.

    Raises:
        TypeError: An argument has another type or dtype.
        ArgumentError: An argument has another shape or value, or counts differ.
        OSError: The system's random number generator failed.
    """
    rows = as_rows(digests, 32, "digests")
    native, chosen = _signers(keys, indices, len(rows), "digests")
    signatures = as_output(out, (len(rows), 64), "out", rows)
    _native.sm2_sign_digests(signatures, native, chosen, rows)
    return signatures
