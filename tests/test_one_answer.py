"""One block has one answer, whatever device it runs on; the answer is known before, and by OpenSSL.

The damage is what ``accel make-block`` says that it did, the root is made with OpenSSL's SM3, and OpenSSL confirms the
verdicts: no device is held to another one. Each device's own counters show that the work ran there.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cffi")
pytest.importorskip("pyarrow")
typer_testing = pytest.importorskip("typer.testing")

import accel  # noqa: E402
from accel import driver, ledger, sm2  # noqa: E402
from accel.cli.app import app  # noqa: E402
from accel.reference import merkle  # noqa: E402
from oracles import openssl  # noqa: E402

DEVICES = ("none", "cpu", "sim96", "plugin", "plugin-inproc", "python", "cpu+sim96")
TIMES = {"none": "measured", "sim96": "model", "cpu+sim96": "measured+model"}
_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123  # n of GB/T 32918.5


@functools.lru_cache(maxsize=4096)
def loaded(key: bytes) -> openssl.PublicKey | None:
    """OpenSSL's key, or None where it refuses it."""
    try:
        return openssl.PublicKey(key)
    except openssl.RejectedKeyError:
        return None


def in_range(signature: bytes) -> bool:
    """r and s from 1 to n - 1, and r + s not n (GB/T 32918.2, section 7.1)."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return 1 <= r < _ORDER and 1 <= s < _ORDER and r + s != _ORDER


class OpenSSLDriver(driver.Driver):
    """A device in Python that has its answers from OpenSSL."""

    capabilities = driver.Capabilities(max_keys=4096, version=openssl.version())

    def hash_messages(self, command: driver.Command) -> list[bytes]:
        return [openssl.sm3(message) for message in command.messages]

    def verify(self, command: driver.Command) -> list[int]:
        return openssl.parallel(functools.partial(self.verdict, command), range(command.count))

    @staticmethod
    def verdict(command: driver.Command, i: int) -> int:
        key, signature = loaded(command.keys[i]), command.signatures[i]
        if key is None:
            return sm2.BAD_KEY
        if not in_range(signature):
            return sm2.BAD_RANGE
        if command.digests:
            good = key.verify_digest(signature, command.digests[i])
        else:
            good = key.verify(signature, command.messages[i], command.user_id)
        return sm2.OK if good else sm2.BAD_SIGNATURE

    def merkle_levels(self, command: driver.Command) -> list[bytes]:
        (rule,) = (rule for rule in merkle.RULES.values() if rule.code == command.rule)
        levels = merkle.levels_of(command.digests, rule, openssl.sm3)
        return [node for level in levels[1:] for node in level]


@dataclass(frozen=True)
class Answered:
    """A block with the answer that it must have."""

    path: Path
    rows: int
    bad: list[dict[str, Any]]
    counts: dict[str, int]
    root: str


def run(*arguments: object, code: int = 0) -> dict[str, Any]:
    result = typer_testing.CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def make(path: Path, rows: int, damaged: int) -> Answered:
    """A block with known damage. OpenSSL says of all damaged rows, and of some hundred others, what the damage says."""
    made = run("make-block", path, "--count", rows, "--signers", 16, "--message-size", 120, "--damaged", damaged)
    status = {entry["row"]: entry["status"] for entry in made["damaged"]}
    with ledger.Block(path) as block:
        items = [
            (key.tobytes(), signature.tobytes(), message.as_py())
            for batch in block.batches()
            for key, signature, message in zip(batch.keys, batch.signatures, batch.messages, strict=True)
        ]
    for i in [*status, *range(0, rows, max(1, rows // 150))]:
        key, signature, message = loaded(items[i][0]), *items[i][1:]
        good = key is not None and in_range(signature) and key.verify(signature, message, sm2.DEFAULT_ID)
        assert good == (i not in status), i
    rule = merkle.RULES["rfc9162"]
    hashes = [merkle.leaf_hash(message, rule, openssl.sm3) for _, _, message in items]
    bad = [{"row": row, "status": status[row]} for row in sorted(status)]
    return Answered(path, rows, bad, made["expected_counts"], merkle.root(hashes, rule, openssl.sm3).hex())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return make(tmp_path_factory.mktemp("one") / "small.parquet", 1_000, 48)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return make(tmp_path_factory.mktemp("one") / "large.parquet", 100_000, 240)


@pytest.fixture
def python_driver() -> Iterator[str]:
    driver.add("openssl-test", OpenSSLDriver)
    yield "openssl-test"
    driver.remove("openssl-test")


@pytest.fixture
def device(request: pytest.FixtureRequest) -> str:
    """The device's name on the command line."""
    kind: str = request.param
    if kind == "python":
        name: str = request.getfixturevalue("python_driver")
        return name
    return f"{kind}:{request.getfixturevalue('example_driver')}" if kind.startswith("plugin") else kind


def check(block: Answered, device: str) -> list[dict[str, int]]:
    """Verify the block on the device, and return the counters of each device behind that name."""
    before = {op: accel.kernel_items(op, accel.active_kernel(op)) for op in ("sm2.verify", "sm3.hash")}
    where = [] if device == "none" else ["--device", device]
    report = run("verify", block.path, "--bad-rows-limit", block.rows, *where, code=1)
    assert report["bad"] == block.bad
    assert report["counts"] == block.counts
    assert report["merkle_root"] == block.root
    assert report["times"] == TIMES.get(device, "measured")
    if device == "none":
        assert report["devices"] is None
        for op, items in before.items():
            assert accel.kernel_items(op, accel.active_kernel(op)) - items >= block.rows
        return []
    assert not any(it["quarantined"] for it in report["devices"])
    stats = [it["stats"] for it in report["devices"]]
    for name in ("audit.wrong", "resets", "replayed", "driver.resets"):
        assert not any(counters.get(name) for counters in stats), name
    for kind in ("sm2_verify", "sm3", "merkle"):
        for counters in stats:  # known-answer tests, which the driver counts as well, come on top
            assert counters.get(f"driver.items.{kind}", 0) >= counters.get(f"items.{kind}", 0)
        assert sum(counters.get(f"items.{kind}", 0) for counters in stats) >= block.rows, kind
    return stats


@pytest.mark.parametrize("device", DEVICES, indirect=True)
def test_a_block_has_one_answer(small: Answered, device: str) -> None:
    check(small, device)


@pytest.mark.long
@pytest.mark.parametrize("device", DEVICES, indirect=True)
def test_a_block_of_100000_has_one_answer(large: Answered, device: str) -> None:
    stats = check(large, device)
    assert all(counters["items.sm2_verify"] > 0 for counters in stats)  # also where two share the block


def test_a_wrong_device_is_not_believed(small: Answered) -> None:
    """With everything audited the answer is the same, and the counters say that the device had no part in it."""
    report = run("verify", small.path, "--device", "fault:accept-s-zero:cpu", "--audit", "full", code=1)
    assert (report["counts"], report["merkle_root"]) == (small.counts, small.root)
    (it,) = report["devices"]
    assert it["quarantined"]
    assert it["stats"]["audit.wrong"] > 0
