"""Runs scenario files on all cores and judges what came of them."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from os import PathLike
from typing import Any, Final

from accel.consensus.twins.cluster import Result, run_scenario
from accel.consensus.twins.files import Batch, load
from accel.consensus.twins.scenario import Scenario, node_names, overlap

__all__ = ["BatchReport", "Failure", "TwinsReport", "run_twins"]

_CHUNK: Final = 100  # scenarios of one task
_AHEAD: Final = 4  # tasks waiting for each process
_MAX_FAILURES: Final = 20  # that are written out in full, of each batch


@dataclass
class Failure:
    """A scenario that ended as it must not.

    Attributes:
        check: ``agreement``, ``liveness``, ``honest_accused``, ``evidence`` or ``no_fork``.
        sentence: What happened.
        scenario: A batch of a scenario file that runs it again; None when the whole batch is at fault.
    """

    check: str
    sentence: str
    scenario: dict[str, Any] | None


@dataclass
class BatchReport:
    """What came of a batch.

    Attributes:
        name: The batch.
        expect: ``safe`` or ``fork``.
        scenarios: How many ran.
        space: How many there are in the space; 1 for a single scenario.
        share: The covered share of the space; of a sample the expected one, since draws may repeat.
        forks: Scenarios in which honest validators decided differently.
        named: How often evidence named each validator in a fork.
        reported: Scenarios in which an honest node reported evidence by itself.
        steps: Events given to cores.
        violations: Scenarios that ended as they must not.
        failures: The first of them.
    """

    name: str
    expect: str
    scenarios: int
    space: int
    share: float
    forks: int = 0
    named: dict[int, int] = field(default_factory=dict)
    reported: int = 0
    steps: int = 0
    violations: int = 0
    failures: list[Failure] = field(default_factory=list)

    def fail(self, failure: Failure) -> None:
        """Note a violation; of many, the first ones in full.

        Args:
            failure: What went wrong, and in which scenario.
        """
        self.violations += 1
        if len(self.failures) < _MAX_FAILURES:
            self.failures.append(failure)


@dataclass
class TwinsReport:
    """What came of a scenario file.

    Attributes:
        batches: One report each.
        seconds: How long it took.
    """

    batches: list[BatchReport]
    seconds: float

    @property
    def scenarios(self) -> int:
        """How many scenarios ran."""
        return sum(batch.scenarios for batch in self.batches)

    @property
    def violations(self) -> int:
        """How many ended as they must not."""
        return sum(batch.violations for batch in self.batches)

    def to_json(self) -> dict[str, Any]:
        """Return the report as an object for JSON."""
        rate = self.scenarios / self.seconds if self.seconds else 0.0
        return {
            "scenarios": self.scenarios,
            "violations": self.violations,
            "seconds": round(self.seconds, 3),
            "scenarios_per_second": round(rate, 1),
            "batches": [
                asdict(batch) | {"named": {str(i): count for i, count in sorted(batch.named.items())}}
                for batch in self.batches
            ],
        }


def _as_batch(name: str, expect: str, scenario: Scenario) -> dict[str, Any]:
    """Write a scenario out as a batch of a scenario file."""
    names = node_names(scenario)
    rounds = []
    for steps in scenario.splits:
        splits = [
            [
                [name for name, group in zip(names, split, strict=True) if group == number]
                for number in sorted(set(split))
            ]
            for split in steps
        ]
        rounds.append(dict(zip(("propose", "prevote", "precommit"), splits, strict=True)))
    return {
        "name": name,
        "powers": list(scenario.powers),
        "twins": list(scenario.twins),
        "leaders": list(scenario.leaders),
        "expect": expect,
        "rounds": rounds,
    }


def _judge(report: BatchReport, scenario: Scenario, result: Result) -> None:
    """Add a result to its batch's report."""
    report.steps += result.steps
    report.forks += result.forked
    report.reported += bool(result.reported)
    accused = set(result.named) | set(result.reported)
    problems = []
    if not accused <= set(scenario.twins):
        problems.append(("honest_accused", f"evidence names {sorted(accused - set(scenario.twins))}, who run once"))
    if result.forked:
        for validator in result.named:
            report.named[validator] = report.named.get(validator, 0) + 1
        power = sum(scenario.powers[validator] for validator in result.named)
        if report.expect == "safe":
            problems.append(("agreement", f"decided: {', '.join(filter(None, result.decided))}"))
        if power < overlap(scenario.powers):
            problems.append(("evidence", f"a fork, and evidence names a power of {power} only: {result.named}"))
    elif result.stalled and report.expect == "safe":
        problems.append(("liveness", "an honest validator has not decided though the network had healed"))
    for check, sentence in problems:
        report.fail(Failure(check, sentence, _as_batch(f"{report.name}: {check}", report.expect, scenario)))


def _run(batch: Batch, numbers: list[int], report: BatchReport) -> BatchReport:
    """Run some scenarios of a batch in this process."""
    for number in numbers:
        scenario = batch.scenario if batch.space is None else batch.space.scenario(number)
        report.scenarios += 1
        _judge(report, scenario, run_scenario(scenario))
    return report


def _chunks(batch: Batch) -> Iterator[list[int]]:
    numbers = iter([0]) if batch.space is None else batch.space.numbers(batch.sample, batch.seed)
    while chunk := list(islice(numbers, _CHUNK)):
        yield chunk


def _blank(batch: Batch) -> BatchReport:
    return BatchReport(batch.name, batch.expect, 0, 1 if batch.space is None else batch.space.size, 0.0)


def _add(report: BatchReport, part: BatchReport) -> None:
    report.scenarios += part.scenarios
    report.forks += part.forks
    report.reported += part.reported
    report.steps += part.steps
    report.violations += part.violations
    for validator, count in part.named.items():
        report.named[validator] = report.named.get(validator, 0) + count
    report.failures = (report.failures + part.failures)[:_MAX_FAILURES]


def _parts(batches: list[Batch], processes: int) -> Iterator[tuple[int, BatchReport]]:
    """Yield reports of portions of the batches, in order, with a bounded number of them under way."""
    portions = ((i, chunk) for i, batch in enumerate(batches) for chunk in _chunks(batch))
    if processes == 1:
        yield from ((i, _run(batches[i], chunk, _blank(batches[i]))) for i, chunk in portions)
        return
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        running: deque[tuple[int, Future[BatchReport]]] = deque()
        for i, chunk in portions:
            running.append((i, pool.submit(_run, batches[i], chunk, _blank(batches[i]))))
            if len(running) >= processes * _AHEAD:
                number, future = running.popleft()
                yield number, future.result()
        while running:
            number, future = running.popleft()
            yield number, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def run_twins(
    path: str | PathLike[str],
    *,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TwinsReport:
    """Run a scenario file.

    Args:
        path: The file (``accel.consensus.twins.files``).
        processes: How many processes; None: as many as this process may use cores, one for a few scenarios.
        progress: Called with the number of scenarios that ran and the number of all.

    Raises:
        ScenarioError: The file does not describe scenarios.
        OSError: The file cannot be read.
    """
    batches = load(path)
    total = sum(batch.scenarios for batch in batches)
    if processes is None:
        processes = 1 if total <= 2 * _CHUNK else len(os.sched_getaffinity(0))
    reports = [_blank(batch) for batch in batches]
    done = 0
    begin = time.monotonic()
    for i, part in _parts(batches, processes):
        _add(reports[i], part)
        done += part.scenarios
        if progress is not None:
            progress(done, total)
    for batch, report in zip(batches, reports, strict=True):
        drawn = batch.scenarios < report.space
        report.share = -math.expm1(report.scenarios * math.log1p(-1 / report.space)) if drawn else 1.0
        if batch.expect == "fork" and not report.forks:
            report.fail(Failure("no_fork", "expected a fork in one scenario at least, got none", None))
    return TwinsReport(reports, time.monotonic() - begin)
