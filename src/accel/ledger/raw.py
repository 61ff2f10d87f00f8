"""Raw blocks: a directory of flat arrays that any language reads without a Parquet library.

docs/raw-blocks.md describes every byte. `raw_writer` writes one row group by row group; `RawBlock` reads one batch by
batch, as `layout.Block` reads a Parquet file.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from accel import merkle, sm2
from accel.ledger.layout import (
    BATCH_BYTES,
    BATCH_ROWS,
    KEY_BYTES,
    MERKLE_RULE,
    SIGNATURE_BYTES,
    Batch,
    BlockError,
    ByteRows,
    RowGroup,
)
from accel.sm2._common import NoZA

MAGIC: Final = b"accelraw"
VERSION: Final = 1
NO_ZA_LENGTH: Final = 0xFFFFFFFFFFFFFFFF  # ACCEL_SM2_NO_ZA
HEADER: Final = np.dtype(
    [
        ("magic", "S8"),
        ("version", "<u4"),
        ("merkle_rule", "<u4"),
        ("rows", "<u8"),
        ("signers", "<u8"),
        ("message_bytes", "<u8"),
        ("id_length", "<u8"),
        ("reserved", "V16"),
    ]
)
RULES: Final[dict[int, merkle.RuleName]] = {1: "rfc9162", 2: "chainmaker", 3: "bcos"}  # accel_merkle_rule
ROOT_BYTES: Final = 32

# In the order in which docs/raw-blocks.md lists them.
FILES: Final = (
    "header.bin",
    "id.bin",
    "public_keys.bin",
    "signatures.bin",
    "offsets.bin",
    "messages.bin",
    "statuses.bin",
    "signers.bin",
    "root.bin",
    "block.json",
)
_STREAMED = FILES[2:7]  # row group by row group


def file_sizes(rows: int, signers: int, message_bytes: int, id_length: int) -> dict[str, int]:
    """Bytes of each file but `block.json`, which numbers in the header determine."""
    return {
        "header.bin": HEADER.itemsize,
        "id.bin": id_length,
        "public_keys.bin": KEY_BYTES * rows,
        "signatures.bin": SIGNATURE_BYTES * rows,
        "offsets.bin": 8 * (rows + 1),
        "messages.bin": message_bytes,
        "statuses.bin": rows,
        "signers.bin": KEY_BYTES * signers,
        "root.bin": ROOT_BYTES,
    }


# ------------------------------------------------------------------------------------------------- writing


@contextlib.contextmanager
def raw_writer(path: Path, signers: ByteRows, metadata: dict[str, Any]) -> Iterator[Callable[[RowGroup], None]]:
    """What takes row groups; at the end the directory is completed and put in place.

    Args:
        path: the directory; nothing, an empty directory or another raw block, which stays until the end.
        signers: (K, 64) uint8, the known signers' public keys.
        metadata: what `block.json` says beside counts, rule, ID and sizes.
    """
    with _replacing_directory(path) as directory:
        writer = _Writer(directory)
        with writer.streams:
            yield writer.write
            writer.finish(signers, metadata)


class _Writer:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tree = merkle.Tree([], rule=MERKLE_RULE, keep="root")
        self._rows = self._message_bytes = 0
        self.streams = ExitStack()
        self._files = {name: self.streams.enter_context((directory / name).open("wb")) for name in _STREAMED}
        self._put("offsets.bin", np.zeros(1, "<i8"))

    def _put(self, name: str, array: npt.NDArray[Any]) -> None:
        self._files[name].write(np.ascontiguousarray(array).data)

    def write(self, group: RowGroup) -> None:
        rows, size = group.messages.shape
        self._put("public_keys.bin", group.keys)
        self._put("signatures.bin", group.signatures)
        self._put("messages.bin", group.messages)
        self._put("offsets.bin", self._message_bytes + size * np.arange(1, rows + 1, dtype="<i8"))
        self._put("statuses.bin", group.statuses)
        self._tree.append(group.messages)
        self._rows += rows
        self._message_bytes += rows * size

    def finish(self, signers: ByteRows, metadata: dict[str, Any]) -> None:
        """The files that are written at once, the header last; everything is on the disk afterwards."""
        header = np.zeros((), HEADER)
        header["magic"], header["version"] = MAGIC, VERSION
        header["merkle_rule"] = next(number for number, name in RULES.items() if name == MERKLE_RULE)
        header["rows"], header["signers"] = self._rows, len(signers)
        header["message_bytes"], header["id_length"] = self._message_bytes, len(sm2.DEFAULT_ID)
        sizes = file_sizes(self._rows, len(signers), self._message_bytes, len(sm2.DEFAULT_ID))
        described = metadata | {
            "version": VERSION,
            "rows": self._rows,
            "signers": len(signers),
            "merkle_rule": MERKLE_RULE,
            "merkle_root": self._tree.root.hex(),
            "id": sm2.DEFAULT_ID.decode(),
            "files": sizes,
        }
        for name, content in (
            ("id.bin", sm2.DEFAULT_ID),
            ("signers.bin", signers.tobytes()),
            ("root.bin", self._tree.root),
            ("block.json", json.dumps(described, indent=1).encode() + b"\n"),
            ("header.bin", header.tobytes()),
        ):
            (self._directory / name).write_bytes(content)
        self.streams.close()
        for name in FILES:
            with (self._directory / name).open("rb") as written:
                os.fsync(written.fileno())


@contextlib.contextmanager
def _replacing_directory(path: Path) -> Iterator[Path]:
    """A temporary directory beside `path` that takes its place at the end, or is removed when that does not come."""
    target = Path(os.path.realpath(path))
    _require_replaceable(path, target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    old = temporary.with_suffix(".old")
    try:
        yield temporary
        _require_replaceable(path, target)
        if target.exists():
            target.rename(old)
        try:
            temporary.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        for directory in (temporary, old):
            _remove(directory)


def _require_replaceable(path: Path, target: Path) -> None:
    """BlockError for a directory that holds anything but a raw block: it is somebody's, and would be lost."""
    try:
        present = {entry.name for entry in target.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise BlockError(f"{path}: expected a directory or nothing, got a file") from None
    strange = sorted(present.difference(FILES))
    if strange or (present and "header.bin" not in present):
        found = strange[0] if strange else min(present)
        raise BlockError(f"{path}: expected nothing, an empty directory or a raw block, got a directory with {found}")


def _remove(directory: Path) -> None:
    for name in FILES:
        (directory / name).unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        directory.rmdir()


# ------------------------------------------------------------------------------------------------- reading


class RawBlock:
    """A raw block, opened and its sizes checked; a context manager.

    Attributes:
        path: the directory.
        rows: transactions.
        rule: name of the Merkle rule.
        id: the signers' ID, or `accel.sm2.NO_ZA`.
        recorded_root: the root that the directory claims.

    Args:
        path: a directory.

    Raises:
        BlockError: a file is missing or has another size than the header says, or the header is not known.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not (self.path / "header.bin").exists():
            raise BlockError(f"{path}: expected a Parquet file or a raw block, got a directory without header.bin")
        header = np.frombuffer(self._content("header.bin", HEADER.itemsize), HEADER)[0]
        if header["magic"] != MAGIC:
            raise BlockError(f"{self.path / 'header.bin'}: does not begin with {MAGIC.decode()}: not a raw block")
        if header["version"] != VERSION:
            raise BlockError(f"{self.path / 'header.bin'}: expected version {VERSION}, got {header['version']}")
        if int(header["merkle_rule"]) not in RULES:
            raise BlockError(f"{self.path / 'header.bin'}: unknown Merkle rule {header['merkle_rule']}")
        self.rows = int(header["rows"])
        self.rule = RULES[int(header["merkle_rule"])]
        self._message_bytes = int(header["message_bytes"])
        without_za = int(header["id_length"]) == NO_ZA_LENGTH
        id_length = 0 if without_za else int(header["id_length"])
        self._check_sizes(file_sizes(self.rows, int(header["signers"]), self._message_bytes, id_length))
        self.id: bytes | NoZA = sm2.NO_ZA if without_za else self._content("id.bin", id_length)
        self.recorded_root = self._content("root.bin", ROOT_BYTES)
        self._open = ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def _content(self, name: str, size: int) -> bytes:
        self._check_size(name, size)
        return (self.path / name).read_bytes()

    def _check_sizes(self, sizes: dict[str, int]) -> None:
        for name, size in sizes.items():
            self._check_size(name, size)

    def _check_size(self, name: str, expected: int) -> None:
        path = self.path / name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise BlockError(f"{path}: {error.strerror}") from error
        if not path.is_file() or size != expected:
            raise BlockError(f"{path}: expected a file of {expected} bytes, got {size}")

    def batches(self) -> Iterator[Batch]:
        """The rows in order, in batches of bounded size.

        Raises:
            BlockError: offsets decrease, do not begin at 0 or do not end with the messages; a file got shorter.
        """
        first = 0
        if not self.rows:
            self._offsets(0, 0)
        while first < self.rows:
            offsets = self._offsets(first, min(BATCH_ROWS, self.rows - first))
            rows = max(1, int(np.searchsorted(offsets, offsets[0] + BATCH_BYTES, side="right")) - 1)
            offsets = offsets[: rows + 1]
            data = self._read("messages.bin", np.uint8, int(offsets[0]), int(offsets[-1] - offsets[0]))
            buffers = [None, pa.py_buffer(offsets - offsets[0]), pa.py_buffer(data)]
            yield Batch(
                keys=self._read("public_keys.bin", np.uint8, KEY_BYTES * first, KEY_BYTES * rows).reshape(rows, -1),
                signatures=self._read(
                    "signatures.bin", np.uint8, SIGNATURE_BYTES * first, SIGNATURE_BYTES * rows
                ).reshape(rows, -1),
                messages=pa.LargeBinaryArray.from_buffers(pa.large_binary(), rows, buffers),
            )
            first += rows

    def _offsets(self, first: int, rows: int) -> npt.NDArray[np.int64]:
        """The offsets of `rows` messages and the end of the last, checked."""
        offsets = self._read("offsets.bin", np.int64, 8 * first, rows + 1)
        path = self.path / "offsets.bin"
        if first == 0 and offsets[0] != 0:
            raise BlockError(f"{path}: expected 0 first, got {offsets[0]}")
        falls = np.flatnonzero(np.diff(offsets) < 0)
        if falls.size:
            raise BlockError(f"{path}: offsets decrease after row {first + int(falls[0])}")
        last, end = int(offsets[-1]), self._message_bytes
        if last > end or (first + rows == self.rows and last != end):
            raise BlockError(f"{path}: row {first + rows - 1} ends at {last}, and messages.bin at {end}")
        return offsets

    def _read(self, name: str, dtype: Any, start: int, count: int) -> npt.NDArray[Any]:
        if name not in self._files:
            self._files[name] = self._open.enter_context((self.path / name).open("rb"))
        file = self._files[name]
        file.seek(start)
        values = np.fromfile(file, np.dtype(dtype).newbyteorder("<"), count)
        if len(values) != count:
            raise BlockError(f"{self.path / name}: ended while it was read")
        return values

    def close(self) -> None:
        """Close the files."""
        self._open.close()

    def __enter__(self) -> RawBlock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
