"""`accel bench`: rates, latencies, scaling and cost of this machine, beside named peers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from accel.bench import report as reports
from accel.bench.compare import LEAST_CHANGE, Comparison
from accel.bench.compare import compare as comparison_of
from accel.bench.cost import costs
from accel.bench.plan import Options
from accel.bench.report import Price, Report
from accel.cli import bench_comparison, bench_tables
from accel.cli.output import FAILED, INVALID, VALID, JsonOption, emit, job, phases_bar
from accel.errors import ArgumentError

OperationOption = Annotated[
    list[str] | None, typer.Option("--operation", help="What to measure, such as sm2.verify; again for more.")
]
BatchOption = Annotated[list[int] | None, typer.Option("--batch", help="Items per call; again for more.")]
LengthOption = Annotated[list[int] | None, typer.Option("--length", help="Bytes per message; again for more.")]
ThreadsOption = Annotated[list[int] | None, typer.Option("--threads", help="Threads; again for more.")]
KernelOption = Annotated[list[str] | None, typer.Option("--kernel", help="Kernels (usually all); again for more.")]
RoundsOption = Annotated[int | None, typer.Option("--rounds", help="Rounds in which all rows take turns (5).")]
SecondsOption = Annotated[float | None, typer.Option("--seconds", help="Of each row in a round, at least (0.05).")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Show that it works, and not how fast.")]
CoreOption = Annotated[int | None, typer.Option("--core", help="For what runs on one thread (the last one).")]
PriceOption = Annotated[float | None, typer.Option("--price", help="Of a core for an hour.")]
CurrencyOption = Annotated[str, typer.Option("--currency", help="Of the price.")]
LatencyOption = Annotated[bool, typer.Option("--latency/--no-latency", help="Closed and open loop.")]
LimitOption = Annotated[float, typer.Option("--p99-limit", help="Milliseconds above which a load is too much.")]
PeersOption = Annotated[bool, typer.Option("--peers/--no-peers", help="Measure other libraries too.")]
NativeOption = Annotated[bool, typer.Option("--native", help="Also run the native runner (crypto_mb).")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of messages and arrivals.")]
OutputOption = Annotated[Path | None, typer.Option("--output", help="Write the report as JSON.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write the report as a page to look at.")]
CompareOption = Annotated[Path | None, typer.Option("--compare", help="An older report: say what got slower.")]
LeastOption = Annotated[float, typer.Option("--least-change", help="Per cent: smaller changes are none.")]
AnywayOption = Annotated[bool, typer.Option("--anyway", help="Verdicts also on another machine or other settings.")]
FromOption = Annotated[Path | None, typer.Option("--from", help="Measure nothing: show the report in this file.")]


@job
def bench(
    operation: OperationOption = None,
    batch: BatchOption = None,
    length: LengthOption = None,
    threads: ThreadsOption = None,
    kernel: KernelOption = None,
    rounds: RoundsOption = None,
    seconds: SecondsOption = None,
    quick: QuickOption = False,
    core: CoreOption = None,
    price: PriceOption = None,
    currency: CurrencyOption = "EUR",
    latency: LatencyOption = True,
    p99_limit: LimitOption = 100.0,
    peers: PeersOption = True,
    native: NativeOption = False,
    seed: SeedOption = 1,
    output: OutputOption = None,
    html: HtmlOption = None,
    compare: CompareOption = None,
    least_change: LeastOption = 100 * LEAST_CHANGE,
    anyway: AnywayOption = False,
    read: FromOption = None,
    as_json: JsonOption = False,
) -> int:
    """Measure this machine: rates, latencies, scaling, cost, and the distance to other libraries and to the limit.

    Takes two to three minutes. With --compare, exit code 1 says that something got slower than the noise explains, and
    2 that the reports cannot be compared.
    """
    _require_place("--output", output)
    _require_place("--html", html)
    old = None if compare is None else reports.load(compare)
    comparing = _comparing(least_change, anyway=anyway)
    render = None if html is None else _page_renderer()
    if read is not None:
        _require_nothing_to_measure(operation, batch, length, threads, kernel, rounds, seconds, core, quick, native)
        report = _with_price(reports.load(read), _price(price, currency))
    else:
        options = Options(
            operations=tuple(operation or ()),
            batches=tuple(batch or ()),
            lengths=tuple(length or ()),
            threads=tuple(threads or ()),
            kernels=tuple(kernel or ()),
            rounds=rounds,
            seconds=seconds,
            quick=quick,
            core=core,
            price=_price(price, currency),
            latency=latency,
            peers=peers,
            p99_limit_us=p99_limit * 1000,
            seed=seed,
            command=tuple(sys.argv[1:]),
        )
        report = _measure(options, native=native)
    if output is not None:
        reports.save(report, output)
    if html is not None and render is not None:
        html.write_text(render(report), encoding="utf-8")
    return _show(report, None if old is None else comparing(old, report), as_json)


def _page_renderer() -> Callable[[Report], str]:
    """Looked for before anything is measured: it needs the extra `bench`."""
    try:
        from accel.bench import page  # noqa: PLC0415
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"plotly", "jinja2", "markupsafe"}:
            raise
        raise ArgumentError(f"--html: needs {missing}: pip install 'chainaccel[bench]'") from error
    return page.render


def _comparing(least_change: float, *, anyway: bool) -> Callable[[Report, Report], Comparison]:
    if not 0 < least_change < 100:
        raise ArgumentError(f"--least-change: expected more than 0 and less than 100 per cent, got {least_change:g}")
    return partial(comparison_of, least_change=least_change / 100, force=anyway)


def _measure(options: Options, *, native: bool) -> Report:
    from accel.bench import engine  # noqa: PLC0415  looking for peers takes long, and --from does without

    with phases_bar() as progress:
        return engine.run(options, progress, with_native=native)


def _show(report: Report, comparison: Comparison | None, as_json: bool) -> int:
    """Print the report, and how it compares with an older one; the exit code."""
    if as_json:
        value = msgspec.to_builtins(report)
        emit(value if comparison is None else value | {"comparison": msgspec.to_builtins(comparison)})
    else:
        bench_tables.show(report)
        if comparison is not None:
            bench_comparison.show(comparison)
    if comparison is None:
        return VALID
    return FAILED if comparison.refused else INVALID if comparison.slower else VALID


def _require_place(option: str, path: Path | None) -> None:
    """Found out before minutes are spent on measuring."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ArgumentError(f"{option}: expected a file in a directory that exists, got {path}")


def _require_nothing_to_measure(*options: object) -> None:
    if any(option not in (None, False, []) for option in options):
        raise ArgumentError("--from: shows a report and measures nothing, so that it takes no options for measuring")


def _price(price: float | None, currency: str) -> Price | None:
    if price is None:
        return None
    try:
        return Price(price, currency)
    except ValueError as error:
        raise ArgumentError(f"--price, --currency: {error}") from error


def _with_price(report: Report, price: Price | None) -> Report:
    """A report that was measured without a price, or with another one."""
    if price is None:
        return report
    return replace(report, price=price, costs=costs(report.throughput, report.scaling, price))
