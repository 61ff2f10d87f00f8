"""A skip is a failure in CI, unless the machine may lack what it is for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest
import needs

def test_wants_a_program(): pytest.skip("no program")
@pytest.mark.skipif(True, reason="no other program")
def test_is_marked(): pass
def test_wants_a_feature(): needs.lacking("a feature")
@needs.unless(False, "memory")
def test_wants_memory(): pass
@needs.unless(True, "memory")
def test_has_memory(): pass
@pytest.mark.xfail
def test_is_known_to_fail(): assert False
"""


def run(tests: str, folder: Path, *, complete: bool) -> tuple[int, str]:
    (folder / "test_it.py").write_text(tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "needs", "-p", "no:cacheprovider", "-q", "-ra", "test_it.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "ACCEL_TESTS_COMPLETE": "01"[complete]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


def test_in_ci_only_what_a_machine_may_lack_is_skipped(tmp_path: Path) -> None:
    code, said = run(TESTS, tmp_path, complete=True)
    assert code == 1
    # the mark fails before the test, which is an error
    assert "1 failed, 1 passed, 2 skipped, 1 xfailed, 1 error" in said
    for sentence in ("no program; ACCEL_TESTS_COMPLETE is set", "no other program; ACCEL_TESTS_COMPLETE is set"):
        assert sentence in said
    for sentence in ("this machine may lack it: a feature", "this machine may lack it: memory"):
        assert sentence in said


def test_elsewhere_skips_are_named(tmp_path: Path) -> None:
    code, said = run(TESTS, tmp_path, complete=False)
    assert code == 0
    assert "1 passed, 4 skipped, 1 xfailed" in said
    assert "no other program" in said


@pytest.mark.parametrize("complete", [True, False])
def test_a_file_without_its_module(tmp_path: Path, complete: bool) -> None:
    code, said = run("import pytest\npytest.importorskip('no_such_module')\n", tmp_path, complete=complete)
    assert (code, "1 error" in said, "1 skipped" in said) == ((2, True, False) if complete else (5, False, True))
