"""The plot and table of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from accel.bench import text
from accel.bench.page.plot import GREY, PALETTE, Plot, Section, Table, axis, layout
from accel.model.sweep import Point


def sentences(points: Sequence[Point], objectives: Sequence[str]) -> list[str]:
    """What a reader should know first."""
    front = sum(point.pareto for point in points)
    fields = ", ".join(points[0].settings)
    return [
        f"{text.count(len(points), 'point')} over {fields}. {front} on the Pareto front of {objectives[0]} and "
        f"{objectives[1]}: no other point has less of one and not more of the other."
    ]


def sections(points: Sequence[Point], objectives: Sequence[str]) -> list[Section]:
    """The Pareto plot with all points."""
    x, y = objectives
    figure = go.Figure()
    front = sorted((point for point in points if point.pareto), key=lambda point: point.statistics[x])
    figure.add_scatter(
        x=[point.statistics[x] for point in front],
        y=[point.statistics[y] for point in front],
        mode="lines",
        line={"color": PALETTE[1], "shape": "hv", "width": 1.5},
        name="Pareto front",
        hoverinfo="skip",
    )
    for pareto, name, colour in ((True, "on the front", PALETTE[1]), (False, "others", GREY)):
        chosen = [point for point in points if point.pareto == pareto]
        figure.add_scatter(
            x=[point.statistics[x] for point in chosen],
            y=[point.statistics[y] for point in chosen],
            customdata=["<br>".join([*_words(point), f"bottleneck: {point.bottleneck}"]) for point in chosen],
            mode="markers",
            marker={"color": colour, "size": 9},
            name=name,
            hovertemplate="%{customdata}<br>%{x:,} and %{y:,}<extra></extra>",
        )
    figure.update_layout(
        **layout(420), xaxis=axis(x, rangemode="tozero"), yaxis=axis(y, rangemode="tozero"), showlegend=True
    )
    statistics = list(points[0].statistics)
    table = Table(
        "All points",
        (*points[0].settings, "bottleneck", "Pareto", *statistics),
        tuple(
            (
                *point.settings.values(),
                point.bottleneck,
                "yes" if point.pareto else "",
                *(f"{point.statistics[name]:,}" for name in statistics),
            )
            for point in points
        ),
        words=len(points[0].settings) + 2,
    )
    plot = Plot("pareto", f"{x} and {y}", "One mark for each point; less is better on both axes.", figure, table)
    return [Section("points", "The points", "What the chips would take for the same work.", (plot,), "")]


def _words(point: Point) -> list[str]:
    return [f"{name} = {value}" for name, value in point.settings.items()]
