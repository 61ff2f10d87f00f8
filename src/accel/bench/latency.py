"""Latency: one caller back to back (closed loop), and under a load that does not wait for answers (open loop).

In a closed loop the next call starts when the last one has ended, so that it says how long a call takes and nothing
about waiting for one's turn. In an open loop items arrive by themselves, at random moments whose mean rate is the
offered load (a Poisson process), and each latency runs from the moment at which the item was to arrive until its
answer is there. Measuring from when the server got round to it would leave the waiting out: G. Tene calls that
coordinated omission ("How NOT to Measure Latency", 2013). The difference between the two loops: B. Schroeder,
A. Wierman, M. Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006.

The arrivals of a load are drawn before it starts. No thread has to produce them, so none can be late: the caller looks
at the clock, takes what has arrived since, at most a batch of it, and answers it in one call. Items wait in one bounded
queue; what finds it full is dropped and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accel.bench.report import Latency, Load

Seconds = npt.NDArray[np.float64]

MAX_ARRIVALS = 2_000_000
"""Of one load: its time is cut short rather than its memory grows."""
MAX_CALLS = 100_000
QUEUE_BATCHES = 64
"""The queue holds so many batches."""
BEHIND = 0.95
"""Of the offered load, below which the achieved rate has fallen behind."""
STEP = 2**0.5
MAX_STEPS = 24

_SPIN_S = 200e-6


class Timer:
    """Where time comes from: the monotonic clock. Tests have their own."""

    def now(self) -> float:
        """Seconds."""
        return time.perf_counter()

    def wait_until(self, moment: float) -> None:
        """Return at `moment`, and not before: the last bit is spent looking at the clock, as sleep comes back late."""
        while (left := moment - self.now()) > 0:
            if left > 2 * _SPIN_S:
                time.sleep(left - _SPIN_S)


def percentiles(latencies_s: Seconds) -> Latency:
    """Percentiles by nearest rank (each is a latency that occurred), in microseconds."""
    ascending, count = np.sort(latencies_s), len(latencies_s)
    ranks = [-(-count * thousandths // 1000) for thousandths in (500, 900, 990, 999, 1000)]
    return Latency(count, *(1e6 * float(ascending[rank - 1]) for rank in ranks))


def closed_loop(serve: Callable[[int], int], batch: int, seconds: float, timer: Timer | None = None) -> Latency:
    """Call `serve(batch)` back to back for `seconds` (once at least), and return how long the calls took."""
    now = (timer or Timer()).now
    taken: list[float] = []
    started = before = now()
    while not taken or (before - started < seconds and len(taken) < MAX_CALLS):
        serve(batch)
        after = now()
        taken.append(after - before)
        before = after
    return percentiles(np.array(taken))


def poisson_arrivals(rate_per_s: float, seconds: float, random: np.random.Generator) -> Seconds:
    """Moments of arrival from 0 on, ascending: gaps are exponential with the mean 1 / `rate_per_s`.

    At least one; at most `MAX_ARRIVALS`.
    """
    count = int(min(MAX_ARRIVALS, max(1, round(rate_per_s * seconds))))
    return np.cumsum(random.exponential(1 / rate_per_s, count))


@dataclass(frozen=True, slots=True)
class Served:
    """What happened to the arrivals: latencies of those answered, how many were not, and how long it all took."""

    latencies_s: Seconds
    dropped: int
    seconds: float


def serve_arrivals(
    arrivals: Seconds, serve: Callable[[int], int], batch: int, queue: int, patience: float, timer: Timer | None = None
) -> Served:
    """Answer arrivals as they come, up to `batch` in one call.

    Args:
        arrivals: ascending moments in seconds, 0 being the start.
        serve: answers so many items in one call.
        batch: the most that one call takes.
        queue: items that may wait; those that arrive while it is full are dropped.
        patience: seconds after which all that has not been answered is given up and counts as dropped.
        timer: where time comes from.
    """
    timer = timer or Timer()
    latencies = np.empty(len(arrivals))
    waiting: list[Seconds] = []  # pieces of `arrivals`, oldest first
    backlog = seen = answered = 0
    start = timer.now()
    now = 0.0
    while now < patience and (seen < len(arrivals) or backlog):
        if not backlog and arrivals[seen] > now:
            moment = min(float(arrivals[seen]), patience)
            timer.wait_until(start + moment)
            now = max(moment, timer.now() - start)  # the difference may be a rounding below it
        due = int(np.searchsorted(arrivals, now, side="right"))
        room = min(due - seen, queue - backlog)  # the queue only filled up since it was last looked at
        waiting.append(arrivals[seen : seen + room])
        backlog, seen = backlog + room, due
        if not backlog:
            continue
        came, waiting = _take(waiting, batch)
        serve(len(came))
        now = timer.now() - start
        latencies[answered : answered + len(came)] = now - came
        answered, backlog = answered + len(came), backlog - len(came)
    return Served(latencies[:answered], len(arrivals) - answered, max(now, float(arrivals[-1])))


def _take(waiting: list[Seconds], most: int) -> tuple[Seconds, list[Seconds]]:
    """The oldest items, at most `most`, and what is left."""
    everything = np.concatenate(waiting)
    return everything[:most], [everything[most:]]


def open_loop_load(
    offered_per_s: float,
    serve: Callable[[int], int],
    batch: int,
    seconds: float,
    p99_limit_us: float,
    random: np.random.Generator,
    timer: Timer | None = None,
) -> Load:
    """Offer one load for about `seconds`, and say what became of it.

    It was too much if the answers fell behind, items were dropped, or the 99th percentile is above the limit.
    """
    arrivals = poisson_arrivals(offered_per_s, seconds, random)
    served = serve_arrivals(arrivals, serve, batch, QUEUE_BATCHES * batch, 2 * float(arrivals[-1]) + 1, timer)
    offered = len(arrivals) / float(arrivals[-1])  # what the drawn arrivals came to
    achieved = len(served.latencies_s) / served.seconds
    latency = percentiles(served.latencies_s) if len(served.latencies_s) else None
    broke = None
    if achieved < BEHIND * offered:
        broke = f"answered {achieved / offered:.0%} of the offered load"
    elif served.dropped:
        broke = f"dropped {served.dropped / len(arrivals):.2%} of the items"
    elif latency is not None and latency.p99 > p99_limit_us:
        broke = f"p99 above {p99_limit_us / 1000:g} ms"
    return Load(offered, achieved, latency, served.dropped, broke)


def sweep(
    capacity_per_s: float,
    serve: Callable[[int], int],
    batch: int,
    seconds: float,
    p99_limit_us: float,
    seed: int,
    timer: Timer | None = None,
) -> tuple[Load, ...]:
    """Offer ascending loads, each √2 times the last, from an eighth of the capacity on, until one breaks.

    Args:
        capacity_per_s: items per second of a closed loop with full batches.
        serve: as in `serve_arrivals`.
        batch: the most that one call takes.
        seconds: of each load.
        p99_limit_us: above which a load counts as broken.
        seed: of the arrivals.
        timer: where time comes from.
    """
    random = np.random.default_rng(seed)
    loads: list[Load] = []
    offered = capacity_per_s / 8
    while len(loads) < MAX_STEPS and not (loads and loads[-1].broke):
        loads.append(open_loop_load(offered, serve, batch, seconds, p99_limit_us, random, timer))
        offered *= STEP
    return tuple(loads)
