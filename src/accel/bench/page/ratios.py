"""Ratios to peers: all in one plot, and one for each that the project has set itself a floor beside."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from accel.bench import text
from accel.bench.page import plot
from accel.bench.page.plot import Plot, Section, Table
from accel.bench.report import ACCEL_ITSELF, Ratio, Report


def reached(row: Ratio) -> str:
    """`goal`, `floor` or `below`: what the median of a ratio reaches; empty where nothing is asked."""
    if row.goal is not None and row.ratio.median >= row.goal:
        return "goal"
    if row.floor is None:
        return ""
    return "floor" if row.ratio.median >= row.floor else "below"


def ratios(report: Report) -> Section:
    """All peers that this program measured in one plot; one plot each for those with floors, and for other runners'.

    The peer that comes closest is the first.
    """
    by_peer: dict[str, list[Ratio]] = defaultdict(list)
    for row in report.ratios:
        by_peer[row.peer].append(row)
    names = {peer.name: f"{peer.name} {peer.version}".strip() for peer in report.peers}
    names |= {peer: f"accel itself, {peer}" for peer in ACCEL_ITSELF}
    ordered = sorted(
        by_peer, key=lambda peer: (peer in ACCEL_ITSELF, min(row.ratio.median for row in by_peer[peer]), peer)
    )
    shared = [row for row in report.ratios if _is_shared(row)]
    alone = [peer for peer in ordered if any(_is_asked(row) or not _is_shared(row) for row in by_peer[peer])]
    return Section(
        "ratios",
        "Beside peers",
        "How many times the rate of a peer that does the same work, both measured in turn in the same rounds of this "
        "run: a busy or slow machine touches both sides, so that the ratio says more than a rate.",
        (
            *([_overview(shared, ordered)] if shared else ()),
            *(
                _ratio_plot(peer if peer not in ACCEL_ITSELF else names[peer], names[peer], by_peer[peer], i)
                for i, peer in enumerate(alone)
            ),
        ),
        "No peer was measured in this run.",
    )


def _is_shared(row: Ratio) -> bool:
    return row.runner == "python" and row.peer not in ACCEL_ITSELF


def _is_asked(row: Ratio) -> bool:
    return row.floor is not None or row.goal is not None


def _overview(ratios: Sequence[Ratio], peers: Sequence[str]) -> Plot:
    """All peers in one plot, a row for each case and kernel; the first of `peers` is the strongest."""
    ordered = sorted(ratios, key=lambda row: (plot.sort_key(row.case), peers.index(row.peer)))
    cases = list(dict.fromkeys(row.case for row in ordered))
    _, vertical, labels = plot.rows(cases, [case.title for case in cases])
    figure = go.Figure()
    marks = [(colour, symbol) for symbol in ("circle", "square", "diamond") for colour in plot.PALETTE]
    shown = [peer for peer in peers if any(row.peer == peer for row in ordered)]
    for peer, (colour, symbol) in zip(shown, itertools.cycle(marks), strict=False):
        rows = [row for row in ordered if row.peer == peer]
        figure.add_scatter(
            x=[row.ratio.median for row in rows],
            y=[cases.index(row.case) for row in rows],
            error_x=plot.errors([row.ratio for row in rows], thin=False),
            customdata=[f"{text.ratio(row.ratio.median)} ({text.spread_of_ratio(row.ratio)})" for row in rows],
            hovertemplate="%{customdata}<extra>" + plot.name(peer) + "</extra>",
            name=plot.name(peer),
            mode="markers",
            marker={"size": 11, "color": colour, "symbol": symbol},
        )
    values = [1.0, *(row.ratio.low for row in ordered), *(row.ratio.high for row in ordered)]
    figure.add_vline(x=1, line={"color": plot.GREY, "dash": "dash", "width": 2})
    figure.update_layout(
        plot.layout(
            110 + plot.ROW_PIXELS * len(cases),
            xaxis=plot.log_axis("times the rate of the peer", values, text.tick),
            yaxis=vertical,
            annotations=labels,
        )
    )
    closest = min(ordered, key=lambda row: row.ratio.median)
    title = "All peers, through their Python calls"
    return Plot(
        "ratios-all",
        title,
        "Right of the dashed line accel is faster, left of it the peer; equal steps are equal factors. The closest: "
        f"{closest.peer}, {text.ratio(closest.ratio.median)} ({closest.case.title}).{plot.shared(cases)}",
        figure,
        _ratio_table(title, ordered),
    )


def _ratio_plot(peer: str, name: str, unsorted: Sequence[Ratio], number: int) -> Plot:
    rows = sorted(unsorted, key=lambda row: (plot.sort_key(row.case), row.runner, row.title))
    cases = [row.case for row in rows]
    places, vertical, labels = plot.rows(cases, [row.title for row in rows])
    figure = go.Figure()
    _add_marks(figure, "floor", [row.floor for row in rows], {"symbol": "line-ns-open", "color": plot.PALETTE[4]})
    _add_marks(figure, "goal", [row.goal for row in rows], {"symbol": "star-diamond-open", "color": plot.PALETTE[2]})
    figure.add_scatter(
        x=[row.ratio.median for row in rows],
        y=places,
        error_x=plot.errors([row.ratio for row in rows], thin=False),
        customdata=[f"{text.ratio(row.ratio.median)} ({text.spread_of_ratio(row.ratio)})" for row in rows],
        hovertemplate="%{customdata}<extra></extra>",
        name="median, lowest and highest round",
        mode="markers+text",
        text=[text.ratio(row.ratio.median) for row in rows],
        textposition="bottom center",
        textfont={"size": 11},
        cliponaxis=False,
        marker={"size": 10, "color": plot.PALETTE[0]},
    )
    asked = [value for row in rows for value in (row.floor, row.goal) if value is not None]
    values = [1.0, *asked, *(row.ratio.low for row in rows), *(row.ratio.high for row in rows)]
    figure.add_vline(x=1, line={"color": plot.GREY, "dash": "dash", "width": 2})
    figure.update_layout(
        plot.layout(
            110 + plot.ROW_PIXELS * len(rows),
            xaxis=plot.log_axis(f"times the rate of {plot.name(peer)}", values, text.tick),
            yaxis=vertical,
            annotations=labels,
        )
    )
    lowest, highest = (pick(rows, key=lambda row: row.ratio.median) for pick in (min, max))
    return Plot(
        f"ratios-{number}",
        f"Beside {name}",
        f"Right of the dashed line accel is faster, left of it {peer}. The least: "
        f"{text.ratio(lowest.ratio.median)} ({lowest.title}); the most: {text.ratio(highest.ratio.median)} "
        f"({highest.title}).{plot.shared(cases)}",
        figure,
        _ratio_table(f"Beside {name}", rows),
    )


def _add_marks(figure: go.Figure, what: str, values: Sequence[float | None], marker: dict[str, Any]) -> None:
    """Floors or goals at the rows that have one."""
    asked = [(place, value) for place, value in enumerate(values) if value is not None]
    if asked:
        figure.add_scatter(
            x=[value for _, value in asked],
            y=[place for place, _ in asked],
            name=f"{what} set by the project",
            mode="markers",
            marker={"size": 13, "line": {"width": 2, "color": marker["color"]}} | marker,
            hovertemplate=what + ": %{x}<extra></extra>",
        )


def _ratio_table(caption: str, rows: Sequence[Ratio]) -> Table:
    return Table(
        caption,
        (
            "case",
            "peer",
            "kernel",
            "batch",
            "accel per second",
            "peer per second",
            "ratio",
            "lowest to highest round",
            "floor",
            "goal",
            "reached",
            "measured by",
        ),
        tuple(
            (
                row.title,
                row.peer,
                row.case.kernel,
                f"{row.case.batch:,}",
                text.si(row.ours_per_s.median),
                text.si(row.theirs_per_s.median),
                text.ratio(row.ratio.median),
                text.spread_of_ratio(row.ratio),
                "–" if row.floor is None else f"{row.floor:g}",
                "–" if row.goal is None else f"{row.goal:g}",
                reached(row) or "–",
                {"python": "the package's calls", "native": "the native runner"}[row.runner],
            )
            for row in rows
        ),
        words=3,
    )
