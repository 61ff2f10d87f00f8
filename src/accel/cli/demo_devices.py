"""The last step of `accel demo`: the block on the CPU and on the modelled chip, measured and modelled figures apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from accel.cli.output import out, progress_bar

if TYPE_CHECKING:
    from accel.demo.devices import DeviceRun
    from accel.model import CpuRate

MEASURED, MODELLED = "cpu", "sim96"


def run(path: Path, rows: int) -> tuple[list[DeviceRun], CpuRate]:
    """The block on both devices, and the rate of one core on it."""
    from accel import model  # noqa: PLC0415  numpy and the extension: most commands do without
    from accel.demo import devices  # noqa: PLC0415

    runs = []
    for name in (MEASURED, MODELLED):
        with progress_bar(f"verifying on {name}") as progress:
            runs.append(devices.run(path, name, rows, progress))
    return runs, model.measure_cpu_core(path)


def to_json(runs: list[DeviceRun], core: CpuRate) -> dict[str, Any]:
    """The step for JSON: every figure beside the word that says whose it is."""
    from accel import model  # noqa: PLC0415  see run

    return {
        "devices": [
            {
                "name": it.device,
                "times": it.times,
                "seconds": it.seconds,
                "rate": it.rate,
                "counted": it.counted,
                "counts": it.report.counts,
                "merkle_root": it.report.merkle_root.hex(),
            }
            for it in runs
        ],
        "chip_by_core": {
            "ratio": _ratio(runs, core),
            "times": f"model by {core.basis}",
            "core_rate": core.transactions_per_s,
            "core_detail": core.detail,
            "public_claim": model.PUBLIC_CLAIM,
            "assumptions": list(model.ASSUMPTIONS),
        },
    }


def show(runs: list[DeviceRun], core: CpuRate) -> None:
    """Print it: what was measured, what a model says, and the ratio with what it rests on, each by itself."""
    from accel import model  # noqa: PLC0415  see run

    measured, modelled = runs
    seconds = f"{measured.device}: {measured.seconds:.2f} s, {measured.rate:,.0f} transactions/s"
    _section(
        measured.times,
        f"{seconds} on {measured.report.threads} threads, by the wall clock, reading and audit included",
        f"one core: {core.transactions_per_s:,.0f} transactions/s of processor time, {core.detail}",
    )
    _section(
        modelled.times,
        f"{modelled.device}, 96 cores: {modelled.seconds * 1e3:.2f} ms, {modelled.rate:,.0f} transactions/s",
        "nobody has built this chip: time and rate are a model's, the verdicts come from this machine's kernels",
    )
    out.print(
        f"\n  {modelled.times} by {core.basis}: [bold]{_ratio(runs, core):.1f} ×[/] one core; said in public of the "
        f"chip that inspired the model: {model.PUBLIC_CLAIM} ×.\n  What the ratio rests on: "
        'docs/accelerator-model.md, "Beside one core of a CPU".',
        soft_wrap=True,
    )


def _ratio(runs: list[DeviceRun], core: CpuRate) -> float:
    return runs[-1].rate / core.transactions_per_s


def _section(label: str, *lines: str) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold yellow" if label != "measured" else "bold")
    for i, line in enumerate(lines):
        grid.add_row(Text("" if i else f"  {label}"), Text(line))
    out.print()
    out.print(grid, soft_wrap=True)
