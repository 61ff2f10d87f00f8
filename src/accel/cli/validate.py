"""`accel validate` and `accel vectors`: for whoever builds a device."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from accel import validate as suite
from accel.cli.output import INVALID, VALID, JsonOption, complain, emit, job, out, phases_bar
from accel.errors import ArgumentError

DeviceArgument = Annotated[str | None, typer.Argument(help="Such as cpu, plugin:./libmine.so, python:mine.")]
ThoroughOption = Annotated[bool, typer.Option("--thorough", help="More and larger batches.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of random inputs.")]
DeadlineOption = Annotated[float, typer.Option("--deadline", min=0.01, help="Seconds for the commands of one check.")]
FastOption = Annotated[bool, typer.Option("--fail-fast", help="End at the first failed check.")]
JUnitOption = Annotated[Path | None, typer.Option("--junit", help="Write a JUnit file.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write one page to look at.")]
ReproducerOption = Annotated[Path | None, typer.Option("--reproducer", help="Write the first failing command here.")]
ReplayOption = Annotated[Path | None, typer.Option("--replay", help="Run the command in this file only.")]
FaultsOption = Annotated[bool, typer.Option("--list-faults", help="List the faults of fault:FAULT:DEVICE.")]

_STYLES = {"passed": "green", "failed": "bold red", "skipped": "dim", "not run": "yellow"}


@job
def validate(
    device: DeviceArgument = None,
    thorough: ThoroughOption = False,
    seed: SeedOption = 1,
    deadline: DeadlineOption = suite.DEADLINE,
    fail_fast: FastOption = False,
    junit: JUnitOption = None,
    html: HtmlOption = None,
    reproducer: ReproducerOption = None,
    replay: ReplayOption = None,
    list_faults: FaultsOption = False,
    as_json: JsonOption = False,
) -> int:
    """Run the conformance suite on a device.

    Exit code 0: every check passed (or is of something that the device does not claim). 1: a check failed, or the
    device hung. 2: the suite could not run.
    """
    if list_faults:
        return _list_faults(as_json=as_json)
    if device is None:
        raise ArgumentError("DEVICE: expected the name of a device")
    if replay is not None:
        report = suite.replay(device, _read(replay), deadline=deadline)
    else:
        with phases_bar() as progress:
            report = suite.validate(
                device, thorough=thorough, seed=seed, deadline=deadline, fail_fast=fail_fast, progress=progress
            )
    from accel.validate.output import to_html, to_json, to_junit  # noqa: PLC0415 - jinja2, for this command alone

    text = _reproducer(report)
    if junit is not None:
        junit.write_text(to_junit(report), encoding="utf-8")
    if html is not None:
        html.write_text(to_html(report, text), encoding="utf-8")
    if reproducer is not None and text:
        reproducer.write_text(text, encoding="utf-8")
    if as_json:
        emit(to_json(report))
    else:
        _show(report, text, reproducer)
    code = VALID if report.passed else INVALID
    if any(result.sentence.endswith("does not return") for result in report.results):
        _leave(code)
    return code


def _list_faults(*, as_json: bool) -> int:
    names = suite.faults()
    sys.stdout.write(json.dumps(names) + "\n" if as_json else "\n".join(names) + "\n")
    return VALID


def _leave(code: int) -> None:
    """End at once: a thread of this process is inside a driver, and will not come back."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArgumentError(f"{path}: no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ArgumentError(f"{path}: expected an object")
    return value


def _reproducer(report: suite.Report) -> str:
    first = next((result for result in report.results if result.reproducer is not None), None)
    return "" if first is None else json.dumps(first.reproducer, indent=1) + "\n"


def _show(report: suite.Report, reproducer: str, path: Path | None) -> None:
    table = Table("check", "verdict", "ms", "", box=None, pad_edge=False)
    for result in report.results:
        style = _STYLES[result.outcome]
        said = result.sentence.splitlines()[-1] if result.sentence else ""
        table.add_row(result.name, f"[{style}]{result.outcome}[/]", f"{1000 * result.seconds:.0f}", Text(said))
    out.print(table)
    outcomes = Counter(result.outcome for result in report.results)
    counts = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
    out.print(Text(f"\n{report.device} ({report.product or 'never opened'}): {counts}"))
    for line in report.log[:5]:
        complain(f"the driver says: {line}")
    if reproducer and path is None:
        out.print(Text("\nThe first failing command; `accel validate --replay FILE DEVICE` runs it again:"))
        out.print(Text(reproducer), soft_wrap=True)


@job
def vectors(
    directory: Annotated[Path, typer.Argument(help="Made if it is not there; files in it are overwritten.")],
    seed: SeedOption = 1,
    as_json: JsonOption = False,
) -> int:
    """Export inputs with all intermediate values, for test benches: $readmemh files and CSV, with a manifest."""
    from accel.validate.vectors import export  # noqa: PLC0415 - for this command alone

    manifest = export(directory, seed)
    if as_json:
        emit(manifest)
        return VALID
    for name, facts in manifest["files"].items():
        out.print(Text(f"{name:<28} {facts['rows']:>6} rows  {facts['what']}"))
    return VALID
