"""Batches of byte strings where they lie: the arguments that every module takes.

Messages may come as

- an (N, L) uint8 array: N messages of L bytes. Rows may lie apart (a stride), the bytes of a row may not;
- a list or tuple of bytes-like objects;
- a `Ragged`: one buffer and N + 1 offsets, as Arrow has them;
- a pyarrow ``BinaryArray``, ``LargeBinaryArray`` or ``FixedSizeBinaryArray``, or a ``ChunkedArray`` of them.

Nothing is copied and nothing is converted: another type or dtype is a ``TypeError``, another shape or stride an
`accel.ArgumentError`. Read-only memory will do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Union, overload

import numpy as np
import numpy.typing as npt

from accel import _native
from accel.errors import ArgumentError

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Buffer

__all__ = ["ByteArray", "BytesLike", "Messages", "Ragged", "Rows", "as_messages", "as_output", "as_rows"]

ByteArray: TypeAlias = npt.NDArray[np.uint8]
"""A NumPy array of uint8."""
# Under Python 3.11 the type checkers do not know that arrays are buffers.
BytesLike: TypeAlias = Union["Buffer", ByteArray]
"""Contiguous bytes (``bytes``, ``bytearray``, ``memoryview``, a uint8 array of one dimension, an Arrow buffer)."""


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        strides = "" if value.flags.c_contiguous else f" with strides {value.strides}"
        return f"{value.dtype} {value.shape}{strides}"
    return type(value).__name__


def _byte_array(value: BytesLike, name: str) -> ByteArray:
    """View a bytes-like object as a contiguous uint8 array of one dimension."""
    if not isinstance(value, np.ndarray):
        try:
            view = memoryview(value)
        except TypeError:
            raise TypeError(f"{name}: expected a bytes-like object, got {_describe(value)}") from None
        is_arrow = type(value).__module__.startswith("pyarrow")  # its buffers call their bytes signed
        if view.format not in ("B", "c", "<B") and not (is_arrow and view.format == "b"):
            raise TypeError(f"{name}: expected bytes (items of format B), got items of format {view.format}")
        if not view.c_contiguous:
            raise ArgumentError(f"{name}: expected contiguous bytes, got a strided buffer")
        return np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)
    if value.dtype != np.uint8:
        raise TypeError(f"{name}: expected a uint8 array of shape (size,), got {_describe(value)}")
    if value.ndim != 1 or not value.flags.c_contiguous:
        raise ArgumentError(f"{name}: expected a C-contiguous uint8 array of shape (size,), got {_describe(value)}")
    return value


def _check_offsets(offsets: object) -> npt.NDArray[Any]:
    wanted = "int32 or int64 array of shape (N + 1,)"
    if not isinstance(offsets, np.ndarray) or offsets.dtype not in (np.int32, np.int64):
        raise TypeError(f"offsets: expected an {wanted}, got {_describe(offsets)}")
    if offsets.ndim != 1 or offsets.shape[0] < 1 or not offsets.flags.c_contiguous:
        raise ArgumentError(f"offsets: expected a C-contiguous {wanted}, got {_describe(offsets)}")
    return offsets


class Ragged:
    """Messages of any lengths in one buffer: message i is ``buffer[offsets[i]:offsets[i + 1]]``.

    This is the layout of Arrow's binary arrays. Offsets need not start at 0 nor end at the buffer's end.

    Args:
        buffer: Bytes-like object or C-contiguous uint8 array of one dimension. Not copied.
        offsets: C-contiguous int32 or int64 array of shape (N + 1,), not decreasing, within the buffer. Not copied;
            the values are checked by each call that uses them, since they may change in between.

    Raises:
        TypeError: `buffer` or `offsets` has another type or dtype.
        ArgumentError: `buffer` or `offsets` has another shape, or is strided.
    """

    __slots__ = ("buffer", "offsets")

    buffer: ByteArray
    offsets: npt.NDArray[np.int32] | npt.NDArray[np.int64]

    def __init__(self, buffer: BytesLike, offsets: npt.NDArray[np.int32] | npt.NDArray[np.int64]) -> None:
        self.buffer = _byte_array(buffer, "buffer")
        self.offsets = _check_offsets(offsets)

    @classmethod
    def from_list(cls, items: Iterable[BytesLike]) -> Ragged:
        """Copy `items`, N bytes-like objects, into one buffer with int64 offsets.

        Raises:
            TypeError: An item is not bytes-like.
        """
        views = [_byte_array(item, f"items[{i}]") for i, item in enumerate(items)]
        offsets = np.zeros(len(views) + 1, np.int64)
        np.cumsum([view.size for view in views], out=offsets[1:])
        return cls(np.concatenate(views) if views else np.empty(0, np.uint8), offsets)

    def __len__(self) -> int:
        """Return the number of messages."""
        return int(self.offsets.shape[0]) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Ragged: ...
    def __getitem__(self, index: int | slice) -> bytes | Ragged:
        """Return message `index` as bytes, or the messages of a slice (of step 1) over the same buffer.

        Raises:
            IndexError: There is no such message.
            ArgumentError: The slice has a step, or the offsets of the message are not within the buffer.
        """
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ArgumentError(f"index: expected a slice of step 1, got step {step}")
            return Ragged(self.buffer, self.offsets[start : max(start, stop) + 1])
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"index: {index} is out of range for {len(self)} messages")
        begin, end = int(self.offsets[position]), int(self.offsets[position + 1])
        if not 0 <= begin <= end <= self.buffer.size:
            raise ArgumentError(
                f"offsets: offsets[{position}] = {begin} and offsets[{position + 1}] = {end} are no range "
                f"within the buffer of {self.buffer.size} bytes"
            )
        return self.buffer[begin:end].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the messages as bytes."""
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        """Tell the numbers of messages and of bytes."""
        return f"Ragged({len(self)} messages in {self.buffer.size} bytes)"


Messages: TypeAlias = Union[ByteArray, Sequence[BytesLike], Ragged, "pa.Array[Any]", "pa.ChunkedArray[Any]"]
"""N byte strings of any lengths, in one of the forms at the head of this module."""
Rows: TypeAlias = Union[ByteArray, Sequence[BytesLike], "pa.Array[Any]", "pa.ChunkedArray[Any]"]
"""N byte strings of the width that the call names.

Such as an (N, width) uint8 array whose rows may lie apart, a list or tuple of bytes-like objects, or a pyarrow
``FixedSizeBinaryArray``.
"""

_MESSAGES_WANTED = "an (N, L) uint8 array, a list of bytes-like objects, a Ragged or a pyarrow binary array"


def _check_rows(array: npt.NDArray[Any], width: int | None, name: str) -> None:
    wanted = f"uint8 array of shape (N, {'L' if width is None else width})"
    if array.dtype != np.uint8:
        raise TypeError(f"{name}: expected a C-contiguous {wanted}, got {_describe(array)}")
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise ArgumentError(f"{name}: expected a C-contiguous {wanted}, got {_describe(array)}")
    row_stride, byte_stride = array.strides
    if array.size and ((array.shape[1] > 1 and byte_stride != 1) or (array.shape[0] > 1 and row_stride < 0)):
        raise ArgumentError(
            f"{name}: expected a {wanted} with contiguous rows in ascending order, got {_describe(array)}"
        )


def as_messages(value: Messages | _native.Messages, name: str = "messages") -> _native.Messages:
    """View a batch of messages for the native library, without copying.

    Args:
        value: As the module's docstring says.
        name: The argument's name, for errors.

    Raises:
        TypeError: Another type or dtype.
        ArgumentError: Another shape or stride, or nulls in an Arrow array.
    """
    if isinstance(value, np.ndarray):
        _check_rows(value, None, name)
        return _native.Messages.from_rows(value, name)
    if isinstance(value, list | tuple):
        return _native.Messages.from_items(value, name)
    if isinstance(value, Ragged):
        return _native.Messages.from_ragged(value.buffer, value.offsets, name)
    if isinstance(value, _native.Messages):
        return value
    chunks = _arrow_chunks(value, name)
    if chunks is not None:
        return _arrow_messages(chunks, name)
    raise TypeError(f"{name}: expected {_MESSAGES_WANTED}, got {_describe(value)}")


def as_rows(value: Rows, width: int, name: str) -> ByteArray:
    """View (N, width) bytes as an array; only a list, or an Arrow array in several chunks, is copied.

    Args:
        value: (N, width) uint8 array with contiguous rows (rows may lie apart), a list or tuple of bytes-like objects
            of `width` bytes, or a pyarrow ``FixedSizeBinaryArray`` of that width or a ``ChunkedArray`` of them.
        width: Bytes in a row.
        name: The argument's name, for errors.

    Raises:
        TypeError: Another type or dtype.
        ArgumentError: Another shape or stride, or nulls in an Arrow array.
    """
    if isinstance(value, np.ndarray):
        _check_rows(value, width, name)
        return value
    if isinstance(value, list | tuple):
        views = [_byte_array(item, f"{name}[{i}]") for i, item in enumerate(value)]
        for i, view in enumerate(views):
            if view.size != width:
                raise ArgumentError(f"{name}[{i}]: expected {width} bytes, got {view.size}")
        return np.concatenate(views).reshape(-1, width) if views else np.empty((0, width), np.uint8)
    chunks = _arrow_chunks(value, name)
    if chunks is not None:
        return _arrow_fixed(value, chunks, width, name)
    raise TypeError(
        f"{name}: expected a C-contiguous uint8 array of shape (N, {width}) or a list of {width}-byte strings, "
        f"got {_describe(value)}"
    )


def as_output(
    out: object, shape: tuple[int, ...], name: str, *inputs: _native.Messages | npt.NDArray[Any]
) -> ByteArray:
    """Check an ``out=`` argument, or make a new array when it is None.

    Args:
        out: None, or the array to be written.
        shape: What `out` must have.
        name: The argument's name, for errors.
        inputs: What the call reads; `out` may share no memory with it.

    Raises:
        TypeError: `out` is no uint8 array.
        ArgumentError: `out` has another shape, is strided, read-only or overlaps an input.
    """
    if out is None:
        return np.empty(shape, np.uint8)
    wanted = f"a writable C-contiguous uint8 array of shape {shape}"
    if not isinstance(out, np.ndarray) or out.dtype != np.uint8:
        raise TypeError(f"{name}: expected {wanted}, got {_describe(out)}")
    if out.shape != shape or not out.flags.c_contiguous:
        raise ArgumentError(f"{name}: expected {wanted}, got {_describe(out)}")
    if not out.flags.writeable:
        raise ArgumentError(f"{name}: expected {wanted}, got a read-only one")
    for value in inputs:
        if value.overlaps(out) if isinstance(value, _native.Messages) else np.may_share_memory(value, out):
            raise ArgumentError(f"{name}: expected memory of its own, got an array that overlaps an input")
    return out


# ---------------------------------------------------------------------------------------------------------- Arrow


def _is_fixed(chunk: pa.Array[Any]) -> bool:
    return sys.modules["pyarrow"].types.is_fixed_size_binary(chunk.type)  # type: ignore[no-any-return]


def _arrow_chunks(value: Any, name: str) -> list[pa.Array[Any]] | None:
    """Return the chunks of an Arrow binary array, or None if `value` is no Arrow array.

    An Arrow array exists only where pyarrow is loaded, so that this never imports it.
    """
    arrow = sys.modules.get("pyarrow")
    if arrow is None or not isinstance(value, arrow.Array | arrow.ChunkedArray):
        return None
    types = arrow.types
    if not (types.is_binary(value.type) or types.is_large_binary(value.type) or types.is_fixed_size_binary(value.type)):
        raise TypeError(
            f"{name}: expected an Arrow array of binary, large_binary or fixed_size_binary, got {value.type}"
        )
    if value.null_count:
        raise ArgumentError(f"{name}: expected an Arrow array without nulls, got {value.null_count} nulls")
    return value.chunks if isinstance(value, arrow.ChunkedArray) else [value]


def _arrow_rows(chunk: pa.Array[Any]) -> ByteArray:
    width = chunk.type.byte_width
    data = chunk.buffers()[1]
    if width == 0 or len(chunk) == 0:
        return np.empty((len(chunk), width), np.uint8)
    begin = chunk.offset * width
    return np.frombuffer(data, np.uint8)[begin : begin + len(chunk) * width].reshape(-1, width)


def _arrow_fixed(value: Any, chunks: list[pa.Array[Any]], width: int, name: str) -> ByteArray:
    if not _is_fixed(value) or value.type.byte_width != width:
        raise TypeError(f"{name}: expected an Arrow array of fixed_size_binary[{width}], got {value.type}")
    rows = [_arrow_rows(chunk) for chunk in chunks]
    return rows[0] if len(rows) == 1 else np.concatenate([np.empty((0, width), np.uint8), *rows])


def _arrow_ragged(chunk: pa.Array[Any]) -> Ragged:
    dtype: type[np.signedinteger[Any]] = np.int32 if sys.modules["pyarrow"].types.is_binary(chunk.type) else np.int64
    _, offsets, data = chunk.buffers()
    if len(chunk) == 0:  # Arrow may leave out the buffers of an empty array
        return Ragged(np.empty(0, np.uint8), np.zeros(1, dtype))
    values = np.frombuffer(offsets, dtype)[chunk.offset : chunk.offset + len(chunk) + 1]
    return Ragged(data if data is not None else b"", values)


def _addresses(chunk: pa.Array[Any], name: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return where each message of a chunk starts, and its length."""
    if _is_fixed(chunk):
        rows = _arrow_rows(chunk)
        starts = np.arange(rows.shape[0], dtype=np.uint64) * np.uint64(rows.shape[1])
        return starts + np.uint64(rows.ctypes.data), np.full(rows.shape[0], rows.shape[1], np.uint64)
    ragged = _arrow_ragged(chunk)
    offsets = ragged.offsets.astype(np.int64, copy=False)
    lengths = np.diff(offsets)
    if offsets[0] < 0 or offsets[-1] > ragged.buffer.size or (lengths < 0).any():
        raise ArgumentError(f"{name}: the Arrow array's offsets decrease or leave its buffer")
    return offsets[:-1].astype(np.uint64) + np.uint64(ragged.buffer.ctypes.data), lengths.astype(np.uint64)


def _arrow_messages(chunks: list[pa.Array[Any]], name: str) -> _native.Messages:
    if len(chunks) == 1:
        if _is_fixed(chunks[0]):
            return _native.Messages.from_rows(_arrow_rows(chunks[0]), name)
        ragged = _arrow_ragged(chunks[0])
        return _native.Messages.from_ragged(ragged.buffer, ragged.offsets, name)
    parts = [_addresses(chunk, name) for chunk in chunks]
    empty = np.empty(0, np.uint64)
    addresses = np.concatenate([empty, *(starts for starts, _ in parts)])
    lengths = np.concatenate([empty, *(sizes for _, sizes in parts)])
    return _native.Messages.from_addresses(addresses, lengths, chunks)
