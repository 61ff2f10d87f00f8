"""The library that the package refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import accel
from accel import _native

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


IMPORT = """
try:
    import accel
except ImportError as error:  # of the package that does not import, no class can be named
    print(type(error).__name__, error)
"""


def compile_library(path: Path, source: str) -> None:
    built = subprocess.run(
        ["cc", "-shared", "-fPIC", "-xc", "-", "-o", str(path)], input=source, text=True, check=False, timeout=60
    )
    assert built.returncode == 0


@needs_compiler
@pytest.mark.parametrize(
    ("source", "got"),
    [
        ('const char* accel_version(void) { return "7.8.9"; }', "version 7.8.9 (ABI 1)"),
        ("unsigned accel_abi_version(void) { return 77; }", "(ABI 77)"),
    ],
)
def test_a_library_of_another_version_is_refused(tmp_path, source, got):
    other = tmp_path / "other.so"
    compile_library(other, source)
    answer = run(sys.executable, "-c", IMPORT, LD_PRELOAD=str(other))
    wanted = f"LibraryError libaccel: expected version {accel.__version__} (ABI {_native.abi_version()}), which came"
    assert answer.stdout.startswith(wanted), answer.stderr
    assert got in answer.stdout
    assert "LD_LIBRARY_PATH" in answer.stdout


@needs_compiler
def test_a_library_without_the_symbols_is_refused(tmp_path):
    compile_library(tmp_path / "libaccel.so", "int something_else;")
    answer = run(sys.executable, "-c", IMPORT, LD_LIBRARY_PATH=str(tmp_path))
    assert answer.stdout.startswith("LibraryError libaccel does not load: "), answer.stderr
    assert "undefined symbol: accel_" in answer.stdout or "ACCEL_1" in answer.stdout
