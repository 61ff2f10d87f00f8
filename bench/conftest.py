"""The suites for pytest-benchmark: accel's kernels beside every peer that was found, each contender a test.

A test is marked with the operation that it measures; its parameters follow from what this machine has. Times are for
one item: the clock is divided by the number of items.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator

import pytest

os.environ["ACCEL_ADAPTIVE_TABLES"] = "0"  # unknown keys stay unknown, however often they come

import accel
from accel.bench import peers
from contenders import Contender, contenders

BATCHES, QUICK_BATCHES = (1, 64, 4096), (1, 16)
ROUNDS, QUICK_ROUNDS = 10, 2
ROUND_SECONDS, QUICK_ROUND_SECONDS = 0.03, 0.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="small and short: shows that it works, and not how fast")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "operation(name, lengths, keys): what a test of the benchmarks measures")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("operation")
    if marker is not None:
        quick = metafunc.config.getoption("quick")
        lengths = marker.kwargs.get("lengths", (None,))
        found = list(
            contenders(
                *marker.args,
                batches=QUICK_BATCHES if quick else BATCHES,
                lengths=lengths[:1] if quick else lengths,
                keys=marker.kwargs.get("keys", (None,)),
            )
        )
        metafunc.parametrize("contender", found, ids=[contender.name for contender in found])


@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """One thread on one core, for accel and for whatever is started from here."""
    cores, threads = os.sched_getaffinity(0), accel.num_threads()
    accel.set_num_threads(1)
    os.sched_setaffinity(0, {max(cores)})
    yield
    os.sched_setaffinity(0, cores)
    accel.set_num_threads(threads)
    accel.set_kernels(None)


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Callable[[Contender], None]:
    """Time a contender: checked and warm, in rounds that are long enough for the clock."""

    def run(contender: Contender) -> None:
        quick = request.config.getoption("quick")
        work = contender.prepare()
        clock = peers.cpu_clock(work)
        work()
        started = clock()
        items = work()
        seconds = max(clock() - started, 1e-7)
        repeats = max(1, math.ceil((QUICK_ROUND_SECONDS if quick else ROUND_SECONDS) / seconds))

        def round_of_calls() -> None:
            for _ in range(repeats):
                work()

        request.node.add_marker(
            pytest.mark.benchmark(
                group=contender.group, disable_gc=True, timer=lambda: clock() / (items * repeats), warmup=False
            )
        )
        benchmark = request.getfixturevalue("benchmark")
        benchmark.extra_info.update(contender.facts | {"items_per_call": items})
        benchmark.pedantic(round_of_calls, rounds=QUICK_ROUNDS if quick else ROUNDS, warmup_rounds=1)

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line("Times are CPU time for one item; OPS is items per second.")
