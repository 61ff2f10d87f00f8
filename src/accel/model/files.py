"""The files that a run leaves: statistics as JSON and CSV, a timeline for Perfetto. The same run, the same bytes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from accel.errors import ArgumentError
from accel.model.simulate import LABEL, SCHEMA, Result, Statistic

_PROCESSES: Final = {
    "command": (1, "commands, by place in the window"),
    "hash": (2, "SM3 units, by core"),
    "verify": (3, "verifications, by core and context"),
    "table": (4, "tables on their way in, by key"),
}


def statistics_dict(result: Result) -> dict[str, Any]:
    """What the JSON file of a run's statistics holds.

    Args:
        result: the run.
    """
    return {
        "schema": SCHEMA,
        "label": LABEL,
        "device": result.device,
        "workload": dict(result.workload),
        "bottleneck": result.bottleneck,
        "configuration": dict(result.configuration),
        "statistics": [asdict(statistic) for statistic in result.statistics],
    }


def statistics_json(result: Result) -> str:
    """The statistics of a run as JSON, with their units and descriptions.

    Args:
        result: the run.
    """
    return json.dumps(statistics_dict(result), indent=1, ensure_ascii=False) + "\n"


def statistics_csv(result: Result) -> str:
    """The statistics of a run as CSV: label, name, value, unit, description.

    Args:
        result: the run.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", "name", "value", "unit", "description"])
    for it in result.statistics:
        writer.writerow([LABEL, it.name, it.value, it.unit, it.description])
    return text.getvalue()


def trace_json(result: Result) -> str:
    """The timeline of a run in the JSON trace format that Perfetto and chrome://tracing open.

    Complete events (``"ph": "X"``), times in microseconds. Their number is bounded by ``timeline.max_events``; when
    there were more, ``otherData.note`` says how many.

    Args:
        result: the run.
    """
    megahertz = int(result.configuration["clock.reference_mhz"])
    contexts = int(result.configuration["core.contexts"])
    names = {
        "command": lambda track: f"window {track}",
        "hash": lambda track: f"core {track}",
        "verify": lambda track: f"core {track // contexts} context {track % contexts}",
        "table": lambda track: f"key {track}",
    }
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": f"{LABEL}: {name}"}}
        for pid, name in _PROCESSES.values()
    ]
    for kind, track in sorted({(span.kind, span.track) for span in result.timeline}):
        args = {"name": names[kind](track)}
        events.append({"ph": "M", "name": "thread_name", "pid": _PROCESSES[kind][0], "tid": track, "args": args})
    for span in result.timeline:
        events.append(
            {
                "ph": "X",
                "name": f"{span.kind} {span.id}",
                "cat": span.kind,
                "pid": _PROCESSES[span.kind][0],
                "tid": span.track,
                "ts": span.start / megahertz,
                "dur": span.duration / megahertz,
            }
        )
    other = {"label": LABEL, "device": result.device}
    if result.timeline_dropped:
        other["note"] = (
            f"the timeline keeps {len(result.timeline):,} events (timeline.max_events); "
            f"{result.timeline_dropped:,} later ones are not in it"
        )
    return json.dumps({"displayTimeUnit": "ns", "otherData": other, "traceEvents": events}) + "\n"


@dataclass(frozen=True, slots=True)
class Stored:
    """Statistics that were read from a file.

    Attributes:
        device: the device that was modelled.
        workload: what ran.
        bottleneck: the resource that held the others up.
        configuration: every field with its value.
        statistics: the figures by name.
    """

    device: str
    workload: dict[str, Any]
    bottleneck: str
    configuration: dict[str, int | str]
    statistics: dict[str, Statistic]


def load_statistics(path: Path) -> Stored:
    """Read a file that ``accel model run --stats`` wrote.

    Args:
        path: the file.

    Raises:
        ArgumentError: it is no such file.
        OSError: it cannot be read.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArgumentError(f"{path}: expected JSON as accel model run --stats writes it: {error}") from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise ArgumentError(f"{path}: expected statistics of schema {SCHEMA}, got {schema!r}")
    try:
        statistics = [Statistic(**entry) for entry in value["statistics"]]
        return Stored(
            value["device"],
            value["workload"],
            value["bottleneck"],
            value["configuration"],
            {it.name: it for it in statistics},
        )
    except (KeyError, TypeError) as error:
        raise ArgumentError(f"{path}: statistics of schema {SCHEMA} lack something: {error}") from error
