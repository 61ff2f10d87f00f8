"""The planted bugs: all of them apply, and some are found here. `make mutants` looks for all of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from accel.consensus.simulation.mutants import Mutant, mutants
from accel.errors import ArgumentError


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accel.cli", "chain", "simulate", *arguments, "--processes", "1", "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("quorum-half", "certificate"),
        ("lock-dropped", "justified"),
        ("decision-of-another-height", "agreement"),
        ("prevotes-again", "double signature"),
        ("evidence-lost", "evidence"),
        ("sync-left-out", "recovery"),
        ("status-not-answered", "liveness"),
        ("wrong-validator-set", "validity"),
    ],
)
def test_a_planted_bug_is_found(name: str, check: str) -> None:
    done = simulate("--seeds", "0..60", "--mutant", name)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert [violation["check"] for violation in report["violations"]] == [check]
    assert report["failing_seeds"] == [report["violations"][0]["seed"]]
    assert report["mutant"] == name


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
