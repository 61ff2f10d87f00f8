"""What Python costs: batches of 4,096 through the package, beside the bare call into the C library.

The bare call is that of the extension, with its arguments looked at and laid out before: it adds less than a
microsecond to the function of accel.h. Both sides run in turn in one process, on one core and one thread, over the same
arrays and the same ring of keys; the figure is the CPU time of the one over that of the other, less 1.
python bench/overhead.py [--rounds N] [--batch N] [--seconds S] [--json].
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import accel
from accel import _native, sm2, sm3

Call = Callable[[], object]

SIGNERS = 64
FLOOR, GOAL = 0.03, 0.01  # share of the bare call's time: at most


@dataclass
class Row:
    """One comparison."""

    task: str
    op: str
    ours: Call
    bare: Call
    answer: np.ndarray  # what the bare call writes
    asked: bool  # the floor holds for it


def make_rows(count: int) -> list[Row]:
    """Return the comparisons over batches of `count` items."""
    random = np.random.default_rng(1)
    signers = sm2.generate_many(SIGNERS)
    keys = np.stack([np.frombuffer(signer.public_key.raw, np.uint8) for signer in signers])
    who = np.arange(count, dtype=np.uint32) % SIGNERS
    array = random.integers(0, 256, (count, 256), np.uint8)
    items = [row.tobytes() for row in array]
    digests = sm2.digest_many(keys[who], array)
    signatures = sm2.sign_many(signers, array, indices=who)
    # A table of the usual size for each key: a ring with memory to spare would build larger ones while it is timed.
    ring = sm2.KeyRing(keys, memory_limit=sm2.KeyRing(keys).table_bytes)
    status, hashes = np.zeros(count, np.uint8), np.zeros((count, 32), np.uint8)
    rows = _native.Messages.from_rows(array, "messages")
    listed = _native.Messages.from_items(items, "messages")
    bare = ring._ring
    return [
        Row(
            "sm2.verify, digests in an array",
            "sm2.verify",
            lambda: sm2.verify_digest_many(ring[who], signatures, digests),
            lambda: bare.verify_digests(status, who, signatures, digests),
            status,
            asked=True,
        ),
        Row(
            "sm2.verify, messages in an array",
            "sm2.verify",
            lambda: sm2.verify_many(ring[who], signatures, array),
            lambda: bare.verify(status, who, signatures, rows),
            status,
            asked=True,
        ),
        Row(
            "sm2.verify, messages in a list",
            "sm2.verify",
            lambda: sm2.verify_many(ring[who], signatures, items),
            lambda: bare.verify(status, who, signatures, listed),
            status,
            asked=False,
        ),
        Row(
            "sm3.hash, messages in an array",
            "sm3.hash",
            lambda: sm3.hash_many(array),
            lambda: _native.sm3_hash_messages(hashes, rows),
            hashes,
            asked=False,
        ),
        Row(
            "sm3.hash, messages in a list",
            "sm3.hash",
            lambda: sm3.hash_many(items),
            lambda: _native.sm3_hash_messages(hashes, listed),
            hashes,
            asked=False,
        ),
    ]


def check(row: Row) -> None:
    """End the run if the two sides differ, or a signature is not valid."""
    row.answer[:] = 0
    row.bare()
    if not np.array_equal(row.ours(), row.answer):
        raise SystemExit(f"overhead: {row.task}: the two sides differ")
    if row.op == "sm2.verify" and not (row.answer == sm2.OK).all():
        raise SystemExit(f"overhead: {row.task}: a signature is not valid")


def thread_seconds(call: Call) -> float:
    """CPU time that the thread takes for a call."""
    started = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - started) * 1e-9


def measure(row: Row, rounds: int, seconds: float) -> dict[str, object]:
    """Median and spread over the rounds; each compares the medians of as many calls a side as take `seconds`."""
    check(row)
    turns = max(3, round(seconds / max(thread_seconds(row.bare), 1e-9)))
    overheads, bare_seconds = [], []
    for _ in range(rounds):
        ours, bare = [], []
        for turn in range(turns):
            if turn % 2 == 0:
                ours.append(thread_seconds(row.ours))
            bare.append(thread_seconds(row.bare))
            if turn % 2 == 1:
                ours.append(thread_seconds(row.ours))
        overheads.append(statistics.median(ours) / statistics.median(bare) - 1)
        bare_seconds.append(statistics.median(bare))
    median = statistics.median(overheads)
    result: dict[str, object] = {
        "task": row.task,
        "kernel": accel.active_kernel(row.op),
        "bare_us_p50": statistics.median(bare_seconds) * 1e6,
        "overhead_p50": median,
        "overhead_min": min(overheads),
        "overhead_max": max(overheads),
    }
    if row.asked:
        reached = "goal" if median <= GOAL else "floor" if median <= FLOOR else "below"
        result |= {"floor": FLOOR, "goal": GOAL, "reached": reached}
    return result


def main() -> None:
    """Measure every row and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each side in a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    accel.set_num_threads(1)
    results = [measure(row, options.rounds, options.seconds) for row in make_rows(options.batch)]
    if options.json:
        print(json.dumps({"batch": options.batch, "rounds": options.rounds, "results": results}, indent=1))
        return
    print(f"Python's overhead on batches of {options.batch}, one thread, {options.rounds} alternating rounds")
    for result in results:
        print(
            f"{result['task']:<34} {result['kernel']:<10} bare call {result['bare_us_p50']:8,.0f} us, overhead "
            f"{result['overhead_p50']:7.2%} ({result['overhead_min']:.2%} to {result['overhead_max']:.2%})"
            + (f", at most {FLOOR:.0%}, goal {GOAL:.0%}: {result['reached']}" if "reached" in result else "")
        )


if __name__ == "__main__":
    main()
