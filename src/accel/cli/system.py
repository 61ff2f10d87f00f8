"""`accel selftest` and `accel info`."""

from __future__ import annotations

import platform
import ssl
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

import accel
from accel import _native
from accel.cli.output import INVALID, VALID, JsonOption, complain, emit, job, out

OPERATIONS = ("sm3.hash", "sm2.verify", "sm2.sign")


@job
def selftest(as_json: JsonOption = False) -> int:
    """Ask every kernel that this CPU can run questions with known answers."""
    kernels = {op: accel.available_kernels(op) for op in OPERATIONS}
    try:
        accel.selftest()
    except accel.SelfTestError as error:
        complain(str(error))
        if as_json:
            emit({"ok": False, "failure": str(error), "kernels": kernels})
        return INVALID
    if as_json:
        emit({"ok": True, "kernels": kernels})
        return VALID
    for op, names in kernels.items():
        out.print(f"[green]✓[/] {op:<11} {', '.join(names)}")
    return VALID


@job
def info(as_json: JsonOption = False) -> int:
    """Show CPU, kernels, threads and versions."""
    facts = collect()
    if as_json:
        emit(facts)
        return VALID
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_row("CPU", facts["cpu"])
    table.add_row("features", " ".join(facts["features"]) or "none that accel asks for")
    for op, kernels in facts["kernels"].items():
        others = [name for name in kernels["available"] if name != kernels["active"]]
        also = f"  [dim]also {', '.join(others)}[/]" if others else ""
        table.add_row(op, f"[green]{kernels['active']}[/]{also}")
    table.add_row("threads", str(facts["threads"]))
    limit = facts["adaptive_tables"]["memory_limit"]
    table.add_row("adaptive tables", f"up to {limit >> 20} MiB" if limit else "off (ACCEL_ADAPTIVE_TABLES=0)")
    table.add_row("versions", ", ".join(f"{name} {version}" for name, version in facts["versions"].items()))
    out.print(table)
    return VALID


def collect() -> dict[str, Any]:
    """What `accel info --json` prints."""
    return {
        "cpu": cpu_model(),
        "architecture": platform.machine(),
        "features": accel.cpu_features(),
        "kernels": {
            op: {"active": accel.active_kernel(op), "available": accel.available_kernels(op)} for op in OPERATIONS
        },
        "threads": accel.num_threads(),
        "adaptive_tables": accel.sm2.adaptive_tables()._asdict(),
        "versions": {
            "accel": accel.__version__,
            "abi": _native.abi_version(),
            "numpy": np.__version__,
            "python": platform.python_version(),
            "openssl": ssl.OPENSSL_VERSION,
        },
    }


def cpu_model() -> str:
    """The CPU's name as the kernel tells it, or its architecture where it tells none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
