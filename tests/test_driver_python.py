"""Drivers in Python: a device that is a class, behind the same table of functions as any other."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

cffi = pytest.importorskip("cffi")

from accel import config, driver, validate  # noqa: E402
from accel.driver import _contract  # noqa: E402
from accel.errors import ArgumentError, DeviceError  # noqa: E402
from accel.reference import merkle, sm2, sm3  # noqa: E402
from accel.validate._device import Device  # noqa: E402
from accel.validate._inputs import hash_one, strided_work, valid_items, verify_work  # noqa: E402
from accel.validate._suite import Outcome, Suite  # noqa: E402

STATUS = {"": 1, "equation": 2, "key": 3, "range": 4}
RULES = {rule.code: rule for rule in merkle.RULES.values()}


def pair(raw: bytes) -> tuple[int, int]:
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")


class Reference(driver.Driver):
    """Plain integers; verdicts are remembered, because the suite asks for some of them many times."""

    capabilities = driver.Capabilities(queues=2, max_items=256, max_message=20000, max_keys=100, version="plain")
    verdicts: ClassVar[dict[tuple[bytes, bytes, int], int]] = {}

    def hash_messages(self, command: driver.Command) -> list[bytes]:
        return [sm3.digest(message) if len(message) < 300 else hash_one(message) for message in command.messages]

    def verify(self, command: driver.Command) -> list[int]:
        if command.digests:
            es = [int.from_bytes(digest, "big") for digest in command.digests]
        else:
            es = [
                sm2.digest(sm2.RECOMMENDED, pair(key), message, command.user_id) if max(pair(key)) < 2**256 else 0
                for key, message in zip(command.keys, command.messages, strict=True)
            ]
        return [self.verdict(*item) for item in zip(command.keys, command.signatures, es, strict=True)]

    def verdict(self, key: bytes, signature: bytes, e: int) -> int:
        item = key, signature, e
        if item not in self.verdicts:
            self.verdicts[item] = STATUS[sm2.verify(sm2.RECOMMENDED, pair(key), pair(signature), e).reason]
        return self.verdicts[item]

    def merkle_levels(self, command: driver.Command) -> list[bytes]:
        levels = merkle.levels_of(command.digests, RULES[command.rule], hash_one)
        return [node for level in levels[1:] for node in level]

    def merkle_root(self, command: driver.Command) -> list[bytes]:
        return [merkle.root(command.digests, RULES[command.rule], hash_one)]


@pytest.fixture
def added() -> Iterator[None]:
    driver.add("reference-test", Reference)
    yield
    driver.remove("reference-test")


def test_the_definitions_are_those_of_the_headers(tmp_path: Path) -> None:
    """A C compiler reads the headers, and cffi's definitions beside them: sizes, offsets, types, values."""
    builder = cffi.FFI()
    builder.cdef(_contract.definitions())
    builder.set_source("contract_check", "#include <accel/driver.h>", include_dirs=[str(config.include_dir())],
                       libraries=["accel"], library_dirs=[str(config.library_dir())],
                       extra_link_args=[f"-Wl,-rpath,{config.library_dir()}"],
                       extra_compile_args=["-Werror=incompatible-pointer-types"])  # fmt: skip
    builder.compile(tmpdir=str(tmp_path))
    code = "from contract_check import ffi, lib; print(ffi.sizeof('accel_driver'), lib.ACCEL_LOG_ERROR)"
    checked = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    ffi, library = _contract.load()
    assert checked.stdout.split() == [str(ffi.sizeof("accel_driver")), str(library.ACCEL_LOG_ERROR)]
    assert _contract.abi_version() == 1


@pytest.mark.usefixtures("added")
def test_the_reference_conforms() -> None:
    report = validate.validate("python:reference-test", deadline=60)
    failed = [(result.name, result.sentence) for result in report.results if result.outcome == Outcome.FAILED]
    assert not failed
    assert report.passed
    assert report.product == "reference-test plain"


@pytest.mark.usefixtures("added")
def test_with_a_fault_it_does_not() -> None:
    report = validate.validate("fault:flip-verdict:reference-test", deadline=60, fail_fast=True)
    assert report.first_failure is not None
    assert report.first_failure.name == "sm2.published"


class Broken(driver.Driver):
    def hash_messages(self, command: driver.Command) -> list[bytes]:
        if self.options == "short":
            return command.messages[:0]
        if self.options == "unsupported":
            raise driver.UnsupportedError
        if self.options == "bad":
            raise driver.BadCommandError
        raise RuntimeError("out of order")


@pytest.mark.parametrize(("options", "status"), [("", 5), ("short", 5), ("unsupported", 3), ("bad", 4)])
def test_exceptions_are_statuses(options: str, status: int) -> None:
    driver.add("broken-test", Broken)
    try:
        device = Device(f"broken-test,{options}", 1 << 16, 10)
        device.open()
        suite = Suite(device, thorough=False, seed=1)
        (placed,), _ = suite.place([strided_work(b"abcd", 1, 4, 4)])
        assert device.enqueue([placed.raw]) == 1
        (completion,) = device.collect(1)
        assert completion.status == status
        assert ("out of order" in "".join(device.log)) == (options == "")
        device.close()
    finally:
        driver.remove("broken-test")


class Refusing(Reference):
    def __init__(self, options: str = "") -> None:
        super().__init__(options)
        raise OSError("no such board")


def test_a_driver_that_refuses_to_open() -> None:
    driver.add("refusing-test", Refusing)
    try:
        report = validate.validate("refusing-test")
        assert report.results[0].outcome == Outcome.FAILED
        assert "no such board" in report.results[0].sentence
    finally:
        driver.remove("refusing-test")


class Slow(Reference):
    started, go = threading.Event(), threading.Event()

    def verify(self, command: driver.Command) -> list[int]:
        self.started.set()
        self.go.wait(10)
        return [1] * command.count


def test_reset_does_not_wait_for_python() -> None:
    driver.add("slow-test", Slow)
    try:
        device = Device("slow-test", 1 << 16, 10)
        device.open()
        suite = Suite(device, thorough=False, seed=1)
        (placed,), _ = suite.place([verify_work(valid_items(8, 1)[:1])])
        device.enqueue([placed.raw])
        assert Slow.started.wait(10)
        suite.reset()
        device.arena.put(b"\xee" * 4096)
        before = device.arena.read(device.arena.address, 1 << 15)
        Slow.go.set()
        assert device.wait(0.05) == 0
        assert device.arena.read(device.arena.address, 1 << 15) == before
        device.close()
    finally:
        driver.remove("slow-test")


def test_names() -> None:
    with pytest.raises(ArgumentError, match="cpu"):
        driver.add("cpu", Reference)
    with pytest.raises(ArgumentError, match="':'"):
        driver.add("a:b", Reference)
    with pytest.raises(TypeError, match="subclass"):
        driver.add("x", int)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="none of the methods"):
        driver.add("x", driver.Driver)
    with pytest.raises(ArgumentError, match="no driver"):
        driver.remove("x")
    with pytest.raises(DeviceError, match="expected one of cpu"):
        validate.validate("python:nobody")


@pytest.fixture
def pointed(tmp_path: Path) -> dict[str, str]:
    """An environment in which a driver is installed, and something that is none."""
    (tmp_path / "pointed.py").write_text(
        textwrap.dedent("""
            import accel.driver, hashlib
            from accel.reference import sm3
            class Pointed(accel.driver.Driver):
                def hash_messages(self, command):
                    return [sm3.digest(message) for message in command.messages]
            """)
    )
    info = tmp_path / "pointed-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pointed\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[accel.drivers]\npointed = pointed:Pointed\nlost = nowhere:Gone\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def run_python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_entry_points(pointed: dict[str, str]) -> None:
    """A driver that is installed is found by its name, in a process that has not heard of it."""
    code = """
        from accel import driver, validate
        assert "pointed" in driver.names()
        report = validate.validate("fault:none:python:pointed,x", deadline=60)
        assert report.passed, report.first_failure
        print(report.product)
        try:
            validate.validate("lost")
        except Exception as error:
            print(type(error).__name__, error)
        """
    done = run_python(textwrap.dedent(code), pointed)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "pointed 1"
    assert second.startswith("DeviceError device: the entry point 'lost' (nowhere:Gone) is no driver")


def test_entry_points_open(pointed: dict[str, str]) -> None:
    """Likewise by `accel.open_device`, also beside another device."""
    code = """
        import accel
        with accel.open_device("cpu+python:pointed,x") as both:
            print(both.infos[1].product)
        with accel.open_device("pointed", audit="full", fallback=False) as device:
            print(accel.sm3.hash_many([b"abc"], device=device)[0, :4].tobytes().hex())
        """
    done = run_python(textwrap.dedent(code), pointed)
    assert done.stdout.split() == ["pointed", "66c7f0f4"], done.stderr
    refused = run_python("import accel; accel.open_device('lost')", pointed)
    assert "DeviceError: device: the entry point 'lost' (nowhere:Gone) is no driver" in refused.stderr
