"""How much of the port bound is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go

from accel.bench import text
from accel.bench.page import plot
from accel.bench.page.plot import Plot, Section, Table
from accel.bench.report import Bound, Report, Throughput


def bounds(report: Report) -> Section:
    """The best batch of each case that has a bound, as a share of it."""
    best: dict[tuple[Any, ...], tuple[Throughput, Bound]] = {}
    for row in report.throughput:
        key = plot.sort_key(replace(row.case, batch=1))
        if row.bound is not None and (key not in best or best[key][1].fraction < row.bound.fraction):
            best[key] = (row, row.bound)
    rows = [best[key] for key in sorted(best)]
    return Section(
        "bound",
        "Distance to the bound",
        "A core does so many of the operations that a kernel needs most, and not one more. The bound is the rate if "
        "nothing else took time; what a core does of them was measured in this run by a loop of nothing else.",
        (_bound_plot(rows),) if rows else (),
        "No bound is known for the cases of this run on this CPU.",
    )


def _bound_plot(known: Sequence[tuple[Throughput, Bound]]) -> Plot:
    titles = plot.main_titles(row.case for row, _ in known)
    everything, known = known, [(row, bound) for row, bound in known if row.case.title in titles]
    cases = [row.case for row, _ in known]
    places, vertical, labels = plot.rows(cases, [case.title for case in cases])
    shares = [bound.fraction * 100 for _, bound in known]
    figure = go.Figure()
    figure.add_bar(
        x=shares,
        y=places,
        orientation="h",
        width=0.3,
        text=[text.percent(bound.fraction) for _, bound in known],
        textposition="outside",
        cliponaxis=False,
        marker={"color": plot.PALETTE[0]},
        customdata=[
            f"{text.si(row.rate_per_s.median)} of {text.si(bound.rate_per_s)} a second" for row, bound in known
        ],
        hovertemplate="%{customdata}<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=100, line={"color": plot.GREY, "dash": "dash", "width": 2})
    figure.update_layout(
        plot.layout(
            90 + plot.ROW_PIXELS * len(known),
            xaxis=plot.axis("share of the bound reached (%)", range=[0, max(112, *(share * 1.12 for share in shares))]),
            yaxis=vertical,
            annotations=labels,
        )
    )
    top, bound = max(known, key=lambda item: item[1].fraction)
    return Plot(
        "bound-share",
        "Share of the bound",
        "The dashed line is the bound: nothing can be further right. Beyond it only a method with fewer operations "
        f"helps. The closest: {top.case.title} "
        f"({top.case.kernel}), {text.percent(bound.fraction)}.{plot.shared(cases)}",
        figure,
        _bound_table(everything),
    )


def _bound_table(known: Sequence[tuple[Throughput, Bound]]) -> Table:
    return Table(
        "Share of the bound",
        (
            "case",
            "kernel",
            "limiting resource",
            "counted in",
            "batch",
            "per item",
            "per second and core",
            "bound per second",
            "measured",
            "reached",
        ),
        tuple(
            (
                row.case.title,
                row.case.kernel,
                bound.resource,
                bound.source,
                f"{row.case.batch:,}",
                text.digits(bound.operations_per_item),
                text.si(bound.operations_per_s),
                text.si(bound.rate_per_s),
                text.si(row.rate_per_s.median),
                text.percent(bound.fraction),
            )
            for row, bound in known
        ),
        words=4,
    )
