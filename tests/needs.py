"""What tests need. Where it is missing they are skipped by name, and the run says so; in CI a skip is a failure.

``.ci/run`` brings everything and sets ``ACCEL_TESTS_COMPLETE=1``: then only what a machine may lack rightly is skipped,
which a test says by `lacking` or `unless`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from typing import Final, NoReturn

import pytest

COMPLETE: Final = os.environ.get("ACCEL_TESTS_COMPLETE") == "1"
"""Whether everything is there that set-up brings."""

_RIGHTLY: Final = "this machine may lack it: "

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
"""Marks tests that run the command."""


def lacking(sentence: str) -> NoReturn:
    """Skip the test for want of what no set-up brings: a feature of the CPU, memory, data, a toolchain."""
    pytest.skip(_RIGHTLY + sentence)


def unless(there: bool, sentence: str) -> pytest.MarkDecorator:
    """Mark a test to be skipped like that."""
    return pytest.mark.skipif(not there, reason=_RIGHTLY + sentence)


def bench_program() -> str:
    """Where the native benchmark is, relative to the project's root; skips the test where nobody says so."""
    program = os.environ.get("ACCEL_BENCH_PROGRAM")
    if program is None:
        pytest.skip("ACCEL_BENCH_PROGRAM is not set: `make test` builds accel_bench and sets it")
    return program


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped and should not have been."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that was skipped, as `pytest.importorskip` does."""
    report = yield
    _refuse(report, collector.nodeid)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport, where: str) -> None:
    if COMPLETE and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if _RIGHTLY not in reason:
            report.outcome = "failed"
            report.longrepr = f"{where}: {reason}; ACCEL_TESTS_COMPLETE is set, and nothing is skipped then"
