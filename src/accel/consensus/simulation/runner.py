"""Many runs on all cores, with a file of progress from which an interrupted campaign goes on."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from accel.consensus.errors import ConsensusError
from accel.consensus.simulation.mutants import load, load_plain, mutants
from accel.consensus.simulation.points import CRASH_POINTS
from accel.errors import ArgumentError

__all__ = [
    "Campaign",
    "Failure",
    "MutantResult",
    "ProgressError",
    "Totals",
    "fingerprint",
    "point_name",
    "run_campaign",
    "run_mutants",
]

_CHUNK: Final = 20  # seeds of one task
_AHEAD: Final = 4  # tasks waiting for each process
_SAVE_EVERY_S: Final = 5.0
_VERSION: Final = 1


class ProgressError(ConsensusError, ValueError):
    """A progress file belongs to another campaign, or is none."""


class Failure(msgspec.Struct, frozen=True):
    """A seed whose run violated a check."""

    seed: int
    check: str
    sentence: str


class Totals(msgspec.Struct):
    """What runs add up to.

    Attributes:
        seeds: Runs.
        events: Simulated events.
        virtual_us: Virtual time.
        heights: Decided heights.
        evidence: Pieces of evidence reported.
        cpu_s: Processor time of the workers.
        healing: The largest share of the liveness bound that a run needed.
        rules: How often each rule fired.
        points: How often each crash point was passed, by "before …" and "after …".
        crashes: How often a validator crashed there.
        failures: Runs that violated a check, by ascending seed.
    """

    seeds: int = 0
    events: int = 0
    virtual_us: int = 0
    heights: int = 0
    evidence: int = 0
    cpu_s: float = 0.0
    healing: float = 0.0
    rules: dict[str, int] = msgspec.field(default_factory=dict)
    points: dict[str, int] = msgspec.field(default_factory=dict)
    crashes: dict[str, int] = msgspec.field(default_factory=dict)
    failures: list[Failure] = msgspec.field(default_factory=list)

    def add(self, other: Totals) -> None:
        """Add another's figures."""
        self.seeds += other.seeds
        self.events += other.events
        self.virtual_us += other.virtual_us
        self.heights += other.heights
        self.evidence += other.evidence
        self.cpu_s += other.cpu_s
        self.healing = max(self.healing, other.healing)
        for mine, theirs in ((self.rules, other.rules), (self.points, other.points), (self.crashes, other.crashes)):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count
        self.failures = sorted([*self.failures, *other.failures], key=lambda failure: failure.seed)

    @property
    def crash_points_missed(self) -> list[str]:
        """The crash points at which no validator crashed."""
        return [name for name in map(point_name, CRASH_POINTS) if name not in self.crashes]


class _Saved(msgspec.Struct):
    version: int
    fingerprint: str
    first: int
    end: int
    following: int  # the first seed that is not done
    totals: Totals


@dataclass
class Campaign:
    """Which seeds to run, and how.

    Attributes:
        first: The first seed.
        end: The seed behind the last one.
        mutant: The planted bug, or None.
        processes: How many processes; None: as many as this process may use cores.
        progress_file: Where progress is kept, or None. One that is there and belongs to this campaign is gone on with.
        stop_at_failure: Whether the first violation ends it.
        plain: Whether the engine runs as Python source though it is there compiled.
    """

    first: int
    end: int
    mutant: str | None = None
    processes: int | None = None
    progress_file: Path | None = None
    stop_at_failure: bool = False
    plain: bool = False


def point_name(point: tuple[str, int]) -> str:
    """A crash point in words."""
    return f"{('before', 'after')[point[1]]} {point[0]}"


def fingerprint(mutant: str | None) -> str:
    """A digest of the engine's and the simulation's source: runs of a seed are the same where it is the same."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256((mutant or "").encode())
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def run_campaign(campaign: Campaign, progress: Callable[[Totals, int], None]) -> Totals:
    """Run the seeds of a campaign.

    Args:
        campaign: Which.
        progress: Called with the totals so far and the number of seeds of the whole campaign.

    Raises:
        ProgressError: The progress file belongs to another campaign.
        ArgumentError: A mutant of this name is not there.
    """
    if campaign.end < campaign.first:
        raise ArgumentError(f"seeds: expected A..B with A at most B, got {campaign.first}..{campaign.end}")
    source = fingerprint(campaign.mutant)
    saved = _restore(campaign, source)
    totals, count = saved.totals, campaign.end - campaign.first
    progress(totals, count)
    last_saved = time.monotonic()
    if campaign.stop_at_failure and totals.failures:
        return totals
    try:
        for part in _results(campaign, saved.following):
            totals.add(part)
            saved.following += part.seeds
            progress(totals, count)
            if campaign.progress_file is not None and time.monotonic() - last_saved > _SAVE_EVERY_S:
                _save(campaign.progress_file, saved)
                last_saved = time.monotonic()
            if campaign.stop_at_failure and totals.failures:
                break
    finally:  # also after Ctrl-C
        if campaign.progress_file is not None:
            _save(campaign.progress_file, saved)
    return totals


def _restore(campaign: Campaign, source: str) -> _Saved:
    fresh = _Saved(_VERSION, source, campaign.first, campaign.end, campaign.first, Totals())
    path = campaign.progress_file
    if path is None or not path.exists():
        return fresh
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
    except msgspec.MsgspecError as error:
        raise ProgressError(f"{path}: is no progress of a simulation: {error}") from error
    wanted = (fresh.version, fresh.fingerprint, fresh.first, fresh.end)
    if (saved.version, saved.fingerprint, saved.first, saved.end) != wanted:
        raise ProgressError(
            f"{path}: is the progress of seeds {saved.first}..{saved.end} with source {saved.fingerprint}, "
            f"expected {fresh.first}..{fresh.end} with {fresh.fingerprint}; remove it to begin anew"
        )
    return saved


def _save(path: Path, saved: _Saved) -> None:
    written = path.with_name(path.name + ".new")
    written.write_bytes(msgspec.json.encode(saved))
    os.replace(written, path)  # noqa: PTH105 - the same as Path.replace


def _results(campaign: Campaign, following: int) -> Iterator[Totals]:
    """The totals of portions of seeds, in order, with a bounded number of them under way."""
    chunks = (range(start, min(start + _CHUNK, campaign.end)) for start in range(following, campaign.end, _CHUNK))
    processes = campaign.processes or len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    arguments = (campaign.mutant, campaign.plain)
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_prepare, initargs=arguments)
    try:
        running: deque[Future[Totals]] = deque()
        for chunk in chunks:
            running.append(pool.submit(_run_chunk, chunk, campaign.stop_at_failure))
            if len(running) >= processes * _AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(mutant: str | None, plain: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for this one
    if mutant is not None:
        load(mutant)
    elif plain:
        load_plain()


def _run_chunk(chunk: range, stop_at_failure: bool) -> Totals:
    """Run some seeds in this process."""
    # Imported here: a mutant must be planted before the engine is loaded.
    from accel.consensus.simulation.world import run_seed  # noqa: PLC0415

    totals = Totals()
    rules: Counter[str] = Counter()
    points: Counter[tuple[str, int]] = Counter()
    crashes: Counter[tuple[str, int]] = Counter()
    begin = time.process_time()
    for seed in chunk:
        outcome = run_seed(seed)
        totals.seeds += 1
        totals.events += outcome.events
        totals.virtual_us += outcome.time_us
        totals.heights += outcome.heights
        totals.evidence += outcome.evidence
        totals.healing = max(totals.healing, outcome.healing)
        rules.update(outcome.rules)
        points.update(outcome.points)
        crashes.update(outcome.crashes)
        if outcome.check is not None:
            totals.failures.append(Failure(seed, outcome.check, outcome.sentence))
            if stop_at_failure:
                break
    totals.cpu_s = time.process_time() - begin
    totals.rules = dict(sorted(rules.items()))
    totals.points = {point_name(point): count for point, count in sorted(points.items())}
    totals.crashes = {point_name(point): count for point, count in sorted(crashes.items())}
    return totals


class MutantResult(msgspec.Struct, frozen=True):
    """What came of a planted bug.

    Attributes:
        name: The mutant.
        seed: The first seed that violates a check; None: not caught.
        check: Which check.
        sentence: What was violated.
        seeds: How many seeds were run.
    """

    name: str
    seed: int | None
    check: str
    sentence: str
    seeds: int


def run_mutants(names: Iterable[str], first: int, end: int, *, processes: int | None = None) -> Iterator[MutantResult]:
    """Look for each mutant with one seed after another, until it is caught; each has a process of its own.

    Args:
        names: Which mutants.
        first: The first seed.
        end: The seed behind the last one.
        processes: How many at a time; None: as many as this process may use cores.

    Yields:
        The results in the order of `names`.

    Raises:
        ArgumentError: A mutant of a name is not there.
    """
    names = list(names)
    for name in names:
        if name not in mutants():
            raise ArgumentError(f"mutant: expected one of {', '.join(mutants())}, got {name}")
    context = multiprocessing.get_context("spawn")
    count = processes or len(os.sched_getaffinity(0))
    pool = ProcessPoolExecutor(count, mp_context=context, max_tasks_per_child=1)
    try:
        yield from pool.map(_run_mutant, names, [first] * len(names), [end] * len(names))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _run_mutant(name: str, first: int, end: int) -> MutantResult:
    _prepare(name, plain=True)
    totals = _run_chunk(range(first, end), stop_at_failure=True)
    if not totals.failures:
        return MutantResult(name, None, "", "", totals.seeds)
    failure = totals.failures[0]
    return MutantResult(name, failure.seed, failure.check, failure.sentence, totals.seeds)
