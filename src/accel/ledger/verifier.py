"""Verifying a block in one pass: every signature checked, every transaction hashed, memory bounded."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

import accel
from accel import Device, merkle, sm2
from accel.ledger.layout import MERKLE_RULE, Batch, Block, ByteRows, Progress
from accel.ledger.raw import RawBlock
from accel.ledger.signers import KnownSigners

ITEM_STATUSES = (sm2.OK, sm2.BAD_SIGNATURE, sm2.BAD_KEY, sm2.BAD_RANGE)

T = TypeVar("T")


@dataclass(frozen=True)
class BadRow:
    """A row whose signature is not valid.

    Attributes:
        row: its number, counted from 0.
        status: the status's name.
    """

    row: int
    status: str


@dataclass
class BlockReport:
    """What verification found.

    Attributes:
        rows: transactions in the block.
        merkle_root: root over the messages in row order; of the empty tree when there are no rows.
        merkle_rule: the rule of the tree; rfc9162 but for raw blocks of other makers.
        recorded_root: the root that a raw block claims; None for a Parquet file.
        counts: rows by status name; every status occurs.
        bad: the first bad rows, in order, as many as were asked for.
        message_bytes: bytes of all messages together.
        known_signers: keys that had earned a place in the key ring at the end.
        seconds: wall clock for the whole pass, reading included.
        kernels: the kernel that each operation ran on.
        threads: threads of the pool.
        device: the name of the device it ran on; None: the CPU, without the runtime.
        times: whose times these are: ``measured``, ``model`` or ``rtl-sim``.
    """

    rows: int = 0
    merkle_root: bytes = b""
    merkle_rule: str = MERKLE_RULE
    recorded_root: bytes | None = None
    counts: dict[str, int] = field(default_factory=lambda: {sm2.STATUS_NAMES[s]: 0 for s in ITEM_STATUSES})
    bad: list[BadRow] = field(default_factory=list)
    message_bytes: int = 0
    known_signers: int = 0
    seconds: float = 0.0
    kernels: dict[str, str] = field(default_factory=dict)
    threads: int = 0
    device: str | None = None
    times: str = "measured"

    @property
    def bad_total(self) -> int:
        """Number of bad rows, listed or not."""
        return self.rows - self.counts[sm2.STATUS_NAMES[sm2.OK]]

    @property
    def root_as_recorded(self) -> bool | None:
        """Whether the root is the recorded one; None if none is recorded."""
        return None if self.recorded_root is None else self.recorded_root == self.merkle_root

    @property
    def valid(self) -> bool:
        """Whether every row is valid, and the root the recorded one if there is one."""
        return self.bad_total == 0 and self.root_as_recorded is not False

    @property
    def rate(self) -> float:
        """Transactions per second over the whole pass."""
        return self.rows / self.seconds if self.seconds else 0.0


def verify_block(
    path: str | os.PathLike[str],
    *,
    bad_rows_limit: int = 100,
    progress: Progress | None = None,
    device: Device | None = None,
) -> BlockReport:
    """Verify every transaction of a block and compute its Merkle root.

    The next batch is read while one is verified. Memory stays bounded whatever the size of the file: three batches, the
    tables of at most 4,096 signers within 256 MiB, and the tree's right edge.

    Args:
        path: a Parquet file with the columns of `accel.ledger`, or the directory of a raw block. Of a raw block the ID
            and the rule in its header hold; the statuses that it expects are not read.
        bad_rows_limit: how many bad rows to list (all are counted).
        progress: called now and then with the rows verified so far and the rows in all.
        device: where signatures are verified and transactions hashed; None: what ``ACCEL_DEVICE`` names, or the CPU.

    Raises:
        BlockError: the file or directory cannot be read as a block.
        DeviceError: the device is closed, or fails and has no fallback.
    """
    started = time.perf_counter()
    report = BlockReport(threads=accel.num_threads())
    with (
        RawBlock(path) if Path(path).is_dir() else Block(path) as block,
        closing(_prefetch(block.batches())) as batches,
    ):
        signers = KnownSigners(id=block.id, device=device)
        tree = merkle.Tree([], rule=block.rule, keep="root", device=device)
        for batch in batches:
            statuses = signers.verify(batch.keys, batch.signatures, batch.messages)
            tree.append(batch.messages)
            _count(report, batch, statuses, bad_rows_limit)
            if progress is not None:
                progress(report.rows, block.rows)
    report.merkle_root, report.merkle_rule, report.recorded_root = tree.root, block.rule, block.recorded_root
    report.known_signers = len(signers)
    report.kernels = {op: accel.active_kernel(op) for op in ("sm3.hash", "sm2.verify")}
    report.seconds = time.perf_counter() - started
    if device is not None:
        report.device = device.name
        report.times = "+".join(sorted({info.time_kind.label for info in device.infos}))
    return report


def _count(report: BlockReport, batch: Batch, statuses: ByteRows, limit: int) -> None:
    for status in ITEM_STATUSES:
        report.counts[sm2.STATUS_NAMES[status]] += int(np.count_nonzero(statuses == status))
    room = max(0, limit - len(report.bad))
    for row in np.flatnonzero(statuses != sm2.OK)[:room]:
        report.bad.append(BadRow(report.rows + int(row), sm2.STATUS_NAMES[int(statuses[row])]))
    report.rows += len(batch)
    report.message_bytes += batch.message_bytes


def _prefetch(items: Iterator[T]) -> Generator[T]:
    """`items`, the next one fetched on a thread of its own while the caller works on the last."""
    with ThreadPoolExecutor(1, thread_name_prefix="accel-ledger-reader") as reader:
        following = reader.submit(next, items, None)
        while (item := following.result()) is not None:
            following = reader.submit(next, items, None)
            yield item
