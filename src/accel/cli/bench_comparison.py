"""What `accel bench --compare` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from accel.bench import text
from accel.cli.output import out

if TYPE_CHECKING:
    from accel.bench.compare import Change, Comparison, Factor, Run, Verdict

_STYLES: dict[Verdict, str] = {"slower": "bold red", "faster": "green", "unclear": "yellow", "refused": "dim"}


def show(comparison: Comparison) -> None:
    """Print what changed, the worst first; what stayed the same is counted."""
    out.print()
    out.print(f"[bold]Compared with[/] {_run(comparison.old)}", soft_wrap=True)
    out.print(f"[bold]         this[/] {_run(comparison.new)}", soft_wrap=True)
    for difference in comparison.differences:
        out.print(Text(difference, "yellow"), soft_wrap=True)
    for note in comparison.notes:
        out.print(Text(note, "dim"), soft_wrap=True)
    if comparison.machine is not None:
        out.print(f"peers, which are the same code, ran {comparison.machine:.2f} times as fast as then", soft_wrap=True)
    changes = [change for change in comparison.changes if _says_something(change)]
    if changes:
        out.print(_changes(changes))
    refused = [change for change in comparison.having("refused") if not _says_something(change)]
    if refused:
        out.print(Text(f"{text.count(len(refused), 'figure')} without a verdict: {refused[0].reason}", "yellow"))
    if comparison.latencies:
        out.print(_latencies(comparison))
    for words in comparison.only_old:
        out.print(Text(f"not measured this time: {words}", "dim"), soft_wrap=True)
    if comparison.only_new:
        out.print(Text(f"{text.count(len(comparison.only_new), 'figure')} more than in the old report", "dim"))
    out.print(_sentence(comparison), soft_wrap=True)


def _says_something(change: Change) -> bool:
    """Ratios to peers also where there is no verdict: both sides of each ran in turn."""
    return change.verdict not in {"same", "refused"} or (change.verdict == "refused" and change.kind == "ratio")


def _run(run: Run) -> str:
    commit = "" if run.commit is None else f" (commit {run.commit})"
    rounds = text.count(run.rounds, "round")
    return escape(f"{text.date(run.date)}, accel {run.accel}{commit}, {run.cpu}, {rounds}")


def _changes(changes: list[Change]) -> Table:
    table = Table(
        title="Rates, ratios and efficiencies: change, and the interval that holds it",
        title_justify="left",
        title_style="bold",
    )
    for column in ("verdict", "figure", "case", "kernel", "beside"):
        table.add_column(column)
    for column in ("batch", "threads", "old", "new", "change", "interval"):
        table.add_column(column, justify="right", no_wrap=True)
    for change in changes:
        figure = text.percent if change.kind == "efficiency" else text.si
        table.add_row(
            Text(change.verdict, _STYLES[change.verdict]),
            change.kind,
            escape(change.task or change.case.title),
            escape(change.case.kernel),
            escape(change.peer or ""),
            f"{change.case.batch:,}",
            str(change.case.threads),
            figure(change.old),
            figure(change.new),
            *_factor(change.factor),
        )
    return table


def _factor(factor: Factor | None) -> tuple[str, str]:
    if factor is None:
        return "–", "too few rounds"
    return _percent(factor.estimate), f"{_percent(factor.low)} to {_percent(factor.high)}"


def _percent(factor: float) -> str:
    """`−12.3 %`."""
    change = (factor - 1) * 100
    sign = "−" if change < 0 else "+"
    return f"{sign}{abs(change):.1f}{text.NBSP}%"


def _latencies(comparison: Comparison) -> Table:
    table = Table(title="Latency of a call (no verdict: no rounds)", title_justify="left", title_style="bold")
    for column in ("case", "kernel"):
        table.add_column(column)
    for column in ("batch", "old p50", "new p50", "old p99", "new p99"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in comparison.latencies:
        times = (row.old_us_p50, row.new_us_p50, row.old_us_p99, row.new_us_p99)
        table.add_row(row.case.title, row.case.kernel, f"{row.case.batch:,}", *map(text.microseconds, times))
    return table


def _sentence(comparison: Comparison) -> str:
    """The last line, which says what came out."""
    if comparison.refused:
        return (
            "[yellow]No verdict: the reports are of different things. The ratios to peers above say most, since both "
            "sides of each ran in turn.[/]"
        )
    verdicts: tuple[Verdict, ...] = ("slower", "faster", "same", "unclear", "refused")
    counts = ", ".join(f"{len(comparison.having(verdict))} {verdict}" for verdict in verdicts)
    least, confidence = (f"{value * 100:g} %" for value in (comparison.least_change, comparison.confidence))
    style = "bold red" if comparison.slower else "bold green"
    return f"[{style}]{counts}[/] (changes of at least {least}, at {confidence} confidence)"
