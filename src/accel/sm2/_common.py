"""Statuses, IDs and encodings of signatures: what keys and batches share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, Union

import numpy as np

from accel import _native
from accel.batch import ByteArray, Messages, Rows, as_messages, as_rows
from accel.errors import ArgumentError, InvalidSignature

if TYPE_CHECKING:
    from typing_extensions import Buffer

NOT_CHECKED: Final = 0
"""Nobody has computed this item; never in a finished call."""
OK: Final = 1
"""The signature is valid."""
BAD_SIGNATURE: Final = 2
"""The equation does not hold, or the DER is malformed."""
BAD_KEY: Final = 3
"""The public key is not a point of the curve."""
BAD_RANGE: Final = 4
"""r or s is outside 1 to n-1, or r + s = 0 mod n."""

STATUS_NAMES: Final = {status: _native.status_name(status) for status in range(5)}
"""The name of each status, ``{0: "NOT_CHECKED", 1: "OK", 2: "BAD_SIGNATURE", 3: "BAD_KEY", 4: "BAD_RANGE"}``."""

DEFAULT_ID: Final = b"1234567812345678"
"""The ID that signers have where a protocol names none (GM/T 0009-2012, section 10)."""
MAX_ID_LENGTH: Final = 8191  # bytes: ZA has 16 bits for the ID's length in bits


class NoZA:
    """Type of `NO_ZA`."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Look like the name it is used by."""
        return "sm2.NO_ZA"

    def __reduce__(self) -> str:
        """Stay the only one when copied or pickled."""
        return "NO_ZA"


NO_ZA: Final = NoZA()
"""In place of an ID, for signatures over e = SM3(M), without ZA."""


class LeftOut:
    """Type of the default of ``id=``, by which a ring's own ID is told from one that was given."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show what it stands for."""
        return "sm2.DEFAULT_ID"


LEFT_OUT: Final = LeftOut()

Id: TypeAlias = Union["Buffer", NoZA]
OptionalId: TypeAlias = Union["Buffer", NoZA, LeftOut]
Encoding: TypeAlias = Literal["raw", "der"]


class SignatureLengthError(InvalidSignature, ArgumentError):
    """A single raw signature does not have 64 bytes: an invalid signature, and a bad argument too."""


def native_id(id: OptionalId) -> bytes | None:  # noqa: A002 - the standard's name
    """Return an ID as the native library takes it: None for `NO_ZA`."""
    if id is LEFT_OUT:
        return DEFAULT_ID
    if id is NO_ZA:
        return None
    if not isinstance(id, bytes | bytearray | memoryview):
        raise TypeError(f"id: expected bytes or sm2.NO_ZA, got {type(id).__name__}")
    value = bytes(id)
    if len(value) > MAX_ID_LENGTH:
        raise ArgumentError(f"id: expected at most {MAX_ID_LENGTH} bytes, got {len(value)}")
    return value


def check_encoding(encoding: str) -> None:
    """Raise `ArgumentError` unless `encoding` is ``raw`` or ``der``."""
    if encoding not in {"raw", "der"}:
        raise ArgumentError(f"encoding: expected 'raw' or 'der', got {encoding!r}")


def check_count(got: int, wanted: int, name: str, other: str) -> None:
    """Raise `ArgumentError` unless two arguments have the same number of items."""
    if got != wanted:
        raise ArgumentError(f"{name}: expected {wanted} items, as many as {other}, got {got}")


def as_uint32_indices(value: Any, size: int, name: str, of: str) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """Return indices below `size` as a contiguous uint32 array; no cast changes a value."""
    if _native.sm2_are_indices(value, size):  # the usual case: NumPy's way below costs a batch of known keys 1 %
        return value
    array = np.asarray(value)
    if array.size == 0 and not isinstance(value, np.ndarray):  # numpy takes [] for floats
        array = array.astype(np.uint32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected an array of integers of shape (N,), got {array.dtype} {array.shape}")
    if array.ndim != 1:
        raise ArgumentError(f"{name}: expected an array of integers of shape (N,), got {array.dtype} {array.shape}")
    if array.size:
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= size:
            bad = int(np.flatnonzero((array < 0) | (array >= size))[0])
            raise IndexRangeError(
                f"{name}: expected integers from 0 to {size - 1} ({size} {of}), got {int(array[bad])} at position {bad}"
            )
    return np.ascontiguousarray(array, np.uint32)


class IndexRangeError(ArgumentError, IndexError):
    """An index names no key."""


def signatures_from_der(ders: Messages) -> tuple[ByteArray, ByteArray]:
    """Decode signatures from DER: a SEQUENCE of two INTEGERs (GM/T 0009-2012, section 7.3).

    Args:
        ders: N encodings, in any form that `accel.batch` lists.

    Returns:
        An (N, 64) uint8 array of r ‖ s, and an (N,) uint8 array of statuses: `OK`, or `BAD_SIGNATURE` for what is not
        canonical DER; its 64 bytes are zero. An integer that does not fit into 32 bytes becomes 32 bytes of 0xff, a
        negative one zero: neither is in range, so verifying gives `BAD_RANGE`.

    Raises:
        TypeError: `ders` has another type or dtype.
        ArgumentError: `ders` has another shape, or offsets that decrease or overrun.
    """
    batch = as_messages(ders, "ders")
    signatures = np.empty((len(batch), 64), np.uint8)
    status = np.empty(len(batch), np.uint8)
    _native.sm2_signatures_from_der(signatures, status, batch)
    return signatures, status


def signatures_to_der(signatures: Rows) -> list[bytes]:
    """Encode N signatures, given as an (N, 64) uint8 array of r ‖ s, in DER (8 to 72 bytes each).

    Raises:
        TypeError: `signatures` has another type or dtype.
        ArgumentError: `signatures` has another shape.
    """
    rows = as_rows(signatures, 64, "signatures")
    ders = np.empty((len(rows), 72), np.uint8)
    lengths = np.empty(len(rows), np.uint8)
    _native.sm2_signatures_to_der(ders, lengths, rows)
    return [der[:length].tobytes() for der, length in zip(ders, lengths.tolist(), strict=True)]


def byte_view(value: Buffer, name: str) -> memoryview:
    """Return a bytes-like object's bytes."""
    try:
        return memoryview(value).cast("B")
    except TypeError:
        raise TypeError(f"{name}: expected a contiguous bytes-like object, got {type(value).__name__}") from None


def from_hex(text: str) -> bytes:
    """Return the bytes that hexadecimal digits stand for."""
    if not isinstance(text, str):
        raise TypeError(f"text: expected str of hexadecimal digits, got {type(text).__name__}")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ArgumentError(
            f"text: expected two hexadecimal digits for each byte, got {len(text)} characters"
        ) from None


def pem_bytes(pem: str | Buffer) -> Buffer:
    """Return PEM, text or bytes, as bytes."""
    return pem.encode("ascii", "replace") if isinstance(pem, str) else pem
