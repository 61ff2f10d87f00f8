"""Devices from Python: opening, the calls with `device=`, streams, futures, logs, metrics, forks, the command line."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import accel
from accel import merkle, sm2, sm3
from accel.device import TimeKind, open_devices

COUNT = 3000


class Block:
    """Signed messages, one in 7 of them bad, with their verdicts by the CPU."""

    def __init__(self) -> None:
        signers = sm2.generate_many(4)
        self.who = np.arange(COUNT) % 4
        raw = np.frombuffer(b"".join(key.public_key.raw for key in signers), np.uint8).reshape(4, 64)
        self.ring = sm2.KeyRing(raw)
        self.keys = raw[self.who]
        self.messages = [b"%d " % i * (i % 9) for i in range(COUNT)]
        self.signatures = sm2.sign_many(signers, self.messages, indices=self.who)
        self.signatures[::7, 40] ^= 1
        self.digests = sm2.digest_many(self.keys, self.messages)
        self.expected = sm2.verify_many(self.keys, self.signatures, self.messages)


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result


def run_accel(*arguments: str, code: int = 0) -> str:
    typer_testing = pytest.importorskip("typer.testing")
    pytest.importorskip("pyarrow")
    from accel.cli.app import app  # noqa: PLC0415  only where there is typer

    result = typer_testing.CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return str(result.stdout)


@pytest.fixture(scope="module")
def block() -> Block:
    return Block()


@pytest.fixture
def device():
    with accel.open_device("cpu") as opened:
        yield opened


def value(device: accel.Device, name: str, of: str = "cpu") -> int:
    return next(stat.value for stat in device.stats() if stat.device == of and stat.name == name)


@pytest.mark.parametrize("name", ["cpu", "cpu+cpu"])
@pytest.mark.parametrize("audit", ["sample", "hold", "full"])
def test_every_call_gives_what_the_cpu_gives(block, name, audit):
    with accel.open_device(name, audit=audit) as device:
        assert (sm2.verify_many(block.keys, block.signatures, block.messages, device=device) == block.expected).all()
        ring = block.ring[block.who]
        assert (sm2.verify_many(ring, block.signatures, block.messages, device=device) == block.expected).all()
        digests = sm2.verify_digest_many(block.keys, block.signatures, block.digests, device=device)
        assert (digests == block.expected).all()
        digests = sm2.verify_digest_many(ring, block.signatures, block.digests, device=device)
        assert (digests == block.expected).all()
        assert (sm3.hash_many(block.messages, device=device) == sm3.hash_many(block.messages)).all()
        for rule in merkle.RULES:
            hashes = merkle.leaf_hashes(block.messages, rule, device=device)
            assert (hashes == merkle.leaf_hashes(block.messages, rule)).all()
            expected = merkle.Tree(block.messages, rule).root
            assert merkle.Tree(block.messages, rule, device=device).root == expected
            assert merkle.Tree(block.messages, rule, "root", device=device).root == expected
            assert merkle.Tree.from_leaf_hashes(hashes, rule, device=device).root == expected
        stats = device.stats()
        assert sum(stat.value for stat in stats if stat.name == "items.sm2_verify") == 4 * COUNT
        assert not any(stat.value for stat in stats if stat.name in {"audit.wrong", "quarantined", "resets"})
        assert not any(stat.value for stat in stats if stat.device == "fallback")


def test_messages_under_other_ids(block, device):
    for identity in (b"", b"alice", sm2.NO_ZA):
        expected = sm2.verify_many(block.keys, block.signatures, block.messages, id=identity)
        got = sm2.verify_many(block.keys, block.signatures, block.messages, id=identity, device=device)
        assert (got == expected).all()


def test_der_signatures_on_a_device(block, device):
    ders = sm2.signatures_to_der(block.signatures)
    ders[3] = b"\x30\x00"
    expected = sm2.verify_many(block.keys, ders, block.messages, encoding="der")
    assert expected[3] == sm2.BAD_SIGNATURE
    got = sm2.verify_many(block.keys, ders, block.messages, encoding="der", device=device)
    assert (got == expected).all()
    with device.stream() as stream:
        future = stream.submit(sm2.verify_many, block.keys, ders, block.messages, encoding="der")
        assert (future.result(30) == expected).all()
        assert (future.result() == expected).all()


def test_empty_batches(device):
    assert sm3.hash_many([], device=device).shape == (0, 32)
    assert sm2.verify_many(np.empty((0, 64), np.uint8), np.empty((0, 64), np.uint8), [], device=device).shape == (0,)
    with device.stream() as stream:
        assert stream.submit(sm3.hash_many, []).result(30).shape == (0, 32)


# --- opening ------------------------------------------------------------------------------------------------------


def test_names_and_infos(device):
    assert "cpu" in accel.devices()
    (info,) = device.infos
    assert (info.name, info.time_kind, info.quarantined) == ("cpu", TimeKind.MEASURED, False)
    assert info.time_kind.label == "measured"
    assert {"sm3", "sm2_verify", "sm2_verify_digest", "merkle_levels"} <= set(info.operations)
    assert device.name == "cpu"
    assert device.audit == "sample"
    assert "cpu" in repr(device)
    assert device in open_devices()


@pytest.mark.parametrize("name", ["", "gpu7", "cpu+gpu7", "udp:localhost:1", "plugin:/no/such/driver.so"])
def test_unknown_devices(name):
    with pytest.raises(accel.DeviceError, match="device"):
        accel.open_device(name)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"audit": "none"}, accel.ArgumentError),
        ({"audit": 1}, accel.ArgumentError),
        ({"sample_rate": 0}, accel.ArgumentError),
        ({"sample_rate": 1.5}, TypeError),
        ({"queue_depth": -1}, accel.ArgumentError),
        ({"hold_window": 2**40}, accel.ArgumentError),
        ({"command_timeout": 0}, accel.ArgumentError),
        ({"command_timeout": float("nan")}, accel.ArgumentError),
        ({"command_timeout": "1"}, TypeError),
    ],
)
def test_bad_options_name_themselves(options, error):
    with pytest.raises(error, match=next(iter(options))):
        accel.open_device("cpu", **options)


def test_a_name_is_a_str():
    with pytest.raises(TypeError, match="name"):
        accel.open_device(b"cpu")


def test_a_closed_device_says_so(block):
    device = accel.open_device("cpu")
    stream = device.stream()
    device.close()
    device.close()
    assert device.closed
    for call in (device.stats, lambda: device.infos, device.stream, lambda: sm3.hash_many([b""], device=device)):
        with pytest.raises(accel.DeviceError, match="closed"):
            call()
    with pytest.raises(accel.DeviceError, match="closed"):
        stream.submit(sm3.hash_many, [b""])
    stream.close()
    with pytest.raises(accel.DeviceError, match="closed"):
        stream.submit(sm3.hash_many, [b""])


def test_a_device_is_a_device(block):
    with pytest.raises(TypeError, match="device"):
        sm3.hash_many([b""], device="cpu")


# --- streams and futures -------------------------------------------------------------------------------------------


def test_futures_outlive_stream_and_device(block):
    with accel.open_device("cpu") as device, device.stream(depth=4) as stream:
        futures = [
            stream.submit(sm2.verify_many, block.keys, block.signatures, block.messages, priority=priority)
            for priority in ("transaction", "proposal", "vote")
        ]
        futures.append(stream.submit(merkle.leaf_hashes, block.messages, "bcos"))
    assert all(future.done() for future in futures)
    assert all((future.result(0) == block.expected).all() for future in futures[:3])
    assert (futures[3].result() == merkle.leaf_hashes(block.messages, "bcos")).all()
    assert futures[0].exception() is None


def test_out_is_written_and_returned(block, device):
    out = np.full(COUNT, 99, np.uint8)
    with device.stream() as stream:
        future = stream.submit(sm2.verify_digest_many, block.ring[block.who], block.signatures, block.digests, out=out)
        assert future.result(30) is out
    assert (out == block.expected).all()


def test_arguments_live_as_long_as_the_call(block, device):
    with device.stream(depth=16) as stream:
        futures = []
        for _ in range(16):
            futures.append(
                stream.submit(sm2.verify_many, block.keys.copy(), block.signatures.copy(), list(block.messages))
            )
            gc.collect()
        assert all((future.result(30) == block.expected).all() for future in futures)


def test_dropped_futures_harm_nobody(block, device):
    with device.stream(depth=2) as stream:
        for _ in range(20):
            stream.submit(sm2.verify_many, block.keys, block.signatures, block.messages)
    assert sm3.hash_many([b"abc"], device=device).shape == (1, 32)


def test_cancelling(block, device):
    with device.stream(depth=64) as stream:
        futures = [stream.submit(sm2.verify_many, block.keys, block.signatures, block.messages) for _ in range(40)]
        cancelled = [future.cancel() for future in futures]
        assert cancelled[-1]
        for future, was_cancelled in zip(futures, cancelled, strict=True):
            assert future.done()
            assert future.cancelled() == was_cancelled
            assert not future.cancel()
            if was_cancelled:
                assert isinstance(future.exception(), accel.RequestCancelled)
                with pytest.raises(accel.RequestCancelled):
                    future.result()
            else:
                assert (future.result() == block.expected).all()


def test_deadlines_timeouts_and_a_full_stream(block, device):
    """Behind a queue of work, which takes longer than a microsecond."""
    with device.stream(depth=12) as stream:
        items = (block.keys, block.signatures, block.messages)
        first = [stream.submit(sm2.verify_many, *items) for _ in range(10)]
        late = stream.submit(sm2.verify_many, *items, deadline=1e-6)
        waiting = stream.submit(sm2.verify_many, *items)
        more = []
        with pytest.raises(accel.QueueFullError):
            more.extend(stream.submit(sm2.verify_many, *items, blocking=False) for _ in range(100))
        with pytest.raises(TimeoutError):
            waiting.result(0)
        with pytest.raises(accel.TimedOutError):
            late.result(30)
        assert not late.cancelled()
        assert (waiting.result(30) == block.expected).all()
        assert all((future.result(30) == block.expected).all() for future in first)


def test_awaiting(block, device):
    async def ask(stream: accel.Stream) -> np.ndarray:
        return await stream.submit(sm2.verify_many, block.keys, block.signatures, block.messages)

    async def main() -> None:
        with device.stream(depth=8) as stream:
            for result in await asyncio.gather(*(ask(stream) for _ in range(8))):
                assert (result == block.expected).all()
            done = stream.submit(sm3.hash_many, [b"abc"])
            done.result(30)
            assert (await done).shape == (1, 32)
            late = stream.submit(sm2.verify_many, block.keys, block.signatures, block.messages)
            late.cancel()
            with pytest.raises(accel.RequestCancelled):
                await late
            task = asyncio.create_task(ask(stream))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await ask(stream)

    asyncio.run(main())


def test_threads_share_a_stream(block, device):
    errors: list[BaseException] = []
    with device.stream(depth=3) as stream:

        def work() -> None:
            try:
                for _ in range(10):
                    future = stream.submit(sm2.verify_many, block.keys, block.signatures, block.messages)
                    assert (future.result(60) == block.expected).all()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors


def test_what_a_stream_takes(block, device):
    with device.stream() as stream:
        with pytest.raises(TypeError, match=r"sm2\.verify_many"):
            stream.submit(sm2.sign_many, [])
        with pytest.raises(accel.ArgumentError, match="priority"):
            stream.submit(sm3.hash_many, [], priority="urgent")
        with pytest.raises(accel.ArgumentError, match="deadline"):
            stream.submit(sm3.hash_many, [], deadline=0)
        with pytest.raises(accel.ArgumentError, match="signatures"):
            stream.submit(sm2.verify_many, block.keys, block.signatures[:5], block.messages)
    with pytest.raises(accel.ArgumentError, match="depth"):
        device.stream(depth=0)


def test_a_stream_without_a_device(block):
    with accel.Stream(depth=2) as stream:
        assert (stream.submit(sm3.hash_many, block.messages).result(30) == sm3.hash_many(block.messages)).all()


# --- logs, forks, the environment -----------------------------------------------------------------------------------


def test_events_reach_logging(caplog):
    with caplog.at_level(logging.INFO, logger="accel.device"):
        accel.open_device("cpu").close()
    events = [(record.event, record.device) for record in caplog.records]
    assert events == [("device.opened", "cpu"), ("device.closed", "cpu")]


def test_forks_open_devices_of_their_own():
    code = """
import os, accel
from accel import sm3
device = accel.open_device("cpu")
stream = device.stream()
future = stream.submit(sm3.hash_many, [b"abc"])
future.result()
pid = os.fork()
if pid == 0:
    for call in (device.stats, lambda: stream.submit(sm3.hash_many, [b""]), lambda: future.result()):
        try:
            call()
            os._exit(1)
        except accel.DeviceError:
            pass
    device.close()
    stream.close()
    del future
    with accel.open_device("cpu") as own:
        assert sm3.hash_many([b"abc"], device=own)[0, 0] == 0x66
    raise SystemExit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print(sm3.hash_many([b"abc"], device=device)[0, 0])
"""
    assert run_python(code).stdout == "102\n"


def test_accel_device_names_the_default():
    code = """
import accel
from accel import sm3
sm3.hash_many([b"abc"] * 100)
from accel import _native
print(sum(stat[4] for stat in _native.device_stats(None) if stat[1] == "items.sm3"))
"""
    assert run_python(code, ACCEL_DEVICE="cpu+cpu").stdout == "100\n"


def test_leaving_open_devices_behind_is_no_crash():
    code = """
import accel, logging
from accel import sm3
logging.basicConfig(level=logging.INFO)
device = accel.open_device("cpu")
stream = device.stream()
futures = [stream.submit(sm3.hash_many, [b"abc"] * 10000) for _ in range(5)]
print("done")
"""
    assert run_python(code).stdout == "done\n"


def test_verify_on_the_command_line(tmp_path):
    file = tmp_path / "block.parquet"
    run_accel("make-block", str(file), "--count", "2000", "--signers", "5", "--message-size", "80", "--damaged", "6")
    plain = json.loads(run_accel("verify", str(file), "--json", code=1))
    assert plain["device"] is None
    assert plain["devices"] is None
    for name in ("cpu", "cpu+cpu"):
        report = json.loads(run_accel("verify", str(file), "--device", name, "--audit", "full", "--json", code=1))
        assert (report["device"], report["times"]) == (name, "measured")
        for field in ("rows", "counts", "bad", "merkle_root"):
            assert report[field] == plain[field]
        ran = sum(device["stats"].get("items.sm2_verify", 0) for device in report["devices"])
        assert ran >= 2000
    bad = run_accel("verify", str(file), "--device", "gpu7", "--json", code=2)
    assert "gpu7" in json.loads(bad)["error"]
    bad = run_accel("verify", str(file), "--device", "cpu", "--audit", "some", "--json", code=2)
    assert "audit" in json.loads(bad)["error"]


def test_no_descriptor_is_left_behind(block):
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def use() -> None:
        with accel.open_device("cpu+cpu") as device, device.stream() as stream:

            async def ask() -> None:
                await asyncio.gather(*(stream.submit(sm3.hash_many, block.messages) for _ in range(4)))

            asyncio.run(ask())

    use()
    gc.collect()
    before, threads = count(), threading.active_count()
    for _ in range(5):
        use()
    gc.collect()
    assert count() == before
    assert threading.active_count() == threads
