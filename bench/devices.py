"""What the runtime costs: batches on the device `cpu`, beside the kernels called directly.

Both sides run in turn in one process, on one core and one thread of the pool, over the same arrays; the figure is the
CPU time of all threads of the process for the one over that for the other, less 1. Beside it stands the same of wall
clocks, which needs a core that nobody else uses. Tables that keys get by themselves are off; before anything is timed
the check of the first command is over, and rings have their large tables, which come with use.
python bench/devices.py [--rounds N] [--seconds S] [--device NAME] [--audit AUDIT] [--json].
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ["ACCEL_ADAPTIVE_TABLES"] = "0"

import numpy as np

import accel
from accel import sm2, sm3

SIGNERS = 64
LIMITS = {4096: 0.03, 64: 0.20}  # of the kernel's time

Call = Callable[[accel.Device | None], np.ndarray]


class Row(NamedTuple):
    """One comparison: the call, which takes a device or None."""

    task: str
    op: str
    batch: int
    call: Call
    settling: float = 0  # times the seconds of a side, before anything is timed


def make_rows(batch: int) -> list[Row]:
    """Return the comparisons over batches of this size."""
    random = np.random.default_rng(1)
    signers = sm2.generate_many(SIGNERS)
    raw = np.stack([np.frombuffer(signer.public_key.raw, np.uint8) for signer in signers])
    who = np.arange(batch, dtype=np.uint32) % SIGNERS
    keys, messages = raw[who], random.integers(0, 256, (batch, 256), np.uint8)
    digests = sm2.digest_many(keys, messages)
    signatures = sm2.sign_many(signers, messages, indices=who)
    ring = sm2.KeyRing(raw, memory_limit=1 << 28)

    def unknown(device: accel.Device | None) -> np.ndarray:
        return sm2.verify_digest_many(keys, signatures, digests, device=device)

    def from_messages(device: accel.Device | None) -> np.ndarray:
        return sm2.verify_many(keys, signatures, messages, device=device)

    def known(device: accel.Device | None) -> np.ndarray:
        return sm2.verify_digest_many(ring[who], signatures, digests, device=device)

    def hashes(device: accel.Device | None) -> np.ndarray:
        return sm3.hash_many(messages, device=device)

    return [
        Row("sm2.verify, unknown keys, digests", "sm2.verify", batch, unknown),
        Row("sm2.verify, unknown keys, messages", "sm2.verify", batch, from_messages),
        Row("sm2.verify, ring of 64 keys", "sm2.verify", batch, known, settling=20),
        Row("sm3.hash of 256 bytes", "sm3.hash", batch, hashes),
    ]


def timed(row: Row, device: accel.Device | None) -> tuple[float, float]:
    """CPU time of the process and wall clock of one call, in seconds."""
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    row.call(device)
    return (time.process_time_ns() - cpu) * 1e-9, (time.perf_counter_ns() - wall) * 1e-9


def measure(row: Row, device: accel.Device, rounds: int, seconds: float) -> dict[str, object]:
    """Median and spread over rounds, of which each compares the medians of its calls."""
    for _ in range(3):
        if not np.array_equal(row.call(device), row.call(None)):
            raise SystemExit(f"devices: {row.task}: the two sides differ")
    settled = time.perf_counter() + row.settling * seconds
    while time.perf_counter() < settled:
        row.call(device)
        row.call(None)
    turns = max(5, round(seconds / timed(row, None)[1]))
    overheads, walls, direct_us = [], [], []
    for _ in range(rounds):
        sides: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for turn in range(turns):
            for on_device in (turn % 2 == 0, turn % 2 == 1):
                sides[on_device].append(timed(row, device if on_device else None))
        (cpu, wall), (direct_cpu, direct_wall) = (
            [statistics.median(values) for values in zip(*sides[side], strict=True)] for side in (True, False)
        )
        overheads.append(cpu / direct_cpu - 1)
        walls.append(wall / direct_wall - 1)
        direct_us.append(direct_cpu * 1e6)
    median = statistics.median(overheads)
    limit = LIMITS[row.batch]
    return {
        "task": row.task,
        "batch": row.batch,
        "kernel": accel.active_kernel(row.op),
        "direct_us_p50": statistics.median(direct_us),
        "overhead_p50": median,
        "overhead_min": min(overheads),
        "overhead_max": max(overheads),
        "wall_overhead_p50": statistics.median(walls),
        "limit": limit,
        "within": median <= limit,
    }


def main() -> None:
    """Measure every row and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each side in a round")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--audit", default="sample")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    accel.set_num_threads(1)
    with accel.open_device(options.device, audit=options.audit) as device:
        results = [
            measure(row, device, options.rounds, options.seconds) for batch in LIMITS for row in make_rows(batch)
        ]
    if options.json:
        print(json.dumps({"rounds": options.rounds, "audit": options.audit, "results": results}, indent=1))
        return
    print(f"{options.device}, audit {options.audit}, beside the kernels: one core, {options.rounds} alternating rounds")
    for result in results:
        print(
            f"{result['batch']:>5} {result['task']:<35} {result['kernel']:<10} "
            f"direct {result['direct_us_p50']:9,.0f} us, "
            f"overhead {result['overhead_p50']:7.2%} ({result['overhead_min']:.2%} to {result['overhead_max']:.2%}), "
            f"wall {result['wall_overhead_p50']:7.2%}, "
            f"at most {result['limit']:.0%}: {'yes' if result['within'] else 'no'}"
        )


if __name__ == "__main__":
    main()
