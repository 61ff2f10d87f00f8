"""The demonstration: it passes, it would notice, and it says what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("pyarrow")

from accel import _libcrypto, ledger  # noqa: E402
from accel.cli.app import app  # noqa: E402
from oracles import openssl, vectors  # noqa: E402

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
SMALL = ["demo", "--count", "600", "--signers", "3", "--damaged", "24", "--seconds", "0.01"]


@needs_openssl
def test_a_small_demonstration(tmp_path: Path):
    result = typer_testing.CliRunner().invoke(app, [*SMALL, "--json", "--directory", str(tmp_path / "kept")])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["valid"] is True
    assert len(found["checks"]) == 7
    assert found["block"]["counts"] == found["expected_counts"]
    assert found["expected_counts"]["OK"] == 576
    assert [rate["name"].split(",")[0] for rate in found["rates"]] == ["SM2 verify", "SM2 verify", "SM3", "SM3"]
    for rate in found["rates"]:
        assert min(rate["accel"], rate["openssl"], rate["all_threads"]) > 0
        assert rate["ratio"] == pytest.approx(rate["accel"] / rate["openssl"])
    assert {"authority.pem", "member-3.pem", "block.parquet"} <= {p.name for p in (tmp_path / "kept").iterdir()}


@needs_openssl
def test_the_demonstration_notices_a_wrong_verdict(monkeypatch: pytest.MonkeyPatch):
    """A verifier that passes one bad row: expectation, counts and OpenSSL all say so, and the exit code is 1."""
    original = ledger.verify_block

    def lying(path: Path, **options: object) -> ledger.BlockReport:
        report = original(path, **options)
        missed = report.bad.pop(3)
        report.counts[missed.status] -= 1
        report.counts["OK"] += 1
        return report

    monkeypatch.setattr(ledger, "verify_block", lying)
    result = typer_testing.CliRunner().invoke(app, [*SMALL, "--count", "300"])
    assert result.exit_code == 1
    assert "✗" in result.stdout
    assert "Something did not hold" in result.stdout


def test_without_the_openssl_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The command line names what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    result = typer_testing.CliRunner().invoke(app, [*SMALL, "--json"])
    assert result.exit_code == 2
    assert "apt-get install openssl" in json.loads(result.stdout)["error"]


def test_too_much_damage():
    result = typer_testing.CliRunner().invoke(app, ["demo", "--count", "100", "--damaged", "51"])
    assert result.exit_code == 2


def test_the_second_opinion_knows_good_from_bad():
    """The demonstration's own access to libcrypto, on the standard's example and on damaged copies of it."""
    library = _libcrypto.Libcrypto()
    example = vectors.recommended_example()
    key = b"".join(x.to_bytes(32, "big") for x in example.public_key)
    signature = b"".join(x.to_bytes(32, "big") for x in (example.r, example.s))
    assert library.verify(key, signature, example.message, example.user_id)
    assert not library.verify(key, signature, example.message + b"x", example.user_id)
    assert not library.verify(key, signature, example.message, b"another")
    for position in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[position] ^= 1
        assert not library.verify(key, bytes(changed), example.message, example.user_id)
        off_curve = bytearray(key)
        off_curve[position] ^= 1
        assert not library.verify(bytes(off_curve), signature, example.message, example.user_id)
    assert not library.verify(key, bytes(64), example.message, example.user_id)
    for length in (0, 1, 55, 56, 64, 1000):
        assert library.sm3(bytes(length)) == openssl.sm3(bytes(length))
    assert _libcrypto.signature_to_der(signature) == openssl.signature_to_der(signature)
