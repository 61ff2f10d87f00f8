"""The tables of `accel bench`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from accel.bench.report import QUIET_CORE_SHARE
from accel.cli.output import out

if TYPE_CHECKING:
    from accel.bench.report import Case, Cost, OpenLatency, Ratio, Report, Scaling, Spread, Throughput


def show(report: Report) -> None:
    """Print everything that a report has."""
    _heading(report)
    _series("Throughput", "items per second: median of the rounds", _throughput(report.throughput))
    _series("Beside peers", "one thread, alternating in the same rounds", _ratios(report.ratios))
    _series("Latency of one call", "closed loop: one caller, back to back", _closed(report))
    _series("Latency under load", "open loop: from arrival to answer", _open(report.open_loop))
    _series(
        "Scaling", "wall clock; efficiency is the rate over threads times the rate of one", _scaling(report.scaling)
    )
    _series("Cost", _price(report), _costs(report))
    for peer in report.missing_peers:
        out.print(Text(f"not measured: {peer.name}: {peer.reason}", "dim"), soft_wrap=True)
    for note in report.notes:
        out.print(Text(note, "dim"), soft_wrap=True)


def _heading(report: Report) -> None:
    machine, software, settings = report.machine, report.software, report.settings
    clock = "" if machine.clock_hz is None else f", {machine.clock_hz / 1e9:.2f} GHz"
    virtual = ", virtual" if machine.hypervisor else ""
    out.print(
        f"[bold]accel {escape(software.accel)}[/] on {escape(machine.cpu)} ({machine.cores} cores{clock}{virtual})"
    )
    commit = "" if software.commit is None else f", commit {software.commit}"
    out.print(
        f"[dim]{report.date}, {report.duration_s:.0f} s, {settings.rounds} rounds of {settings.seconds:g} s, "
        f"{escape(software.compiler or '')}{commit}; {' '.join(machine.features)}[/]",
        soft_wrap=True,
    )
    for peer in report.peers:
        out.print(f"[bold]{escape(peer.name)}[/] {escape(peer.version)} [dim]{escape(peer.how)}[/]", soft_wrap=True)
    if report.core_share is not None and report.core_share < QUIET_CORE_SHARE:
        out.print(
            f"[yellow]the process had {report.core_share:.0%} of its core: rates of one thread leave that out, "
            "latencies, scaling and the cost of several threads do not[/]",
            soft_wrap=True,
        )
    if settings.quick:
        out.print("[yellow]--quick: shows that it works, and not how fast[/]")


def _series(title: str, what: str, table: Table) -> None:
    if not table.row_count:
        return
    out.print(f"\n[bold]{title}[/]  [dim]{what}[/]")
    out.print(table)


def _table(*headings: str, left: int = 1) -> Table:
    """A table whose first `left` columns hold words and the others numbers."""
    table = Table(box=None, padding=(0, 1))
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i < left else "right", no_wrap=i >= left)
    return table


def quantity(value: float) -> str:
    """A count or rate with three digits and a letter: `1.23 M`."""
    for letter, unit in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 0.9995 * unit:
            return f"{value / unit:.3g} {letter}" if value < 999.5 * unit else f"{value / unit:,.0f} {letter}"
    return f"{value:.3g}"


def duration(microseconds: float) -> str:
    """A latency with three digits: `61.3 µs`, `1.82 ms`."""
    for name, unit in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= 0.9995 * unit:
            return f"{microseconds / unit:.3g} {name}"
    return f"{microseconds:.3g} µs"


def times(ratio: float) -> str:
    """A ratio with three digits or more: `1.23`, `12.3`, `1,234`."""
    return f"{ratio:,.0f}" if ratio >= 99.95 else f"{ratio:.3g}"


def _spread(spread: Spread) -> str:
    """How far the rounds lie apart, as a share of their median."""
    return f"±{(spread.high - spread.low) / 2 / spread.median:.0%}"


def _throughput(rows: Iterable[Throughput]) -> Table:
    """A line for each case, a column for each batch size; bound and cycles are those of the largest batch."""
    lines: dict[tuple[str, str, int], dict[int, Throughput]] = {}
    for row in rows:
        lines.setdefault((row.case.title, row.case.kernel, row.case.threads), {})[row.case.batch] = row
    batches = sorted({batch for line in lines.values() for batch in line})
    table = _table(
        "", "kernel", "threads", *(f"batch {batch:,}" for batch in batches), "spread", "cycles", "of bound", left=2
    )
    for (title, kernel, threads), line in lines.items():
        last = line[max(line)]
        rates = (f"{quantity(line[batch].rate_per_s.median)}/s" if batch in line else "" for batch in batches)
        cycles = "" if last.cycles_per_item is None else f"{last.cycles_per_item:,.0f}"
        fraction = "" if last.bound is None else f"{last.bound.fraction:.0%}"
        table.add_row(title, kernel, str(threads), *rates, _spread(last.rate_per_s), cycles, fraction)
    return table


def _ratios(rows: Iterable[Ratio]) -> Table:
    table = _table("", "peer", "kernel", "batch", "accel", "peer", "ratio", "lowest", "highest", "floor", left=3)
    for row in rows:
        below = row.floor is not None and row.ratio.median < row.floor
        style = "bold red" if below else "bold green" if row.ratio.median >= 1 else "bold yellow"
        table.add_row(
            row.title,
            row.peer,
            row.case.kernel,
            f"{row.case.batch:,}",
            f"{quantity(row.ours_per_s.median)}/s",
            f"{quantity(row.theirs_per_s.median)}/s",
            Text(f"{times(row.ratio.median)} x", style),
            times(row.ratio.low),
            times(row.ratio.high),
            "" if row.floor is None else f"{row.floor:g}",
        )
    return table


_PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")


def _closed(report: Report) -> Table:
    table = _table("", "kernel", "threads", "batch", *_PERCENTILES, "calls", left=2)
    for row in report.closed_loop:
        at = row.latency_us
        cells = map(duration, (at.p50, at.p90, at.p99, at.p99_9, at.max))
        case = row.case
        table.add_row(case.title, case.kernel, str(case.threads), f"{case.batch:,}", *cells, f"{at.count:,}")
    return table


def _open(rows: Iterable[OpenLatency]) -> Table:
    table = _table("", "threads", "up to", "offered", "answered", *_PERCENTILES, "dropped", "", left=1)
    for row in rows:
        for load in row.loads:
            at = load.latency_us
            cells = [""] * 5 if at is None else map(duration, (at.p50, at.p90, at.p99, at.p99_9, at.max))
            table.add_row(
                row.case.title,
                str(row.case.threads),
                f"{row.case.batch:,}",
                f"{quantity(load.offered_per_s)}/s",
                f"{quantity(load.achieved_per_s)}/s",
                *cells,
                f"{load.dropped:,}",
                Text(load.broke or "", "yellow"),
            )
    return table


def _scaling(rows: Iterable[Scaling]) -> Table:
    table = _table("", "kernel", "batch", "threads", "rate", "spread", "efficiency", left=2)
    for row in rows:
        for point in row.points:
            table.add_row(
                row.case.title,
                row.case.kernel,
                f"{row.case.batch:,}",
                str(point.threads),
                f"{quantity(point.rate_per_s.median)}/s",
                _spread(point.rate_per_s),
                f"{point.efficiency.median:.0%}",
            )
    return table


def _price(report: Report) -> str:
    if report.price is None:
        return "--price gives items for a unit of currency"
    return f"at {report.price.per_core_hour:g} {escape(report.price.currency)} for a core and hour"


def _costs(report: Report) -> Table:
    currency = "" if report.price is None else report.price.currency
    table = _table("", "kernel", "threads", "for a core-second", f"for 1 {currency}" if currency else "", left=2)
    for row in report.costs:
        table.add_row(row.case.title, row.case.kernel, str(row.case.threads), *_cost(row, row.case))
    return table


def _cost(row: Cost, case: Case) -> tuple[str, str]:
    items = "" if row.items_per_unit is None else quantity(row.items_per_unit)
    return f"{quantity(row.items_per_core_second)} {_plural(case.item)}", items


def _plural(item: str) -> str:
    return "leaves" if item == "leaf" else f"{item}s"
