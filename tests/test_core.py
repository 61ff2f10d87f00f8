"""The package itself: versions, errors, self-tests, what the C library says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata

import pytest

import accel
from accel import _native

STATUS_NAMES = {
    0: "NOT_CHECKED",
    1: "OK",
    2: "BAD_SIGNATURE",
    3: "BAD_KEY",
    4: "BAD_RANGE",
    23: "INTERNAL",
    99: "UNKNOWN",
}


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_version():
    assert accel.__version__ == metadata.version("chainaccel")
    assert _native.abi_version() == 1


@pytest.mark.parametrize(("status", "name"), STATUS_NAMES.items())
def test_status_names(status, name):
    assert _native.status_name(status) == name


def test_errors_are_what_callers_catch():
    assert issubclass(accel.ArgumentError, accel.AccelError)
    assert issubclass(accel.ArgumentError, ValueError)
    assert issubclass(accel.KernelError, ValueError)
    assert issubclass(accel.DeviceError, RuntimeError)
    assert issubclass(accel.SelfTestError, RuntimeError)
    assert issubclass(accel.InvalidSignature, accel.AccelError)
    assert accel.BadKeyError("bad", 3).index == 3
    assert accel.BadKeyError("bad").index is None


def test_selftest_passes():
    accel.selftest()


COUNT_THREADS = """
import os, numpy
def count():
    return len(os.listdir('/proc/self/task'))
before = count()  # numpy's own
import accel
"""


def test_importing_starts_no_thread():
    assert run_python(COUNT_THREADS + "print(count() - before)").stdout == "0\n"


def test_threads_start_with_the_first_large_batch():
    code = """
for size in (1, 8, 100, 50_000):
    accel.sm3.hash_many([b"x" * 64] * size)
    print(count() - before)
"""
    assert run_python(COUNT_THREADS + code, ACCEL_NUM_THREADS="3").stdout.split() == ["0", "0", "0", "2"]


@pytest.mark.parametrize("device", ["cpu", ""])
def test_device_cpu(device):
    result = run_python("import accel; print(accel.sm3.hash_many([b'abc'])[0].tobytes().hex())", ACCEL_DEVICE=device)
    assert result.stdout.startswith("66c7f0f4"), result.stderr


def test_unknown_device():
    code = """
import accel
for again in range(2):
    try:
        accel.sm3.hash_many([b"abc"])
    except accel.DeviceError as error:
        print(error)
"""
    lines = run_python(code, ACCEL_DEVICE="gpu7").stdout.splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert lines[0].startswith("ACCEL_DEVICE: expected one of cpu, ")
    assert lines[0].endswith(', got "gpu7"')


def test_package_does_not_import_pyarrow():
    assert run_python("import sys, accel; print('pyarrow' in sys.modules)").stdout.strip() == "False"
