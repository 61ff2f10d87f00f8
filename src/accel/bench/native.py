"""The native runner's measurements (`bench/native`), which know peers that have no Python: Intel crypto_mb.

The program is `ACCEL_BENCH_PROGRAM`, or what `make bench` builds in a checkout.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import msgspec

from accel.bench.report import Case, Keys, PeerInfo, Ratio, Spread
from accel.errors import AccelError

BUILT = Path(__file__).resolve().parents[3] / "build/bench/bench/native/accel_bench"

_SECONDS = 1200


class NativeRunnerError(AccelError):
    """The native runner is not there, failed, or printed what this version does not read."""


class _Row(msgspec.Struct):
    task: str
    kernel: str
    batch: int
    peer: str
    rounds_per_s: tuple[float, ...]
    peer_rounds_per_s: tuple[float, ...]
    floor: float | None = None
    goal: float | None = None


class _Output(msgspec.Struct):
    peers: tuple[str, ...]
    notes: tuple[str, ...]
    results: tuple[_Row, ...]


def program() -> Path | None:
    """The native runner, if it has been built."""
    given = os.environ.get("ACCEL_BENCH_PROGRAM")
    path = Path(given) if given else BUILT
    return path if path.is_file() else None


def run(*, quick: bool, rounds: int | None, core: int | None) -> tuple[list[Ratio], list[PeerInfo], list[str]]:
    """Run the native runner; returns its ratios, its peers and its notes.

    Raises:
        NativeRunnerError: it is not there, failed, or takes longer than 20 minutes.
    """
    path = program()
    if path is None:
        raise NativeRunnerError(f"the native runner is not there: `make bench` builds {BUILT}")
    command = [str(path), "--json", *(["--quick"] if quick else [])]
    command += [] if rounds is None else ["--rounds", str(rounds)]
    command += [] if core is None else ["--core", str(core)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeRunnerError(f"{path}: {error}") from error
    if done.returncode != 0:
        raise NativeRunnerError(f"{path}: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return parse(done.stdout)


def parse(output: bytes) -> tuple[list[Ratio], list[PeerInfo], list[str]]:
    """Read what the runner prints with ``--json``.

    Raises:
        NativeRunnerError: it is something else.
    """
    try:
        read = msgspec.json.decode(output, type=_Output)
        ratios = [_ratio(row) for row in read.results]
    except (msgspec.DecodeError, ValueError) as error:
        raise NativeRunnerError(f"the native runner's output: {error}") from error
    versions = {name.partition(" ")[0]: name.partition(" ")[2] for name in read.peers}
    peers = [PeerInfo(name, versions.get(name.split()[0], ""), _HOW.get(name, "in C")) for name in _names(ratios)]
    return ratios, peers, [f"native runner: {note}" for note in read.notes]


_HOW = {
    "OpenSSL (native)": "EVP from C, one item a call, contexts kept",
    "crypto_mb": "from C, eight signatures or sixteen messages a call",
    "no hints": "accel itself, the same items without hints",
}


def _names(ratios: list[Ratio]) -> list[str]:
    return sorted({ratio.peer for ratio in ratios})


def _peer(name: str) -> str:
    """OpenSSL called from C is another peer than OpenSSL called from Python."""
    return "OpenSSL (native)" if name == "OpenSSL" else name


def _ratio(row: _Row) -> Ratio:
    ours, theirs = row.rounds_per_s, row.peer_rounds_per_s
    return Ratio(
        case=_case(row),
        peer=_peer(row.peer),
        ours_per_s=Spread.of(ours),
        theirs_per_s=Spread.of(theirs),
        ratio=Spread.of([a / b for a, b in zip(ours, theirs, strict=True)]),
        runner="native",
        floor=row.floor,
        goal=row.goal,
        task=row.task,
    )


def _case(row: _Row) -> Case:
    """The case nearest to the runner's words, which stay in the ratio's `task`."""
    task = row.task
    length = re.search(r"(?<!to )\b(\d+) B\b", task)  # not of lengths from one to another
    messages = None if length is None else int(length[1])
    for words, operation in _OPERATIONS.items():
        if task.startswith(words):
            signed = f"{operation}_message" if messages is not None and operation in _OF_DIGESTS else operation
            return Case(signed, row.kernel, row.batch, 1, _keys(task), messages)
    raise ValueError(f"task: expected a known one, got {task!r}")


def _keys(task: str) -> Keys | None:
    if not task.startswith("sm2.verify"):
        return None
    if re.search(r"\bknown\b", task):
        return "known"
    return "hinted" if "hints" in task else "unknown"


_OPERATIONS = {
    "sm3.hash": "sm3.hash",
    "merkle": "merkle.root",
    "sm2.verify": "sm2.verify",
    "sm2.sign": "sm2.sign",
    "sm2.generate": "sm2.generate",
    "sm2 public keys": "sm2.generate",
}
_OF_DIGESTS = ("sm2.verify", "sm2.sign")
