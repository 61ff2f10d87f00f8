"""What got slower or faster between two reports, with the noise taken into account.

The change of a figure is the factor from the old run to the new one, with an interval that holds it at a confidence of
99 %, as T. Kalibera and R. Jones ask for ("Quantifying Performance Changes with Effect Size Confidence Intervals",
arXiv 2007.10899). Rounds are few and their noise has heavy tails, so the interval makes no assumption about its shape:
it is the exact one of E. L. Lehmann ("Nonparametric Confidence Intervals for a Shift Parameter", Annals of Mathematical
Statistics 34, 1963), of the logarithms: of all quotients of a new and an old round, those between two ranks that the
distribution of the Mann-Whitney statistic U gives. The estimate is the median of these quotients.

A figure is ``slower`` or ``faster`` only where the whole interval is beyond the least change of interest, ``same``
where the whole interval is within it, and ``unclear`` elsewhere: then more rounds, or a quieter machine, would tell. So
of figures that did not change at most one in a hundred is called changed, if the noise is large, and next to none if
it is smaller than the least change of interest.

Rounds of one run say nothing about what differs between runs: a neighbour on the machine, another clock. So absolute
rates get a verdict only where the peers, whose code did not change, kept theirs; ratios to peers do not need that, as
both sides are measured in turn. What is measured by the wall clock gets none if a process had not its core for itself.
Reports of different machines get no verdict at all.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, median
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from accel.bench.report import ACCEL_ITSELF, QUIET_CORE_SHARE, Case, ClosedLatency, Report, Spread

Kind: TypeAlias = Literal["rate", "ratio", "efficiency"]
Verdict: TypeAlias = Literal["slower", "faster", "same", "unclear", "refused"]

SCHEMA = "accel-bench-compare/1"
LEAST_CHANGE = 0.05
CONFIDENCE = 0.99

_EXACT_PAIRS = 2500
"""With more pairs of rounds the normal distribution is close enough to that of U."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor from old to new: its estimate, and the interval that holds it; above 1 the new run is faster."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """One figure that both reports have.

    Attributes:
        kind: items per second; ratio to a peer; efficiency on `case.threads` threads.
        case: what was measured.
        task: the native runner's words for it, where the case says less.
        peer: of a ratio, with its version.
        old, new: the medians.
        factor: from old to new; None with too few rounds for the confidence that is asked for.
        verdict: what the factor means.
        reason: why the verdict is `unclear` or `refused`.
    """

    kind: Kind
    case: Case
    task: str | None
    peer: str | None
    old: float
    new: float
    factor: Factor | None
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LatencyChange:
    """Latency of a call before and after, in microseconds. Reports hold no rounds of it: there is no verdict."""

    case: Case
    old_us_p50: float
    new_us_p50: float
    old_us_p99: float
    new_us_p99: float


@dataclass(frozen=True, slots=True)
class Run:
    """What tells one of the two reports from the other."""

    date: str
    cpu: str
    accel: str
    commit: str | None
    compiler: str | None
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two reports beside each other.

    Attributes:
        old, new: the reports.
        differences: why they cannot be compared (machine, settings); not empty: verdicts are refused.
        notes: what else differs, or limits what is said.
        least_change: the least change of interest, as a fraction.
        confidence: of the intervals.
        machine: by which factor the peers' rates moved, which are the same code; None without such peers.
        changes: figures of both reports, the worst first.
        latencies: of calls.
        only_old, only_new: figures that one report has alone, in words.
    """

    schema: str = SCHEMA
    old: Run
    new: Run
    differences: tuple[str, ...]
    notes: tuple[str, ...]
    least_change: float
    confidence: float
    machine: float | None
    changes: tuple[Change, ...]
    latencies: tuple[LatencyChange, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]

    @property
    def slower(self) -> tuple[Change, ...]:
        """What got slower than the noise explains."""
        return self.having("slower")

    @property
    def refused(self) -> bool:
        """Whether the reports are of different things, so that no figure got a verdict."""
        return bool(self.differences and self.having("refused"))

    def having(self, verdict: Verdict) -> tuple[Change, ...]:
        """The changes with a verdict."""
        return tuple(change for change in self.changes if change.verdict == verdict)


def compare(
    old: Report,
    new: Report,
    *,
    least_change: float = LEAST_CHANGE,
    confidence: float = CONFIDENCE,
    force: bool = False,
) -> Comparison:
    """Say what got slower or faster from one report to another.

    Args:
        old: the earlier report.
        new: the later report.
        least_change: smaller changes are not of interest; a fraction, such as 0.05.
        confidence: of each interval; with 0.99 it takes 5 rounds in each report.
        force: give verdicts even where machine or settings differ, or the machine's own speed moved.

    Raises:
        ValueError: `least_change` or `confidence` is not between 0 and 1.
    """
    for name, value in (("least_change", least_change), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: expected a fraction between 0 and 1, got {value}")
    differences = _differences(old, new)
    machine = _machine_factor(old, new)
    busy = any(report.core_share is not None and report.core_share < QUIET_CORE_SHARE for report in (old, new))
    refusals = _Refusals(differences, machine, least_change, busy=busy, force=force)
    old_figures, new_figures = _figures(old), _figures(new)
    changes = [
        _change(figure, new_figures[key], least_change, confidence, refusals)
        for key, figure in old_figures.items()
        if key in new_figures
    ]
    return Comparison(
        old=_run(old),
        new=_run(new),
        differences=differences,
        notes=_notes(old, new, machine),
        least_change=least_change,
        confidence=confidence,
        machine=machine,
        changes=tuple(sorted(changes, key=_worst_first)),
        latencies=_latencies(old.closed_loop, new.closed_loop),
        only_old=tuple(figure.words for key, figure in old_figures.items() if key not in new_figures),
        only_new=tuple(figure.words for key, figure in new_figures.items() if key not in old_figures),
    )


def factor_of(old: Sequence[float], new: Sequence[float], confidence: float = CONFIDENCE) -> Factor | None:
    """The factor from old to new values, which are positive; None if there are too few for the confidence."""
    rank = _rank(len(old), len(new), confidence)
    if rank < 1:
        return None
    quotients = np.sort(np.subtract.outer(np.log(new), np.log(old)).ravel())
    low, middle, high = (math.exp(x) for x in (quotients[rank - 1], float(np.median(quotients)), quotients[-rank]))
    return Factor(middle, low, high)


@functools.cache
def _rank(old: int, new: int, confidence: float) -> int:
    """The rank from either end of the sorted quotients that bounds the interval; 0 if there is none.

    It is the largest k with P(U < k) <= (1 - confidence) / 2.
    """
    tail = (1 - confidence) / 2
    pairs = old * new
    if pairs > _EXACT_PAIRS:
        deviation = math.sqrt(pairs * (old + new + 1) / 12)
        return max(0, math.floor(pairs / 2 - NormalDist().inv_cdf(1 - tail) * deviation))
    return int(np.searchsorted(np.cumsum(_distribution_of_u(old, new)), tail, side="right"))


def _distribution_of_u(old: int, new: int) -> npt.NDArray[np.float64]:
    """Probabilities of U = 0 .. old * new when nothing differs (H. B. Mann and D. R. Whitney, 1947, section 3)."""
    # counts[j]: of the orders of i old and j new values, how many have so many pairs with the old one above.
    counts = [np.ones(1) for _ in range(new + 1)]
    for i in range(1, old + 1):
        counts[0] = np.ones(1)
        for j in range(1, new + 1):
            total = np.zeros(i * j + 1)
            total[: len(counts[j - 1])] += counts[j - 1]  # the highest is a new one: above no old one
            total[j : j + len(counts[j])] += counts[j]  # it is an old one: above all j
            counts[j] = total
    result: npt.NDArray[np.float64] = counts[new] / counts[new].sum()
    return result


@dataclass(frozen=True, slots=True)
class _Figure:
    kind: Kind
    case: Case
    task: str | None
    peer: str | None
    values: Spread

    @property
    def words(self) -> str:
        beside = "" if self.peer is None else f" beside {self.peer}"
        return f"{self.kind}: {self.task or self.case.title}, {self.case.kernel}, batch {self.case.batch:,}, " + (
            f"{self.case.threads} thread{'s' if self.case.threads > 1 else ''}{beside}"
        )


@dataclass(frozen=True, slots=True)
class _Refusals:
    """Why figures of a kind get no verdict."""

    differences: tuple[str, ...]
    machine: float | None
    least_change: float
    busy: bool
    force: bool

    def of(self, figure: _Figure) -> str | None:
        if self.force:
            return None
        if self.differences:
            return "the reports cannot be compared"
        if self.busy and figure.kind != "ratio" and figure.case.threads > 1:
            return "other work had a share of the cores"
        moved = self.machine is not None and abs(math.log(self.machine)) > -math.log1p(-self.least_change)
        return f"the machine itself ran {self.machine:.2f} times as fast" if figure.kind == "rate" and moved else None


def _figures(report: Report) -> dict[Hashable, _Figure]:
    """The figures that were measured in rounds, by what makes them the same figure in another report."""
    figures: dict[Hashable, _Figure] = {}
    for row in report.throughput:
        figures["rate", row.case, row.clock] = _Figure("rate", row.case, None, None, row.rate_per_s)
    versions = {peer.name: peer.version for peer in report.peers}
    for ratio in report.ratios:
        peer = f"{ratio.peer} {versions[ratio.peer]}".strip()
        figures["ratio", ratio.key, peer, ratio.runner] = _Figure("ratio", ratio.case, ratio.task, peer, ratio.ratio)
    for scaling in report.scaling:
        for point in scaling.points:
            if point.threads > 1:
                case = replace(scaling.case, threads=point.threads)
                figures["efficiency", case] = _Figure("efficiency", case, None, None, point.efficiency)
    return figures


def _differences(old: Report, new: Report) -> tuple[str, ...]:
    """Why the reports are of different things."""
    pairs = {
        "CPU": (old.machine.cpu, new.machine.cpu),
        "family, model and stepping": (old.machine.family, new.machine.family),
        "architecture": (old.machine.architecture, new.machine.architecture),
        "CPU features": (sorted(old.machine.features), sorted(new.machine.features)),
        "usable cores": (old.machine.usable_cores, new.machine.usable_cores),
        "tables made by themselves": (old.settings.adaptive_tables, new.settings.adaptive_tables),
    }
    found = [f"another {name}: {_show(a)} and {_show(b)}" for name, (a, b) in pairs.items() if a != b]
    quick = [name for name, report in (("old", old), ("new", new)) if report.settings.quick]
    found += [f"the {name} report is of a quick run, which says nothing about speed" for name in quick]
    return tuple(found)


def _show(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _notes(old: Report, new: Report, machine: float | None) -> tuple[str, ...]:
    pairs: dict[str, tuple[object, object]] = {
        "system": (old.machine.os, new.machine.os),
        "compiler": (old.software.compiler, new.software.compiler),
        "Python": (old.software.python, new.software.python),
        "NumPy": (old.software.numpy, new.software.numpy),
        "core": (old.settings.core, new.settings.core),
        "seed": (old.settings.seed, new.settings.seed),
    }
    notes = [f"another {name}: {a} and {b}" for name, (a, b) in pairs.items() if a != b]
    if machine is None:
        notes.append(
            "no peer of the same version is in both reports: a change of the machine's own speed cannot be told from "
            "one of accel's"
        )
    return tuple(notes)


def _machine_factor(old: Report, new: Report) -> float | None:
    """The median of the factors by which the peers' rates moved, of peers of the same version doing the same."""

    def rates(report: Report) -> dict[Hashable, float]:
        versions = {peer.name: peer.version for peer in report.peers}
        return {
            (row.key, versions[row.peer], row.runner): row.theirs_per_s.median
            for row in report.ratios
            if row.peer not in ACCEL_ITSELF
        }

    before, after = rates(old), rates(new)
    factors = [after[key] / before[key] for key in before if key in after]
    return median(factors) if factors else None


def _change(old: _Figure, new: _Figure, least: float, confidence: float, refusals: _Refusals) -> Change:
    factor = factor_of(old.values.rounds, new.values.rounds, confidence)
    verdict, reason = _verdict(factor, least)
    refused = refusals.of(old)
    if refused is not None:
        verdict, reason = "refused", refused
    return Change(old.kind, old.case, old.task, old.peer, old.values.median, new.values.median, factor, verdict, reason)


def _verdict(factor: Factor | None, least: float) -> tuple[Verdict, str | None]:
    # A rate that falls by the least change and one that rises back from there are equally far from 1.
    slow, fast = 1 - least, 1 / (1 - least)
    if factor is None:
        return "unclear", "too few rounds"
    if factor.high < slow:
        return "slower", None
    if factor.low > fast:
        return "faster", None
    if slow <= factor.low and factor.high <= fast:
        return "same", None
    return "unclear", "the rounds differ too much among themselves"


def _worst_first(change: Change) -> tuple[int, float, str]:
    order: tuple[Verdict, ...] = ("slower", "faster", "unclear", "refused", "same")
    factor = 1.0 if change.factor is None else change.factor.estimate
    return order.index(change.verdict), factor, f"{change.kind} {change.case} {change.peer}"


def _latencies(old: Iterable[ClosedLatency], new: Iterable[ClosedLatency]) -> tuple[LatencyChange, ...]:
    after = {row.case: row.latency_us for row in new}
    return tuple(
        LatencyChange(row.case, row.latency_us.p50, after[row.case].p50, row.latency_us.p99, after[row.case].p99)
        for row in old
        if row.case in after
    )


def _run(report: Report) -> Run:
    software = report.software
    return Run(
        report.date, report.machine.cpu, software.accel, software.commit, software.compiler, report.settings.rounds
    )
