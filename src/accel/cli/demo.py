"""`accel demo`: the main job from certificates to a verified block, with every claim checked."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from accel import sm2
from accel.cli import block as block_command
from accel.cli import demo_devices, system
from accel.cli.output import INVALID, VALID, JsonOption, emit, job, out, progress_bar
from accel.errors import ArgumentError

if TYPE_CHECKING:
    from accel.demo.authority import Authority
    from accel.demo.crosscheck import Row
    from accel.demo.devices import DeviceRun
    from accel.demo.rates import Rate
    from accel.ledger import BlockReport, MadeBlock

_CROSS_CHECKED_BAD, _CROSS_CHECKED_GOOD = 400, 400  # rows; OpenSSL verifies some thousands a second

CountOption = Annotated[int, typer.Option("--count", min=100, help="Transactions in the block.")]
SignersOption = Annotated[int, typer.Option("--signers", min=2, max=1000, help="Members that sign.")]
SizeOption = Annotated[int, typer.Option("--message-size", min=1, help="Bytes per transaction.")]
DamagedOption = Annotated[int, typer.Option("--damaged", min=0, help="Transactions to damage.")]
SecondsOption = Annotated[float, typer.Option("--seconds", min=0.01, help="Per measurement and round.")]
DirectoryOption = Annotated[Path | None, typer.Option("--directory", help="Keep certificates and block here.")]


class _Checks:
    """What was claimed and whether it held."""

    def __init__(self, *, quiet: bool) -> None:
        self.held: dict[str, bool] = {}
        self._quiet = quiet

    def claim(self, sentence: str, held: bool) -> None:
        """Note and show one claim."""
        self.held[sentence] = held
        if not self._quiet:
            mark = ("✓ ", "bold green") if held else ("✗ ", "bold red")
            out.print(Text.assemble("  ", mark, sentence), soft_wrap=True)

    @property
    def all_held(self) -> bool:
        """Whether every claim held."""
        return all(self.held.values())


@job
def demo(
    count: CountOption = 100_000,
    signers: SignersOption = 64,
    message_size: SizeOption = 256,
    damaged: DamagedOption = 120,
    seconds: SecondsOption = 0.5,
    directory: DirectoryOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show the main job: certificates, a block of signed transactions, verified beside OpenSSL and on devices.

    OpenSSL makes a certificate authority and its members; accel and OpenSSL verify their certificates. The members
    sign a block, some transactions are damaged in known ways, accel verifies it: what it finds must match exactly.
    OpenSSL then checks a sample of the verdicts and the Merkle root, and both are timed. At last the devices cpu and
    sim96, a modelled chip, verify the same block. Exit code 1 when anything disagrees.
    """
    from accel._libcrypto import Libcrypto  # noqa: PLC0415  see block.make_block

    if damaged > count // 2:
        raise ArgumentError(f"--damaged: expected at most half of the {count} transactions, got {damaged}")
    # Rates of unknown keys are those of keys without a table, however often the measurement repeats them.
    os.environ.setdefault("ACCEL_ADAPTIVE_TABLES", "0")
    started = time.perf_counter()
    library = Libcrypto()
    facts = system.collect()
    checks = _Checks(quiet=as_json)
    with ExitStack() as stack:
        if directory is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="accel-demo-")))
        else:
            place = directory
            place.mkdir(parents=True, exist_ok=True)
        if not as_json:
            _title(facts, library.version)
        authority = _certificates(place, signers, checks, as_json)
        made, report = _block(place, authority, (count, message_size, damaged), checks, as_json)
        rows, root = _second_opinion(library, made, report, checks, as_json)
        rates = _clock(library, made, rows, seconds, facts, as_json)
        devices = _devices(made, root, checks, as_json)
    total = time.perf_counter() - started
    if as_json:
        emit(
            {
                "valid": checks.all_held,
                "checks": checks.held,
                "expected_counts": made.expected_counts,
                "block": block_command.report_json(report),
                "rates": [vars(rate) | {"ratio": rate.ratio} for rate in rates],
                **devices,
                "info": facts | {"openssl": library.version},
                "seconds": total,
            }
        )
    else:
        verdict = "[bold green]Everything held[/]" if checks.all_held else "[bold red]Something did not hold[/]"
        out.print(f"\n{verdict}: {sum(checks.held.values())} of {len(checks.held)} checks, {total:.0f} s.")
    return VALID if checks.all_held else INVALID


def _title(facts: dict[str, Any], openssl: str) -> None:
    kernels = ", ".join(f"{op} [green]{kernel['active']}[/]" for op, kernel in facts["kernels"].items())
    out.print(f"[bold]accel {facts['versions']['accel']}[/] on {facts['cpu']}, {facts['threads']} threads: {kernels}")
    out.print(f"[bold]OpenSSL[/] {openssl.removeprefix('OpenSSL ')}")


def _heading(number: int, title: str, as_json: bool) -> None:
    if not as_json:
        out.print(f"\n[bold]{number}  {title}[/]")


def _certificates(place: Path, signers: int, checks: _Checks, as_json: bool) -> Authority:
    """Step 1: an authority and members by OpenSSL, verified by both; one forged certificate, refused by both."""
    from accel import certificates  # noqa: PLC0415
    from accel.demo import authority as openssl_authority  # noqa: PLC0415

    _heading(1, f"A certificate authority and {signers} members, made by the OpenSSL command line", as_json)
    with progress_bar("making certificates") as progress:
        authority = openssl_authority.make(place, signers, progress)
    forged = place / "forged.pem"
    forged.write_bytes(_forge(authority.members[0].read_bytes()))

    files = [authority.certificate, *authority.members, forged]
    verdicts = certificates.verify(certificates.load(files).certificates, now=datetime.now(UTC))
    modes = Counter(verdict.mode for verdict in verdicts[:-1])
    checks.claim(
        f"accel verifies all {len(verdicts) - 1} certificates: {', '.join(map(str, modes))}",
        modes == {"za-default-id": signers + 1},
    )
    checks.claim(
        f"accel refuses a forged one (one letter of its subject changed): {verdicts[-1].status}",
        verdicts[-1].status == "bad-signature",
    )
    accepted = openssl_authority.accepted(authority, [*authority.members, forged])
    checks.claim(
        f"openssl verify says the same of each: {sum(accepted)} OK, 1 not", accepted == [True] * signers + [False]
    )
    return authority


def _forge(certificate: bytes) -> bytes:
    """The certificate with one letter of its subject changed, its signature kept."""
    from asn1crypto import pem  # noqa: PLC0415

    name, headers, der = pem.unarmor(certificate)
    return bytes(pem.armor(name, der.replace(b"Member 1", b"Membes 1"), headers))


def _block(
    place: Path, authority: Authority, numbers: tuple[int, int, int], checks: _Checks, as_json: bool
) -> tuple[MadeBlock, BlockReport]:
    """Step 2: the members sign a block, some rows are damaged, accel verifies it."""
    from accel import ledger  # noqa: PLC0415

    count, message_size, damaged = numbers
    _heading(2, f"A block: {count:,} transactions of {message_size} B, {damaged} of them damaged", as_json)
    signers = ledger.Signers([sm2.PrivateKey.from_pem(key.read_bytes()) for key in authority.member_keys])
    path = place / "block.parquet"
    with progress_bar("signing") as progress:
        made = ledger.make_block(
            path, count=count, signers=signers, message_size=message_size, damaged=damaged, progress=progress
        )
    with progress_bar("verifying") as progress:
        report = ledger.verify_block(path, bad_rows_limit=count, progress=progress)
    found = {bad.row: bad.status for bad in report.bad}
    if not as_json:
        out.print(f"  signed at {made.rows / made.seconds:,.0f}/s, block written")
        summary = (
            f"  verified at [bold]{report.rate:,.0f} transactions/s[/] ({report.seconds:.2f} s, reading, signatures,"
        )
        out.print(f"{summary} hashes and tree)")
        out.print(f"  Merkle root [cyan]{report.merkle_root.hex()}[/] (rfc9162)", soft_wrap=True)
        out.print(_damage_table(made, found))
    checks.claim(f"verdicts are as expected, row by row: {_count_list(report.counts)}", found == _expected(made))
    checks.claim("and so are their counts", report.counts == made.expected_counts)
    return made, report


def _expected(made: MadeBlock) -> dict[int, str]:
    """Each damaged row's status."""
    return {row.row: row.damage.status for row in made.damaged}


def _count_list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _damage_table(made: MadeBlock, found: dict[int, str]) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("damage", "must be"):
        table.add_column(heading)
    table.add_column("rows", justify="right")
    table.add_column("found so", justify="right")
    rows = Counter(row.damage for row in made.damaged)
    right = Counter(row.damage for row in made.damaged if found.get(row.row) == row.damage.status)
    for damage, number in rows.items():
        style = "green" if right[damage] == number else "bold red"
        status = Text(damage.status, block_command.STATUS_STYLES[damage.status])
        table.add_row(damage.name, status, str(number), Text(str(right[damage]), style))
    undamaged = made.rows - len(made.damaged)
    good = undamaged - len(found.keys() - {row.row for row in made.damaged})
    style = "green" if good == undamaged else "bold red"
    table.add_row("none", Text("OK", "green"), f"{undamaged:,}", Text(f"{good:,}", style))
    return table


def _second_opinion(
    library: Any, made: MadeBlock, report: BlockReport, checks: _Checks, as_json: bool
) -> tuple[list[Row], bytes]:
    """Step 3: OpenSSL on a sample and on the root. Gives all rows, and the root that OpenSSL's SM3 gives."""
    from accel.demo import crosscheck  # noqa: PLC0415

    _heading(3, "OpenSSL's opinion", as_json)
    assert made.path is not None
    rows = crosscheck.read_rows(made.path)
    bad = {entry.row for entry in report.bad}
    sample = _sample(sorted(bad), _CROSS_CHECKED_BAD) + _sample(
        [row for row in range(made.rows) if row not in bad], _CROSS_CHECKED_GOOD
    )
    wrong = crosscheck.disagreements(library, rows, sample, bad)
    refused = sum(row in bad for row in sample)
    checks.claim(
        f"OpenSSL agrees on {len(sample) - len(wrong)} of {len(sample)} transactions, {refused} of them damaged",
        not wrong,
    )
    root = crosscheck.merkle_root(library, (row.message for row in rows))
    checks.claim("the Merkle root over OpenSSL's SM3 is the same", root == report.merkle_root)
    return rows, root


def _clock(
    library: Any, made: MadeBlock, rows: list[Row], seconds: float, facts: dict[str, Any], as_json: bool
) -> list[Rate]:
    """Step 4: accel and OpenSSL against the clock."""
    from accel.demo import rates  # noqa: PLC0415

    _heading(4, "Against the clock: one core, the same minute, alternating; then all threads", as_json)
    damaged = {entry.row for entry in made.damaged}
    with progress_bar("measuring") as progress:
        found = rates.measure(library, [row for i, row in enumerate(rows) if i not in damaged], seconds, progress)
    if not as_json:
        _print_rates(found, facts)
    return found


def _devices(made: MadeBlock, root: bytes, checks: _Checks, as_json: bool) -> dict[str, Any]:
    """Step 5: the block on the CPU and on the modelled chip, held to the known damage and to OpenSSL's root."""
    _heading(5, "The same block on two devices: this CPU, and a model of an accelerator chip", as_json)
    assert made.path is not None
    runs, core = demo_devices.run(made.path, made.rows)
    for run in runs:
        checks.claim(
            f"{run.device} finds every damaged transaction, no other, and the same root",
            run.verdicts == _expected(made) and run.report.merkle_root == root,
        )
        checks.claim(_counted(run), run.ran_there)
    if not as_json:
        demo_devices.show(runs, core)
    return demo_devices.to_json(runs, core)


def _counted(run: DeviceRun) -> str:
    counts = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in run.counted.items())
    return f"all of it ran on {run.device}, which counted {counts}"


def _sample(rows: list[int], size: int) -> list[int]:
    """At most `size` of the rows, evenly spread."""
    return [rows[i * len(rows) // size] for i in range(size)] if len(rows) > size else rows


def _print_rates(rates: Iterable[Rate], facts: dict[str, Any]) -> None:
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for heading in ("kernel", "batch", "OpenSSL EVP", "accel", "ratio", f"accel, {facts['threads']} threads"):
        table.add_column(heading, justify="right")
    for rate in rates:
        ratio = Text(f"{rate.ratio:.1f} x", "bold green" if rate.ratio >= 1 else "bold yellow")
        row = (rate.name, rate.kernel, f"{rate.batch:,}", f"{rate.openssl:,.0f}/s", f"{rate.accel:,.0f}/s")
        table.add_row(*row, ratio, f"{rate.all_threads:,.0f}/s")
    out.print(table)
    out.print(f"  [dim]{facts['cpu']}; wall clock; OpenSSL takes one item per call.[/]")
