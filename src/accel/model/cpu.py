"""One core of a CPU beside the modelled chip: a measurement beside a model, each labelled as what it is."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import accel
from accel import merkle
from accel.errors import ArgumentError

PUBLIC_CLAIM: Final = 20
"""What is said in public of the chip that inspired the model: it verifies signatures 20 times as fast."""

ASSUMPTIONS: Final = (
    "The public claim names neither the processor it compares with, nor its software, nor clock, memory or power of "
    "the chip.",
    "The chip runs at 1 GHz; no clock is public.",
    "Cycle counts come from throw-away RTL of the multiplier and of the SM3 core, and from estimates on top of them: "
    "no RTL of the whole design exists.",
    "A verification with an unknown key takes 3,388 products, and 60,000 cycles when two share a core; with a known "
    "key 1,060 products out of tables of 60 KiB for each signer.",
    "The signers' tables lie in the chip's DRAM before the block arrives, when keys are known.",
    "The host link has the rate of 16 lanes of PCI Express 4.0 and a latency of 0.5 µs, the DRAM that of four "
    "channels of DDR4-3200.",
    "The host is always ready: it submits the block's commands as fast as the submission queue takes them, and pays "
    "nothing for preparing them.",
    "The block's messages cross the link twice: once to be verified, once to be hashed as leaves.",
    "The CPU's core is one core of one machine, with the kernel named beside its rate; another kernel or CPU gives "
    "another ratio.",
)
"""On what the ratio of chip to core rests."""

_ROUNDS: Final = 5
_MAX_ROWS: Final = 16_384


@dataclass(frozen=True, slots=True)
class CpuRate:
    """Transactions a second of one core of a CPU: signature over the message, leaf hash, Merkle tree.

    Attributes:
        basis: ``measured`` here, or ``given`` by whoever asked.
        transactions_per_s: the rate; of a measurement the median of its rounds.
        lowest: of the rounds; the rate itself when it was given.
        highest: likewise.
        detail: kernels and CPU, or that it was given.
    """

    basis: Literal["measured", "given"]
    transactions_per_s: float
    lowest: float
    highest: float
    detail: str


def given_cpu_rate(rate: float) -> CpuRate:
    """A rate that was found elsewhere.

    Args:
        rate: transactions a second of one core.

    Raises:
        ArgumentError: it is not above 0.
    """
    if not rate > 0:
        raise ArgumentError(f"rate: expected more than 0 transactions a second, got {rate:g}")
    return CpuRate("given", rate, rate, rate, "given on the command line")


def measure_cpu_core(path: str | os.PathLike[str], *, keys: Literal["known", "unknown"] = "known") -> CpuRate:
    """Measure this machine on a block's first rows, on one thread: verify, hash, make the tree.

    Processor time of the process, five rounds after one to warm up. Signers' tables are made before the rounds begin.

    Args:
        path: a block, as for `block_workload`.
        keys: whether the signers are known.

    Raises:
        ArgumentError: the block has no rows.
        accel.ledger.BlockError: the file cannot be read as a block.
    """
    from accel import sm2  # noqa: PLC0415
    from accel.bench.machine import machine  # noqa: PLC0415
    from accel.ledger import Block, KnownSigners, RawBlock  # noqa: PLC0415

    with RawBlock(path) if Path(path).is_dir() else Block(path) as block:
        batch = next(iter(block.batches()), None)
        if batch is None or len(batch) == 0:
            raise ArgumentError(f"{path}: expected a block with transactions to measure on, got none")
        rows = min(len(batch), _MAX_ROWS)
        messages = batch.messages.slice(0, rows)
        signers = KnownSigners(id=block.id)

        def once() -> None:
            if keys == "known":
                signers.verify(batch.keys[:rows], batch.signatures[:rows], messages)
            else:
                sm2.verify_many(batch.keys[:rows], batch.signatures[:rows], messages, id=block.id)
            tree = merkle.Tree([], rule=block.rule, keep="root")
            tree.append(messages)
            _ = tree.root

        rates = sorted(_rates(once, rows))
    kernels = ", ".join(f"{op} {accel.active_kernel(op)}" for op in ("sm2.verify", "sm3.hash"))
    signed = "signers known" if keys == "known" else "keys by value, for which the library makes tables by itself"
    detail = f"one thread of {machine(None).cpu}, {kernels}, {rows:,} rows, {signed}"
    return CpuRate("measured", statistics.median(rates), rates[0], rates[-1], detail)


def _rates(once: Callable[[], None], rows: int) -> list[float]:
    """Rows a second of processor time, on one thread."""
    threads = accel.num_threads()
    accel.set_num_threads(1)
    try:
        once()
        rates = []
        for _ in range(_ROUNDS):
            begun = time.process_time()
            once()
            rates.append(rows / (time.process_time() - begun))
    finally:
        accel.set_num_threads(threads)
    return rates
