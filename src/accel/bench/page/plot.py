"""What all plots share: their place on the page, colours, axes, rows with labels above them."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go

from accel.bench import text
from accel.bench.report import OPERATIONS, Case, Spread

PALETTE: Final = ("#2f7ed8", "#e8710a", "#1f9d55", "#9b59d0", "#d6455d", "#149ba8", "#a0703c")
"""Readable on white and on black, in plots and in print."""
GREY: Final = "#80868f"
GRID: Final = "rgba(128, 134, 143, 0.28)"
DASHES: Final = ("dash", "dot", "dashdot", "longdash")
"""One for each peer that is drawn as a line."""
SYMBOLS: Final = {None: "circle", "unknown": "circle", "known": "square", "hinted": "diamond"}

ROW_PIXELS: Final = 46
"""Height of one row in a plot of rows: a line of text and a mark below it."""


@dataclass(frozen=True, slots=True)
class Table:
    """Text for a table; the first `words` columns are words, the others figures."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot: how to read it, the figure, and the same figures as a table."""

    id: str
    title: str
    reading: str
    figure: go.Figure
    table: Table


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page. `absent` is what it says when nothing of its kind was measured."""

    id: str
    title: str
    lead: str
    plots: tuple[Plot, ...]
    absent: str


def name(text: str) -> str:
    """Text for plotly, which understands some HTML, as it stands."""
    return html.escape(text, quote=False)


def colours(keys: Iterable[str]) -> Mapping[str, str]:
    """A colour for each key, by its place in alphabetical order."""
    return {key: PALETTE[i % len(PALETTE)] for i, key in enumerate(sorted(set(keys)))}


def series(case: Case) -> str:
    """What tells a line of a plot from the others: kernel, keys, threads."""
    keys = f", {case.keys} keys" if case.keys in {"unknown", "known"} else ", hinted" if case.keys else ""
    threads = f", {case.threads} threads" if case.threads > 1 else ""
    return f"{case.kernel}{keys}{threads}"


_OPERATIONS: Final = tuple(OPERATIONS)
_KEYS: Final = (None, "unknown", "hinted", "known")


def sort_key(case: Case) -> tuple[Any, ...]:
    """A total order of cases that a reader expects."""
    return (
        _OPERATIONS.index(case.operation),
        -1 if case.message_length is None else case.message_length,
        _KEYS.index(case.keys),
        case.kernel,
        case.threads,
        case.batch,
    )


def main_cases(cases: Iterable[Case]) -> list[Case]:
    """Cases that stand for all where there is little room; what they are called with does not count.

    Of several message lengths the shortest, and work on digests rather than the same on messages.
    """
    ordered = sorted(cases, key=sort_key)
    operations = {case.operation for case in ordered}
    main: dict[tuple[str, str | None], Case] = {}
    for case in ordered:
        if case.operation == _on_digests(case) or _on_digests(case) not in operations:
            main.setdefault((case.operation, case.keys), case)
    return list(main.values())


def main_titles(cases: Iterable[Case]) -> set[str]:
    """The titles of the `main_cases`."""
    return {case.title for case in main_cases(cases)}


def is_close(case: Case, other: Case) -> bool:
    """Whether two cases differ in their messages at most."""
    return (_on_digests(case), case.keys) == (_on_digests(other), other.keys)


def _on_digests(case: Case) -> str:
    return case.operation.removesuffix("_message")


def errors(spreads: Sequence[Spread], *, scale: float = 1.0, thin: bool = True) -> dict[str, Any]:
    """Error bars from the lowest to the highest round."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [(s.high - s.median) * scale for s in spreads],
        "arrayminus": [(s.median - s.low) * scale for s in spreads],
        "thickness": 1.2 if thin else 2.5,
        "width": 3 if thin else 5,
    }


def log10(value: float) -> float:
    """A place on a logarithmic axis, the same whatever the last digits of this system's logarithm are."""
    return round(math.log10(value), 6)


def axis(title: str, **settings: Any) -> dict[str, Any]:
    """An axis with a title that names its unit."""
    return {
        "title": {"text": title, "standoff": 8, "font": {"size": 13}},
        "gridcolor": GRID,
        "linecolor": GREY,
        "zeroline": False,
        "automargin": True,
        "fixedrange": False,
    } | settings


def log_axis(title: str, values: Iterable[float], tick: Callable[[float], str], **settings: Any) -> dict[str, Any]:
    """A logarithmic axis around the values, labelled at 1, and where there are few decades between."""
    values = tuple(values)
    start, end = log10(min(values)) - 0.1, log10(max(values)) + 0.1
    steps = (1.0,) if end - start > 2.5 else (1, 2, 5) if end - start > 0.9 else (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    ticks = [step * 10.0**decade for decade in range(math.floor(start), math.ceil(end) + 1) for step in steps]
    texts = [tick(value) for value in ticks]
    return axis(title, type="log", range=[start, end], tickmode="array", tickvals=ticks, ticktext=texts, **settings)


def batch_axis(batches: Iterable[int]) -> dict[str, Any]:
    """The logarithmic axis of batch sizes, labelled where something was measured."""
    sizes = sorted(set(batches))
    title = "items in one call (batch size)"
    return axis(title, type="log", tickmode="array", tickvals=sizes, ticktext=[f"{size:,}" for size in sizes])


def layout(height: int, **settings: Any) -> dict[str, Any]:
    """What plots look like; colours of text are the page's (its style sheet)."""
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 12, "r": 12, "t": 12, "b": 12, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "xanchor": "left"},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": PALETTE[0]},
        "hoverlabel": {"bgcolor": "#20242b", "font": {"color": "#ffffff"}},
    } | settings


def rows(cases: Sequence[Case], titles: Sequence[str]) -> tuple[list[int], dict[str, Any], list[dict[str, Any]]]:
    """A plot of rows: their places, the vertical axis, and the labels, each above its row and as wide as it likes.

    Batch and threads stand in the labels where they are not the same for all (`shared`).
    """
    places = list(range(len(cases)))
    batches, threads = len({case.batch for case in cases}) > 1, len({case.threads for case in cases}) > 1
    details = [
        case.kernel
        + (f", batch {case.batch:,}" if batches else "")
        + (f", {text.threads(case.threads)}" if threads else "")
        for case in cases
    ]
    vertical = {
        "range": [len(cases) - 0.4, -0.75],
        "tickvals": places,
        "showticklabels": False,
        "gridcolor": GRID,
        "zeroline": False,
        "fixedrange": True,
    }
    annotations = [
        {
            "xref": "paper",
            "x": 0,
            "y": place,
            "yshift": 17,
            "xanchor": "left",
            "showarrow": False,
            "text": f"<b>{name(title)}</b>  {name(detail)}",
            "font": {"size": 12},
        }
        for place, title, detail in zip(places, titles, details, strict=True)
    ]
    return places, vertical, annotations


def shared(cases: Sequence[Case]) -> str:
    """What the labels of `rows` leave out: `All in batches of 4,096 on 1 thread.`; empty if they leave out nothing."""
    batches, threads = {case.batch for case in cases}, {case.threads for case in cases}
    parts = [text.batches(*batches)] if len(batches) == 1 else []
    parts += [f"on {text.threads(*threads)}"] if len(threads) == 1 else []
    return f" All in {' '.join(parts)}." if len(batches) == 1 else f" All {parts[0]}." if parts else ""
