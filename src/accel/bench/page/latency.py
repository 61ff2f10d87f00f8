"""Latency: of one caller back to back, and under an offered load."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import plotly.graph_objects as go

from accel.bench import text
from accel.bench.page import plot
from accel.bench.page.plot import Plot, Section, Table
from accel.bench.report import Case, ClosedLatency, Latency, Load, OpenLatency, Report

COLUMNS = ("p50", "p90", "p99", "p99.9", "longest", "counted")


def _figures(latency: Latency) -> tuple[str, ...]:
    times = (latency.p50, latency.p90, latency.p99, latency.p99_9, latency.max)
    return (*map(text.microseconds, times), f"{latency.count:,}")


def closed_loop(report: Report) -> Section:
    """One plot for each operation: p50 and p99 over the batch size."""
    groups: dict[str, list[ClosedLatency]] = defaultdict(list)
    for row in sorted(report.closed_loop, key=lambda row: plot.sort_key(row.case)):
        groups[row.case.operation].append(row)
    return Section(
        "closed-loop",
        "Latency of a call",
        "One caller that calls again as soon as the answer is there: how long a call takes. p99 is the time that 99 of "
        "100 calls keep.",
        tuple(map(_closed, groups.values())),
        "No latency of calls was measured in this run.",
    )


def _label(case: Case) -> str:
    length = "" if case.message_length is None else f", {case.message_length:,} B"
    return plot.series(case) + length


def _closed(rows: Sequence[ClosedLatency]) -> Plot:
    lines: dict[str, list[ClosedLatency]] = defaultdict(list)
    for row in rows:
        lines[_label(row.case)].append(row)
    figure = go.Figure()
    for i, (label, line) in enumerate(lines.items()):
        for percentile, dash in (("p50", "solid"), ("p99", "dot")):
            trace = plot.name(f"{label}: {percentile}")
            figure.add_scatter(
                x=[row.case.batch for row in line],
                y=[getattr(row.latency_us, percentile) for row in line],
                customdata=[text.microseconds(getattr(row.latency_us, percentile)) for row in line],
                hovertemplate="%{x:,} in a call: %{customdata}<extra>"
                + plot.name(f"{label}, {percentile}")
                + "</extra>",
                name=trace,
                mode="lines+markers",
                line={"color": plot.PALETTE[i % len(plot.PALETTE)], "width": 2, "dash": dash},
                marker={"symbol": plot.SYMBOLS[line[0].case.keys], "size": 7},
            )
    times = [time for row in rows for time in (row.latency_us.p50, row.latency_us.p99) if time > 0]
    figure.update_layout(
        plot.layout(
            430,
            xaxis=plot.batch_axis(row.case.batch for row in rows),
            yaxis=plot.log_axis("time from call to return", times or [1.0], text.tick_us),
        )
    )
    title = text.operation(rows[0].case.operation)
    shortest = min(rows, key=lambda row: row.latency_us.p50)
    return Plot(
        f"closed-{rows[0].case.operation}".replace(".", "-").replace("_", "-"),
        title,
        f"Lower is faster. A larger batch takes longer as a whole, and less for each item. Solid lines: half of the "
        f"calls are faster; dotted: 99 of 100 are. The shortest here: {text.microseconds(shortest.latency_us.p50)} "
        f"(p50) with {_label(shortest.case)}, {text.batches(shortest.case.batch)}.",
        figure,
        Table(
            f"{title}: time from call to return",
            ("kernel and keys", "batch", *COLUMNS),
            tuple((_label(row.case), f"{row.case.batch:,}", *_figures(row.latency_us)) for row in rows),
        ),
    )


def open_loop(report: Report) -> Section:
    """One plot for each case: p50 and p99 over the offered load, up to where it breaks."""
    rows = sorted(report.open_loop, key=lambda row: plot.sort_key(row.case))
    return Section(
        "open-loop",
        "Latency under load",
        "Items arrive by themselves, at random, whether the last ones are done or not, as transactions reach a node; "
        "what has arrived is gathered into batches. The load is raised until it cannot be served. Times count from "
        "when an item was due to arrive, so that waiting is not hidden.",
        tuple(_open(row, i, report.settings.p99_limit_us) for i, row in enumerate(rows)),
        "No latency under load was measured in this run.",
    )


def sustained(row: OpenLatency) -> Load | None:
    """The highest offered load that was served."""
    served = [load for load in row.loads if load.broke is None]
    return max(served, key=lambda load: load.offered_per_s) if served else None


def _open(row: OpenLatency, number: int, limit_us: float | None) -> Plot:
    answered = [(load, load.latency_us) for load in row.loads if load.latency_us is not None]
    figure = go.Figure()
    for percentile, colour in (("p50", plot.PALETTE[0]), ("p99", plot.PALETTE[1])):
        figure.add_scatter(
            x=[load.offered_per_s for load, _ in answered],
            y=[getattr(latency, percentile) for _, latency in answered],
            customdata=[text.microseconds(getattr(latency, percentile)) for _, latency in answered],
            hovertemplate="%{x:.3s}/s offered: %{customdata}<extra>" + percentile + "</extra>",
            name=percentile,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 8, "symbol": ["circle" if load.broke is None else "x" for load, _ in answered]},
        )
    times = [time for _, latency in answered for time in (latency.p50, latency.p99) if time > 0]
    if limit_us is not None:
        figure.add_hline(y=limit_us, line={"color": plot.GREY, "dash": "dash"})
        figure.add_annotation(
            text="limit of p99", xref="paper", x=0, xanchor="left", y=plot.log10(limit_us), yshift=9, showarrow=False
        )
        times.append(limit_us * 1.6)
    broken = next((load for load in row.loads if load.broke is not None), None)
    if broken is not None:
        figure.add_vline(x=broken.offered_per_s, line={"color": plot.PALETTE[4], "dash": "dash", "width": 2})
        figure.add_annotation(
            text="breaks", x=broken.offered_per_s, xanchor="right", xshift=-4, yref="paper", y=0.5, showarrow=False
        )
    item = text.items(row.case)
    figure.update_layout(
        plot.layout(
            400,
            xaxis=plot.axis(f"offered load ({item} per second)", rangemode="tozero", tickformat="~s"),
            yaxis=plot.log_axis("time from arrival to answer", times or [1.0], text.tick_us),
        )
    )
    title = f"{row.case.title}, {row.case.kernel}"
    title += f", {text.threads(row.case.threads)}" if row.case.threads > 1 else ""
    return Plot(f"open-{number}", title, _open_reading(row, broken, item), figure, _open_table(row, title))


def _open_reading(row: OpenLatency, broken: Load | None, item: str) -> str:
    best = sustained(row)
    reading = "Lower is faster, further right is more load; a flat line that turns up steeply is a queue that fills."
    if best is None or best.latency_us is None:
        reading += " No load of this run was served."
    else:
        reading += (
            f" Served up to {text.si(best.offered_per_s)} {item} a second, there with a p50 of "
            f"{text.microseconds(best.latency_us.p50)} and a p99 of {text.microseconds(best.latency_us.p99)}."
        )
    if broken is not None:
        reading += f" At {text.si(broken.offered_per_s)} it breaks: {broken.broke}."
    return reading


def _open_table(row: OpenLatency, title: str) -> Table:
    return Table(
        f"{title}: latency under load",
        ("outcome", "offered per second", "answered per second", "refused", *COLUMNS),
        tuple(
            (
                "served" if load.broke is None else f"breaks: {load.broke}",
                text.si(load.offered_per_s),
                text.si(load.achieved_per_s),
                f"{load.dropped:,}",
                *(("–",) * len(COLUMNS) if load.latency_us is None else _figures(load.latency_us)),
            )
            for load in row.loads
        ),
    )
