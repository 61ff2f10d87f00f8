"""Self-contained HTML pages of a run and of a sweep of the model, made like those of `accel.bench.page`.

A page is a function of what it shows and of the installed plotly alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from accel.bench import text
from accel.bench.page import document
from accel.bench.page.plot import Section, Table
from accel.model.cpu import ASSUMPTIONS, PUBLIC_CLAIM, CpuRate
from accel.model.page import run, sweeping
from accel.model.simulate import Result
from accel.model.sweep import Point
from accel.model.workload import Workload

_FILES = Path(__file__).parent / "files"


def render_run(result: Result, cpu: CpuRate | None = None, *, plotly_js: bool = True) -> str:
    """The page of a run.

    Args:
        result: the run.
        cpu: one core of a CPU, to stand beside it in a table of its own.
        plotly_js: put plotly.js in.
    """
    return _render(
        title=f"{result.device}: {result.workload['name']} on a modelled chip",
        sentences=run.sentences(result),
        sections=run.sections(result),
        tables=[*run.tables(result), calibration()],
        claim=_claim(result, cpu),
        plotly_js=plotly_js,
    )


def render_sweep(
    points: Sequence[Point], workload: Workload, objectives: Sequence[str], *, plotly_js: bool = True
) -> str:
    """The page of a sweep.

    Args:
        points: the points, one or more.
        workload: what ran on each.
        objectives: the two statistics of which less is better.
        plotly_js: put plotly.js in.
    """
    return _render(
        title=f"{workload.name} on {text.count(len(points), 'modelled chip')}",
        sentences=sweeping.sentences(points, objectives),
        sections=sweeping.sections(points, objectives),
        tables=[],
        claim=None,
        plotly_js=plotly_js,
    )


def _render(
    *,
    title: str,
    sentences: Sequence[str],
    sections: Sequence[Section],
    tables: Sequence[Table],
    claim: dict[str, Any] | None,
    plotly_js: bool,
) -> str:
    template = document.environment(_FILES).get_template("model.html.j2")
    return template.render(
        title=title,
        sentences=sentences,
        sections=sections,
        tables=tables,
        claim=claim,
        assumptions=ASSUMPTIONS,
        **document.parts(plotly_js=plotly_js),
    )


def calibration() -> Table:
    """Every value of calibration.json with its basis and source."""
    content = json.loads((files("accel.model") / "data" / "calibration.json").read_text(encoding="utf-8"))
    return Table(
        "Cycles and energies behind the model, and where they come from",
        ("field", "value", "unit", "what", "basis", "source"),
        tuple(
            (
                f"{section}.{name}",
                f"{entry['value']:,}",
                entry["unit"],
                entry["description"],
                entry["basis"],
                entry["source"],
            )
            for section in ("calibration", "energy")
            for name, entry in content[section].items()
        ),
        words=6,
    )


def _claim(result: Result, cpu: CpuRate | None) -> dict[str, Any] | None:
    """The chip by one core of a CPU, beside what is said in public: three tables, for three kinds of figures."""
    if not result.workload["transactions"]:
        return None
    rate = result["block.transactions_per_s"]
    tables = [
        Table(
            "model: the chip",
            ("what", "transactions a second"),
            ((f"{result.device}, keys {result.workload['keys']}", text.si(rate)),),
        ),
    ]
    if cpu is not None:
        spread = "" if cpu.lowest == cpu.highest else f"{text.si(cpu.lowest)} to {text.si(cpu.highest)}"
        tables += [
            Table(
                f"{cpu.basis}: one core of a CPU",
                ("what", "transactions a second", "lowest to highest"),
                ((cpu.detail, text.si(cpu.transactions_per_s), spread),),
            ),
            Table(
                "ratio of the two",
                ("what", "chip by one core"),
                (
                    (f"model by {cpu.basis}", text.ratio(rate / cpu.transactions_per_s)),
                    ("said in public of the chip that inspired the model", text.ratio(float(PUBLIC_CLAIM))),
                ),
            ),
        ]
    return {"tables": tables, "has_cpu": cpu is not None}
