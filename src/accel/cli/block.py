"""`accel make-block` and `accel verify`: blocks of signed transactions in Parquet files and raw directories."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table
from rich.text import Text

from accel.cli.output import INVALID, VALID, JsonOption, emit, job, out, progress_bar
from accel.device import Audit, Device, DeviceStat, open_device
from accel.errors import ArgumentError

STATUS_STYLES = {"OK": "green", "BAD_SIGNATURE": "red", "BAD_KEY": "magenta", "BAD_RANGE": "yellow"}

FileArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A Parquet file; overwritten once the new one is complete.")
]
RawOption = Annotated[
    Path | None,
    typer.Option(
        "--raw",
        metavar="DIR",
        help="A directory for the block as flat arrays (docs/raw-blocks.md): instead of FILE, or beside it. "
        "Only a raw block is overwritten.",
    ),
]
CountOption = Annotated[int, typer.Option("--count", min=0, help="Transactions.")]
SignersOption = Annotated[int, typer.Option("--signers", min=1, help="Keys that sign.")]
SizeOption = Annotated[int, typer.Option("--message-size", min=0, help="Bytes per transaction.")]
DamagedOption = Annotated[int, typer.Option("--damaged", min=0, help="Transactions to damage, in known ways.")]
SeedOption = Annotated[
    int | None,
    typer.Option(
        "--seed", min=0, help="Repeats keys, messages and damage (nonces stay random). The keys are no secret then."
    ),
]
BlockArgument = Annotated[
    Path, typer.Argument(metavar="BLOCK", help="A Parquet file, or the directory of a raw block.")
]
LimitOption = Annotated[
    int, typer.Option("--bad-rows-limit", min=0, help="How many bad rows to list; all are counted.")
]

DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="NAME", help="Where to verify: see `accel.devices()`. Default: ACCEL_DEVICE, or the CPU."
    ),
]
AuditOption = Annotated[
    str, typer.Option("--audit", metavar="AUDIT", help="With --device: sample, hold or full (docs/devices.md).")
]


@job
def make_block(
    count: CountOption,
    signers: SignersOption,
    message_size: SizeOption,
    file: FileArgument = None,
    raw: RawOption = None,
    damaged: DamagedOption = 0,
    seed: SeedOption = None,
    as_json: JsonOption = False,
) -> int:
    """Make a block of signed transactions to try verification on.

    Each row's signer is drawn at random. Which rows were damaged, and how, stands in the file's metadata under
    `accel.block`, in the raw block's `block.json` and in the JSON output.
    """
    if file is None and raw is None:
        raise ArgumentError("expected FILE, --raw DIR or both, got neither")
    from accel import ledger  # noqa: PLC0415  pyarrow takes long to load, and most commands do without

    keys = ledger.Signers.random(signers) if seed is None else ledger.Signers.from_seed(signers, seed)
    with progress_bar("signing") as progress:
        made = ledger.make_block(
            file,
            raw=raw,
            count=count,
            signers=keys,
            message_size=message_size,
            damaged=damaged,
            seed=seed,
            progress=progress,
        )
    rate = made.rows / made.seconds
    if as_json:
        rows = [{"row": r.row, "damage": r.damage.name, "status": r.damage.status} for r in made.damaged]
        emit(
            {
                "file": file and str(file),
                "raw": raw and str(raw),
                "rows": made.rows,
                "signers": made.signers,
                "message_size": made.message_size,
                "seed": made.seed,
                "damaged": rows,
                "expected_counts": made.expected_counts,
                "bytes": file and file.stat().st_size,
                "raw_bytes": raw and sum(entry.stat().st_size for entry in raw.iterdir()),
                "seconds": made.seconds,
                "rate": rate,
            }
        )
        return VALID
    out.print(
        Text.assemble(
            (", ".join(str(path) for path in (file, raw) if path), "bold"),
            f"  {made.rows:,} transactions of {made.message_size:,} B by {made.signers:,} signers, ",
            f"{len(made.damaged):,} damaged, seed {made.seed}; {rate:,.0f} signed/s",
        ),
        soft_wrap=True,
    )
    return VALID


@job
def verify(
    block: BlockArgument,
    bad_rows_limit: LimitOption = 100,
    device: DeviceOption = None,
    audit: AuditOption = "sample",
    as_json: JsonOption = False,
) -> int:
    """Verify every signature of a block, hash every transaction, compute the Merkle root.

    BLOCK is a Parquet file with the columns public_key (64 bytes x || y), signature (64 bytes r || s; raw, never DER)
    and message; a column key_index may be there and is not read. Or it is a directory that make-block --raw wrote; its
    root.bin must then be the root. Blocks larger than memory stream through.
    """
    from accel import ledger  # noqa: PLC0415  see make_block

    with ExitStack() as stack:
        opened = None
        if device is not None:
            opened = stack.enter_context(open_device(device, audit=cast(Audit, audit)))
        progress = stack.enter_context(progress_bar("verifying"))
        report = ledger.verify_block(block, bad_rows_limit=bad_rows_limit, progress=progress, device=opened)
        devices = None if opened is None else devices_json(opened)
    if as_json:
        emit({"file": str(block), **report_json(report), "devices": devices})
    else:
        print_report(str(block), report)
    return VALID if report.valid else INVALID


def devices_json(device: Device) -> list[dict[str, Any]]:
    """The devices behind a handle for JSON, each with its counters that are not zero."""
    stats = device.stats()
    names = [info.name for info in device.infos]
    return [
        {
            "name": info.name,
            "product": info.product,
            "version": info.version,
            "times": info.time_kind.label,
            "quarantined": info.quarantined,
            "stats": _counters(stats, info.name, names[:i].count(info.name)),
        }
        for i, info in enumerate(device.infos)
    ]


def _counters(stats: list[DeviceStat], device: str, before: int) -> dict[str, int]:
    """The counters of a device that has `before` others of its name in front of it, as in ``cpu+cpu``."""
    seen: Counter[str] = Counter()
    own = {}
    for stat in stats:
        if stat.device == device:
            if seen[stat.name] == before and stat.value:
                own[stat.name] = stat.value
            seen[stat.name] += 1
    return own


def report_json(report: Any) -> dict[str, Any]:
    """A `ledger.BlockReport` for JSON."""
    return {
        "rows": report.rows,
        "valid": report.valid,
        "merkle_rule": report.merkle_rule,
        "merkle_root": report.merkle_root.hex(),
        "root_as_recorded": report.root_as_recorded,
        "counts": report.counts,
        "bad_total": report.bad_total,
        "bad": [{"row": bad.row, "status": bad.status} for bad in report.bad],
        "message_bytes": report.message_bytes,
        "known_signers": report.known_signers,
        "seconds": report.seconds,
        "rate": report.rate,
        "kernels": report.kernels,
        "threads": report.threads,
        "device": report.device,
        "times": report.times,
    }


def print_report(name: str, report: Any) -> None:
    """A `ledger.BlockReport` for people."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_row("block", Text(name))
    table.add_row("transactions", f"{report.rows:,}, {report.message_bytes / 1e6:,.1f} MB")
    recorded = {None: "", True: ", as recorded", False: f", [red]recorded as {(report.recorded_root or b'').hex()}[/]"}
    root = f"[cyan]{report.merkle_root.hex()}[/]  {report.merkle_rule}{recorded[report.root_as_recorded]}"
    table.add_row("Merkle root", root)
    for status, count in report.counts.items():
        style = STATUS_STYLES[status] if count else "dim"
        table.add_row(status, f"[{style}]{count:,}[/]")
    kernels = ", ".join(f"{op} {kernel}" for op, kernel in report.kernels.items())
    table.add_row("rate", f"{report.rate:,.0f} transactions/s, {report.seconds:.2f} s")
    table.add_row("ran on", f"{report.threads} threads, {kernels}, {report.known_signers:,} known signers")
    if report.device is not None:
        table.add_row("device", f"{report.device}, times: {report.times}")
    out.print(table, soft_wrap=True)
    if report.bad:
        shown = "" if len(report.bad) == report.bad_total else f", the first {len(report.bad):,}"
        out.print(f"\n[bold]{report.bad_total:,} bad rows{shown}[/]")
        out.print(_bad_rows_table(report))


def _bad_rows_table(report: Any) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("row", justify="right")
    table.add_column("status")
    for bad in report.bad:
        table.add_row(str(bad.row), Text(bad.status, STATUS_STYLES[bad.status]))
    return table
