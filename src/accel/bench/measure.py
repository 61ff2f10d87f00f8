"""Timing: rows that take their turns round after round, on one core by the thread's CPU time, or by the wall clock."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import accel
from accel.bench.report import Clock, Spread

WARM_UPS = 3
MAX_REPEATS = 1_000_000

CLOCKS: dict[Clock, Callable[[], float]] = {"thread-cpu": time.thread_time, "wall": time.perf_counter}
"""Seconds."""

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


def no_progress(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class Side:
    """One thing that is timed.

    Attributes:
        run: does some items, checks its verdicts and returns how many items it did.
        prepare: called before each turn, outside the measurement: forces the kernel.
        clock: seconds, read before and after.
        repeats: calls that are timed together; found by warming up.
        rates: items per second, one for each round.
    """

    run: Callable[[], int]
    prepare: Callable[[], None] = field(default=lambda: None)
    clock: Callable[[], float] = time.thread_time
    repeats: int = 1
    rates: list[float] = field(default_factory=list)

    def warm_up(self, seconds: float) -> None:
        """Run until tables are built and pages touched; choose the repeats that take at least `seconds`.

        Where a call is long, as those of peers in pure Python are, one has to do.
        """
        self.prepare()
        taken = spent = 0.0
        for _ in range(WARM_UPS):
            if spent < 2 * seconds:
                _, taken = self._timed()
                spent += taken
        self.repeats = max(1, min(MAX_REPEATS, round(seconds / max(taken, 1e-7))))

    def measure(self) -> None:
        """Take one turn and note its rate."""
        self.prepare()
        items, taken = self._timed()
        self.rates.append(items / max(taken, 1e-9))

    def _timed(self) -> tuple[int, float]:
        run, clock = self.run, self.clock
        started, items = clock(), 0
        for _ in range(self.repeats):
            items += run()
        return items, clock() - started

    @property
    def spread(self) -> Spread:
        """Median, lowest and highest round."""
        return Spread.of(self.rates)


Row = Sequence[Side]
"""Sides that are compared: in each round one after the other, the order reversed from round to round."""


def measure(rows: Sequence[Row], rounds: int, seconds: float, progress: Progress = no_progress) -> None:
    """Warm every side up, then time `rounds` rounds over all rows.

    A figure by itself says little on a machine that others use too: what is compared is measured in the same round,
    and a disturbance that lasts for seconds meets all rows in one round instead of one row in all.
    """
    total = len(rows) * (rounds + 1)
    for done, row in enumerate(rows, 1):
        for side in row:
            side.warm_up(seconds)
        progress(done, total)
    done = len(rows)
    for round_number in range(rounds):
        for row in rows:
            for side in row if round_number % 2 == 0 else reversed(row):
                side.measure()
            done += 1
            progress(done, total)


def ratio(ours: Side, theirs: Side) -> Spread:
    """Ours over theirs, round by round."""
    return Spread.of([a / b for a, b in zip(ours.rates, theirs.rates, strict=True)])


@contextlib.contextmanager
def accel_as_it_was() -> Iterator[None]:
    """Put the number of threads back at the end, and the kernels that `ACCEL_KERNEL` asks for, or the best."""
    threads = accel.num_threads()
    try:
        yield
    finally:
        accel.set_num_threads(threads)
        accel.set_kernels(os.environ.get("ACCEL_KERNEL"))


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[int | None]:
    """The calling thread on one core; yields the core, or None where the system does not let threads be pinned.

    Args:
        core: None: the last that this process may use, since interrupts prefer the first.
    """
    cores = os.sched_getaffinity(0)
    chosen = max(cores) if core is None else core
    try:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {chosen})
        yield chosen if os.sched_getaffinity(0) == {chosen} else None
    finally:
        with contextlib.suppress(OSError):  # before the pool starts threads, which inherit it
            os.sched_setaffinity(0, cores)
