"""`accel chain`: the consensus engine under simulation."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from accel.cli.output import INVALID, VALID, JsonOption, emit, job, out, phases_bar, progress_bar
from accel.consensus.simulation.latency import measure_latency
from accel.consensus.simulation.mutants import load, load_plain, mutants
from accel.consensus.simulation.points import CRASH_POINTS
from accel.consensus.simulation.runner import (
    Campaign,
    MutantResult,
    Totals,
    fingerprint,
    point_name,
    run_campaign,
    run_mutants,
)
from accel.consensus.twins import run_twins
from accel.errors import ArgumentError

app = typer.Typer(help="The consensus engine: simulations that attack it.", no_args_is_help=True)

SeedsOption = Annotated[str, typer.Option("--seeds", metavar="A..B", help="The seeds from A on; B is left out.")]
ProcessesOption = Annotated[int | None, typer.Option("--processes", min=1, help="At a time (the cores).")]
ProgressOption = Annotated[
    Path | None, typer.Option("--progress", metavar="FILE", help="Keep progress in FILE, and go on from it.")
]
MutantOption = Annotated[
    str | None, typer.Option("--mutant", metavar="NAME", help="Plant this bug, and stop at the first violation.")
]
ListOption = Annotated[bool, typer.Option("--list-mutants", help="List the bugs that can be planted.")]
TranscriptOption = Annotated[
    int | None, typer.Option("--transcript", metavar="SEED", min=0, help="Run one seed and print all that happens.")
]
TwinsOption = Annotated[
    Path | None, typer.Option("--twins", metavar="FILE", help="Run the Twins scenarios that this JSON file describes.")
]
PlainOption = Annotated[bool, typer.Option("--plain", help="Run the engine's Python source, not the compiled form.")]
NodesOption = Annotated[list[int] | None, typer.Option("--nodes", help="Validators; again for more (4, 16, 100).")]
HeightsOption = Annotated[int, typer.Option("--heights", min=1, help="To decide.")]
JitterOption = Annotated[float, typer.Option("--jitter", help="Delays differ by up to this share.")]
NamesArgument = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Mutants; all if there is none.")]

_SEEDS = re.compile(r"(\d{1,15})\.\.(\d{1,15})")
_SHOWN = 20  # failing seeds in the table for people; --json has all


def _range(seeds: str) -> tuple[int, int]:
    match = _SEEDS.fullmatch(seeds)
    if match is None or int(match[1]) >= int(match[2]):
        raise ArgumentError(f"--seeds: expected A..B with A below B, such as 0..1000, got {seeds}")
    return int(match[1]), int(match[2])


@app.command("simulate")
@job
def simulate(
    seeds: SeedsOption = "0..1000",
    mutant: MutantOption = None,
    list_mutants: ListOption = False,
    twins: TwinsOption = None,
    transcript: TranscriptOption = None,
    progress: ProgressOption = None,
    processes: ProcessesOption = None,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> int:
    """Run the engine under a seeded network, disk and adversary, and check what must hold.

    Exit code 1: some seed violates a check; it is named with what was violated, and --transcript replays it.
    """
    if list_mutants:
        return _list_mutants(as_json)
    if twins is not None:
        return _twins(twins, processes, as_json)
    if transcript is not None:
        return _transcript(transcript, mutant, plain, as_json)
    first, end = _range(seeds)
    if mutant is not None and mutant not in mutants():
        raise ArgumentError(f"--mutant: expected a name that --list-mutants lists, got {mutant}")
    campaign = Campaign(first, end, mutant, processes, progress, stop_at_failure=mutant is not None, plain=plain)
    begin = time.monotonic()
    with phases_bar() as bar:
        totals = run_campaign(campaign, lambda so_far, count: bar(_phase(so_far), so_far.seeds, count))
    report = _report(campaign, totals, time.monotonic() - begin)
    if as_json:
        emit(report)
    else:
        _show(campaign, totals, report)
    return INVALID if totals.failures else VALID


def _phase(totals: Totals) -> str:
    return f"simulating, {len(totals.failures)} violations" if totals.failures else "simulating"


def _list_mutants(as_json: bool) -> int:
    if as_json:
        emit(list(mutants()))
        return VALID
    table = Table("mutant", "module", "what is wrong", box=None)
    for mutant in mutants().values():
        table.add_row(mutant.name, mutant.modules, mutant.what)
    out.print(table)
    return VALID


def _transcript(seed: int, mutant: str | None, plain: bool, as_json: bool) -> int:
    if mutant is not None:
        load(mutant)
    elif plain:
        load_plain()
    # Imported here: a mutant must be planted before the engine is loaded.
    from accel.consensus.simulation.transcript import Transcript  # noqa: PLC0415
    from accel.consensus.simulation.world import run_seed  # noqa: PLC0415

    lines: list[str] = []
    outcome = run_seed(seed, Transcript(lines.append if as_json else print))
    if as_json:
        emit({"seed": seed, "check": outcome.check, "sentence": outcome.sentence, "transcript": lines})
    return VALID if outcome.check is None else INVALID


def _twins(path: Path, processes: int | None, as_json: bool) -> int:
    with progress_bar("twins") as progress:
        report = run_twins(path, processes=processes, progress=progress)
    if as_json:
        emit(report.to_json())
        return INVALID if report.violations else VALID
    table = Table("batch", "expected", "scenarios", "of", "forks", "named in forks", "violations", box=None)
    for batch in report.batches:
        named = ", ".join(f"{validator}: {count:,}" for validator, count in sorted(batch.named.items()))
        counts = (f"{batch.scenarios:,}", f"{batch.space:,} ({batch.share:.1%})", f"{batch.forks:,}")
        table.add_row(batch.name, batch.expect, *counts, named, f"{batch.violations:,}")
    out.print(table)
    for batch in report.batches:
        for failure in batch.failures:
            out.print(f"{batch.name}: {failure.check}: {failure.sentence}", soft_wrap=True)
            out.print(json.dumps(failure.scenario), soft_wrap=True)
    out.print(f"{report.scenarios:,} scenarios in {report.seconds:.1f} s, {report.violations} violations")
    return INVALID if report.violations else VALID


def _report(campaign: Campaign, totals: Totals, elapsed_s: float) -> dict[str, Any]:
    points = [point_name(point) for point in CRASH_POINTS]
    return {
        "seeds": {"first": campaign.first, "end": campaign.end, "run": totals.seeds},
        "mutant": campaign.mutant,
        "source": fingerprint(campaign.mutant),
        "failing_seeds": [failure.seed for failure in totals.failures],
        "violations": [
            {"seed": failure.seed, "check": failure.check, "sentence": failure.sentence} for failure in totals.failures
        ],
        "elapsed_s": round(elapsed_s, 3),
        "cpu_s": round(totals.cpu_s, 3),
        "events": totals.events,
        "events_per_cpu_s": round(totals.events / totals.cpu_s) if totals.cpu_s else None,
        "virtual_s": round(totals.virtual_us / 1e6, 3),
        "heights": totals.heights,
        "evidence": totals.evidence,
        "liveness_bound_used": round(totals.healing, 3),
        "rules": totals.rules,
        "rules_missed": sorted(name for name, count in totals.rules.items() if not count),
        "crashes": {name: totals.crashes.get(name, 0) for name in points},
        "crash_points": len(points),
        "crash_points_missed": totals.crash_points_missed,
    }


def _show(campaign: Campaign, totals: Totals, report: dict[str, Any]) -> None:
    rules = Table("rule of the paper", "fired", box=None)
    for name, count in totals.rules.items():
        rules.add_row(name, f"{count:,}")
    crashes = Table("crash point", "passed", "crashed", box=None)
    for name, count in report["crashes"].items():
        crashes.add_row(name, f"{totals.points.get(name, 0):,}", f"{count:,}")
    out.print(rules, "", crashes, "")
    missed = len(report["crash_points_missed"])
    out.print(
        f"{totals.seeds:,} seeds, {totals.events:,} events ({report['events_per_cpu_s']:,} a second of one core), "
        f"{totals.heights:,} heights in {report['virtual_s']:,} s of virtual time, {totals.evidence:,} pieces of "
        f"evidence; crashes at {report['crash_points'] - missed} of {report['crash_points']} points; at most "
        f"{report['liveness_bound_used']:.0%} of the liveness bound; source {report['source']}"
    )
    for failure in totals.failures[:_SHOWN]:
        out.print(f"seed {failure.seed}: {failure.check}: {failure.sentence}", soft_wrap=True)
    if totals.failures:
        planted = f" --mutant {campaign.mutant}" if campaign.mutant else ""
        out.print(f"{len(totals.failures)} violations; replay: accel chain simulate{planted} --transcript SEED")
    elif campaign.mutant:
        out.print(f"the planted bug was not found: {campaign.mutant}")
    else:
        out.print("no violation")


@app.command("latency")
@job
def latency(
    nodes: NodesOption = None, heights: HeightsOption = 100, jitter: JitterOption = 0.1, as_json: JsonOption = False
) -> int:
    """Measure commit latency in one-way delays, with all validators running and with as many crashed as may be."""
    cases = [(count, crashed) for count in nodes or [4, 16, 100] for crashed in sorted({0, (count - 1) // 3})]
    results = []
    with phases_bar() as bar:
        for done, (count, crashed) in enumerate(cases):
            bar(f"{count} validators, {crashed} crashed", done, len(cases))
            results.append(measure_latency(count, crashed, heights, jitter=jitter))
    if as_json:
        emit({"jitter": jitter, "heights": heights, "latencies": [asdict(result) for result in results]})
        return VALID
    kinds = ("all heights", "proposer runs", "proposer crashed")
    table = Table("validators", "crashed", *(f"{kind}: {p}" for kind in kinds for p in ("p50", "p99")), box=None)
    for result in results:
        cells = [
            "" if of is None else f"{delays:.2f}"
            for of in (result.all, result.proposer_runs, result.proposer_crashed)
            for delays in ((of.p50, of.p99) if of is not None else (0.0, 0.0))
        ]
        table.add_row(str(result.nodes), str(result.crashed), *cells)
    out.print(table)
    out.print(
        f"in one-way delays (±{jitter:.0%}), from the beginning of a height to its delivery; {heights} heights; "
        f"timeout of propose {results[0].propose_delays:.1f} delays"
    )
    return VALID


@app.command("mutants")
@job
def mutant_campaign(
    names: NamesArgument = None,
    seeds: SeedsOption = "0..1000",
    processes: ProcessesOption = None,
    as_json: JsonOption = False,
) -> int:
    """Plant each known bug in turn and say which seed finds it, by which check. Exit code 1: some bug is not found."""
    first, end = _range(seeds)
    chosen = names or list(mutants())
    results: list[MutantResult] = []
    begin = time.monotonic()
    with phases_bar() as bar:
        for result in run_mutants(chosen, first, end, processes=processes):
            results.append(result)
            bar("planting", len(results), len(chosen))
    missed = [result.name for result in results if result.seed is None]
    if as_json:
        found = [
            {"name": r.name, "what": mutants()[r.name].what, "seed": r.seed, "check": r.check, "sentence": r.sentence}
            for r in results
        ]
        emit({"mutants": found, "missed": missed, "elapsed_s": round(time.monotonic() - begin, 3)})
        return INVALID if missed else VALID
    table = Table("mutant", "module", "what is wrong", "seed", "check", box=None)
    for result in results:
        mutant = mutants()[result.name]
        seed = "not found" if result.seed is None else str(result.seed)
        table.add_row(mutant.name, mutant.modules, mutant.what, seed, result.check)
    out.print(table)
    out.print(f"{len(results) - len(missed)} of {len(results)} found in {time.monotonic() - begin:.0f} s")
    return INVALID if missed else VALID
