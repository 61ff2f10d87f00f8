"""The library as a C compiler finds it through this installation, and the library that the package refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import accel
from accel import _native, config

CONSUMER = Path(__file__).parent / "consumer" / "consumer.c"

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def run_config(*options: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "accel.config", *options)


def test_config_prints_a_line_for_each_option():
    answer = run_config("--version", "--includedir", "--libdir", "--cmakedir", "--pkgconfigdir", "--cflags", "--libs")
    assert (answer.returncode, answer.stderr) == (0, "")
    version, include, lib, cmake, pkgconfig, cflags, libs = answer.stdout.splitlines()
    assert version == accel.__version__
    assert Path(include, "accel/accel.h").is_file()
    assert Path(lib, "libaccel.a").is_file()
    assert Path(lib, "libaccel.so").samefile(_native.library_path())  # one copy of the code
    assert Path(cmake, "accelConfigVersion.cmake").is_file()
    assert Path(pkgconfig, "accel-static.pc").is_file()
    assert cflags == f"-I{include}"
    assert libs == f"-L{lib} -Wl,-rpath,{lib} -laccel"


def test_config_agrees_with_pkg_config():
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config")
    path = str(config.pkgconfig_dir())
    static = run("pkg-config", "--libs-only-l", "--libs-only-other", "accel-static", PKG_CONFIG_PATH=path)
    assert set(config.libs(static=True)[1:]) <= set(static.stdout.split())
    version = run("pkg-config", "--modversion", "accel", PKG_CONFIG_PATH=path)
    assert version.stdout.strip() == accel.__version__


@pytest.mark.parametrize("options", [[], ["--static"], ["--nothing"]])
def test_config_without_a_question_is_an_error(options):
    answer = run_config(*options)
    assert answer.returncode == 2
    assert "--cflags" in answer.stderr
    assert answer.stdout == ""


def test_config_says_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_native, "__file__", str(tmp_path / "_native.so"))
    assert config.main(["--cflags"]) == 1
    assert capsys.readouterr().err == (
        f"accel.config: {tmp_path}/include does not hold accel/accel.h: this installation of accel came without it\n"
    )


@needs_compiler
@pytest.mark.parametrize("static", [False, True])
def test_a_program_in_c(tmp_path, static):
    program = str(tmp_path / "program")
    built = run("cc", "-std=c11", str(CONSUMER), *config.cflags(), *config.libs(static=static), "-o", program)
    assert built.returncode == 0, built.stderr
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    answer = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (answer.stdout, answer.stderr, answer.returncode) == ("ok\n", "", 0)


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
