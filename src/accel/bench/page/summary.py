"""The head of the page: what was measured, and what came out, in words and ratios."""

from __future__ import annotations

from dataclasses import dataclass

from accel.bench import text
from accel.bench.page import plot
from accel.bench.page.ratios import reached
from accel.bench.report import ACCEL_ITSELF, QUIET_CORE_SHARE, Case, Ratio, Report

PEERS_ON_A_CARD = 3


@dataclass(frozen=True, slots=True)
class Card:
    """One main figure: beside the strongest peer, or the rate where there was none; then the other peers."""

    title: str
    figure: str
    beside: str
    others: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of a table of what ran, where and how."""

    name: str
    value: str


def cards(report: Report) -> tuple[Card, ...]:
    """One for each kind of work that stands beside a peer; without peers, one for each that was measured."""
    cases = plot.main_cases(row.case for row in report.throughput or report.ratios)
    beside_peers = tuple(card for case in cases if (card := _peer_card(report, case)))
    return beside_peers or tuple(_rate_card(report, case.title) for case in cases)


def _peer_card(report: Report, case: Case) -> Card | None:
    """Of the peers, the strongest comes first.

    A peer that was asked for the very case has the row where accel is fastest; one that can only be asked for something
    close to it, such as messages instead of digests, the row where accel is least ahead.
    """
    exact: dict[str, Ratio] = {}
    close: dict[str, Ratio] = {}
    for row in sorted(report.ratios, key=lambda row: (row.ratio.median, row.peer, row.title)):
        if row.peer in ACCEL_ITSELF:
            continue
        if row.case.title == case.title:
            known = exact.setdefault(row.peer, row)
            exact[row.peer] = max(known, row, key=lambda row: row.ours_per_s.median)
        elif (
            plot.is_close(row.case, case) and "all kept" not in row.title
        ):  # what `merkle.root` measures keeps the root
            close.setdefault(row.peer, row)
    beside = close | exact
    if not beside:
        return None
    first, *others = sorted(beside.values(), key=lambda row: (row.ratio.median, row.peer))
    work = f"{text.items(first.case)} a second" if first.case.title == case.title else f"a second ({first.title})"
    return Card(
        case.title,
        text.ratio(first.ratio.median),
        first.peer,
        tuple(f"{text.ratio(row.ratio.median)} {row.peer}" for row in others[:PEERS_ON_A_CARD]),
        f"{text.si(first.ours_per_s.median)} {work} with {first.case.kernel}, {text.batches(first.case.batch)}, "
        f"{text.threads(first.case.threads)}. Over the rounds {text.spread_of_ratio(first.ratio)}.",
    )


def _rate_card(report: Report, title: str) -> Card:
    rows = [row for row in report.throughput if row.case.title == title]
    best = max(rows, key=lambda row: row.rate_per_s.median)
    case = best.case
    return Card(
        title,
        text.si(best.rate_per_s.median),
        f"{text.items(case)} a second",
        (),
        f"{case.kernel}, {text.batches(case.batch)}, {text.threads(case.threads)}. "
        f"Over the rounds {text.spread(best.rate_per_s)}.",
    )


def sentences(report: Report) -> tuple[str, ...]:
    """The first paragraph."""
    machine, settings = report.machine, report.settings
    kind = "virtual machine" if machine.hypervisor else "machine"
    usable = "" if machine.usable_cores == machine.cores else f", {machine.usable_cores:,} of them usable here"
    result = [
        f"Measured on {text.date(report.date)} on a {kind} with {text.count(machine.cores, 'core')}{usable}. All "
        f"figures come from this one run, none from a model: medians of {text.count(settings.rounds, 'round')} that "
        "take turns, with the lowest and the highest round beside them.",
    ]
    if report.ratios:
        result.append(
            "The large figures below say how many times faster accel does the same work than the strongest peer that "
            "was measured beside it, on the same core in the same minutes."
        )
    asked = [reached(row) for row in report.ratios if row.floor is not None or row.goal is not None]
    if asked:
        result.append(
            f"Of {text.count(len(asked), 'comparison')} for which the project has set itself a floor, "
            f"{asked.count('goal')} reach their goal, {asked.count('floor')} their floor, "
            f"{asked.count('below')} stay below it."
        )
    return tuple(result)


def warnings(report: Report) -> tuple[str, ...]:
    """What makes the figures of a run say less than others do."""
    result = []
    if report.settings.quick:
        result.append("A quick run: it shows that everything works; its figures say nothing about speed.")
    if report.core_share is not None and report.core_share < QUIET_CORE_SHARE:
        result.append(
            f"A busy machine: the process had {text.percent(report.core_share)} of its core. Rates of one thread and "
            "ratios leave that out; latencies, scaling and what runs on several threads do not, and are worse than the "
            "machine's own."
        )
    return tuple(result)


def facts(report: Report) -> tuple[Fact, ...]:
    """Machine, software and method."""
    machine, software, settings = report.machine, report.software, report.settings
    known = {
        "Measured": f"{text.date(report.date)}, in {report.duration_s / 60:.1f} minutes",
        "CPU": machine.cpu,
        "Family, model, stepping": "" if machine.family is None else ", ".join(map(str, machine.family)),
        "Architecture": machine.architecture,
        "Cores": f"{machine.cores:,}, usable here {machine.usable_cores:,}",
        "Virtual": "yes: cores, caches and clock may be shared with others" if machine.hypervisor else "no",
        "Clock while working": "" if machine.clock_hz is None else f"{machine.clock_hz / 1e9:.2f} GHz",
        "Memory": "" if machine.memory_bytes is None else text.size(machine.memory_bytes),
        "CPU features": " ".join(machine.features),
        "System": machine.os,
        "accel": f"{software.accel}, ABI {software.abi}",
        "Commit": software.commit or "",
        "Compiler": software.compiler or "",
        "Python, NumPy": f"{software.python}, {software.numpy}",
        "Rounds": f"{settings.rounds:,}, each of at least {settings.seconds:g} s for each case",
        "Pinned to": "no core" if settings.core is None else f"core {settings.core} (what runs on one thread)",
        "Share of the core": "" if report.core_share is None else text.percent(report.core_share),
        "Tables made by themselves": "on" if settings.adaptive_tables else "off: unknown keys stay unknown",
        "Load counts as broken": ""
        if settings.p99_limit_us is None
        else f"when it is not answered as fast as it comes, or p99 is above {text.microseconds(settings.p99_limit_us)}",
        "Seed of inputs and arrivals": str(settings.seed),
        "Command": " ".join(("accel", *settings.command)),
    }
    return tuple(Fact(name, value) for name, value in known.items() if value)
