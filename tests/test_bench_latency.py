"""Latencies on a clock of our own: every figure is known beforehand, and nothing here takes time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("msgspec")

from accel.bench import latency


class FakeTime(latency.Timer):
    """Time passes when somebody waits or serves, and only then."""

    def __init__(self) -> None:
        self.time = 100.0  # not 0: nothing may depend on where the clock starts
        self.asked: list[int] = []

    def now(self) -> float:
        return self.time

    def wait_until(self, moment: float) -> None:
        assert moment >= self.time
        self.time = moment

    def server(self, seconds: float, per_item: float = 0.0) -> Callable[[int], int]:
        """Answers any number of items in so much time; keeps what it was asked for."""
        self.asked = []

        def serve(count: int) -> int:
            self.asked.append(count)
            self.time += seconds + per_item * count
            return count

        return serve


def served(arrivals: list[float], batch: int, queue: int = 100, patience: float = 1000.0, takes: float = 1.0):
    timer = FakeTime()
    result = latency.serve_arrivals(np.array(arrivals), timer.server(takes), batch, queue, patience, timer)
    return result, timer.asked


def test_latency_counts_from_the_intended_arrival() -> None:
    """The server is busy until 1 when the second and third item arrive: by its own calls, everything takes 1 s."""
    result, asked = served([0.0, 0.5, 0.6, 3.0], batch=2)
    assert asked == [1, 2, 1]
    assert result.latencies_s == pytest.approx([1.0, 1.5, 1.4, 1.0])
    assert result.dropped == 0
    assert result.seconds == pytest.approx(4.0)


def test_what_does_not_fit_into_a_batch_waits_for_the_next() -> None:
    result, asked = served([0.0, 0.1, 0.2, 0.3, 0.4], batch=2)
    assert asked == [1, 2, 2]
    assert result.latencies_s == pytest.approx([1.0, 1.9, 1.8, 2.7, 2.6])


def test_an_arrival_that_finds_the_queue_full_is_dropped() -> None:
    result, asked = served([0.0, 0.1, 0.2, 0.3, 1.5], batch=1, queue=1)
    assert asked == [1, 1, 1]  # at 0, 0.1 and 1.5
    assert result.latencies_s == pytest.approx([1.0, 1.9, 1.5])
    assert result.dropped == 2


def test_patience_ends_what_would_take_too_long() -> None:
    result, asked = served([0.0, 1.0, 2.0], batch=1, patience=5.0, takes=10.0)
    assert asked == [1]
    assert result.dropped == 2
    assert result.seconds == 10.0
    result, asked = served([0.0, 50.0], batch=1, patience=5.0)
    assert asked == [1]
    assert result.dropped == 1


def test_percentiles_are_latencies_that_occurred() -> None:
    shuffled = np.random.default_rng(1).permutation(np.arange(1, 1001)) * 1e-6
    found = latency.percentiles(shuffled)
    assert (found.count, found.p50, found.p90) == (1000, pytest.approx(500), pytest.approx(900))
    assert (found.p99, found.p99_9, found.max) == (pytest.approx(990), pytest.approx(999), pytest.approx(1000))
    one = latency.percentiles(np.array([2e-6]))
    assert {one.p50, one.p99_9, one.max} == {2.0}


def test_closed_loop_times_each_call() -> None:
    timer = FakeTime()
    found = latency.closed_loop(timer.server(0.25, per_item=0.125), 2, 2.0, timer)
    assert timer.asked == [2] * 4
    assert found.count == 4
    assert found.p50 == found.max == 500_000
    assert latency.closed_loop(timer.server(9.0), 1, 0.001, timer).count == 1


def test_poisson_arrivals() -> None:
    arrivals = latency.poisson_arrivals(1000.0, 100.0, np.random.default_rng(7))
    assert np.array_equal(arrivals, latency.poisson_arrivals(1000.0, 100.0, np.random.default_rng(7)))
    gaps = np.diff(arrivals, prepend=0.0)
    assert len(gaps) == 100_000
    assert (gaps >= 0).all()
    # An exponential distribution: mean and deviation are equal, and a share 1/e of the gaps is longer than the mean.
    assert gaps.mean() == pytest.approx(1e-3, rel=0.02)
    assert gaps.std() == pytest.approx(1e-3, rel=0.03)
    assert (gaps > 1e-3).mean() == pytest.approx(math.exp(-1), rel=0.03)
    assert len(latency.poisson_arrivals(1e-3, 1.0, np.random.default_rng(7))) == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "MAX_ARRIVALS", 1000)
    assert len(latency.poisson_arrivals(1e9, 60.0, np.random.default_rng(1))) == 1000


def test_a_sweep_goes_on_until_the_server_falls_behind() -> None:
    timer = FakeTime()
    loads = latency.sweep(1000.0, timer.server(1e-3), 1, 5.0, 1e9, 1, timer)
    assert [load.broke is None for load in loads] == [True] * (len(loads) - 1) + [False]
    last = loads[-1]
    assert last.broke is not None
    assert last.broke.startswith(("answered ", "dropped "))
    assert last.offered_per_s > 1000
    assert last.achieved_per_s == pytest.approx(1000, rel=0.02)
    for load in loads[:-1]:
        assert load.latency_us is not None
        assert load.dropped == 0
        assert load.achieved_per_s == pytest.approx(load.offered_per_s, rel=0.05)
    steps = [b.offered_per_s / a.offered_per_s for a, b in itertools.pairwise(loads)]
    assert steps == pytest.approx([latency.STEP] * len(steps), rel=0.15)
    middle = [load.latency_us.p50 for load in loads if load.latency_us is not None]
    assert middle == sorted(middle)


def test_waiting_follows_the_theory() -> None:
    """One item a call in constant time s at half load: the mean wait of an M/D/1 queue is s ρ / (2 (1 - ρ)) = s / 2."""
    timer = FakeTime()
    arrivals = latency.poisson_arrivals(500.0, 200.0, np.random.default_rng(3))
    result = latency.serve_arrivals(arrivals, timer.server(1e-3), 1, 10**6, 1e9, timer)
    assert result.latencies_s.mean() == pytest.approx(1.5e-3, rel=0.03)


def test_a_load_with_slow_answers_is_broken_too() -> None:
    timer = FakeTime()
    load = latency.open_loop_load(100.0, timer.server(1e-3), 1, 5.0, 500.0, np.random.default_rng(1), timer)
    assert load.broke == "p99 above 0.5 ms"
    assert load.achieved_per_s == pytest.approx(load.offered_per_s, rel=0.05)


def test_a_load_that_drops_items_is_broken_too() -> None:
    timer = FakeTime()
    load = latency.open_loop_load(1010.0, timer.server(1e-3), 1, 20.0, 1e9, np.random.default_rng(1), timer)
    assert load.achieved_per_s > latency.BEHIND * load.offered_per_s
    assert load.dropped > 0
    assert load.broke is not None
    assert load.broke.startswith("dropped ")


def test_a_sweep_ends_whatever_happens() -> None:
    timer = FakeTime()
    loads = latency.sweep(10.0, timer.server(1e-6), 64, 1.0, 1e9, 1, timer)
    assert len(loads) == latency.MAX_STEPS


def test_the_real_timer_waits() -> None:
    timer = latency.Timer()
    moment = timer.now() + 0.002
    timer.wait_until(moment)
    assert timer.now() >= moment
