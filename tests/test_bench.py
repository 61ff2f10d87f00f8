"""The benchmarks run, measure every kernel and every row that has a floor, and say what they could not measure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import accel
import needs

ROOT = Path(__file__).parent.parent

# task: floor, beside crypto_mb
FLOORS = {
    "sm2.verify digests, unknown keys": 1.9,
    "sm2.verify 16 B messages, unknown keys": 1.9,
    "sm2.verify digests, 64 known keys": 12,
    "sm2.verify 256 B messages, 64 known keys": 10,
    "sm2.sign 16 B messages, nonces given": 0.5,
    "sm3.hash 64 B": 1.4,
    "sm3.hash 256 B": 1.1,
    "sm3.hash 1024 B": 1.0,
    "sm3.hash 64 to 1024 B": 1.5,
    "merkle nodes, no prefix, root kept": 1.35,
    "merkle nodes, no prefix, all kept": 1.35,
    "merkle nodes, rfc9162, root kept": 1.2,
    "merkle nodes, rfc9162, all kept": 1.2,
}


def native(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [ROOT / needs.bench_program(), *arguments],
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def native_json(*arguments: str, **environment: str) -> dict[str, Any]:
    run = native("--json", "--quick", "--rounds", "2", *arguments, **environment)
    assert run.returncode == 0, run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    for row in report["results"]:
        assert row["rate_per_s_p50"] > 0
        assert row["peer_rate_per_s_p50"] > 0
        assert 0 < row["ratio_min"] <= row["ratio_p50"] <= row["ratio_max"]
    return report


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return native_json()


def test_every_kernel_beside_openssl(report: dict[str, Any]) -> None:
    rows = [row for row in report["results"] if row["peer"] == "OpenSSL"]
    for op, task in [("sm2.verify", "sm2.verify digests, unknown keys"), ("sm3.hash", "sm3.hash 64 B")]:
        kernels = accel.available_kernels(op)
        assert report["kernels"][op[:3]] == kernels
        assert {row["kernel"] for row in rows if row["task"] == task} == set(kernels)


def test_every_floor_beside_crypto_mb(report: dict[str, Any]) -> None:
    rows = [row for row in report["results"] if row["peer"] == "crypto_mb"]
    if not any(peer.startswith("crypto_mb") for peer in report["peers"]):
        assert not rows
        assert [note for note in report["notes"] if "crypto_mb is not measured" in note]
        if "avx512ifma" not in accel.cpu_features():
            needs.lacking(report["notes"][0])
        pytest.skip(report["notes"][0])
    assert {row["task"]: row["floor"] for row in rows if "floor" in row} == FLOORS
    best = {"sm2": accel.available_kernels("sm2.verify")[0], "sm3": accel.available_kernels("sm3.hash")[0]}
    assert {row["kernel"] for row in rows} == set(best.values())
    for row in rows:
        if "floor" in row:
            expected = (
                "below" if row["ratio_p50"] < row["floor"] else "floor" if row["ratio_p50"] < row["goal"] else "goal"
            )
            assert row["reached"] == expected


def test_a_cpu_without_ifma() -> None:
    report = native_json("--only", "unknown keys", ACCEL_CPU_MASK="avx512ifma")
    assert "avx512ifma" not in report["features"].split()
    assert report["results"]
    assert {row["peer"] for row in report["results"]} == {"OpenSSL"}
    assert [note for note in report["notes"] if note.startswith("crypto_mb is not measured: ")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rounds", "none"], "--rounds: expected an integer, at least 1, got none"),
        (["--only"], "--only: a value is missing"),
        (["--quick", "--only", "sm4"], '--only: no row has "sm4"'),
        (["--fast"], "--fast: unknown"),
    ],
)
def test_bad_arguments(arguments: list[str], sentence: str) -> None:
    run = native(*arguments)
    assert run.returncode == 2
    assert sentence in run.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "key"),
    [
        ("overhead.py", ["--batch", "64"], "overhead_p50"),
        ("threads.py", ["--cores", "1"], "ratio_p50"),
        ("verifier.py", ["--callers", "4"], "ratio_p50"),
        ("devices.py", ["--audit", "full"], "overhead_p50"),
    ],
)
def test_scripts(script: str, arguments: list[str], key: str) -> None:
    command = [sys.executable, str(ROOT / "bench" / script), "--json", "--rounds", "1", "--seconds", "0.01", *arguments]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    results = report["results"] if isinstance(report, dict) else report
    assert len(results) > 1
    assert all(isinstance(row[key], float) for row in results)


def test_verifier_program() -> None:
    program = (ROOT / needs.bench_program()).with_name("accel_verifier_bench")
    command = [str(program), "--rounds", "1", "--seconds", "0.01"]
    run = subprocess.run([*command, "--json"], check=False, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert [row["task"] for row in report["results"]] == ["64 callers", "one queue, 1024 under way"]
    assert all(row["ratio_p50"] > 0 and row["cpu_ratio_p50"] > 0 for row in report["results"])
    assert 0 < report["lone_caller"]["latency_us_p50"] <= report["lone_caller"]["latency_us_p99"]
    run = subprocess.run([*command, "--callers", "none"], check=False, capture_output=True, text=True, timeout=300)
    assert run.returncode == 2
    assert "--callers: expected a number above 0, got none" in run.stderr


def test_suites(tmp_path: Path) -> None:
    pytest.importorskip("msgspec")
    from accel.bench import peers  # noqa: PLC0415

    saved = tmp_path / "suites.json"
    command = [sys.executable, "-m", "pytest", "bench", "--quick", "-q", f"--benchmark-json={saved}"]
    run = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = [row["extra_info"] | {"group": row["group"]} for row in json.loads(saved.read_text())["benchmarks"]]
    for group, op in [
        ("SM3, 64 B", "sm3.hash"),
        ("Merkle root, 256 B", "sm3.hash"),
        ("SM2 verify, digests", "sm2.verify"),
    ]:
        measured = {row["kernel"] for row in rows if row["group"] == group and "kernel" in row}
        assert measured == set(accel.available_kernels(op))
    for peer in peers.find():
        measured = [row["group"] for row in rows if row.get("peer") == peer.name]
        assert len(measured) == len(peer.operations)
    assert all(row["items_per_call"] >= 1 for row in rows)
