"""`accel bench`: what it measures, what it refuses, and a short real run that leaves a valid report."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("msgspec")

import accel  # noqa: E402
import needs  # noqa: E402
from accel import sm2, sm3  # noqa: E402
from accel.bench import engine, measure, native, runner, workload  # noqa: E402
from accel.bench import report as reports  # noqa: E402
from accel.bench.peers import Peer, PeerWrongAnswerError  # noqa: E402
from accel.bench.plan import COUNTERS, HINTED_KERNELS, Options, Plan  # noqa: E402
from accel.bench.report import OPERATIONS, Case, Report  # noqa: E402
from accel.cli import bench_tables  # noqa: E402
from accel.cli.app import app  # noqa: E402

SHORT = ["--quick", "--rounds", "1", "--seconds", "0.001"]


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "accel.cli", "bench", *map(str, arguments)]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One short run of everything: the file that it wrote, and what it printed."""
    path = tmp_path_factory.mktemp("bench") / "report.json"
    numbers = ["--batch", "1", "--batch", "64", "--price", "0.05", "--currency", "EUR"]
    run = process(*SHORT, *numbers, "--json", "--output", path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("\n") == 1
    return path, json.loads(run.stdout)


# ------------------------------------------------------------------------------------------------ a real run


def test_a_short_run_leaves_a_valid_report(measured: tuple[Path, dict[str, Any]]) -> None:
    path, printed = measured
    report = reports.load(path)
    assert json.loads(path.read_bytes()) == printed
    assert reports.to_json(report) == path.read_bytes()
    plan = Plan(Options(batches=(1, 64), quick=True))
    assert tuple(row.case for row in report.throughput) == plan.throughput()
    assert {row.case.operation for row in report.throughput} == set(OPERATIONS)
    assert all(row.clock == "thread-cpu" and len(row.rate_per_s.rounds) == 1 for row in report.throughput)
    assert tuple(row.case for row in report.closed_loop) == plan.closed_loop()
    assert tuple(row.case for row in report.open_loop) == plan.open_loop()
    assert tuple(row.case for row in report.scaling) == plan.scaling()
    assert report.settings.quick
    assert report.settings.adaptive_tables is False
    assert report.price is not None
    assert len(report.costs) == len(report.scaling) + len(plan.compared())
    assert 0 < (report.core_share or 0) <= 1
    assert (report.machine.clock_hz or 1e9) > 1e8
    for cost in report.costs:
        assert cost.items_per_unit == pytest.approx(cost.items_per_core_second * 3600 / 0.05)
    for row in report.open_loop:
        assert all(load.broke is None for load in row.loads[:-1])


def test_every_peer_that_was_found_is_compared(measured: tuple[Path, dict[str, Any]]) -> None:
    report = reports.load(measured[0])
    assert {ratio.peer for ratio in report.ratios} == {peer.name for peer in report.peers}
    for ratio in report.ratios:
        assert ratio.ratio.median == pytest.approx(ratio.ours_per_s.median / ratio.theirs_per_s.median)
        assert ratio.case.batch == 64


def test_bounds_are_those_of_the_loops(measured: tuple[Path, dict[str, Any]]) -> None:
    for row in reports.load(measured[0]).throughput:
        if row.bound is not None:
            assert row.bound.rate_per_s == pytest.approx(row.bound.operations_per_s / row.bound.operations_per_item)
            assert row.bound.fraction == pytest.approx(row.rate_per_s.median / row.bound.rate_per_s)


def test_a_report_is_shown_again_without_measuring(measured: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    path, printed = measured
    invoke = typer_testing.CliRunner().invoke
    again = invoke(app, ["bench", "--from", str(path), "--json", "--output", str(tmp_path / "copy.json")])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == printed
    assert (tmp_path / "copy.json").read_bytes() == path.read_bytes()
    dearer = json.loads(invoke(app, ["bench", "--from", str(path), "--json", "--price", "0.1"]).stdout)
    assert dearer["costs"][0]["items_per_unit"] == pytest.approx(printed["costs"][0]["items_per_unit"] / 2)
    shown = invoke(app, ["bench", "--from", str(path)])
    assert shown.exit_code == 0
    for words in (
        "Throughput",
        "Latency of one call",
        "Latency under load",
        "Cost",
        "SM2 verify, digests, unknown keys",
    ):
        assert words in shown.stdout


def test_kernels_threads_and_lengths_are_as_asked() -> None:
    kernels, threads = accel.available_kernels("sm3.hash"), len(os.sched_getaffinity(0))
    names = [word for kernel in kernels for word in ("--kernel", kernel)]
    numbers = ["--batch", "8", "--length", "3", "--threads", "1", "--threads", str(threads)]
    run = process(*SHORT, "--operation", "sm3.hash", *names, *numbers, "--no-peers", "--json")
    assert run.returncode == 0, run.stderr
    report = reports.from_json(run.stdout.encode())
    expected = {(kernel, number) for kernel in kernels for number in {1, threads}}
    assert {(row.case.kernel, row.case.threads) for row in report.throughput} == expected
    for row in report.throughput:
        assert (row.case.operation, row.case.batch, row.case.message_length) == ("sm3.hash", 8, 3)
        assert row.clock == ("thread-cpu" if row.case.threads == 1 else "wall")
    for series in (report.closed_loop, report.open_loop):
        assert [(row.case.kernel, row.case.threads) for row in series] == [
            (kernels[0], number) for number in sorted({1, threads})
        ]
    assert not report.peers
    assert not report.missing_peers


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_at_once(number: signal.Signals, code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accel.cli", "bench", "--no-peers", "--output", str(tmp_path / "report.json")]
    before = signal.signal(number, signal.SIG_DFL)  # shells start background jobs with SIGINT ignored
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(number, before)
    try:
        deadline = time.monotonic() + 60
        cores = os.sched_getaffinity(0)
        while b"libaccel" not in Path(f"/proc/{child.pid}/maps").read_bytes() or (
            len(cores) > 1 and os.sched_getaffinity(child.pid) == cores  # it measures on one of them
        ):
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        child.send_signal(number)
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == code
    assert b"Traceback" not in errors
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------------- the plan


def test_the_usual_plan_has_every_kernel_of_every_operation() -> None:
    plan = Plan(Options())
    cases = plan.throughput()
    assert len(set(cases)) == len(cases)
    for operation, op in COUNTERS.items():
        found = {case.kernel for case in cases if case.operation == operation and case.keys != "hinted"}
        assert found == set(accel.available_kernels(op))
    assert {case.kernel for case in cases if case.keys == "hinted"} <= set(HINTED_KERNELS)
    assert {case.threads for case in cases} == {1}
    assert {case.kernel for case in plan.compared() if case.operation == "sm3.hash"} == {
        accel.available_kernels("sm3.hash")[0]
    }
    assert plan.scaling_threads[-1] == len(os.sched_getaffinity(0))
    assert not Plan(Options(latency=False)).closed_loop()


REFUSED = [
    (["--operation", "sm4.encrypt"], "--operation: expected one of sm3.hash"),
    (["--kernel", "avx1024"], "--kernel: expected one of"),
    (["--batch", "0"], "--batch: expected 1 to 1,048,576, got 0"),
    (["--batch", "99999999"], "--batch: expected 1 to 1,048,576"),
    (["--length", "-1"], "--length: expected 0 to 1,048,576, got -1"),
    (["--batch", "1048576", "--length", "1048576"], "--batch, --length: expected at most 1073741824 bytes"),
    (["--threads", "0"], "--threads: expected 1 to"),
    (["--threads", "100000"], "(the cores that this process may use), got 100,000"),
    (["--rounds", "0"], "--rounds: expected 1 to 1,000, got 0"),
    (["--seconds", "0"], "--seconds: expected 0.001 to 60.0, got 0.0"),
    (["--seconds", "nan"], "--seconds: expected 0.001 to 60.0, got nan"),
    (["--p99-limit", "0"], "--p99-limit: expected 0.001 to 60,000 ms, got 0.0"),
    (["--core", "100000"], "--core: expected one that this process may use"),
    (["--price", "0"], "--price, --currency: per_core_hour: expected a positive number, got 0.0"),
    (["--price", "1", "--currency", ""], "--price, --currency: currency: expected a name"),
    (["--output", "/nowhere/report.json"], "--output: expected a file in a directory that exists"),
    (["--from", "/nowhere/report.json"], "/nowhere/report.json: No such file or directory"),
    (["--from", __file__], "not a report of `accel bench`"),
    (["--from", "report.json", "--quick"], "--from: shows a report and measures nothing"),
    (["--from", "report.json", "--batch", "1"], "--from: shows a report and measures nothing"),
]


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED)
def test_what_cannot_be_done_is_refused_before_anything_is_measured(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "no_adaptive_tables", lambda: None)  # the tests' process has verified already
    monkeypatch.setattr(engine.Engine, "make_all", lambda _: pytest.fail("something is measured"))
    result = typer_testing.CliRunner().invoke(app, ["bench", *arguments, "--json"])
    assert result.exit_code == 2
    assert sentence in json.loads(result.stdout)["error"]


def test_operations_without_the_kernel_are_left_out() -> None:
    others = sorted(set(accel.available_kernels("sm3.hash")) - set(accel.available_kernels("sm2.sign")))
    if not others:
        needs.lacking("a kernel for SM3 alone")
    plan = Plan(Options(operations=("sm2.sign", "sm3.hash"), kernels=(others[0],)))
    assert {case.operation for case in plan.throughput()} == {"sm3.hash"}
    assert {case.operation for case in plan.open_loop()} == {"sm3.hash"}


def test_latencies_may_be_left_out() -> None:
    run = process(*SHORT, "--operation", "sm3.hash", "--batch", "8", "--no-latency", "--no-peers", "--json")
    report = reports.from_json(run.stdout.encode())
    assert not report.closed_loop
    assert not report.open_loop
    assert report.settings.p99_limit_us is None


def test_a_kernel_that_does_nothing_of_what_is_asked() -> None:
    others = tuple(set(accel.available_kernels("sm3.hash")) - set(accel.available_kernels("sm2.sign")))
    if not others:
        needs.lacking("a kernel for SM3 alone")
    with pytest.raises(accel.ArgumentError, match=r"--kernel: none of .* does sm2\.sign here"):
        Plan(Options(operations=("sm2.sign",), kernels=others))


def test_adaptive_tables_would_make_unknown_keys_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL_ADAPTIVE_TABLES", "1")
    tables = sm2.AdaptiveTables(1, 1 << 18, 1, 1 << 28)
    monkeypatch.setattr(sm2, "adaptive_tables", lambda: tables)
    with pytest.raises(engine.AdaptiveTablesError, match="started with ACCEL_ADAPTIVE_TABLES=0"):
        engine.no_adaptive_tables()
    monkeypatch.setattr(sm2, "adaptive_tables", lambda: tables._replace(memory_limit=0))
    engine.no_adaptive_tables()


# ---------------------------------------------------------------------------------------------- wrong answers


def case_of(operation: str) -> tuple[Case, workload.Workload]:
    keys = "unknown" if operation in workload.VERIFYING else None
    length = 40 if operation in workload.WITH_MESSAGES else None
    made = workload.make(operation, batch=7, message_length=length, keys=keys)
    return Case(operation, accel.active_kernel(COUNTERS[operation]), 7, 1, keys, length), made


@pytest.mark.parametrize("operation", OPERATIONS)
def test_works_do_what_they_say(operation: str) -> None:
    case, inputs = case_of(operation)
    work = runner.make(case, inputs)
    runner.check_counted(case, work)
    assert [work(count) for count in (7, 1, 3)] == [7, 1, 3]


def changed(function: Callable[..., Any], change: Callable[[Any], object]) -> Callable[..., Any]:
    def wrong(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        change(result)
        return result

    return wrong


def test_a_wrong_digest_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    case, inputs = case_of("sm3.hash")
    monkeypatch.setattr(sm3, "hash_many", changed(sm3.hash_many, lambda digests: digests[3].fill(0)))
    with pytest.raises(workload.WrongAnswerError, match=r"SM3, 40 B, kernel .*: a digest is wrong"):
        runner.make(case, inputs)


def test_a_wrong_root_is_noticed() -> None:
    case, inputs = case_of("merkle.root")
    for name in ("small_root", "expected"):
        with pytest.raises(workload.WrongAnswerError, match="a root is"):
            runner.make(case, replace(inputs, **{name: np.zeros((1, 32), np.uint8)}))


@pytest.mark.parametrize("operation", workload.VERIFYING)
def test_a_verifier_that_accepts_everything_is_noticed(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case, inputs = case_of(operation)
    name = "verify_digest_many" if operation == "sm2.verify" else "verify_many"
    monkeypatch.setattr(sm2, name, changed(getattr(sm2, name), lambda status: status.fill(sm2.OK)))
    with pytest.raises(workload.WrongAnswerError, match="a damaged signature was accepted"):
        runner.make(case, inputs)


def test_a_verifier_that_refuses_is_noticed_while_it_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    case, inputs = case_of("sm2.verify")
    assert inputs.signatures is not None
    work = runner.make(case, inputs)
    inputs.signatures[5, 3] ^= 1
    assert work(5) == 5
    with pytest.raises(workload.WrongAnswerError, match="a valid signature was refused"):
        work(6)


def test_a_wrong_signature_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    case, inputs = case_of("sm2.sign")
    monkeypatch.setattr(sm2, "sign_digest_many", changed(sm2.sign_digest_many, lambda made: made[2].fill(1)))
    with pytest.raises(workload.WrongAnswerError, match="a signature that it made is refused"):
        runner.make(case, inputs)


def test_another_kernel_than_the_forced_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    case, inputs = case_of("sm3.hash")
    work = runner.make(case, inputs)
    monkeypatch.setattr(accel, "kernel_items", lambda _op, _kernel: 5)
    with pytest.raises(runner.KernelNotUsedError, match=r"did 0 of 7 items"):
        runner.check_counted(case, work)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"operation": "sm4", "batch": 1}, "operation: expected one of sm3.hash"),
        ({"operation": "sm3.hash", "batch": 0, "message_length": 1}, "batch: expected a positive number"),
        ({"operation": "sm3.hash", "batch": 1}, "message_length: sm3.hash takes one"),
        ({"operation": "sm2.sign", "batch": 1, "message_length": 1}, "message_length: sm2.sign takes none"),
        ({"operation": "sm2.verify", "batch": 1}, "keys: sm2.verify takes a kind of keys"),
        ({"operation": "sm2.sign", "batch": 1, "keys": "known"}, "keys: sm2.sign takes no kind of keys"),
    ],
)
def test_workloads_that_make_no_sense(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(accel.ArgumentError, match=re.escape(sentence)):
        workload.make(**arguments)


def test_workloads_repeat() -> None:
    one, two = (workload.make("sm3.hash", batch=3, message_length=9, seed=5) for _ in range(2))
    assert np.array_equal(one.messages, two.messages)
    other = workload.make("sm3.hash", batch=3, message_length=9, seed=6)
    assert not np.array_equal(one.messages, other.messages)


# ------------------------------------------------------------------------------------------- the native runner

NATIVE = {
    "peers": ["OpenSSL 3.0.19", "crypto_mb 2.3.0"],
    "notes": ["a note"],
    "results": [
        {
            "task": task,
            "kernel": "adx",
            "batch": 1024,
            "peer": peer,
            "rounds_per_s": [30.0, 20.0],
            "peer_rounds_per_s": [10.0, 10.0],
            **goals,
        }
        for task, peer, goals in [
            ("sm2.verify digests, unknown keys", "OpenSSL", {}),
            ("sm2.verify 256 B messages, 64 known keys", "crypto_mb", {"floor": 10, "goal": 17}),
            ("sm2.verify digests, unknown keys, hints", "no hints", {}),
            ("sm2.sign 16 B messages, nonces given", "crypto_mb", {}),
            ("sm2 public keys of given private keys", "crypto_mb", {}),
            ("sm2.generate keys", "OpenSSL", {}),
            ("sm3.hash 64 to 1024 B", "crypto_mb", {}),
            ("merkle nodes, rfc9162, root kept", "crypto_mb", {}),
        ]
    ],
}


def test_the_native_runners_rows_become_ratios() -> None:
    ratios, peers, notes = native.parse(json.dumps(NATIVE).encode())
    assert [(r.case.operation, r.case.keys, r.case.message_length) for r in ratios] == [
        ("sm2.verify", "unknown", None),
        ("sm2.verify_message", "known", 256),
        ("sm2.verify", "hinted", None),
        ("sm2.sign_message", None, 16),
        ("sm2.generate", None, None),
        ("sm2.generate", None, None),
        ("sm3.hash", None, None),
        ("merkle.root", None, None),
    ]
    assert len({ratio.key for ratio in ratios}) == len(ratios)
    assert ratios[1].ratio.rounds == (3.0, 2.0)
    assert (ratios[1].floor, ratios[1].goal, ratios[0].floor) == (10, 17, None)
    assert {ratio.runner for ratio in ratios} == {"native"}
    versions = {peer.name: peer.version for peer in peers}
    assert versions == {"OpenSSL (native)": "3.0.19", "crypto_mb": "2.3.0", "no hints": ""}
    assert notes == ["native runner: a note"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"sm2.generate keys"', '"sm9 keys"'),
        ('"rounds_per_s": [30.0, 20.0]', '"rounds_per_s": [30.0]'),
        ('"rounds_per_s": [30.0, 20.0]', '"rounds_per_s": []'),
        ('"batch": 1024', '"batch": "many"'),
        ('"peers"', '"friends"'),
        ("{", "["),
    ],
)
def test_other_output_of_the_native_runner_is_refused(old: str, new: str) -> None:
    text = json.dumps(NATIVE)
    assert old in text
    with pytest.raises(native.NativeRunnerError, match="the native runner's output"):
        native.parse(text.replace(old, new).encode())


def test_a_native_runner_that_is_not_there_or_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL_BENCH_PROGRAM", str(tmp_path / "nothing"))
    with pytest.raises(native.NativeRunnerError, match="`make bench` builds"):
        native.run(quick=True, rounds=1, core=None)
    script = tmp_path / "fails"
    script.write_text("#!/bin/sh\necho 'no such core' >&2\nexit 2\n")
    script.chmod(0o700)
    monkeypatch.setenv("ACCEL_BENCH_PROGRAM", str(script))
    with pytest.raises(native.NativeRunnerError, match="fails: no such core"):
        native.run(quick=True, rounds=1, core=None)


def test_the_native_runner_joins_the_report() -> None:
    needs.bench_program()
    names = ["--operation", "sm3.hash", "--batch", "8"]
    run = process(*SHORT, *names, "--no-latency", "--no-peers", "--native", "--json")
    assert run.returncode == 0, run.stderr
    report = reports.from_json(run.stdout.encode())
    assert {ratio.runner for ratio in report.ratios} == {"native"}
    assert {"OpenSSL (native)", "no hints"} >= {ratio.peer for ratio in report.ratios} - {"crypto_mb"}
    assert any(ratio.case.operation == "sm2.verify" for ratio in report.ratios)


# ------------------------------------------------------------------------------------------------- the tables


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (12.34, "12.3"), (999.4, "999"), (999.9, "1 k"), (23_456, "23.5 k"), (1.5e6, "1.5 M"), (2e9, "2 G")],
)
def test_quantities(value: float, text: str) -> None:
    assert bench_tables.quantity(value) == text


@pytest.mark.parametrize(
    ("microseconds", "text"), [(1.234, "1.23 µs"), (999.9, "1 ms"), (12_345, "12.3 ms"), (2e6, "2 s")]
)
def test_durations(microseconds: float, text: str) -> None:
    assert bench_tables.duration(microseconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.5, "0.5"), (1.234, "1.23"), (99.94, "99.9"), (99.96, "100"), (10_900, "10,900")]
)
def test_ratios(ratio: float, text: str) -> None:
    assert bench_tables.times(ratio) == text


def test_a_report_of_nothing_is_shown(
    measured: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    full = reports.load(measured[0])
    bench_tables.show(
        Report(date=full.date, duration_s=0, machine=full.machine, software=full.software, settings=full.settings)
    )
    assert full.machine.cpu in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------- peers


def test_a_peer_that_is_wrong_is_named_and_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def right(_workload: workload.Workload) -> Callable[[], int]:
        return lambda: 2

    def wrong(_workload: workload.Workload) -> Callable[[], int]:
        raise PeerWrongAnswerError("accepts a damaged signature")

    peers = [Peer("good", "1", "how", {"sm3.hash": right}), Peer("bad", "2", "how", {"sm3.hash": wrong})]
    options = Options(operations=("sm3.hash",), batches=(8,), lengths=(3,), rounds=2, seconds=0.001, quick=True)
    with measure.accel_as_it_was():
        ratios, bad = engine.Engine(Plan(options), lambda *_: None).compared(peers)
    assert [(ratio.peer, len(ratio.ratio.rounds)) for ratio in ratios] == [("good", 2)]
    assert [(peer.name, peer.reason) for peer in bad] == [
        ("bad", "SM3, 3 B: wrong answers: accepts a damaged signature")
    ]
