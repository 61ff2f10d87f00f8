"""What calls through Go and Rust cost over calls from C, in batches of 4,096.

Three programs (bench/languages/) read one block and make the same call, each in the way of its language: C through
accel.h, Go and Rust through the wrappers of examples/node. In each round all three start afresh, on one core with one
thread, and answer in turn; the figure is the CPU time of a call over that of C's in the same round, less 1:
python bench/languages.py PREFIX [--rounds N] [--batch N] [--seconds S] [--json].
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import accel
from accel import ledger

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "bench" / "languages"
NODE = ROOT / "examples" / "node"
SIGNERS, MESSAGE_SIZE = 64, 256
TASKS = {
    "keys": ("sm2.verify, messages, unknown keys", "sm2.verify"),
    "ring": ("sm2.verify, messages, 64 known keys", "sm2.verify"),
    "hash": ("sm3.hash, messages", "sm3.hash"),
}
GOAL = 0.02  # share of C's time, at most, for verification
WARM_UP = {"keys": 3, "ring": 10, "hash": 20}  # calls
TURN_SECONDS = 0.05  # calls that follow each other, as in a node that is busy


def build(prefix: Path, out: Path) -> dict[str, Path]:
    """Build the programs whose toolchain is there; a missing one is said on standard error."""
    found = sorted(prefix.resolve().rglob("accel.pc"))
    if not found or shutil.which("pkg-config") is None:
        raise SystemExit(f"languages: no accel.pc in {prefix}, or no pkg-config here")
    libdir = found[0].parent.parent
    environment = os.environ | {
        "PKG_CONFIG_PATH": str(found[0].parent),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "1",
        "CGO_LDFLAGS": f"-Wl,-rpath,{libdir}",
        "CARGO_TARGET_DIR": str(out / "rust"),
    }
    out.mkdir(parents=True, exist_ok=True)
    flags = shlex.split(
        subprocess.run(
            ["pkg-config", "--cflags", "--libs", "accel"], env=environment, check=True, capture_output=True, text=True
        ).stdout
    )
    sources = [HERE / "c" / "calls.c", NODE / "c" / "block.c"]
    c = ["cc", "-O2", "-std=c11", "-D_POSIX_C_SOURCE=200809L", f"-I{NODE / 'c'}", *sources, "-o", out / "calls-c"]
    commands: dict[str, tuple[list[Any], Path, Path]] = {
        "c": ([*c, *flags, f"-Wl,-rpath,{libdir}"], HERE, out / "calls-c"),
        "go": (["go", "build", "-o", out / "calls-go", "."], HERE / "go", out / "calls-go"),
        "rust": (
            ["cargo", "build", "--quiet", "--release", "--offline", "--locked"],
            HERE / "rust",
            out / "rust" / "release" / "calls",
        ),
    }
    programs = {}
    for language, (command, directory, program) in commands.items():
        if shutil.which(command[0]) is None:
            print(f"languages: no {command[0]} here: {language} is not measured", file=sys.stderr)
            continue
        subprocess.run(command, cwd=directory, env=environment, check=True)
        programs[language] = program
    return programs


class Caller:
    """A program that waits for tasks on its standard input; a context manager."""

    def __init__(self, program: Path, block: Path, ring_bytes: int) -> None:
        # Go would take the one core for all it may use; a node has more, and its monitor thread then sleeps longer.
        environment = os.environ | {"ACCEL_NUM_THREADS": "1", "ACCEL_ADAPTIVE_TABLES": "0", "GOMAXPROCS": "2"}
        self._process = subprocess.Popen(
            [program, block, str(ring_bytes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def call(self, task: str, turns: int = 1) -> list[int]:
        """Nanoseconds of each of `turns` calls."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{task} {turns}\n")
        self._process.stdin.flush()
        answer = [int(word) for word in self._process.stdout.readline().split()]
        if len(answer) != turns:
            raise SystemExit(f"languages: {self._process.args}: no answer to {task}")
        return answer

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        if self._process.returncode != 0:
            raise SystemExit(f"languages: {self._process.args}: exit code {self._process.returncode}")


def one_round(
    programs: dict[str, Path], order: list[str], block: tuple[Path, int], seconds: float
) -> dict[str, dict[str, float]]:
    """Median nanoseconds of a call by task and language."""
    medians = {}
    with ExitStack() as stack:
        callers = {language: stack.enter_context(Caller(programs[language], *block)) for language in order}
        for task in TASKS:
            for caller in callers.values():
                caller.call(task, WARM_UP[task])
            calls = max(1, round(TURN_SECONDS * 1e9 / statistics.median(callers["c"].call(task, 3))))
            turns = max(2, round(seconds / TURN_SECONDS))
            times: dict[str, list[int]] = {language: [] for language in order}
            for turn in range(turns):
                for language in order if turn % 2 == 0 else reversed(order):
                    times[language] += callers[language].call(task, calls)
            medians[task] = {language: statistics.median(values) for language, values in times.items()}
    return medians


def measure(programs: dict[str, Path], block: tuple[Path, int], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Overheads over all rounds; the one that goes first changes from round to round."""
    languages = list(programs)
    found = []
    for number in range(rounds):
        first = number % len(languages)
        found.append(one_round(programs, languages[first:] + languages[:first], block, seconds))
    results = []
    for task, (name, op) in TASKS.items():
        for language in languages[1:]:
            overheads = [medians[task][language] / medians[task]["c"] - 1 for medians in found]
            result = {
                "task": name,
                "language": language,
                "kernel": accel.active_kernel(op),
                "c_us_p50": statistics.median(medians[task]["c"] for medians in found) / 1000,
                "overhead_p50": statistics.median(overheads),
                "overhead_min": min(overheads),
                "overhead_max": max(overheads),
            }
            if op == "sm2.verify":
                result |= {"goal": GOAL, "reached": "goal" if result["overhead_p50"] <= GOAL else "above"}
            results.append(result)
    return results


def main() -> None:
    """Build, measure every task and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", type=Path, help="where libaccel is installed")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "bench-languages")
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each side and task in a round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    programs = build(options.prefix, options.build)
    if "c" not in programs or len(programs) < 2:
        print("languages: nothing to compare")
        return
    block = options.build / "block"
    signers = ledger.Signers.random(SIGNERS)
    ledger.make_block(None, raw=block, count=options.batch, signers=signers, message_size=MESSAGE_SIZE)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # A table of the usual size for each key: a ring with memory to spare would build larger ones while it is timed.
    ring_bytes = accel.sm2.KeyRing(signers.public_keys).table_bytes
    results = measure(programs, (block, ring_bytes), options.rounds, options.seconds)
    if options.json:
        print(json.dumps({"batch": options.batch, "rounds": options.rounds, "results": results}, indent=1))
        return
    print(
        f"Overhead over C on batches of {options.batch} messages of {MESSAGE_SIZE} B, one thread, "
        f"{options.rounds} alternating rounds"
    )
    for result in results:
        print(
            f"{result['language']:<5} {result['task']:<36} {result['kernel']:<10} C {result['c_us_p50']:8,.0f} us, "
            f"overhead {result['overhead_p50']:7.2%} ({result['overhead_min']:.2%} to {result['overhead_max']:.2%})"
            + (f", at most {result['goal']:.0%}: {result['reached']}" if "goal" in result else "")
        )


if __name__ == "__main__":
    main()
