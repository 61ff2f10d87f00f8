"""What a run measures: the options of `accel bench`, checked, and the cases that follow from them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import accel
from accel.bench.report import OPERATIONS, Case, Keys, Price
from accel.bench.workload import VERIFYING, WITH_MESSAGES
from accel.errors import ArgumentError

Number = TypeVar("Number", int, float)

COUNTERS = {
    "sm3.hash": "sm3.hash",
    "merkle.root": "sm3.hash",
    "sm2.verify": "sm2.verify",
    "sm2.verify_message": "sm2.verify",
    "sm2.sign": "sm2.sign",
    "sm2.sign_message": "sm2.sign",
    "sm2.generate": "sm2.sign",
}
"""The op of `accel.active_kernel` whose kernels do the work of an operation."""

HINTED_KERNELS = ("avx512ifma",)
"""Kernels for which recovery hints make a difference."""

DEFAULT_BATCHES = (1, 16, 256, 4096)
DEFAULT_LENGTHS = {"sm3.hash": (64, 256, 1024), **dict.fromkeys(WITH_MESSAGES[1:], (256,))}
QUICK_BATCHES, QUICK_LENGTH = (1, 256), 64

MAX_BATCH, MAX_LENGTH, MAX_ROUNDS, MAX_SECONDS = 1 << 20, 1 << 20, 1000, 60.0
MAX_WORKLOAD_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; empty tuples and None stand for what is usual.

    Attributes:
        operations: of `accel.bench.report.OPERATIONS`.
        batches: items per call.
        lengths: bytes per message.
        threads: numbers of threads, for rates, latencies and scaling.
        kernels: names.
        rounds: in which rows take their turns.
        seconds: of each side of a row and round, at least.
        quick: small and short, to see that it works.
        core: to pin one-threaded measurements to; None: the last one.
        price: of a core-hour.
        latency: measure closed and open loops.
        peers: measure peers.
        p99_limit_us: above which an offered load counts as broken.
        seed: of inputs and arrivals.
        command: the arguments as given, for the report.
    """

    operations: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    kernels: tuple[str, ...] = ()
    rounds: int | None = None
    seconds: float | None = None
    quick: bool = False
    core: int | None = None
    price: Price | None = None
    latency: bool = True
    peers: bool = True
    p99_limit_us: float = 100_000.0
    seed: int = 1
    command: tuple[str, ...] = ()


class Plan:
    """The cases of a run, in rounds of so many seconds.

    Raises:
        ArgumentError: an option is not possible here; the sentence names it.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.rounds = _or_usual(options.rounds, 2 if options.quick else 5)
        self.seconds = _or_usual(options.seconds, 0.01 if options.quick else 0.05)
        self.batches = tuple(sorted(set(options.batches or (QUICK_BATCHES if options.quick else DEFAULT_BATCHES))))
        self.usable_cores = len(os.sched_getaffinity(0))
        self.threads = tuple(sorted(set(options.threads))) or (1,)
        self.scaling_threads = tuple(sorted({1, *(options.threads or _powers_up_to(self.usable_cores))}))
        asked = options.operations or tuple(OPERATIONS)
        self.kernels = {operation: kernels for operation in asked if (kernels := self._kernels_of(operation))}
        self.operations = tuple(self.kernels)
        self._check()

    def _kernels_of(self, operation: str) -> tuple[str, ...]:
        if operation not in OPERATIONS:
            raise ArgumentError(f"--operation: expected one of {', '.join(OPERATIONS)}, got {operation}")
        available = accel.available_kernels(COUNTERS[operation])
        wanted = self.options.kernels
        if self.options.quick and not wanted:
            return (available[0],)
        return tuple(kernel for kernel in available if not wanted or kernel in wanted)

    def _check(self) -> None:
        options = self.options
        available = {kernel for op in set(COUNTERS.values()) for kernel in accel.available_kernels(op)}
        for kernel in options.kernels:
            if kernel not in available:
                raise ArgumentError(f"--kernel: expected one of {', '.join(sorted(available))}, got {kernel}")
        if not self.kernels:
            raise ArgumentError(
                f"--kernel: none of {', '.join(options.kernels)} does {' or '.join(options.operations)} here"
            )
        _within("--batch", self.batches, 1, MAX_BATCH)
        _within("--length", options.lengths, 0, MAX_LENGTH)
        _within("--threads", self.scaling_threads, 1, self.usable_cores, " (the cores that this process may use)")
        _within("--rounds", (self.rounds,), 1, MAX_ROUNDS)
        _within("--seconds", (self.seconds,), 0.001, MAX_SECONDS)
        _within("--p99-limit", (options.p99_limit_us / 1000,), 0.001, 60_000, " ms")
        largest = max(self.batches) * max((n for op in self.operations for n in self.lengths_of(op) if n), default=0)
        if largest > MAX_WORKLOAD_BYTES:
            raise ArgumentError(
                f"--batch, --length: expected at most {MAX_WORKLOAD_BYTES} bytes of messages in a call, got {largest}"
            )
        if options.core is not None and options.core not in os.sched_getaffinity(0):
            cores = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
            raise ArgumentError(f"--core: expected one that this process may use ({cores}), got {options.core}")

    def lengths_of(self, operation: str) -> tuple[int | None, ...]:
        """Message lengths of an operation; (None,) where it has no messages."""
        if operation not in DEFAULT_LENGTHS:
            return (None,)
        if self.options.lengths:
            return tuple(sorted(set(self.options.lengths)))
        return (QUICK_LENGTH,) if self.options.quick else DEFAULT_LENGTHS[operation]

    def throughput(self) -> tuple[Case, ...]:
        """Every combination."""
        cases = tuple(self._cases(self.operations, self.batches))
        return tuple(replace(case, threads=threads) for threads in self.threads for case in cases)

    def scaling(self) -> tuple[Case, ...]:
        """The best kernel with the largest batch of each operation; `threads` is the highest number."""
        threads = self.scaling_threads[-1]
        return tuple(replace(case, threads=threads) for case in self.compared() if threads > 1)

    def compared(self) -> tuple[Case, ...]:
        """The best kernel with the largest batch of each operation, on one thread: what peers stand beside."""
        best = {operation: kernels[:1] for operation, kernels in self.kernels.items()}
        return tuple(self._cases(self.operations, self.batches[-1:], best))

    def closed_loop(self) -> tuple[Case, ...]:
        """Batches of every size back to back, with the best kernel: of verification, or what there is instead."""
        if not self.options.latency:
            return ()
        best = {operation: kernels[:1] for operation, kernels in self.kernels.items()}
        cases = tuple(self._cases(self._latency_operations(), self.batches, best))
        return tuple(replace(case, threads=threads) for threads in self.threads for case in cases)

    def open_loop(self) -> tuple[Case, ...]:
        """As `closed_loop`, gathering up to the largest batch."""
        return tuple(case for case in self.closed_loop() if case.batch == self.batches[-1])

    def _latency_operations(self) -> tuple[str, ...]:
        """A node waits for verdicts: the first verifying operation, or the first of all."""
        verifying = [operation for operation in self.operations if operation in VERIFYING]
        return tuple(verifying[:1] or self.operations[:1])

    def _cases(
        self, operations: tuple[str, ...], batches: tuple[int, ...], kernels: dict[str, tuple[str, ...]] | None = None
    ) -> Iterator[Case]:
        for operation in operations:
            for keys in _keys_of(operation):
                for length in self.lengths_of(operation):
                    for kernel in (kernels or self.kernels)[operation]:
                        if keys == "hinted" and kernel not in HINTED_KERNELS:
                            continue
                        for batch in batches:
                            yield Case(operation, kernel, batch, 1, keys, length)


def _or_usual(given: Number | None, usual: Number) -> Number:
    return usual if given is None else given


def _keys_of(operation: str) -> tuple[Keys | None, ...]:
    return ("unknown", "known", "hinted") if operation in VERIFYING else (None,)


def _powers_up_to(cores: int) -> Iterator[int]:
    """1, 2, 4 ... and `cores`."""
    threads = 1
    while threads < cores:
        yield threads
        threads *= 2
    yield cores


def _within(option: str, values: tuple[float, ...], least: float, most: float, what: str = "") -> None:
    for value in values:
        if not least <= value <= most:
            raise ArgumentError(f"{option}: expected {least:,} to {most:,}{what}, got {value:,}")
