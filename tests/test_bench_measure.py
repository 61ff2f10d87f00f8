"""Rounds, turns, warming up, bounds and cost: on clocks and counts of our own."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("msgspec")

import accel
from accel import _native
from accel.bench import bounds, machine, measure
from accel.bench.cost import costs
from accel.bench.measure import Side
from accel.bench.report import Case, Price, Scaling, ScalingPoint, Spread, Throughput


class Bench:
    """Sides that take known times on one fake clock, and note when they run."""

    def __init__(self) -> None:
        self.time = 0.0
        self.log: list[str] = []

    def side(self, name: str, seconds: float, items: int = 10) -> Side:
        def run() -> int:
            self.log.append(name)
            self.time += seconds
            return items

        return Side(run, lambda: self.log.append(f"prepare {name}"), lambda: self.time)


def test_sides_take_turns_and_rows_too() -> None:
    bench = Bench()
    rows = [[bench.side("a", 1.0), bench.side("b", 2.0)], [bench.side("c", 4.0)]]
    seen: list[tuple[int, int]] = []
    measure.measure(rows, 2, 1.0, lambda done, total: seen.append((done, total)))
    names = [name for name in bench.log if not name.startswith("prepare")]
    warm_up = ["a", "a", "b", "c"]
    assert names == [*warm_up, "a", "b", "c", "b", "a", "c"]
    assert bench.log.count("prepare a") == 3
    assert rows[0][0].rates == [10.0, 10.0]
    assert rows[0][1].spread == Spread.of([5.0, 5.0])
    assert rows[1][0].rates == [2.5, 2.5]
    assert measure.ratio(*rows[0]) == Spread.of([2.0, 2.0])
    assert seen == [(done, 6) for done in range(1, 7)]


def test_short_calls_are_repeated_until_they_can_be_timed() -> None:
    bench = Bench()
    side = bench.side("a", 0.001)
    side.warm_up(0.05)
    assert side.repeats == 50
    side.measure()
    assert side.rates == [pytest.approx(10_000)]
    assert len(bench.log) == 1 + 3 + 1 + 50
    instant = bench.side("b", 0.0)
    instant.warm_up(60.0)
    assert instant.repeats == measure.MAX_REPEATS


def test_spread_of_known_rates() -> None:
    spread = Spread.of([4.0, 1.0, 3.0, 2.0])
    assert (spread.median, spread.low, spread.high, spread.rounds) == (2.5, 1.0, 4.0, (4.0, 1.0, 3.0, 2.0))


def test_pinning_is_undone() -> None:
    cores = os.sched_getaffinity(0)
    with measure.pinned(None) as core:
        if core is not None:
            assert core == max(cores)
            assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == cores


def test_threads_and_kernels_are_put_back() -> None:
    threads, kernel = accel.num_threads(), accel.active_kernel("sm3.hash")
    with measure.accel_as_it_was():
        accel.set_num_threads(threads + 1)
        accel.set_kernels("portable")
    assert accel.num_threads() == threads
    assert accel.active_kernel("sm3.hash") == kernel


# ------------------------------------------------------------------------------------------------ bounds


@pytest.mark.parametrize(
    ("length", "prefix", "blocks"),
    [
        (0, 0, (0, 1)),
        (55, 0, (1, 0)),
        (56, 0, (2, 0)),
        (64, 0, (1, 1)),
        (256, 0, (4, 1)),
        (64, 1, (2, 0)),
        (256, 1, (5, 0)),
    ],
)
def test_blocks_of_a_padded_message(length: int, prefix: int, blocks: tuple[int, int]) -> None:
    assert bounds.sm3_blocks(length, prefix) == blocks


def test_a_bound_is_operations_a_second_over_operations_an_item() -> None:
    rates = {"vector512": Spread.of([5656.0]), "ifma512": Spread.of([169_000.0])}
    # (3,336 for the message's block + 2,320 for that of padding) / 32 lanes = 176.75
    found = bounds.bound(Case("sm3.hash", "avx512", 4096, 1, None, 64), 16.0, rates)
    assert found is not None
    assert found.operations_per_item == 176.75
    assert found.rate_per_s == 32.0
    assert found.fraction == 0.5
    assert found.source.startswith("csrc/sm3/README.md")
    found = bounds.bound(Case("sm2.verify", "avx512ifma", 4096, 1, "unknown"), 6.0, rates)
    assert found is not None
    assert (found.rate_per_s, found.fraction) == (8.0, 0.75)


@pytest.mark.parametrize(
    "case",
    [
        Case("sm2.verify", "avx512ifma", 8, 1, "unknown"),  # fewer than the count is for
        Case("merkle.root", "portable", 4096, 1, None, 64),  # nobody has counted
        Case("sm2.verify", "avx512ifma", 64, 1, "known"),  # too few for full chunks side by side
        Case("sm2.verify", "avx512ifma", 1000, 1, "hinted"),  # no whole block
        Case("sm3.hash", "avx2", 4096, 1, None, 64),  # no loop measured
        Case("sm2.verify", "new", 4096, 1, "unknown"),
    ],
)
def test_no_bound_is_better_than_a_wrong_one(case: Case) -> None:
    assert bounds.bound(case, 1.0, {"vector512": Spread.of([1.0]), "ifma512": Spread.of([1.0])}) is None


def test_sources_of_counts_exist() -> None:
    root = machine.__file__.partition("src/accel")[0]
    for case_key, count in bounds._COUNTS.items():
        path, _, section = count.source.partition(", ")
        with open(root + path, encoding="utf-8") as page:
            assert f"# {section}" in page.read(), case_key


def test_loops_of_this_cpu() -> None:
    names = _native.core_loops()
    features = {"vector256": "avx2", "vector512": "avx512", "ifma512": "avx512ifma"}
    for name, feature in features.items():
        assert (name in names) == (feature in accel.cpu_features())
    for name in names:
        assert _native.run_core_loop(name, 3) == 3 * _native.run_core_loop(name, 1) > 0
    assert set(names) - {bounds.CLOCK_LOOP} <= set(bounds.RESOURCES)
    assert set(bounds.loops()) == set(names)


@pytest.mark.parametrize(("name", "turns"), [("dependent_sub", 1), ("", 1)])
def test_unknown_loops_are_refused(name: str, turns: int) -> None:
    with pytest.raises(accel.ArgumentError, match="expected one of core_loops"):
        _native.run_core_loop(name, turns)


def test_a_loop_of_no_turns_is_refused() -> None:
    for name in _native.core_loops():
        with pytest.raises(accel.ArgumentError, match="turns: expected at least 1, got 0"):
            _native.run_core_loop(name, 0)
    with pytest.raises(TypeError):
        _native.run_core_loop("instruction", -1)


# -------------------------------------------------------------------------------------------------- cost


def test_cost_of_the_best_kernel() -> None:
    slow = Throughput(Case("sm2.sign", "portable", 256), "thread-cpu", Spread.of([100.0]))
    fast = Throughput(Case("sm2.sign", "adx", 256), "thread-cpu", Spread.of([200.0]))
    (cost,) = costs([slow, fast], [], Price(0.05, "EUR"))
    assert cost.case == fast.case
    assert cost.items_per_core_second == 200
    assert cost.items_per_unit == pytest.approx(200 * 3600 / 0.05)
    assert costs([slow], [], None)[0].items_per_unit is None


def test_cost_on_all_threads_where_they_were_measured() -> None:
    case = Case("sm2.sign", "adx", 256, 4)
    point = ScalingPoint(4, Spread.of([600.0]), Spread.of([0.75]))
    (cost,) = costs([], [Scaling(case, (point,))], Price(0.1, "USD"))
    assert cost.items_per_core_second == 150
    assert cost.items_per_unit == pytest.approx(150 * 36_000)


def test_the_machine_has_a_name() -> None:
    found = machine.machine(None)
    assert found.cpu
    assert found.cores >= found.usable_cores >= 1
    assert found.features == tuple(accel.cpu_features())
    assert machine.software().accel == accel.__version__
    assert (machine.software().compiler or "").startswith(("gcc ", "clang "))
