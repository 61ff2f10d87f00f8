"""Making a block of signed transactions: throw-away signers, pseudo-random messages, damages in known ways.

What is made goes to sinks: functions that take one row group after the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from accel import sm2, sm3
from accel.errors import ArgumentError
from accel.ledger.damage import DamagedRow, Transaction, plan
from accel.ledger.layout import METADATA_KEY, SCHEMA, BlockError, ByteRows, Progress, RowGroup
from accel.ledger.raw import raw_writer

ROW_GROUP_ROWS = 65_536
ROW_GROUP_BYTES = 32 << 20  # of messages; fewer rows when messages are large
MAX_MESSAGE_BYTES = 16 << 20
MAX_SIGNERS = 1 << 20

# A transaction's first bytes, as far as message_size goes: it then looks like a payment and no two are equal. Addresses
# are the last 20 bytes of the SM3 of a public key.
_HEADER = np.dtype([("number", ">u8"), ("sender", "u1", 20), ("recipient", "u1", 20), ("amount", ">u8")])
_PLAN_STREAM, _MESSAGE_STREAM = 0, 1  # kinds of random streams, each drawn from the seed

_STATUS_CODES = {name: code for code, name in sm2.STATUS_NAMES.items()}

Random = np.random.Generator


class Signers:
    """The private keys that sign a block, their public keys and addresses.

    Attributes:
        private_keys: K private keys.
        public_keys: (K, 64) uint8.
        addresses: (K, 20) uint8.

    Raises:
        ArgumentError: there is no key.
    """

    def __init__(self, private_keys: Sequence[sm2.PrivateKey]) -> None:
        if not private_keys:
            raise ArgumentError("private_keys: expected at least one")
        self.private_keys = list(private_keys)
        public = b"".join(key.public_key.raw for key in self.private_keys)
        self.public_keys = np.frombuffer(public, np.uint8).reshape(-1, 64)
        self.addresses = sm3.hash_many(self.public_keys)[:, -20:]

    @classmethod
    def random(cls, count: int) -> Signers:
        """Draw `count` fresh keys from the system's generator.

        Raises:
            ArgumentError: `count` is not from 1 to 1,048,576.
        """
        return cls(sm2.generate_many(_signer_count(count)))

    @classmethod
    def from_seed(cls, count: int, seed: int) -> Signers:
        """Return `count` keys that anybody who knows `seed` can compute, for repeatable test blocks and nothing else.

        Raises:
            ArgumentError: `count` is not from 1 to 1,048,576.
        """
        return cls([sm2.PrivateKey.from_bytes(_seeded_secret(seed, i)) for i in range(_signer_count(count))])

    def __len__(self) -> int:
        return len(self.private_keys)


@dataclass
class MadeBlock:
    """A block that was written.

    Attributes:
        path: the Parquet file, or None.
        raw: the raw block's directory, or None.
        rows: transactions.
        signers: keys that signed in turn.
        message_size: bytes per message.
        seed: what the messages and the damage were drawn from.
        damaged: the damaged rows, in order.
        seconds: wall clock, writing included.
    """

    path: Path | None
    raw: Path | None
    rows: int
    signers: int
    message_size: int
    seed: int
    damaged: list[DamagedRow] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def expected_counts(self) -> dict[str, int]:
        """Rows by status name, as verification must find them."""
        counts = Counter(row.damage.status for row in self.damaged)
        names = [sm2.STATUS_NAMES[s] for s in (sm2.OK, sm2.BAD_SIGNATURE, sm2.BAD_KEY, sm2.BAD_RANGE)]
        return {name: counts[name] for name in names} | {names[0]: self.rows - len(self.damaged)}

    @property
    def metadata(self) -> dict[str, Any]:
        """What stands in the file about itself, under the key ``accel.block``."""
        damages: dict[str, dict[str, Any]] = {}
        for row in self.damaged:
            entry = damages.setdefault(row.damage.name, {"status": row.damage.status, "rows": []})
            entry["rows"].append(row.row)
        return {
            "version": 1,
            "rows": self.rows,
            "signers": self.signers,
            "message_size": self.message_size,
            "seed": self.seed,
            "id": sm2.DEFAULT_ID.decode(),
            "damaged": damages,
        }


def make_block(
    path: str | os.PathLike[str] | None,
    *,
    raw: str | os.PathLike[str] | None = None,
    count: int,
    signers: Signers,
    message_size: int,
    damaged: int = 0,
    seed: int | None = None,
    progress: Progress | None = None,
) -> MadeBlock:
    """Write a block of `count` signed transactions, row group by row group, and put it in place when it is complete.

    Args:
        path: a Parquet file; overwritten. Until the block is complete it keeps what it had. None: no such file.
        raw: a directory for the same block as flat arrays (docs/raw-blocks.md), for programs without a Parquet library.
            A raw block that is there is overwritten in the same way; a directory with anything else in it is an error.
        count: rows.
        signers: who signs; each row's signer is drawn at random.
        message_size: bytes per message, at most 16 MiB.
        damaged: rows to damage after signing, spread evenly and drawn at random, all kinds of damage in turn.
        seed: what messages and damage are drawn from; the system's generator chooses one if left out. Signatures have
            fresh nonces all the same, so two blocks of one seed differ in them.
        progress: called now and then with the rows written so far and the rows in all.

    Raises:
        ArgumentError: a number is out of range, or there is neither `path` nor `raw`.
        BlockError: the file or the directory cannot be written.
    """
    started = time.perf_counter()
    if path is None and raw is None:
        raise ArgumentError("path, raw: expected at least one, got neither")
    _check_numbers(count, message_size, damaged)
    if seed is None:
        seed = secrets.randbits(63)
    planned = plan(
        count, damaged, message_size=message_size, signers=len(signers), random=_random(seed, _PLAN_STREAM, 0)
    )
    made = MadeBlock(
        None if path is None else Path(path),
        None if raw is None else Path(raw),
        count,
        len(signers),
        message_size,
        seed,
        planned,
    )
    try:
        with contextlib.ExitStack() as stack:
            sinks = [stack.enter_context(sink) for sink in _sinks(made, signers)]
            written = 0
            for group in _row_groups(made, signers):
                for write in sinks:
                    write(group)
                written += len(group.keys)
                if progress is not None:
                    progress(written, count)
    except (OSError, pa.ArrowException) as error:
        raise BlockError(f"{' and '.join(map(str, filter(None, (path, raw))))}: cannot be written: {error}") from error
    made.seconds = time.perf_counter() - started
    return made


Sink = Callable[[RowGroup], None]


def _sinks(made: MadeBlock, signers: Signers) -> Iterator[contextlib.AbstractContextManager[Sink]]:
    if made.path is not None:
        yield _parquet_writer(made.path, made.metadata)
    if made.raw is not None:
        yield raw_writer(made.raw, signers.public_keys, made.metadata)


@contextlib.contextmanager
def _parquet_writer(path: Path, metadata: dict[str, Any]) -> Iterator[Sink]:
    """A Parquet file that takes its place when it is complete."""
    schema = SCHEMA.with_metadata({METADATA_KEY: json.dumps(metadata)})
    # Random keys and messages do not compress; keys repeat, and there a dictionary helps. Checksums tell a damaged
    # file from a bad signature.
    with (
        _replacing(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression="NONE",
            use_dictionary=["public_key"],
            write_statistics=False,
            write_page_checksum=True,
        ) as writer,
    ):

        def write(group: RowGroup) -> None:
            columns = [_fixed_width(group.keys), _fixed_width(group.signatures), _binary(group.messages)]
            table = pa.table([*columns, pa.array(group.indices)], schema=schema)
            writer.write_table(table, row_group_size=table.num_rows)

        yield write


def _check_numbers(count: int, message_size: int, damaged: int) -> None:
    if count < 0:
        raise ArgumentError(f"count: expected 0 or more, got {count}")
    if not 0 <= message_size <= MAX_MESSAGE_BYTES:
        raise ArgumentError(f"message_size: expected 0 to {MAX_MESSAGE_BYTES} bytes, got {message_size}")
    if not 0 <= damaged <= count:
        raise ArgumentError(f"damaged: expected 0 to {count} (all rows), got {damaged}")


def _signer_count(count: int) -> int:
    if not 1 <= count <= MAX_SIGNERS:
        raise ArgumentError(f"signers: expected 1 to {MAX_SIGNERS}, got {count}")
    return count


def _seeded_secret(seed: int, index: int) -> bytes:
    digest = bytearray(sm3.digest(f"accel test signer {index} of seed {seed}".encode()))
    digest[0] &= 0x7F  # below n - 1; zero has probability 2^-255
    return bytes(digest)


def _random(seed: int, stream: int, number: int) -> Random:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, stream, number])))


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place at the end, or is removed when that does not come."""
    target = Path(os.path.realpath(path))
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(target.stat().st_mode):
            raise BlockError(f"{path}: expected a file or nothing, got a directory or a device")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _row_groups(made: MadeBlock, signers: Signers) -> Iterator[RowGroup]:
    rows_at_once = max(1, min(ROW_GROUP_ROWS, ROW_GROUP_BYTES // max(1, made.message_size)))
    damaged = iter([*made.damaged, None])
    next_damaged = next(damaged)
    for number, first in enumerate(range(0, made.rows, rows_at_once)):
        rows = min(rows_at_once, made.rows - first)
        random = _random(made.seed, _MESSAGE_STREAM, number)
        indices = random.integers(len(signers), size=rows, dtype=np.uint32)
        messages = _messages(made.message_size, first, indices, signers, random)
        keys = signers.public_keys[indices]
        signatures = sm2.sign_many(signers.private_keys, messages, indices=indices)
        statuses = np.full(rows, sm2.OK, np.uint8)
        while next_damaged is not None and next_damaged.row < first + rows:
            row = next_damaged.row - first
            others = (indices[row] + 1) % len(signers)
            other_key = signers.public_keys[others] if len(signers) > 1 else None
            next_damaged.damage.apply(Transaction(keys[row], signatures[row], messages[row], other_key), random)
            statuses[row] = _STATUS_CODES[next_damaged.damage.status]
            next_damaged = next(damaged)
        yield RowGroup(keys, signatures, messages, indices, statuses)


def _messages(size: int, first: int, indices: npt.NDArray[np.uint32], signers: Signers, random: Random) -> ByteRows:
    """(N, size) pseudo-random transactions with numbers from `first`."""
    rows = len(indices)
    header = np.zeros(rows, _HEADER)
    header["number"] = np.arange(first, first + rows)
    header["sender"] = signers.addresses[indices]
    header["recipient"] = signers.addresses[random.integers(len(signers), size=rows)]
    header["amount"] = random.integers(1, 10**12, size=rows)
    words = random.bit_generator.random_raw(-(-rows * size // 8))
    messages: ByteRows = words.view(np.uint8)[: rows * size].reshape(rows, size)
    head = min(size, _HEADER.itemsize)
    messages[:, :head] = header.view(np.uint8).reshape(rows, _HEADER.itemsize)[:, :head]
    return messages


def _fixed_width(array: ByteRows) -> Any:
    rows, width = array.shape
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), rows, [None, pa.py_buffer(array)])


def _binary(array: ByteRows) -> Any:
    rows, width = array.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    return pa.BinaryArray.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(array)])
