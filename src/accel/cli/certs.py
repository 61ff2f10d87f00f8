"""`accel certs`: the signatures of SM2 certificates, checked against each other."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from accel.cli.output import INVALID, VALID, JsonOption, complain, emit, job, out, progress_bar
from accel.errors import ArgumentError

SCOPE = "signatures only; no path validation: dates, constraints, revocation and trust are not judged"
STATUS_STYLES = {
    "verified": "green",
    "bad-signature": "red",
    "issuer-not-found": "yellow",
    "not-sm2": "dim",
    "malformed": "magenta",
}

PathsArgument = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="Certificates (PEM or DER), or directories of them.")
]


@job
def certs(paths: PathsArgument, as_json: JsonOption = False) -> int:
    """Verify SM2 certificates with each other's keys, and tell the ID mode under which each signature holds.

    The modes are za-default-id (ZA with the ID 1234567812345678), za-empty-id and no-za (SM3 of the bytes alone).
    Issuers are looked for by name among all certificates given. Only signatures are checked: this is no path
    validation. The exit code is 0 when every certificate given was verified, 1 when one was not, for any reason.
    """
    from accel import certificates  # noqa: PLC0415  asn1crypto takes long to load, and most commands do without

    loaded = certificates.load(paths)
    if not loaded.certificates and not loaded.malformed:
        raise ArgumentError(f"no certificate in {', '.join(map(str, paths))}")
    with progress_bar("verifying") as progress:
        verdicts = certificates.verify(loaded.certificates, now=datetime.now(UTC), progress=progress)
    entries = [verdict_json(verdict) for verdict in verdicts]
    entries += [{"source": source, "status": "malformed", "error": why} for source, why in loaded.malformed]
    counts = Counter(entry["status"] for entry in entries)
    modes = Counter(entry["mode"] for entry in entries if entry["status"] == "verified")
    if as_json:
        skipped = [{"path": path, "reason": reason} for path, reason in loaded.skipped]
        emit(
            {
                "scope": SCOPE,
                "certificates": entries,
                "counts": {status: counts[status] for status in STATUS_STYLES},
                "modes": {mode: modes[mode] for mode in certificates.MODES},
                "skipped": skipped,
            }
        )
    else:
        _print(entries, counts, modes, loaded.skipped)
    return VALID if counts["verified"] == len(entries) else INVALID


def verdict_json(verdict: Any) -> dict[str, Any]:
    """A `certificates.Verdict` for JSON."""
    certificate = verdict.certificate
    return {
        "source": certificate.source,
        "status": verdict.status,
        "mode": verdict.mode,
        "issuer": None if verdict.issuer is None else verdict.issuer.source,
        "issuer_candidates": [candidate.source for candidate in verdict.candidates],
        "subject_name": certificate.subject,
        "issuer_name": certificate.issuer,
        "serial": format(certificate.serial, "x"),
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "ca": certificate.ca,
        "key_usage": None if certificate.key_usage is None else list(certificate.key_usage),
        "notes": list(verdict.notes),
    }


def _print(
    entries: list[dict[str, Any]], counts: Counter[str], modes: Counter[str], skipped: list[tuple[str, str]]
) -> None:
    sources = [entry["source"] for entry in entries]
    shared = os.path.commonpath([Path(source).parent for source in sources])
    short = {source: os.path.relpath(source, shared or ".") for source in sources}
    out.print(f"[bold]{len(entries)} certificates[/] in {shared or '.'}\n", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("certificate", "signature", "signed by", "valid until", "notes"):
        table.add_column(heading, overflow="fold")
    for entry in sorted(entries, key=lambda entry: entry["source"]):
        verdict = Text(entry.get("mode") or entry["status"], STATUS_STYLES[entry["status"]])
        if entry["status"] == "malformed":
            table.add_row(Text(short[entry["source"]]), verdict, "", "", Text(entry["error"]))
            continue
        issuer = "itself" if entry["issuer"] == entry["source"] else short.get(entry["issuer"], "")
        notes = Text("; ".join(entry["notes"]), "dim")
        table.add_row(Text(short[entry["source"]]), verdict, Text(issuer), entry["not_after"][:10], notes)
    out.print(table)
    for path, reason in skipped:
        complain(f"skipped {path}: {reason}")
    held = ", ".join(f"{mode} {count}" for mode, count in modes.items())
    others = [f"{count} {status}" for status, count in counts.items() if count and status != "verified"]
    out.print(f"\n[bold]{counts['verified']} of {len(entries)} verified[/]{f' ({held})' if held else ''}", end="")
    out.print(f"; {', '.join(others)}" if others else "")
    out.print(f"[dim]Checked: {SCOPE}.[/]")
