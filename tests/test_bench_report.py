"""The report of `accel bench`: what is written is what is read, and nothing else is read."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("msgspec")

from accel.bench import report as reports
from accel.bench.report import (
    Bound,
    Case,
    ClosedLatency,
    Cost,
    Latency,
    Load,
    Machine,
    MissingPeer,
    OpenLatency,
    PeerInfo,
    Price,
    Ratio,
    Report,
    ReportError,
    Scaling,
    ScalingPoint,
    Settings,
    Software,
    Spread,
    Throughput,
)

UNKNOWN = Case("sm2.verify", "adx", 1024, 1, "unknown")
HASH = Case("sm3.hash", "avx2", 256, 2, None, 64)
RATE = Spread.of([3.0, 1.0, 2.0])


def full() -> Report:
    """A report with a row of everything."""
    latency = Latency(1000, 1.5, 2, 3, 4, 5)
    return Report(
        date="2026-11-26T03:00:00Z",
        duration_s=1.5,
        machine=Machine("a CPU", "x86_64", 2, 2, ("adx",), 1 << 34, "Linux 6.1", (25, 17, 1), True, 3.7e9),
        software=Software("0.1.0", 1, "3.11.7", "2.1.0", "gcc 12.2.0", "0123456789ab-dirty"),
        settings=Settings(3, 0.1, core=1, p99_limit_us=100_000.0, command=("bench", "--rounds", "3")),
        peers=(PeerInfo("OpenSSL", "3.0.19", "EVP, one item a call"),),
        missing_peers=(MissingPeer("gmsm", "no Go toolchain"),),
        throughput=(
            Throughput(UNKNOWN, "thread-cpu", RATE, 1.85e9, Bound("instructions", 10.0, 40.0, 4.0, 0.5, "a page")),
            Throughput(HASH, "wall", RATE),
        ),
        closed_loop=(ClosedLatency(UNKNOWN, latency),),
        open_loop=(OpenLatency(UNKNOWN, (Load(10.0, 9.9, latency), Load(20.0, 0.0, None, 7, "answered 0%"))),),
        scaling=(Scaling(HASH, (ScalingPoint(1, RATE, Spread.of([1.0, 1.0, 1.0])), ScalingPoint(2, RATE, RATE))),),
        ratios=(Ratio(UNKNOWN, "OpenSSL", RATE, RATE, Spread.of([1.0] * 3), "native", 1.9, 2.5, "in C"),),
        price=Price(0.05, "EUR"),
        costs=(Cost(UNKNOWN, 2.0, 144_000.0), Cost(HASH, 1.0)),
        notes=("a note",),
    )


def test_a_report_survives_its_json(tmp_path: Path) -> None:
    report = full()
    reports.save(report, tmp_path / "report.json")
    assert reports.load(tmp_path / "report.json") == report
    assert (tmp_path / "report.json").read_bytes() == reports.to_json(report)
    assert reports.to_json(reports.from_json(reports.to_json(report))) == reports.to_json(report)
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_fields_that_came_later_are_left_out_and_unknown_ones_ignored() -> None:
    data = reports.to_json(full()).replace(b'"notes"', b'"from a later version": 1,\n "notes"')
    assert reports.from_json(data) == full()
    data = reports.to_json(full()).replace(b'"hypervisor": true', b'"something": true')
    assert reports.from_json(data).machine.hypervisor is False


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b'"accel-bench/1"', b'"accel-bench/2"', "expected the schema accel-bench/1, got accel-bench/2"),
        (b'"schema"', b'"scheme"', "missing required field `schema`"),
        (b'"duration_s": 1.5', b'"duration_s": "long"', "Expected `float`, got `str` - at `$.duration_s`"),
        (b'"duration_s": 1.5,', b"", "missing required field `duration_s`"),
        (b'"duration_s": 1.5', b'"duration_s": NaN', "JSON is malformed"),
        (b'"batch": 1024', b'"batch": 0', "batch: expected 1 or more, got 0 - at `$.throughput[0].case`"),
        (b'"threads": 2', b'"threads": -1', "threads: expected 1 or more, got -1"),
        (b'"message_length": 64', b'"message_length": -64', "message_length: expected 0 or more"),
        (b'"operation": "sm3.hash"', b'"operation": "sm4.hash"', "operation: expected sm3.hash"),
        (b'"keys": "unknown"', b'"keys": "lost"', "Invalid enum value 'lost'"),
        (b'"kernel": "adx"', b'"kernel": ""', "kernel: expected a name"),
        (b'"clock": "wall"', b'"clock": "sundial"', "Invalid enum value 'sundial'"),
        (b'"low": 1.0', b'"low": 1.5', "median, low, high: expected (2.0, 1.0, 3.0) of the rounds"),
        (b'"fraction": 0.5', b'"fraction": -0.5', "fraction: expected a positive number"),
        (b'"p50": 1.5', b'"p50": 9', "expected ascending percentiles"),
        (b'"p50": 1.5', b'"p50": -1', "expected microseconds"),
        (b'"count": 1000', b'"count": 0', "count: expected 1 or more"),
        (b'"dropped": 7', b'"dropped": -7', "dropped: expected 0 or more"),
        (b'"offered_per_s": 10.0', b'"offered_per_s": 0', "offered_per_s: expected a positive number"),
        (b'"peer": "OpenSSL"', b'"peer": "LibreSSL"', "'LibreSSL' is none of the peers"),
        (b'"per_core_hour": 0.05', b'"per_core_hour": 0', "per_core_hour: expected a positive number"),
        (b'"currency": "EUR"', b'"currency": " "', "currency: expected a name"),
        (b'"items_per_core_second": 2.0', b'"items_per_core_second": 1e999', "Number out of range"),
    ],
)
def test_what_is_no_report_is_refused(old: bytes, new: bytes, sentence: str) -> None:
    data = reports.to_json(full())
    assert old in data
    with pytest.raises(ReportError, match=r"^old\.json: ") as caught:
        reports.from_json(data.replace(old, new), "old.json")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"schema": 1}'])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ReportError):
        reports.from_json(data)


def test_empty_series_are_refused() -> None:
    for make in (lambda: Spread.of([1.0, 0.0]), lambda: OpenLatency(UNKNOWN, ()), lambda: Scaling(UNKNOWN, ())):
        with pytest.raises(ValueError, match="expected"):
            make()
    with pytest.raises(ValueError, match="at least one value"):
        Spread(1.0, 1.0, 1.0, ())


def test_a_large_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_REPORT_BYTES", 100)
    (tmp_path / "large.json").write_bytes(b" " * 1000)
    with pytest.raises(ReportError, match=r"large.json: expected at most 100 bytes, got 101"):
        reports.load(tmp_path / "large.json")


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    reports.save(full(), path)
    before = path.read_bytes()

    def fail(_path: Path, _data: bytes) -> int:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="the disk is full"):
        reports.save(replace(full(), notes=()), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_value_that_is_none_is_not_written() -> None:
    machine = replace(full().machine, clock_hz=math.nan)
    assert reports.from_json(reports.to_json(replace(full(), machine=machine))).machine.clock_hz is None
    with pytest.raises(ReportError, match="duration_s"):
        reports.to_json(replace(full(), duration_s=math.inf))


def test_titles() -> None:
    assert UNKNOWN.title == "SM2 verify, digests, unknown keys"
    assert HASH.title == "SM3, 64 B"
    assert HASH.item == "message"
    ratio = full().ratios[0]
    assert ratio.title == "in C"
    assert replace(ratio, task=None).title == UNKNOWN.title
    assert ratio.key == (UNKNOWN, "OpenSSL", "in C")
