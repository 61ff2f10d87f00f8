"""The driver in C and the core in Verilog, built and run as their pages say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("cffi")

import simulators
from accel import validate
from accel.validate import Outcome

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)  # type: ignore[call-overload]


def test_the_driver_exports_its_entry_alone(example_driver: Path) -> None:
    lines = run("nm", "-D", "--defined-only", example_driver).stdout.splitlines()
    assert [line.split()[-1] for line in lines] == ["accel_driver_entry"]


@pytest.mark.parametrize("kind", ["plugin", "plugin-inproc"])
def test_the_driver_conforms(example_driver: Path, kind: str) -> None:
    report = validate.validate(f"{kind}:{example_driver}", deadline=60)
    assert report.passed, report.first_failure
    assert report.product == "example 1.0"
    skipped = [result.name for result in report.results if result.outcome == Outcome.SKIPPED]
    assert skipped == ["sm2.points"]


def test_a_fault_in_the_driver_is_found(example_driver: Path) -> None:
    report = validate.validate(f"fault:stuck-digest-lane:plugin:{example_driver}", deadline=60, fail_fast=True)
    assert report.first_failure is not None
    assert report.first_failure.name == "sm3.ragged"


def test_options_that_it_does_not_take(example_driver: Path) -> None:
    report = validate.validate(f"plugin:{example_driver},speed=2")
    assert report.first_failure is not None
    assert "expected no options" in report.first_failure.sentence or "expected no options" in " ".join(report.log)


@pytest.mark.parametrize(("target", "program"), [("icarus", "iverilog"), ("verilator", "verilator")])
def test_the_core(target: str, program: str, tmp_path: Path) -> None:
    simulators.require(program, "pkg-config")
    env = simulators.environment()
    make = ["make", "-C", ROOT / "examples/verilog", target]
    done = run(*make, f"BUILD={tmp_path}", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SM3(abc) = 66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" in done.stdout
    assert "PASSED: 200 blocks" in done.stdout
    if target == "icarus":  # the other takes half a minute to build
        broken = run(*make, f"BUILD={tmp_path}", "BROKEN=1", env=env)
        assert broken.returncode != 0
        assert "FAILED: 200 of 200 blocks" in broken.stdout
