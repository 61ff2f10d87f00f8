"""The layout of a block's Parquet file, and reading it batch by batch without copies."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from accel import merkle, sm2
from accel.errors import AccelError

MERKLE_RULE: Final = "rfc9162"
"""The rule of every block's Merkle tree."""
KEY_BYTES = 64
SIGNATURE_BYTES = 64
METADATA_KEY = b"accel.block"
SCHEMA = pa.schema(
    [
        pa.field("public_key", pa.binary(KEY_BYTES), nullable=False),
        pa.field("signature", pa.binary(SIGNATURE_BYTES), nullable=False),
        pa.field("message", pa.binary(), nullable=False),
        pa.field("key_index", pa.uint32(), nullable=False),
    ]
)
READ_COLUMNS = ("public_key", "signature", "message")

BATCH_ROWS = 32_768  # large against the kernels' chunks (256) and a batch's fixed cost, small against memory
BATCH_BYTES = 16 << 20  # of messages, on average; fewer rows when messages are large
_READ_BUFFER_BYTES = 1 << 20  # pages are read as they are needed, so a row group of any size can be streamed

ByteRows = npt.NDArray[np.uint8]
Progress = Callable[[int, int], None]  # how many rows are done, and how many there are


class BlockError(AccelError):
    """The file cannot be verified as a block: it is missing, damaged, or has other columns."""


@dataclass(frozen=True)
class Batch:
    """Consecutive rows of a block: views into Arrow's memory.

    Attributes:
        keys: (N, 64) uint8.
        signatures: (N, 64) uint8.
        messages: Arrow array of N byte strings.
    """

    keys: ByteRows
    signatures: ByteRows
    messages: Any

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def message_bytes(self) -> int:
        """Bytes of all messages together."""
        if pa.types.is_fixed_size_binary(self.messages.type):
            return len(self) * int(self.messages.type.byte_width)
        return int(pc.sum(pc.binary_length(self.messages)).as_py() or 0)


@dataclass(frozen=True)
class RowGroup:
    """Consecutive rows of a block that is being made.

    Attributes:
        keys: (N, 64) uint8.
        signatures: (N, 64) uint8.
        messages: (N, size) uint8.
        indices: (N,) uint32, who signed, in the maker's list.
        statuses: (N,) uint8, what verification must give each row.
    """

    keys: ByteRows
    signatures: ByteRows
    messages: ByteRows
    indices: npt.NDArray[np.uint32]
    statuses: ByteRows


class Block:
    """A block's file, opened and its columns checked; a context manager.

    Attributes:
        path: the file.
        rule: name of the Merkle rule.
        id: the signers' ID.
        recorded_root: None: a file does not say what its root is.

    Args:
        path: a Parquet file.

    Raises:
        BlockError: no such file, no Parquet file, or a column is missing or of the wrong type.
    """

    rule: merkle.RuleName = MERKLE_RULE
    id = sm2.DEFAULT_ID
    recorded_root = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._require_regular_file()
        try:
            self._file = pq.ParquetFile(
                self.path, buffer_size=_READ_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
            )
        except (pa.ArrowException, OSError) as error:
            raise BlockError(f"{self.path}: not a readable Parquet file: {_sentence(error)}") from error
        try:
            self._check_columns()
        except BlockError:
            self._file.close()
            raise

    def _require_regular_file(self) -> None:
        try:
            mode = self.path.stat().st_mode
        except OSError as error:
            raise BlockError(f"{self.path}: {error.strerror}") from error
        if not stat.S_ISREG(mode):
            raise BlockError(f"{self.path}: expected a Parquet file, got a directory or a device")

    def _check_columns(self) -> None:
        schema = self._file.schema_arrow
        missing = [name for name in READ_COLUMNS if schema.get_all_field_indices(name) == []]
        if missing:
            raise BlockError(
                f"{self.path}: no column {', '.join(missing)}; a block has {', '.join(READ_COLUMNS)}, "
                f"this file has {', '.join(schema.names) or 'no columns'}"
            )
        for name in READ_COLUMNS:
            if len(schema.get_all_field_indices(name)) > 1:
                raise BlockError(f"{self.path}: column {name} occurs more than once")
            kind = schema.field(name).type
            width = None if name == "message" else KEY_BYTES
            if not _is_bytes(kind) or (pa.types.is_fixed_size_binary(kind) and width not in (None, kind.byte_width)):
                expected = "fixed_size_binary[64] or binary" if width else "binary"
                raise BlockError(f"{self.path}: column {name}: expected {expected}, got {kind}")

    @property
    def rows(self) -> int:
        """Number of rows that the file declares."""
        return int(self._file.metadata.num_rows)

    @property
    def metadata(self) -> bytes | None:
        """What the maker wrote about the block (JSON), or None."""
        value: bytes | None = (self._file.metadata.metadata or {}).get(METADATA_KEY)
        return value

    def batches(self) -> Iterator[Batch]:
        """The rows in order, in batches of bounded size.

        Raises:
            BlockError: the file is damaged, a value is null, or a key or signature has not 64 bytes.
        """
        first = 0
        stream = self._file.iter_batches(batch_size=self._batch_rows(), columns=list(READ_COLUMNS))
        while True:
            try:
                columns = next(stream, None)
            except (pa.ArrowException, OSError) as error:
                raise BlockError(f"{self.path}: damaged after row {first}: {_sentence(error)}") from error
            if columns is None:
                break
            yield self._batch(columns, first)
            first += columns.num_rows
        if first != self.rows:
            raise BlockError(f"{self.path}: damaged: {first} rows, but its footer says {self.rows}")

    def _batch_rows(self) -> int:
        """Rows of a batch, so that even in the row group with the largest messages it has about BATCH_BYTES of them."""
        metadata = self._file.metadata
        leaves = [metadata.schema.column(i).path for i in range(metadata.num_columns)]  # nested columns have several
        column = leaves.index("message")
        largest = 1
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            largest = max(largest, int(group.column(column).total_uncompressed_size) // max(1, int(group.num_rows)))
        return max(1, min(BATCH_ROWS, BATCH_BYTES // largest))

    def _batch(self, columns: Any, first: int) -> Batch:
        for name in READ_COLUMNS:
            column = columns.column(name)
            if column.null_count:
                row = first + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
                raise BlockError(f"{self.path}: column {name}: row {row} is null")
        return Batch(
            keys=self._fixed_width(columns.column("public_key"), "public_key", KEY_BYTES, first),
            signatures=self._fixed_width(columns.column("signature"), "signature", SIGNATURE_BYTES, first),
            messages=columns.column("message"),
        )

    def _fixed_width(self, column: Any, name: str, width: int, first: int) -> ByteRows:
        """(N, width) view of a column whose values all have `width` bytes."""
        start = column.offset * width
        if not pa.types.is_fixed_size_binary(column.type):
            lengths = pc.binary_length(column).to_numpy()
            wrong = np.flatnonzero(lengths != width)
            if wrong.size:
                row, length = first + int(wrong[0]), int(lengths[wrong[0]])
                raise BlockError(f"{self.path}: column {name}: row {row} has {length} bytes, expected {width}")
            offset_type = np.int64 if pa.types.is_large_binary(column.type) else np.int32
            start = int(np.frombuffer(column.buffers()[1], offset_type, 1, column.offset * offset_type().itemsize)[0])
        if not len(column):
            return np.empty((0, width), np.uint8)
        values = column.buffers()[-1]
        return np.frombuffer(values, np.uint8, len(column) * width, start).reshape(len(column), width)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Block:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _sentence(error: Exception) -> str:
    """An Arrow error's first line: the rest is a stack of C++ files."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
