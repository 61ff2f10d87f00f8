"""The demonstration: it passes, it would notice, and it says what is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("pyarrow")

import needs  # noqa: E402
from accel import _libcrypto, ledger, model  # noqa: E402
from accel.cli.app import app  # noqa: E402
from accel.demo import devices, rates  # noqa: E402
from oracles import openssl, vectors  # noqa: E402

SMALL = ["demo", "--count", "600", "--signers", "3", "--damaged", "24", "--seconds", "0.01"]


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """`openssl speed` takes whole seconds: where rates do not matter nothing is measured."""
    monkeypatch.setattr(rates, "measure", lambda *_: [])


@needs.openssl
def test_a_small_demonstration(tmp_path: Path):
    result = typer_testing.CliRunner().invoke(app, [*SMALL, "--json", "--directory", str(tmp_path / "kept")])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["valid"] is True
    assert len(found["checks"]) == 11
    assert found["block"]["counts"] == found["expected_counts"]
    assert found["expected_counts"]["OK"] == 576
    assert [rate["name"].split(",")[0] for rate in found["rates"]] == ["SM2 verify", "SM2 verify", "SM3", "SM3"]
    for rate in found["rates"]:
        assert min(rate["accel"], rate["openssl"], rate["all_threads"]) > 0
        assert rate["ratio"] == pytest.approx(rate["accel"] / rate["openssl"])
    assert {"authority.pem", "member-3.pem", "block.parquet"} <= {p.name for p in (tmp_path / "kept").iterdir()}
    check_devices(found)


def check_devices(found: dict[str, Any]) -> None:
    cpu, chip = found["devices"]
    assert (cpu["name"], cpu["times"], chip["name"], chip["times"]) == ("cpu", "measured", "sim96", "model")
    for device in (cpu, chip):
        assert device["counts"] == found["expected_counts"]
        assert device["merkle_root"] == found["block"]["merkle_root"]
        assert device["counted"]["signatures"] >= 600
        assert device["counted"]["leaves"] == device["counted"]["leaves_below_nodes"] == 600
        assert device["rate"] == pytest.approx(600 / device["seconds"])
    ratio = found["chip_by_core"]
    assert ratio["times"] == "model by measured"
    assert ratio["ratio"] == pytest.approx(chip["rate"] / ratio["core_rate"])
    assert ratio["public_claim"] == 20
    assert ratio["assumptions"] == list(model.ASSUMPTIONS)


@needs.openssl
@pytest.mark.usefixtures("no_clock")
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


@needs.openssl
@pytest.mark.usefixtures("no_clock")
def test_measured_and_modelled_figures_stand_apart():
    """No line has both words but the one with the ratio, and each figure has the word that is its own."""
    result = typer_testing.CliRunner().invoke(app, SMALL)
    assert result.exit_code == 0, result.output
    lines = result.stdout.partition("5  The same block")[2].splitlines()
    (measured,) = [i for i, line in enumerate(lines) if re.match(r"\s+measured  cpu: .* transactions/s", line)]
    (modelled,) = [i for i, line in enumerate(lines) if re.match(r"\s+model  sim96, .* transactions/s", line)]
    (ratio,) = [i for i, line in enumerate(lines) if re.match(r"\s+model by measured: .* one core; .* 20 ×", line)]
    assert "" in [line.strip() for line in lines[measured:modelled]]
    assert "" in [line.strip() for line in lines[modelled:ratio]]
    assert [i for i, line in enumerate(lines) if "model" in line and "measured" in line] == [ratio]
    page = Path(__file__).parent.parent / "docs" / "accelerator-model.md"
    assert re.search('docs/accelerator-model.md, "(.*)"', result.stdout)[1] in page.read_text(encoding="utf-8")


@needs.openssl
@pytest.mark.usefixtures("no_clock")
@pytest.mark.parametrize("wrong", ["verdict", "root", "sm2_verify", "sm3", "merkle"])
def test_the_demonstration_notices_a_device_that_is_wrong(monkeypatch: pytest.MonkeyPatch, wrong: str):
    """The other claims hold then, those about the modelled chip do not."""
    verify, stats = ledger.verify_block, devices._stats
    idle = {"sim96": {f"driver.items.{wrong}": 7}}

    def lying(path: Path, **options: object) -> ledger.BlockReport:
        report = verify(path, **options)
        if report.device == "sim96" and wrong == "verdict":
            report.bad.pop(3)
        if report.device == "sim96" and wrong == "root":
            report.merkle_root = bytes(32)
        return report

    monkeypatch.setattr(ledger, "verify_block", lying)
    if wrong in {"sm2_verify", "sm3", "merkle"}:
        monkeypatch.setattr(devices, "_stats", lambda device: {**stats(device), **idle.get(device.name, {})})
    result = typer_testing.CliRunner().invoke(app, [*SMALL, "--json"])
    assert result.exit_code == 1
    failed = [claim for claim, held in json.loads(result.stdout)["checks"].items() if not held]
    assert len(failed) == 1
    assert "sim96" in failed[0]


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
