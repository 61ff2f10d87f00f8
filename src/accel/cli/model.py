"""`accel model run|sweep|compare`: the modelled accelerator. Whatever these print is a model's, never a measurement."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from accel.cli.output import VALID, JsonOption, emit, job, out, progress_bar
from accel.errors import ArgumentError

if TYPE_CHECKING:
    from accel.model import CpuRate, Difference, Point, Result

app = typer.Typer(
    help="sim96: a model of an accelerator chip with 96 cores. How long it would take, what would hold it up, what "
    "energy it would need: a model, not a measurement.",
    no_args_is_help=True,
)


class Keys(StrEnum):
    """Whether the chip has the signers' tables."""

    known = "known"
    unknown = "unknown"


BlockArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A block: a Parquet file of make-block, or a raw block's directory.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A TOML file: in which fields the chip differs from sim96.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="One field, after --config; again for more.")
]
KeysOption = Annotated[Keys, typer.Option("--keys", help="Does the chip have the signers' tables?")]
BatchOption = Annotated[int, typer.Option("--batch", min=1, help="Transactions in one command.")]
StatsOption = Annotated[Path | None, typer.Option("--stats", help="Write the statistics as JSON.")]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the same as CSV.")]
TraceOption = Annotated[Path | None, typer.Option("--trace", help="Write the timeline for Perfetto.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write a page with plots.")]
CpuRateOption = Annotated[
    float | None, typer.Option("--cpu-rate", help="Transactions/s of one core of a CPU, to stand beside.")
]
MeasureOption = Annotated[bool, typer.Option("--measure-cpu", help="Measure one core of this CPU on the same block.")]
AxesArgument = Annotated[
    list[str], typer.Argument(metavar="FIELD=VALUE,VALUE...", help="The grid: a field and its values; again for more.")
]
ObjectiveOption = Annotated[
    list[str] | None, typer.Option("--objective", help="A statistic of which less is better; twice.")
]
OutputOption = Annotated[Path | None, typer.Option("--output", help="Write the points as JSON.")]


@app.command("run")
@job
def run(
    file: BlockArgument,
    stats: StatsOption = None,
    csv: CsvOption = None,
    trace: TraceOption = None,
    html: HtmlOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    keys: KeysOption = Keys.known,
    batch: BatchOption = 4096,
    cpu_rate: CpuRateOption = None,
    measure_cpu: MeasureOption = False,
    as_json: JsonOption = False,
) -> int:
    """Run a block through the modelled chip: verify every signature, hash every transaction, make the root.

    Only lengths and signers are read: the model says how long it takes, not what comes out. The same block and
    configuration give the same statistics, byte for byte.
    """
    for option, path in (("--stats", stats), ("--csv", csv), ("--trace", trace), ("--html", html)):
        _require_place(option, path)
    from accel import model  # noqa: PLC0415  numpy and the extension: most commands do without

    if html is not None:
        page = _page()
    if cpu_rate is not None and measure_cpu:
        raise ArgumentError("--cpu-rate, --measure-cpu: expected one of them, got both")
    cpu = None if cpu_rate is None else model.given_cpu_rate(cpu_rate)
    workload = model.block_workload(file, keys=keys.value, batch=batch)
    result = model.simulate(workload, config, _settings(settings))
    if measure_cpu:
        cpu = model.measure_cpu_core(file, keys=keys.value)
    for path, content in (
        (stats, model.statistics_json),
        (csv, model.statistics_csv),
        (trace, model.trace_json),
    ):
        if path is not None:
            path.write_text(content(result), encoding="utf-8")
    if html is not None:
        html.write_text(page.render_run(result, cpu), encoding="utf-8")
    if as_json:
        emit({"file": str(file), **model.statistics_dict(result), "cpu": _cpu_json(cpu)})
    else:
        _show(result, cpu)
    return VALID


@app.command("sweep")
@job
def sweep(
    file: BlockArgument,
    axes: AxesArgument,
    config: ConfigOption = None,
    keys: KeysOption = Keys.known,
    batch: BatchOption = 4096,
    objective: ObjectiveOption = None,
    output: OutputOption = None,
    csv: CsvOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run a block on every configuration of a grid, and say which of them nothing else beats.

    For example: accel model sweep block.parquet chip.cores=24,48,96 core.contexts=1,2
    """
    for option, path in (("--output", output), ("--csv", csv), ("--html", html)):
        _require_place(option, path)
    from accel import model  # noqa: PLC0415  see run

    if html is not None:
        page = _page()
    grid = model.parse_grid(axes)
    objectives = tuple(objective or model.DEFAULT_OBJECTIVES)
    workload = model.block_workload(file, keys=keys.value, batch=batch)
    with progress_bar("modelling") as progress:
        points = model.sweep(workload, grid, config=config, objectives=objectives, progress=progress)
    if output is not None:
        output.write_text(model.sweep_json(points, workload, objectives), encoding="utf-8")
    if csv is not None:
        csv.write_text(model.sweep_csv(points), encoding="utf-8")
    if html is not None:
        html.write_text(page.render_sweep(points, workload, objectives), encoding="utf-8")
    if as_json:
        emit(model.sweep_dict(points, workload, objectives))
    else:
        out.print(_points_table(points, objectives))
    return VALID


@app.command("compare")
@job
def compare(
    old: Annotated[Path, typer.Argument(metavar="A", help="Statistics of a run: --stats.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="Of another run.")],
    as_json: JsonOption = False,
) -> int:
    """Show in which statistics two runs of the model differ, and by which ratio."""
    from accel import model  # noqa: PLC0415  see run

    differences = model.compare(model.load_statistics(old), model.load_statistics(new))
    if as_json:
        rows = [{"name": d.name, "unit": d.unit, "a": d.old, "b": d.new, "ratio": d.ratio} for d in differences]
        emit({"label": model.LABEL, "a": str(old), "b": str(new), "differences": rows})
    elif differences:
        out.print(_differences_table(differences))
    else:
        out.print(f"{model.LABEL}: the two runs have the same statistics")
    return VALID


def _require_place(option: str, path: Path | None) -> None:
    """Found out before anything runs."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ArgumentError(f"{option}: expected a file in a directory that exists, got {path}")


def _page() -> Any:
    """Looked for before anything runs: it needs the extra `bench`."""
    try:
        from accel.model import page  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"plotly", "jinja2", "markupsafe"}:
            raise
        raise ArgumentError(f"--html: needs {missing}: pip install 'chainaccel[bench]'") from error
    return page


def _settings(words: list[str] | None) -> dict[str, int | str]:
    settings: dict[str, int | str] = {}
    for word in words or ():
        field, equals, value = word.partition("=")
        if not equals:
            raise ArgumentError(f"--set: expected FIELD=VALUE, got {word}")
        settings[field] = value
    return settings


def _cpu_json(cpu: CpuRate | None) -> dict[str, Any] | None:
    if cpu is None:
        return None
    return {
        "label": cpu.basis,
        "transactions_per_s": cpu.transactions_per_s,
        "lowest": cpu.lowest,
        "highest": cpu.highest,
        "detail": cpu.detail,
    }


def _show(result: Result, cpu: CpuRate | None) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    workload = result.workload
    signed = f"{workload['transactions']:,} transactions, {workload['signers']:,} signers, keys {workload['keys']}"
    grid.add_row("model", Text(f"{result.device}: a model, not a measurement"))
    grid.add_row("block", Text(f"{workload['name']}: {signed}"))
    elapsed = f"{result['time.elapsed_ns'] / 1e6:,.3f} ms, {result['time.elapsed_cycles']:,} core cycles"
    grid.add_row("elapsed", elapsed)
    if workload["transactions"]:
        grid.add_row("rate", f"{result['block.transactions_per_s']:,} transactions/s")
    grid.add_row("energy", f"{result['energy.total'] / 1e12:,.4f} J, with coefficients that are mostly assumed")
    grid.add_row("bottleneck", f"[bold]{result.bottleneck}[/]")
    tight = sorted(result.pressures.items(), key=lambda item: -item[1])[:5]
    grid.add_row("pressed", ", ".join(f"{name} {ppm / 10_000:.1f} %" for name, ppm in tight if ppm))
    out.print(grid, soft_wrap=True)
    if cpu is not None and workload["transactions"]:
        _show_cpu(result, cpu)


def _show_cpu(result: Result, cpu: CpuRate) -> None:
    from accel import model  # noqa: PLC0415  see run

    out.print()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_row(cpu.basis, Text(f"{cpu.transactions_per_s:,.0f} transactions/s on {cpu.detail}"))
    out.print(grid, soft_wrap=True)
    ratio = result["block.transactions_per_s"] / cpu.transactions_per_s
    out.print(
        f"\nmodel by {cpu.basis}: {ratio:.2f} × one core; said in public of the chip that inspired the model: "
        f"{model.PUBLIC_CLAIM} ×. It rests on:",
        soft_wrap=True,
    )
    for assumption in model.ASSUMPTIONS:
        out.print(Text(f"  - {assumption}"), soft_wrap=True)


def _points_table(points: list[Point], objectives: tuple[str, ...]) -> Table:
    table = Table(title="model: * nothing beats it in both", title_justify="left", box=None, padding=(0, 2))
    table.add_column("")
    for name in points[0].settings:
        table.add_column(name, justify="right")
    rate = "block.transactions_per_s"
    shown = [*objectives, *(name for name in (rate,) if name in points[0].statistics and name not in objectives)]
    for name in shown:
        table.add_column(name, justify="right")
    table.add_column("bottleneck")
    for point in points:
        figures = [f"{point.statistics[name]:,}" for name in shown]
        mark = "*" if point.pareto else ""
        table.add_row(mark, *point.settings.values(), *figures, point.bottleneck, style=None if mark else "dim")
    return table


def _differences_table(differences: list[Difference]) -> Table:
    table = Table(title="model: what differs", title_justify="left", box=None, padding=(0, 2))
    for name, justify in (("name", "left"), ("A", "right"), ("B", "right"), ("B / A", "right"), ("unit", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for it in differences:
        values = [f"{v:,}" if isinstance(v, int) else "–" if v is None else str(v) for v in (it.old, it.new)]
        table.add_row(it.name, *values, "" if it.ratio is None else f"{it.ratio:.4f}", it.unit)
    return table
