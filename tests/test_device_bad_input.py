"""Devices that cannot be opened, and one whose process dies at work: a sentence, or the right answer, never a crash."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import accel
from accel import config, sm2

SOURCES = Path(__file__).parent.parent / "csrc" / "tests" / "drivers"


def refused(name: str) -> str:
    with pytest.raises(accel.DeviceError) as raised:
        accel.open_device(name)
    return str(raised.value)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the drivers that go wrong on purpose."""
    directory = tmp_path_factory.mktemp("drivers")
    for source in SOURCES.glob("*.c"):
        command = ["cc", "-shared", "-fPIC", "-I", config.include_dir(), source, "-o", directory / f"{source.stem}.so"]
        subprocess.run([*command, "-pthread"], check=True, timeout=120)
    return directory


@pytest.mark.parametrize("name", ["", "gpu7", "SIM96", "sim97", "cpu:1", "plugin"])
def test_names_that_are_none(name: str) -> None:
    sentence = refused(name)
    assert sentence.startswith("device: expected one of cpu, ")
    assert sentence.endswith(f'got "{name}"')


@pytest.mark.parametrize("name", ["rtl-sim", "rtl-sim:x.toml", "serial:/dev/ttyUSB0", "udp:host:1", "xdma:/dev/xdma0"])
def test_devices_that_come_with_the_rtl(name: str) -> None:
    assert refused(name) == (
        f'device: "{name}" is not built in: rtl-sim, serial:, udp: and xdma: come with the RTL design'
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[chip]\ncores = 0\n", "chip.cores: expected a whole number from 1 to 4096, got 0"),
        ("[chip]\ncores = 2\n", "noc.clusters: expected at most one for each of the 2 cores of chip.cores, got 8"),
        ("[chip]\nkernels = 3\n", "chip.kernels: no such field; [chip] has cores"),
        ("[link]\nkind = 'smoke'\n", 'link.kind: expected one of "lanes", "baud", got \'smoke\''),
        ("cores =\n", "line 1"),
    ],
)
def test_a_model_of_a_configuration_that_makes_no_sense(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(content)
    found = refused(f"sim:{path}")
    assert f"{path}: " in found
    assert sentence in found


def test_a_model_without_its_file() -> None:
    assert "/nowhere.toml: No such file or directory" in refused("sim:/nowhere.toml")
    assert refused("sim:") == 'device: expected a TOML file after "sim:", got "sim:"'


@pytest.mark.parametrize("kind", ["plugin", "plugin-inproc"])
@pytest.mark.parametrize(
    ("driver", "sentence"),
    [
        ("other_abi", "expected driver ABI 1, got 99"),
        ("old_runtime", "gives no table for driver ABI 1"),
        ("no_driver", "expected a driver, got a library without accel_driver_entry"),
        ("nowhere", "No such file or directory"),
    ],
)
def test_libraries_that_are_no_driver_of_this_version(drivers: Path, kind: str, driver: str, sentence: str) -> None:
    found = refused(f"{kind}:{drivers / driver}.so")
    assert f"{driver}.so" in found
    assert sentence in found


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("crash-at-open", "it was ended by signal Aborted"),
        ("exit-at-open", "it ended with status 7"),
        ("refuse", "faulty: no board answers"),
        ("no-queues", "its driver gives impossible capabilities"),
    ],
)
def test_a_driver_that_fails_at_open(drivers: Path, how: str, sentence: str) -> None:
    assert sentence in refused(f"plugin:{drivers / 'faulty.so'},{how}")


def hosts() -> list[int]:
    """Processes that host drivers for this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = re.fullmatch(r"(\d+) \((.*)\) (\S) (\d+) .*", stat.read_text().strip())
        except OSError:  # it has ended
            continue
        if fields and fields[2] == "accel-driverhos" and int(fields[4]) == os.getpid() and fields[3] != "Z":
            found.append(int(fields[1]))
    return found


@pytest.mark.parametrize("fallback", [True, False])
def test_a_driver_that_dies_at_work(example_driver: Path, fallback: bool) -> None:
    """Killed once it is reset, killed again it is left: the answers come from it, or from the CPU if that may help."""
    count = 400
    signers = sm2.generate_many(4)
    who = np.arange(count) % 4
    keys = np.frombuffer(b"".join(signer.public_key.raw for signer in signers), np.uint8).reshape(4, 64)[who]
    messages = [b"%d" % i for i in range(count)]
    signatures = sm2.sign_many(signers, messages, indices=who)
    signatures[::9, 40] ^= 1
    expected = np.where(np.arange(count) % 9 == 0, sm2.BAD_SIGNATURE, sm2.OK)
    with accel.open_device(f"plugin:{example_driver}", fallback=fallback) as device, device.stream() as stream:
        future = stream.submit(sm2.verify_many, keys, signatures, messages)
        for _ in range(2):
            time.sleep(0.2)
            for host in hosts():
                os.kill(host, signal.SIGKILL)
        if fallback:
            assert (future.result(120) == expected).all()
        elif (error := future.exception(120)) is None:  # it was killed twice before it was open again
            assert (future.result() == expected).all()
        else:
            assert isinstance(error, accel.DeviceError)
            assert "no fallback" in str(error)
        assert was_reset_or_left(device)


def was_reset_or_left(device: accel.Device) -> bool:
    """The answers may be there before: they are the CPU's then."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        stats = {stat.name: stat.value for stat in device.stats() if stat.device.startswith("plugin")}
        if stats["resets"] + stats["quarantined"] > 0:
            return True
        time.sleep(0.02)
    return False
