"""The plots and tables of one run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go

from accel.bench import text
from accel.bench.page.plot import GREY, PALETTE, Plot, Section, Table, axis, layout
from accel.model.simulate import Result

_ROW_PIXELS = 24


def sentences(result: Result) -> list[str]:
    """What a reader should know first."""
    elapsed = text.microseconds(result["time.elapsed_ns"] / 1000)
    energy = result["energy.total"] / 1e12
    said = [
        f"The chip took {elapsed}, {result['time.elapsed_cycles']:,} cycles of its cores, and {text.digits(energy)} J. "
        f"What held the others up: {result.bottleneck.replace('_', ' ')}.",
    ]
    if result.workload["transactions"]:
        transactions = result.workload["transactions"]
        said.append(
            f"A block of {transactions:,} transactions by {result.workload['signers']:,} signers, keys "
            f"{result.workload['keys']}: {text.si(result['block.transactions_per_s'])} transactions a second."
        )
    return said


def sections(result: Result) -> list[Section]:
    """The parts of the page that have plots."""
    return [
        Section("where", "Where it is tight", _TIGHT, (_pressures(result), _cores(result)), "Nothing ran."),
        Section("when", "When commands were done", _WHEN, _latencies(result), "No command was completed."),
        Section("energy", "Energy", _ENERGY, (_energy(result),), "Nothing ran."),
    ]


_TIGHT = (
    "Each resource, in the order in which work passes: in how much of the time it was busy or, where it is a number of "
    "places, full while more was wanted. What stands before the narrowest place fills up behind it, so that the one "
    "furthest down the way among the highest is named."
)
_WHEN = "Commands by the moment of their completion, and how long each took from its arrival at the host."
_ENERGY = "Actions, times an energy for each. Most of the energies are assumed: their sources stand in the table below."


def _bars(names: Iterable[str], values: Iterable[float], colours: Iterable[str], title: str, hover: str) -> go.Figure:
    names, values = list(names), list(values)
    figure = go.Figure(go.Bar(x=values, y=names, orientation="h", marker={"color": list(colours)}, hovertemplate=hover))
    settings = layout(60 + _ROW_PIXELS * len(names), showlegend=False)
    figure.update_layout(**settings, xaxis=axis(title, rangemode="tozero"))
    figure.update_layout(yaxis={"autorange": "reversed", "automargin": True, "tickfont": {"size": 12}})
    return figure


def _pressures(result: Result) -> Plot:
    names = [name.replace("_", " ") for name in result.pressures]
    values = [ppm / 10_000 for ppm in result.pressures.values()]
    colours = [PALETTE[1] if name == result.bottleneck else PALETTE[0] for name in result.pressures]
    return Plot(
        "pressures",
        "Pressure on each resource",
        "Per cent of the elapsed time. The one that is named is in another colour.",
        _bars(names, values, colours, "per cent of the elapsed time", "%{y}: %{x:.1f} %<extra></extra>"),
        Table(
            "Pressure",
            ("resource", "per cent"),
            tuple((name, f"{value:.2f}") for name, value in zip(names, values, strict=True)),
        ),
    )


def _cores(result: Result) -> Plot:
    elapsed = max(1, result["time.elapsed_ticks"])
    shares = np.array(result.core_busy, np.float64) * 100 / elapsed
    cores = list(range(len(shares)))
    figure = go.Figure()
    for column, (name, colour) in enumerate((("multiplier", PALETTE[0]), ("SM3 unit", PALETTE[2]))):
        marker = {"color": colour}
        hover = "core %{x}: %{y:.1f} %<extra>" + name + "</extra>"
        figure.add_bar(x=cores, y=shares[:, column].round(3).tolist(), name=name, marker=marker, hovertemplate=hover)
    figure.update_layout(**layout(280, barmode="group"), xaxis=axis("core"), yaxis=axis("per cent", rangemode="tozero"))
    return Plot(
        "cores",
        "Multipliers and SM3 units of the cores",
        "Per cent of the elapsed time in which each was busy; a multiplier also while its sequencer turns to another "
        "verification.",
        figure,
        Table(
            "Cores",
            ("core", "multiplier, per cent", "SM3 unit, per cent"),
            tuple((str(i), f"{row[0]:.2f}", f"{row[1]:.2f}") for i, row in enumerate(shares)),
        ),
    )


_OPCODES = ("SM3, equal", "SM3, ragged", "verify digests", "verify messages", "Merkle root", "Merkle levels")


def _latencies(result: Result) -> tuple[Plot, ...]:
    rows = result.completions
    if not len(rows):
        return ()
    milliseconds = 1000 / result.ticks_per_second
    figure = go.Figure()
    for opcode in sorted({int(value) for value in rows[:, 1]}):
        chosen = rows[rows[:, 1] == opcode].astype(np.float64)
        figure.add_scatter(
            x=(chosen[:, 4] * milliseconds).round(6).tolist(),
            y=((chosen[:, 4] - chosen[:, 3]) * milliseconds).round(6).tolist(),
            customdata=chosen[:, 2].astype(int).tolist(),
            mode="markers",
            name=_OPCODES[opcode],
            marker={"color": PALETTE[opcode]},
            hovertemplate="%{customdata} items<br>done at %{x:.3f} ms<br>took %{y:.3f} ms<extra></extra>",
        )
    figure.update_layout(
        **layout(320, showlegend=True),
        xaxis=axis("completed, ms", rangemode="tozero"),
        yaxis=axis("from arrival to completion, ms", rangemode="tozero"),
    )
    names = ("least", "mean", "most")
    table = tuple((name, f"{result[f'latency.{name}_ns']:,}") for name in names)
    return (
        Plot(
            "latencies",
            "Commands",
            "One mark for each command.",
            figure,
            Table("From arrival to completion", ("of all commands", "ns"), table),
        ),
    )


def _energy(result: Result) -> Plot:
    parts = [it for it in result.statistics if it.name.startswith("energy.") and it.name != "energy.total"]
    names = [it.name.removeprefix("energy.") for it in parts]
    values = [it.value / 1e9 for it in parts]
    colours = [PALETTE[3] if name != "static" else GREY for name in names]
    return Plot(
        "energies",
        "Energy by what needs it",
        f"In millijoules; all together {text.digits(result['energy.total'] / 1e9)} mJ.",
        _bars(names, values, colours, "mJ", "%{y}: %{x:.3f} mJ<extra></extra>"),
        Table(
            "Energy",
            ("part", "what", "pJ"),
            tuple((name, it.description, f"{it.value:,}") for name, it in zip(names, parts, strict=True)),
            words=2,
        ),
    )


def tables(result: Result) -> list[Table]:
    """All statistics and the configuration."""
    return [
        Table(
            "Statistics",
            ("name", "unit", "what", "value"),
            tuple((it.name, it.unit, it.description, f"{it.value:,}") for it in result.statistics),
            words=3,
        ),
        Table(
            "Configuration",
            ("field", "value"),
            tuple(
                (name, f"{value:,}" if isinstance(value, int) else value)
                for name, value in result.configuration.items()
            ),
        ),
    ]
