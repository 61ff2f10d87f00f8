"""Single signatures through a `Verifier`, beside batches: threads, asyncio tasks, and a lone caller's latency.

All keys are unknown and all signatures over messages of 256 bytes. Rounds alternate the sides in one process; rates are
wall-clock rates, and beside them rates by the process's CPU time, because other jobs take more from a side that sleeps.
Run it on a quiet machine: python bench/verifier.py [--rounds N] [--seconds S] [--callers N] [--json].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import accel
from accel import sm2

COUNT, LENGTH = 4096, 256
GOAL_PER_S = 40_000  # of threads or tasks

Work = Callable[[float], int]  # works so many seconds; returns the number of signatures


class Items:
    """A signature of its own key each, as arrays and as objects."""

    def __init__(self) -> None:
        signers = sm2.generate_many(COUNT)
        self.array = np.random.default_rng(1).integers(0, 256, (COUNT, LENGTH), np.uint8)
        self.rows = sm2.sign_many(signers, self.array, indices=np.arange(COUNT, dtype=np.uint32))
        self.key_rows = np.stack([np.frombuffer(signer.public_key.raw, np.uint8) for signer in signers])
        self.keys = [signer.public_key for signer in signers]
        self.signatures = [row.tobytes() for row in self.rows]
        self.messages = [row.tobytes() for row in self.array]

    def batches(self, seconds: float) -> int:
        """Verify batches of all items."""
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            if not (sm2.verify_many(self.key_rows, self.rows, self.array) == sm2.OK).all():
                raise SystemExit("verifier: a batch refuses a valid signature")
            count += COUNT
        return count

    def threads(self, verifier: sm2.Verifier, callers: int, seconds: float) -> int:
        """Verify from so many threads; each waits for its verdict."""
        stop, counts = threading.Event(), [0] * callers

        def call(caller: int) -> None:
            i = caller * 61
            while not stop.is_set():
                verifier.verify(self.keys[i % COUNT], self.signatures[i % COUNT], self.messages[i % COUNT])
                i += 1
            counts[caller] = i - caller * 61

        team = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
        for thread in team:
            thread.start()
        time.sleep(seconds)
        stop.set()
        for thread in team:
            thread.join()
        return sum(counts)

    def tasks(self, verifier: sm2.Verifier, callers: int, seconds: float) -> int:
        """Verify from so many tasks of one event loop."""
        end = time.perf_counter() + seconds

        async def call(caller: int) -> int:
            i = caller * 61
            while time.perf_counter() < end:
                await verifier.verify_async(self.keys[i % COUNT], self.signatures[i % COUNT], self.messages[i % COUNT])
                i += 1
            return i - caller * 61

        async def team() -> int:
            return sum(await asyncio.gather(*(call(caller) for caller in range(callers))))

        return asyncio.run(team())


def rates(work: Work, seconds: float) -> tuple[float, float]:
    """Signatures a second by the clock, and by the process's CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = work(seconds)
    return count / (time.perf_counter() - wall), count / (time.process_time() - cpu)


@dataclass
class Row:
    """One way to call, beside batches."""

    task: str
    work: Work
    rates: list[float] = field(default_factory=list)
    batch_rates: list[float] = field(default_factory=list)
    cpu_ratios: list[float] = field(default_factory=list)

    def add(self, batch: tuple[float, float], seconds: float) -> None:
        """Measure once more."""
        wall, cpu = rates(self.work, seconds)
        self.rates.append(wall)
        self.batch_rates.append(batch[0])
        self.cpu_ratios.append(cpu / batch[1])

    def result(self) -> dict[str, object]:
        """What comes out."""
        ratios = [ours / batch for ours, batch in zip(self.rates, self.batch_rates, strict=True)]
        return {
            "task": self.task,
            "rate_per_s_p50": statistics.median(self.rates),
            "rate_per_s_min": min(self.rates),
            "rate_per_s_max": max(self.rates),
            "batch_rate_per_s_p50": statistics.median(self.batch_rates),
            "ratio_p50": statistics.median(ratios),
            "cpu_ratio_p50": statistics.median(self.cpu_ratios),
            "goal_per_s": GOAL_PER_S,
        }


def lone_caller(items: Items, verifier: sm2.Verifier, seconds: float) -> tuple[list[float], list[float]]:
    """Microseconds of single calls in turn: of a verifier, and of `PublicKey.verify`."""
    ours: list[float] = []
    single: list[float] = []
    end, i = time.perf_counter() + seconds, 0
    while time.perf_counter() < end or i < 50:
        key, signature, message = items.keys[i % COUNT], items.signatures[i % COUNT], items.messages[i % COUNT]
        start = time.perf_counter()
        verifier.verify(key, signature, message)
        middle = time.perf_counter()
        key.verify(signature, message)
        single.append(1e6 * (time.perf_counter() - middle))
        ours.append(1e6 * (middle - start))
        i += 1
    return ours, single


def percentile(values: list[float], share: float) -> float:
    """The value that this share of values lies below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    """Measure and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--callers", type=int, default=64, help="threads, and tasks")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["ACCEL_ADAPTIVE_TABLES"] = "0"  # tables that the library makes by itself would make keys known
    items = Items()
    ours: list[float] = []
    single: list[float] = []
    with sm2.Verifier() as verifier:
        callers = options.callers
        rows = [
            Row(f"{callers} threads", lambda seconds: items.threads(verifier, callers, seconds)),
            Row(f"{callers} tasks", lambda seconds: items.tasks(verifier, callers, seconds)),
            Row(f"{16 * callers} tasks", lambda seconds: items.tasks(verifier, 16 * callers, seconds)),
        ]
        items.batches(0.01)
        for _ in range(options.rounds):
            batch = rates(items.batches, options.seconds)
            for row in rows:
                row.add(batch, options.seconds)
            lone_caller(items, verifier, 0)  # the crowd is forgotten
            more_ours, more_single = lone_caller(items, verifier, options.seconds)
            ours += more_ours
            single += more_single
    lone = {
        "latency_us_p50": percentile(ours, 0.5),
        "latency_us_p99": percentile(ours, 0.99),
        "public_key_verify_us_p50": percentile(single, 0.5),
        "public_key_verify_us_p99": percentile(single, 0.99),
    }
    results = [row.result() for row in rows]
    kernel, threads = accel.active_kernel("sm2.verify"), accel.num_threads()
    if options.json:
        print(json.dumps({"kernel": kernel, "threads": threads, "results": results, "lone_caller": lone}))
        return
    print(f"kernel {kernel}, {threads} threads, unknown keys, messages of {LENGTH} bytes, {options.rounds} rounds")
    for result in results:
        print(
            f"{result['task']:<14} {result['rate_per_s_p50']:>9,.0f}/s ({result['rate_per_s_min']:,.0f} to "
            f"{result['rate_per_s_max']:,.0f}), goal {GOAL_PER_S:,}; batches {result['batch_rate_per_s_p50']:,.0f}/s, "
            f"ratio {result['ratio_p50']:.2f}, by CPU time {result['cpu_ratio_p50']:.2f}"
        )
    print(
        f"lone caller    p50 {lone['latency_us_p50']:.1f} us, p99 {lone['latency_us_p99']:.1f} us; PublicKey.verify "
        f"p50 {lone['public_key_verify_us_p50']:.1f} us, p99 {lone['public_key_verify_us_p99']:.1f} us"
    )


if __name__ == "__main__":
    main()
