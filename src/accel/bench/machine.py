"""What the measurement ran on: hardware, system and versions."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np

import accel
from accel import _native
from accel.bench.report import Machine, Software

_GIT_SECONDS = 10


def machine(clock_hz: float | None) -> Machine:
    """This machine; `clock_hz` as measured."""
    fields = _cpuinfo()
    usable = len(os.sched_getaffinity(0))
    return Machine(
        cpu=fields.get("model name", platform.machine()),
        architecture=platform.machine(),
        cores=os.cpu_count() or usable,
        usable_cores=usable,
        features=tuple(accel.cpu_features()),
        memory_bytes=_memory_bytes(),
        os=f"{platform.system()} {platform.release()}",
        family=_family(fields),
        hypervisor="hypervisor" in fields.get("flags", "").split(),
        clock_hz=clock_hz,
    )


def software() -> Software:
    """The versions that ran."""
    return Software(
        accel=accel.__version__,
        abi=_native.abi_version(),
        python=platform.python_version(),
        numpy=np.__version__,
        compiler=_native.compiler(),
        commit=_commit(Path(__file__).resolve().parents[3]),
    )


def _cpuinfo() -> dict[str, str]:
    """Fields of the first processor in /proc/cpuinfo."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _family(fields: dict[str, str]) -> tuple[int, int, int] | None:
    try:
        return int(fields["cpu family"]), int(fields["model"]), int(fields["stepping"])
    except (KeyError, ValueError):
        return None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _commit(root: Path) -> str | None:
    """The commit of the checkout that this file lies in, `-dirty` behind it; None elsewhere."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    command = [git, "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
