"""The conformance suite: it passes what is right, and finds every fault."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytest.importorskip("cffi")

from accel import driver, validate
from accel.errors import DeviceError
from accel.reference import sm2, sm3
from accel.validate import _device
from accel.validate import _inputs as inputs
from accel.validate._suite import CHECKS, Outcome
from oracles import openssl

STATUS = {"": 1, "equation": 2, "key": 3, "range": 4}
EDGES = [inputs.PUBLISHED_SM2, *inputs.ranges(), *inputs.keys(), *inputs.precedence(), *inputs.digests()]


def accel(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accel.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "item", EDGES + inputs.exceptional()[::4] + list(inputs.mixed_items(6, 3)), ids=lambda i: i.aim
)
def test_what_the_suite_takes_for_right_is_right(item: inputs.Item) -> None:
    """The plain-integer reference judges every item anew, and computes R."""
    key, signature = (
        (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")) for raw in (item.key, item.signature)
    )
    found = sm2.verify(sm2.RECOMMENDED, key, signature, int.from_bytes(item.digest, "big"))
    assert STATUS[found.reason] == item.status
    if item.point is not None:
        assert found.point is not None
        assert item.point == inputs.join(*found.point)


def test_exceptional_items_by_openssl() -> None:
    items = inputs.exceptional()
    verdicts = openssl.verdicts([i.key for i in items], [i.signature for i in items], [i.digest for i in items])
    assert [verdict == "ok" for verdict in verdicts] == [item.status == 1 for item in items]


def test_hashes_are_those_of_the_reference() -> None:
    for length in (0, 55, 56, 64, 200):
        assert inputs.hash_one(bytes(range(length))) == sm3.digest(bytes(range(length)))


def test_the_cpu_passes() -> None:
    report = validate.validate("cpu")
    assert report.passed, report.first_failure
    assert {result.outcome for result in report.results} == {Outcome.PASSED}
    assert report.product.startswith("cpu ")


def test_thirty_checks_and_twenty_five_faults() -> None:
    assert len(CHECKS) >= 30
    assert len(set(validate.faults())) >= 25


@pytest.mark.parametrize("fault", validate.faults())
def test_every_fault_is_found(fault: str) -> None:
    report = validate.validate(f"fault:{fault}:cpu", deadline=1, fail_fast=True)
    assert report.first_failure is not None
    assert not report.passed


def test_no_fault_is_no_fault() -> None:
    assert validate.validate("fault:none:cpu").passed


class Stuck(driver.Driver):
    """Hangs inside a function that must not block."""

    forever = threading.Event()

    def hash_messages(self, command: driver.Command) -> list[bytes]:
        return [sm3.digest(message) for message in command.messages]

    def _reset(self) -> None:
        self.forever.wait(60)


def test_a_function_that_never_returns_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_device, "_CALL_SECONDS", 1.0)
    driver.add("stuck-test", Stuck)
    try:
        report = validate.validate("stuck-test")
        first = report.first_failure
        assert first is not None
        assert first.sentence == "reset does not return"
        assert report.results[-1].outcome == Outcome.NOT_RUN
    finally:
        Stuck.forever.set()
        driver.remove("stuck-test")


def test_unknown_devices() -> None:
    with pytest.raises(DeviceError, match="expected one of"):
        validate.validate("gpu")
    with pytest.raises(DeviceError, match="come with the RTL"):
        validate.validate("rtl-sim")


def test_exit_codes_and_files(tmp_path: Path) -> None:
    junit, page, again = tmp_path / "junit.xml", tmp_path / "page.html", tmp_path / "again.json"
    done = accel("validate", "fault:accept-r-zero:cpu", "--json", "--junit", str(junit), "--html", str(page),
                 "--reproducer", str(again))  # fmt: skip
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"] is False
    assert report["first_failure"] == "sm2.ranges"
    suite = ET.parse(junit).getroot().find("testsuite")
    assert suite is not None
    assert suite.get("tests") == str(len(CHECKS))
    assert int(suite.get("failures", "0")) == report["counts"]["failed"] > 0
    text = page.read_text()
    assert "sm2.ranges" in text
    assert "src=" not in text
    assert "http" not in text.replace("http-equiv", "")

    command = json.loads(again.read_text())
    assert (command["count"], command["status"], command["aims"]) == (1, "04", ["r = 0"])
    assert accel("validate", "--replay", str(again), "fault:accept-r-zero:cpu").returncode == 1
    assert accel("validate", "--replay", str(again), "cpu").returncode == 0


def test_what_cannot_run(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text('{"opcode": 1}')
    for arguments in (["gpu"], [], ["--replay", str(nonsense), "cpu"], ["--replay", str(tmp_path / "none"), "cpu"]):
        done = accel("validate", *arguments, "--json")
        assert done.returncode == 2, done.stdout
        assert set(json.loads(done.stdout)) == {"error"}


def test_list_faults() -> None:
    done = accel("validate", "--list-faults", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == validate.faults()


def test_a_device_that_never_answers_ends_the_command() -> None:
    done = accel("validate", "fault:hang:cpu", "--deadline", "0.5", "--fail-fast", "--json")
    assert done.returncode == 1
    assert "were not completed within 0.5 s" in done.stdout
