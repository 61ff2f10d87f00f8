"""What an item costs."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from accel.bench import text
from accel.bench.page import plot
from accel.bench.page.plot import Plot, Section, Table
from accel.bench.report import Cost, Report


def costs(report: Report) -> list[Cost]:
    """The costs in the order of the page."""
    return sorted(report.costs, key=lambda row: plot.sort_key(row.case))


def cost(report: Report) -> Section:
    """Items per core-second of each case."""
    rows = costs(report)
    return Section(
        "cost",
        "Cost",
        "What one core does in one second: on one thread by its CPU time, on several by the wall clock over their "
        "number. Type what an hour of a core costs you, and the table says what that buys.",
        (_cost_plot(rows),) if rows else (),
        "No cost was measured in this run.",
    )


def _cost_plot(rows: Sequence[Cost]) -> Plot:
    titles = plot.main_titles(row.case for row in rows)
    shown = [(number, row) for number, row in enumerate(rows) if row.case.title in titles]
    cases = [row.case for _, row in shown]
    places, vertical, labels = plot.rows(cases, [case.title for case in cases])
    rates = [row.items_per_core_second for _, row in shown]
    figure = go.Figure()
    figure.add_scatter(
        x=rates,
        y=places,
        customdata=[number for number, _ in shown],  # of the row in the table, whose price the page's script reckons
        mode="markers+text",
        marker={"size": 11, "color": plot.PALETTE[0]},
        text=[text.si(rate) for rate in rates],
        textposition="middle right",
        cliponaxis=False,
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(
        plot.layout(
            90 + plot.ROW_PIXELS * len(cases),
            xaxis=plot.log_axis("items per core-second", [*rates, max(rates) * 3], text.tick),
            yaxis=vertical,
            annotations=labels,
        )
    )
    top = max(rows, key=lambda row: row.items_per_core_second)
    return Plot(
        "cost-per-core",
        "Items per core-second",
        f"Further right is cheaper; equal steps are equal factors. The cheapest: {top.case.title}, "
        f"{text.si(top.items_per_core_second)} {text.items(top.case)} per core-second.{plot.shared(cases)}",
        figure,
        Table(
            "Cost",
            ("case", "kernel", "threads", "batch", "items per core-second"),
            tuple(
                (
                    row.case.title,
                    row.case.kernel,
                    f"{row.case.threads:,}",
                    f"{row.case.batch:,}",
                    text.si(row.items_per_core_second),
                )
                for row in rows
            ),
            words=2,
        ),
    )
