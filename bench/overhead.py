"""What Python costs: batches of 4,096 through the package beside the same calls of the C library, made through ctypes.

Both sides run in turn in one process, on one core and one thread, over the same arrays; the figure is the thread's CPU
time of the one over that of the other, less 1. A call through ctypes takes about two microseconds itself, which the
figure leaves out. python bench/overhead.py [--rounds N] [--batch N] [--seconds S] [--json].
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import accel
from accel import sm2, sm3

Call = Callable[[], object]

SIGNERS = 64
FLOOR, GOAL = 0.03, 0.01  # share of the C library's time: at most


class Messages(ctypes.Structure):
    """accel_messages of accel.h."""

    _fields_ = (
        ("struct_size", ctypes.c_uint32),
        ("layout", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
        ("data_size", ctypes.c_uint64),
        ("stride", ctypes.c_uint64),
        ("length", ctypes.c_uint64),
        ("offsets", ctypes.c_void_p),
        ("pointers", ctypes.c_void_p),
        ("lengths", ctypes.c_void_p),
    )


STRIDED, POINTERS = 0, 3


def loaded_library() -> ctypes.CDLL:
    """Return the libaccel.so that the package has loaded into this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    paths = {line.split(maxsplit=5)[5] for line in lines if "/libaccel.so" in line}
    if len(paths) != 1:
        raise SystemExit(f"overhead: expected one libaccel.so in this process, found {sorted(paths)}")
    return ctypes.CDLL(paths.pop())


def address(array: np.ndarray) -> ctypes.c_void_p:
    """Return where an array's bytes are; the array has to outlive the pointer."""
    return ctypes.c_void_p(array.ctypes.data)


def size(number: int) -> ctypes.c_uint64:
    """Return an integer as the library takes counts and strides."""
    return ctypes.c_uint64(number)


class Batch:
    """Items, and the calls over them: by the package, and by the library."""

    def __init__(self, count: int) -> None:
        random = np.random.default_rng(1)
        signers = [sm2.PrivateKey.generate() for _ in range(SIGNERS)]
        self.count = count
        self.indices = np.arange(count, dtype=np.uint32) % SIGNERS
        self.keys = np.stack([np.frombuffer(signer.public_key.raw, np.uint8) for signer in signers])
        self.messages = random.integers(0, 256, (count, 256), np.uint8)
        self.message_list = [row.tobytes() for row in self.messages]
        self.digests = sm2.digest_many(self.keys[self.indices], self.messages)
        self.signatures = sm2.sign_many(signers, self.messages, indices=self.indices)
        self.ring = sm2.KeyRing(self.keys)
        self.status = np.zeros(count, np.uint8)
        self.hashes = np.zeros((count, 32), np.uint8)
        self.library = loaded_library()
        self.library.accel_last_error.restype = ctypes.c_char_p
        self.native_ring = self._native_ring()
        self.rows, self.pointers = self._strided(), self._pointers()

    def _native_ring(self) -> ctypes.c_void_p:
        ring = ctypes.c_void_p()
        name = b"1234567812345678"
        self.check(
            self.library.accel_sm2_keyring_new(
                None,
                ctypes.byref(ring),
                None,
                address(self.keys),
                size(64),
                name,
                size(len(name)),
                size(0),
                size(SIGNERS),
            )
        )
        return ring

    def _strided(self) -> Messages:
        return Messages(ctypes.sizeof(Messages), STRIDED, self.messages.ctypes.data, 0, 256, 256)

    def _pointers(self) -> Messages:
        self._addresses = (ctypes.c_char_p * self.count)(*self.message_list)
        self._lengths = np.full(self.count, 256, np.uint64)
        messages = Messages(ctypes.sizeof(Messages), POINTERS)
        messages.pointers = ctypes.addressof(self._addresses)
        messages.lengths = self._lengths.ctypes.data
        return messages

    def check(self, status: int) -> None:
        """Raise if a call of the library did not run."""
        if status != sm2.OK:
            raise RuntimeError(self.library.accel_last_error().decode())

    def native_verify_digests(self) -> Call:
        """Return the library's verification of digests."""
        arguments = (
            None,
            address(self.status),
            self.native_ring,
            address(self.indices),
            address(self.signatures),
            size(64),
            address(self.digests),
            size(32),
            size(self.count),
        )
        return lambda: self.check(self.library.accel_sm2_keyring_verify_digest_many(*arguments))

    def native_verify(self, messages: Messages) -> Call:
        """Return the library's verification of messages."""
        arguments = (
            None,
            address(self.status),
            self.native_ring,
            address(self.indices),
            address(self.signatures),
            size(64),
            ctypes.byref(messages),
            size(self.count),
        )
        return lambda: self.check(self.library.accel_sm2_keyring_verify_many(*arguments))

    def native_hash(self, messages: Messages) -> Call:
        """Return the library's SM3 of messages."""
        arguments = (None, address(self.hashes), ctypes.byref(messages), size(self.count))
        return lambda: self.check(self.library.accel_sm3_hash_messages(*arguments))


@dataclass
class Row:
    """One comparison."""

    task: str
    ours: Call
    native: Call
    asked: bool  # the floor holds for it


def make_rows(batch: Batch) -> list[Row]:
    """Return the comparisons, after checking that both sides of each give the right answers."""
    rows = [
        Row(
            "sm2.verify, digests in an array",
            lambda: sm2.verify_digest_many(batch.ring[batch.indices], batch.signatures, batch.digests),
            batch.native_verify_digests(),
            asked=True,
        ),
        Row(
            "sm2.verify, messages in an array",
            lambda: sm2.verify_many(batch.ring[batch.indices], batch.signatures, batch.messages),
            batch.native_verify(batch.rows),
            asked=True,
        ),
        Row(
            "sm2.verify, messages in a list",
            lambda: sm2.verify_many(batch.ring[batch.indices], batch.signatures, batch.message_list),
            batch.native_verify(batch.pointers),
            asked=True,
        ),
        Row(
            "sm3.hash, messages in an array",
            lambda: sm3.hash_many(batch.messages),
            batch.native_hash(batch.rows),
            asked=False,
        ),
        Row(
            "sm3.hash, messages in a list",
            lambda: sm3.hash_many(batch.message_list),
            batch.native_hash(batch.pointers),
            asked=False,
        ),
    ]
    for row in rows:
        native_answer = batch.hashes if row.task.startswith("sm3") else batch.status
        native_answer[:] = 0
        row.native()
        if not np.array_equal(row.ours(), native_answer):
            raise SystemExit(f"overhead: {row.task}: the two sides differ")
        if row.task.startswith("sm2") and not (native_answer == sm2.OK).all():
            raise SystemExit(f"overhead: {row.task}: a signature is not valid")
    return rows


def thread_seconds(call: Call, calls: int) -> float:
    """CPU time that the thread takes for `calls` calls."""
    started = time.thread_time_ns()
    for _ in range(calls):
        call()
    return (time.thread_time_ns() - started) * 1e-9


def measure(row: Row, rounds: int, seconds: float) -> dict[str, object]:
    """Median and spread of the overhead over the rounds, each of four turns a side."""
    calls = max(1, round(seconds / 4 / max(thread_seconds(row.native, 2) / 2, 1e-9)))
    overheads, native_seconds = [], []
    for _ in range(rounds):
        ours = native = 0.0
        for turn in range(4):
            if turn % 2 == 0:
                ours += thread_seconds(row.ours, calls)
            native += thread_seconds(row.native, calls)
            if turn % 2 == 1:
                ours += thread_seconds(row.ours, calls)
        overheads.append(ours / native - 1)
        native_seconds.append(native / (4 * calls))
    median = statistics.median(overheads)
    result: dict[str, object] = {
        "task": row.task,
        "kernel": accel.active_kernel("sm2.verify" if row.task.startswith("sm2") else "sm3.hash"),
        "native_us_p50": statistics.median(native_seconds) * 1e6,
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
    results = [measure(row, options.rounds, options.seconds) for row in make_rows(Batch(options.batch))]
    if options.json:
        print(json.dumps({"batch": options.batch, "rounds": options.rounds, "results": results}, indent=1))
        return
    print(f"Python's overhead on batches of {options.batch}, one thread, {options.rounds} alternating rounds")
    for result in results:
        print(
            f"{result['task']:<34} {result['kernel']:<10} C library {result['native_us_p50']:8,.0f} us, overhead "
            f"{result['overhead_p50']:7.2%} ({result['overhead_min']:.2%} to {result['overhead_max']:.2%})"
            + (f", at most {FLOOR:.0%}, goal {GOAL:.0%}: {result['reached']}" if "reached" in result else "")
        )


if __name__ == "__main__":
    main()
