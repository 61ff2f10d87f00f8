"""How well one process uses several cores: its rate over that of as many pinned processes of one thread each.

Both are measured in turn, round after round, in processes that stay alive; the figure is the median of the rounds'
ratios. Run it on a quiet machine: python bench/threads.py [--cores N] [--rounds N] [--seconds S] [--json].
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np

import accel
from accel import sm2, sm3

Work = Callable[[], int]  # one batch; returns the number of items


def hash_work() -> Work:
    """SM3 of 262,144 messages of 64 bytes."""
    messages = np.random.default_rng(1).integers(0, 256, (1 << 18, 64), np.uint8)
    out = np.empty((1 << 18, 32), np.uint8)
    return lambda: len(sm3.hash_many(messages, out=out))


def verify_work() -> Work:
    """SM2 verification of 16,384 digests by 64 known signers."""
    count, signers = 1 << 14, 64
    keys = sm2.generate_many(signers)
    digests = np.random.default_rng(2).integers(0, 256, (count, 32), np.uint8)
    indices = np.arange(count, dtype=np.uint32) % signers
    signatures = sm2.sign_digest_many(keys, digests, indices=indices)
    ring = sm2.KeyRing(np.stack([np.frombuffer(key.public_key.raw, np.uint8) for key in keys]))
    return lambda: int((sm2.verify_digest_many(ring[indices], signatures, digests) == sm2.OK).sum())


FLOOR, GOAL = 0.95, 0.98  # ratio of one process to the pinned ones: at least
WORK = {"sm3.hash": hash_work, "sm2.verify": verify_work}


def serve(pipe: Connection, op: str, cpus: set[int]) -> None:
    """In a process of its own: for each number of seconds received, work that long and send back the rate."""
    os.sched_setaffinity(0, cpus)
    accel.set_num_threads(len(cpus))
    work = WORK[op]()
    work()
    pipe.send("ready")
    while (seconds := pipe.recv()) is not None:
        items, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            items += work()
        pipe.send(items / elapsed)


class Team:
    """Processes that work at the same time, each on its own CPUs."""

    def __init__(self, op: str, cpu_sets: list[set[int]]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes: list[Connection] = []
        for cpus in cpu_sets:
            ours, theirs = context.Pipe()
            context.Process(target=serve, args=(theirs, op, cpus), daemon=True).start()
            self.pipes.append(ours)
        for pipe in self.pipes:
            pipe.recv()

    def rate(self, seconds: float) -> float:
        """Items per second of all together."""
        for pipe in self.pipes:
            pipe.send(seconds)
        return sum(pipe.recv() for pipe in self.pipes)

    def end(self) -> None:
        """Let the processes end."""
        for pipe in self.pipes:
            pipe.send(None)


def measure(op: str, cores: int, rounds: int, seconds: float) -> dict[str, object]:
    """Rates of one process and of pinned ones, and the ratio of the first to the second."""
    cpus = sorted(os.sched_getaffinity(0))[:cores]
    one, pinned = Team(op, [set(cpus)]), Team(op, [{cpu} for cpu in cpus])
    pairs = [(one.rate(seconds), pinned.rate(seconds)) for _ in range(rounds)]
    one.end()
    pinned.end()
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    return {
        "op": op,
        "kernel": accel.active_kernel(op),
        "cores": len(cpus),
        "one_process_per_s_p50": statistics.median(rate for rate, _ in pairs),
        "pinned_processes_per_s_p50": statistics.median(rate for _, rate in pairs),
        "ratio_p50": ratio,
        "ratio_min": min(ours / theirs for ours, theirs in pairs),
        "ratio_max": max(ours / theirs for ours, theirs in pairs),
        "floor": FLOOR,
        "goal": GOAL,
        "reached": "goal" if ratio >= GOAL else "floor" if ratio >= FLOOR else "below",
    }


def main() -> None:
    """Measure every operation and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = [measure(op, options.cores, options.rounds, options.seconds) for op in WORK]
    if options.json:
        print(json.dumps(results))
        return
    for result in results:
        print(
            f"{result['op']:<10} {result['kernel']:<10} one process {result['one_process_per_s_p50']:,.0f}/s, "
            f"{result['cores']} pinned processes {result['pinned_processes_per_s_p50']:,.0f}/s, "
            f"ratio {result['ratio_p50']:.3f} ({result['ratio_min']:.3f} to {result['ratio_max']:.3f}), "
            f"at least {FLOOR}, goal {GOAL}: {result['reached']}"
        )


if __name__ == "__main__":
    main()
