"""The model over a grid of configurations."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from accel.errors import ArgumentError
from accel.model.simulate import LABEL, simulate
from accel.model.workload import Workload

MAX_POINTS: Final = 4096
"""Points of a grid, at most."""
DEFAULT_OBJECTIVES: Final = ("time.elapsed_ns", "energy.total")
SHOWN: Final = ("time.elapsed_cycles", "time.elapsed_ns", "rate.items", "latency.mean_ns", "energy.total")


@dataclass(frozen=True, slots=True)
class Point:
    """One configuration of a sweep.

    Attributes:
        settings: the fields that the sweep sets.
        statistics: some figures of its run: those that are always shown, and the objectives.
        bottleneck: the resource that held the others up.
        pareto: no other point is better in one objective and not worse in the other.
    """

    settings: dict[str, str]
    statistics: dict[str, int]
    bottleneck: str
    pareto: bool


def parse_grid(axes: Sequence[str]) -> dict[str, list[str]]:
    """Fields and their values from words like ``core.contexts=1,2``.

    Args:
        axes: one word for each field.

    Raises:
        ArgumentError: a word of another form, a field twice, no word at all, or more than `MAX_POINTS` points.
    """
    grid: dict[str, list[str]] = {}
    points = 1
    for axis in axes:
        field, equals, values = axis.partition("=")
        listed = [value.strip() for value in values.split(",")]
        if not equals or not field or "" in listed:
            raise ArgumentError(f"expected SECTION.FIELD=VALUE,VALUE..., got {axis!r}")
        if field in grid:
            raise ArgumentError(f"{field}: occurs more than once")
        grid[field] = listed
        points *= len(listed)
    if not grid:
        raise ArgumentError("expected at least one SECTION.FIELD=VALUE,VALUE..., got none")
    if points > MAX_POINTS:
        raise ArgumentError(f"expected at most {MAX_POINTS:,} points, got {points:,}")
    return grid


def sweep(
    workload: Workload,
    grid: Mapping[str, Sequence[str]],
    *,
    config: str | os.PathLike[str] | None = None,
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    progress: Callable[[int, int], None] | None = None,
) -> list[Point]:
    """Run a workload on every configuration of a grid.

    Args:
        workload: what is to be done.
        grid: values by field; the last field changes fastest.
        config: a TOML file from which the grid starts; None: ``sim96``.
        objectives: two statistics, of which less is better.
        progress: called with the points that are done and the points in all.

    Raises:
        ArgumentError: an unknown field or statistic, an impossible value; nothing that ran before it is kept.
    """
    if len(set(objectives)) != 2:
        raise ArgumentError(f"objectives: expected two different statistics, got {', '.join(objectives) or 'none'}")
    combinations = list(itertools.product(*grid.values()))
    runs: list[tuple[dict[str, str], dict[str, int], str]] = []
    for done, values in enumerate(combinations, 1):
        settings = dict(zip(grid, values, strict=True))
        result = simulate(workload, config, {"timeline.max_events": 0, **settings})
        known = {it.name: it.value for it in result.statistics}
        for objective in objectives:
            if objective not in known:
                raise ArgumentError(f"objectives: no statistic {objective}; there are {', '.join(known)}")
        shown = dict.fromkeys([*SHOWN, *(name for name in known if name.startswith("block.")), *objectives])
        runs.append((settings, {name: known[name] for name in shown}, result.bottleneck))
        if progress is not None:
            progress(done, len(combinations))
    places = [tuple(statistics[objective] for objective in objectives) for _, statistics, _ in runs]
    return [Point(*run, pareto=not _dominated(place, places)) for run, place in zip(runs, places, strict=True)]


def _dominated(place: tuple[int, ...], places: Sequence[tuple[int, ...]]) -> bool:
    return any(other != place and all(a <= b for a, b in zip(other, place, strict=True)) for other in places)


def sweep_dict(points: Sequence[Point], workload: Workload, objectives: Sequence[str]) -> dict[str, Any]:
    """What the JSON file of a sweep holds.

    Args:
        points: the points.
        workload: what ran on each.
        objectives: the two statistics of which less is better.
    """
    return {
        "schema": "accel-model-sweep/1",
        "label": LABEL,
        "workload": workload.name,
        "objectives": list(objectives),
        "points": [
            {
                "settings": point.settings,
                "statistics": point.statistics,
                "bottleneck": point.bottleneck,
                "pareto": point.pareto,
            }
            for point in points
        ],
    }


def sweep_json(points: Sequence[Point], workload: Workload, objectives: Sequence[str]) -> str:
    """A sweep as JSON.

    Args:
        points: the points.
        workload: what ran on each.
        objectives: the two statistics of which less is better.
    """
    return json.dumps(sweep_dict(points, workload, objectives), indent=1) + "\n"


def sweep_csv(points: Sequence[Point]) -> str:
    """A sweep as CSV: the label, the settings, the statistics, bottleneck and whether the point is on the Pareto front.

    Args:
        points: the points, one or more.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", *points[0].settings, *points[0].statistics, "bottleneck", "pareto"])
    for point in points:
        figures = point.statistics.values()
        writer.writerow([LABEL, *point.settings.values(), *figures, point.bottleneck, int(point.pareto)])
    return text.getvalue()
