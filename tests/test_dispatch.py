"""The choice of kernels: ACCEL_KERNEL, set_kernels, ACCEL_CPU_MASK, and the proof that the forced kernel ran."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

import accel
import needs

REPORT = """
import accel
try:
    before = accel.kernel_items("sm3.hash", accel.active_kernel("sm3.hash"))
    assert accel.sm3.hash_many([b"abc"] * 1000)[999].tobytes().hex().startswith("66c7f0f4")
    name = accel.active_kernel("sm3.hash")
    print(name, accel.kernel_items("sm3.hash", name) - before, ",".join(accel.available_kernels("sm3.hash")))
except accel.AccelError as error:
    print(type(error).__name__, error)
"""


def report(**variables: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ACCEL_")}
    result = subprocess.run(
        [sys.executable, "-c", REPORT],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(autouse=True)
def restored():
    yield
    accel.set_kernels(os.environ.get("ACCEL_KERNEL"))


@pytest.mark.parametrize("name", accel.available_kernels("sm3.hash"))
def test_forced_by_the_environment(name):
    assert report(ACCEL_KERNEL=f"sm3={name}").startswith(f"{name} 1000 ")


def test_portable_is_everywhere():
    assert report(ACCEL_KERNEL="portable").startswith("portable 1000 ")
    assert accel.available_kernels("sm3.hash")[-1] == "portable"


@pytest.mark.parametrize("forced", accel.available_kernels("sm3.hash"))
def test_the_forced_kernel_is_the_one_that_runs(forced):
    accel.set_kernels(f"sm3={forced}")
    assert accel.active_kernel("sm3.hash") == forced
    counts = {name: accel.kernel_items("sm3.hash", name) for name in accel.available_kernels("sm3.hash")}
    accel.sm3.hash_many([b"x"] * 4097)
    for name, count in counts.items():
        assert accel.kernel_items("sm3.hash", name) - count == (4097 if name == forced else 0)


@pytest.mark.parametrize(
    "spec", ["nothing", "sm3=nothing", "sm4=portable", "sm3=portable,sm3=portable", "Portable", "="]
)
def test_unknown_names_are_errors_that_list_what_there_is(spec):
    line = report(ACCEL_KERNEL=spec)
    assert line.startswith("KernelError ACCEL_KERNEL: "), line
    assert f'got "{spec}"' in line
    assert "there is sm3=" in line
    assert "portable" in line.split("there is")[1]
    before = accel.active_kernel("sm3.hash")
    with pytest.raises(accel.KernelError, match=r"^kernels: .* there is sm3=.*portable"):
        accel.set_kernels(spec)
    assert accel.active_kernel("sm3.hash") == before


def test_empty_is_the_best():
    best = accel.available_kernels("sm3.hash")[0]
    assert report(ACCEL_KERNEL="").startswith(best + " ")
    accel.set_kernels("portable")
    accel.set_kernels(None)
    assert accel.active_kernel("sm3.hash") == best


def test_masked_features_take_their_kernels_away():
    masked = report(ACCEL_CPU_MASK="bmi2,adx,avx2")
    assert masked == "portable 1000 portable"
    code = "import accel; print(accel.cpu_features())"
    environment = {**os.environ, "ACCEL_CPU_MASK": "avx2,bmi2,adx"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("mask", "missing"), [("avx512", {"avx512x16", "avx512"}), ("avx2", {"avx512x16", "avx512", "avx2"})]
)
def test_the_best_kernel_without_a_feature(mask, missing):
    left = [name for name in accel.available_kernels("sm3.hash") if name not in missing]
    assert report(ACCEL_CPU_MASK=mask) == f"{left[0]} 1000 {','.join(left)}"


@pytest.mark.parametrize("feature", ["avx512", "avx2"])  # each is the name of a kernel, too
def test_a_masked_kernel_cannot_be_forced(feature):
    if feature not in accel.cpu_features():
        needs.lacking(f"a CPU with {feature}")
    line = report(ACCEL_CPU_MASK=feature, ACCEL_KERNEL=f"sm3={feature}")
    assert line.startswith(f"KernelError ACCEL_KERNEL: this CPU or its operating system cannot run sm3={feature}"), line


def test_every_feature_has_its_kernel():
    features = accel.cpu_features()
    expected = [name for name in ("avx512", "avx2") if name in features]
    if "avx512" in features and "GenuineIntel" in pathlib.Path("/proc/cpuinfo").read_text():
        expected.insert(0, "avx512x16")
    assert accel.available_kernels("sm3.hash") == [*expected, "portable"]


def test_unknown_feature_in_the_mask():
    line = report(ACCEL_CPU_MASK="avx1024")
    assert line == (
        "ArgumentError ACCEL_CPU_MASK: expected names out of bmi2, adx, avx2, avx512, avx512ifma, separated by commas, "
        'got "avx1024"'
    )


def test_features_agree_with_the_kernel_of_the_system():
    with open("/proc/cpuinfo") as file:
        flags = next((set(line.split()) for line in file if line.startswith("flags")), set())
    expected = [name for name in ("bmi2", "adx", "avx2") if name in flags]
    if {"avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        expected.append("avx512")
        expected += ["avx512ifma"] if "avx512ifma" in flags else []
    assert accel.cpu_features() == expected


def test_unknown_op_and_kernel():
    with pytest.raises(accel.ArgumentError, match=r'^op: expected one of .*sm3\.hash.*, got "sm3"$'):
        accel.active_kernel("sm3")
    with pytest.raises(accel.ArgumentError, match="op: expected one of"):
        accel.available_kernels("")
    with pytest.raises(accel.ArgumentError, match=r'kernel: sm3\.hash has no kernel "x"'):
        accel.kernel_items("sm3.hash", "x")
