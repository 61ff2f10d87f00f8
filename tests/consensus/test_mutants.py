"""The planted bugs: all apply, and each is found where the documentation says; `make mutants` writes that down."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from accel.consensus.simulation.checkers import CHECKS
from accel.consensus.simulation.mutants import Mutant, mutants
from accel.consensus.simulation.runner import MutantResult, run_mutants
from accel.errors import ArgumentError


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accel.cli", "chain", "simulate", *arguments, "--processes", "1", "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("quorum-half", "certificate"),
        ("status-not-answered", "liveness"),
    ],
)
def test_a_planted_bug_is_found(name: str, check: str) -> None:
    done = simulate("--seeds", "0..60", "--mutant", name)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert [violation["check"] for violation in report["violations"]] == [check]
    assert report["failing_seeds"] == [report["violations"][0]["seed"]]
    assert report["mutant"] == name


def test_each_is_found_as_the_documentation_says() -> None:
    """The table is of this engine: after a change of it `make mutants` makes a new one, and says what it misses."""
    page = (Path(__file__).parents[2] / "docs" / "consensus-simulation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\| (\d+) \| ([a-z ]+) \|$", page, re.MULTILINE)
    listed = {name: (int(seed), check) for name, seed, check in rows}
    assert list(listed) == list(mutants())
    assert max(seed for seed, _ in listed.values()) < 1000
    assert {check for _, check in listed.values()} == set(CHECKS)

    def look(name: str) -> MutantResult:
        seed = listed[name][0]
        return next(run_mutants([name], seed, seed + 1, processes=1))

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = {result.name: (result.seed, result.check) for result in pool.map(look, listed)}
    assert found == listed


def test_there_are_many_and_they_are_listed() -> None:
    assert len(mutants()) >= 40
    listed = json.loads(simulate("--list-mutants").stdout)
    assert listed == list(mutants())


@pytest.mark.parametrize("mutant", mutants().values(), ids=lambda mutant: mutant.name)
def test_a_mutant_applies(mutant: Mutant) -> None:
    for path, changed in mutant.sources().items():
        assert changed != path.read_text(encoding="utf-8")
        compile(changed, mutant.name, "exec")
    assert mutant.what


def test_a_mutant_that_does_not_apply_is_an_error() -> None:
    edit = next(iter(mutants().values())).edits[0]
    with pytest.raises(ArgumentError, match=r"expected once in validators\.py, got 0 times"):
        edit.apply("")
    with pytest.raises(ArgumentError, match="got 2 times"):
        edit.apply(edit.original * 2)
