"""The modelled accelerator from Python: workloads of blocks, files, sweeps, comparisons, pages, the command."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyarrow")
from typer.testing import CliRunner

from accel import ArgumentError, ledger, model
from accel.cli.app import app
from accel.ledger import BlockError
from accel.ledger.layout import SCHEMA as BLOCK_SCHEMA

ROWS, SIGNERS, SIZE = 600, 7, 100
Invoke = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "block.parquet"
    ledger.make_block(path, count=ROWS, signers=ledger.Signers.from_seed(SIGNERS, 5), message_size=SIZE, seed=5)
    return path


@pytest.fixture(scope="module")
def result(block: Path) -> model.Result:
    return model.simulate(model.block_workload(block, batch=200))


def accel(*arguments: object, exit_code: int = 0) -> dict[str, Any]:
    outcome = CliRunner().invoke(app, [str(argument) for argument in arguments] + ["--json"])
    assert outcome.exit_code == exit_code, outcome.output
    value: dict[str, Any] = json.loads(outcome.stdout)
    return value


# ------------------------------------------------------------------------------------------ workloads


def test_a_block_becomes_the_commands_that_verify_it(block: Path):
    workload = model.block_workload(block, batch=250)
    assert [(c.opcode, c.count, c.length) for c in workload.commands] == [
        ("verify_messages", 250, SIZE),
        ("sm3_equal", 250, SIZE + 1),
        ("verify_messages", 250, SIZE),
        ("sm3_equal", 250, SIZE + 1),
        ("verify_messages", 100, SIZE),
        ("sm3_equal", 100, SIZE + 1),
        ("merkle_root", ROWS, 0),
    ]
    assert (workload.transactions, workload.signers, workload.message_bytes) == (ROWS, SIGNERS, ROWS * SIZE)
    unknown = model.block_workload(block, batch=250, keys="unknown")
    assert all(command.keys is None for command in unknown.commands)


def test_signers_are_numbered_as_they_come_across_batches(block: Path):
    import pyarrow.parquet as pq  # noqa: PLC0415

    numbers: dict[bytes, int] = {}
    wanted = [numbers.setdefault(k.as_py(), len(numbers)) for k in pq.read_table(block).column("public_key")]
    workload = model.block_workload(block, batch=77)
    keys = [c.keys for c in workload.commands if c.opcode == "verify_messages"]
    assert np.concatenate([k for k in keys if k is not None]).tolist() == wanted


def test_messages_of_different_lengths_are_ragged(tmp_path: Path):
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    messages = [b"x" * n for n in (0, 5, 300)]
    columns = [pa.array([bytes(64)] * 3, pa.binary(64))] * 2 + [
        pa.array(messages, pa.binary()),
        pa.array([0] * 3, pa.uint32()),
    ]
    pq.write_table(pa.table(columns, schema=BLOCK_SCHEMA), tmp_path / "ragged.parquet")
    verify, leaves, root = model.block_workload(tmp_path / "ragged.parquet").commands
    assert verify.lengths is not None
    assert verify.lengths.tolist() == [0, 5, 300]
    assert (leaves.opcode, root.opcode) == ("sm3_ragged", "merkle_root")
    assert leaves.lengths is not None
    assert leaves.lengths.tolist() == [1, 6, 301]
    result = model.simulate(model.block_workload(tmp_path / "ragged.parquet"))
    # SM3 of ZA and the message (32 bytes more), of the prefixed leaf, of two nodes: blocks of 64 bytes, 9 of padding.
    assert result["cores.sm3_blocks"] == (1 + 1 + 6) + (1 + 1 + 5) + 2 * 2


def test_an_empty_block_and_a_raw_one(tmp_path: Path):
    signers = ledger.Signers.from_seed(2, 1)
    ledger.make_block(tmp_path / "empty.parquet", count=0, signers=signers, message_size=1, seed=1)
    empty = model.simulate(model.block_workload(tmp_path / "empty.parquet"))
    assert empty["commands.completed"] == 1
    ledger.make_block(None, raw=tmp_path / "raw", count=20, signers=signers, message_size=30, seed=1)
    assert model.block_workload(tmp_path / "raw").transactions == 20


def test_files_that_are_no_blocks(tmp_path: Path, block: Path):
    with pytest.raises(BlockError):
        model.block_workload(tmp_path / "nothing")
    with pytest.raises(ArgumentError, match="batch: expected 1 or more transactions, got 0"):
        model.block_workload(block, batch=0)


# ------------------------------------------------------------------------------------------ runs


def test_what_ran_stands_in_the_statistics(result: model.Result):
    assert result["items.verify_messages"] == ROWS
    assert result["items.sm3_equal"] == ROWS
    assert result["items.merkle_root"] == ROWS
    assert result["cores.verifications_known"] == ROWS
    assert result["key_cache.misses"] == SIGNERS
    assert result["commands.completed"] == result["commands.submitted"] == 7
    assert result["system.command_ticks"] == result["latency.sum_ticks"]  # Little's law
    assert result["block.transactions_per_s"] <= result["block.verifications_per_s"]
    assert len(result.completions) == 7
    assert len(result.core_busy) == 96
    assert result.device == "sim96"
    with pytest.raises(KeyError):
        result["no.such"]


def test_a_toml_file_and_single_settings(tmp_path: Path, block: Path, result: model.Result):
    half = tmp_path / "half.toml"
    half.write_text("[chip]\ncores = 48\n")
    workload = model.block_workload(block, batch=200, keys="unknown")
    slow = model.simulate(workload, half)
    assert slow.configuration["chip.cores"] == 48
    assert slow.device == f"sim:{half}"
    both = model.simulate(workload, half, {"chip.cores": 24, "dispatcher.policy": "first_free"})
    assert both.configuration["chip.cores"] == 24
    assert both.configuration["dispatcher.policy"] == "first_free"
    assert both.device == f"sim:{half} with chip.cores=24, dispatcher.policy=first_free"
    times = [run["time.elapsed_ticks"] for run in (model.simulate(workload), slow, both)]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[chip]\ncores = 0\n", "chip.cores: expected a whole number from 1 to 4096, got 0"),
        ("[chip]\ncores = 1.5\n", "chip.cores: expected a whole number from 1 to 4096, got 1.5"),
        ("[chip]\nkernels = 3\n", "chip.kernels: no such field; [chip] has cores"),
        ("[fan]\nspeed = 3\n", "fan.speed: no such section"),
        ("[link]\nkind = 'smoke'\n", 'link.kind: expected one of "lanes", "baud", got \'smoke\''),
        ("[chip]\ncores = 2\n", "noc.clusters: expected at most one for each of the 2 cores"),
        ("cores\n", "line 1"),
        ("\xff\xfe", "line 1"),
    ],
)
def test_a_toml_file_that_makes_no_sense_is_an_error_with_a_sentence(
    tmp_path: Path, block: Path, content: str, sentence: str
):
    path = tmp_path / "bad.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ArgumentError, match=re.escape(sentence)) as raised:
        model.simulate(model.block_workload(block), path)
    assert str(path) in str(raised.value)


def test_the_data_files_say_what_every_field_is():
    data = files("accel.model") / "data"
    lines = (data / "sim96.toml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "=" in line and not line.startswith("#") and "#" not in line] == []
    calibration = json.loads((data / "calibration.json").read_text(encoding="utf-8"))
    for section in ("calibration", "energy"):
        for name, entry in calibration[section].items():
            assert set(entry) == {"value", "unit", "description", "basis", "source"}, name
            assert entry["basis"] in {"throw-away RTL", "estimate", "assumed", "cited"}, name
            assert isinstance(entry["value"], int)


# ------------------------------------------------------------------------------------------ files


def test_statistics_as_json_and_csv_hold_the_same(result: model.Result):
    value = json.loads(model.statistics_json(result))
    assert value["label"] == "model"
    assert all(set(entry) == {"name", "unit", "description", "value"} for entry in value["statistics"])
    rows = list(csv.DictReader(model.statistics_csv(result).splitlines()))
    assert [(r["name"], r["unit"], r["description"], int(r["value"])) for r in rows] == [
        (e["name"], e["unit"], e["description"], e["value"]) for e in value["statistics"]
    ]
    assert {row["label"] for row in rows} == {"model"}


def test_the_trace_is_made_of_complete_events(result: model.Result):
    trace = json.loads(model.trace_json(result))
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {event["ph"] for event in trace["traceEvents"]} == {"X", "M"}
    assert len(spans) == len(result.timeline) == 7 + SIGNERS + 2 * ROWS + ROWS + result["dispatcher.tasks"] - 2 * ROWS
    end = result["time.elapsed_ns"] / 1000
    for event in spans:
        assert 0 <= event["ts"] <= event["ts"] + event["dur"] <= end + 1
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
    assert "note" not in trace["otherData"]
    # Nothing overlaps on a track: otherwise viewers draw nonsense.
    last: dict[tuple[int, int], float] = {}
    for event in sorted(spans, key=lambda event: event["ts"]):
        track = (event["pid"], event["tid"])
        assert event["ts"] >= last.get(track, 0.0) - 1e-6
        last[track] = event["ts"] + event["dur"]


def test_a_trace_that_is_cut_says_so(block: Path):
    cut = model.simulate(model.block_workload(block), settings={"timeline.max_events": 50})
    trace = json.loads(model.trace_json(cut))
    assert sum(event["ph"] == "X" for event in trace["traceEvents"]) == 50
    assert f"{cut.timeline_dropped:,} later ones are not in it" in trace["otherData"]["note"]


# ------------------------------------------------------------------------------------------ sweeps, comparisons


def test_a_sweep_goes_over_the_grid_and_marks_the_front(block: Path):
    workload = model.block_workload(block, batch=200, keys="unknown")
    points = model.sweep(workload, model.parse_grid(["chip.cores=8,16", "core.contexts=1,2"]))
    assert [point.settings for point in points] == [
        {"chip.cores": cores, "core.contexts": contexts} for cores in ("8", "16") for contexts in ("1", "2")
    ]
    x, y = model.DEFAULT_OBJECTIVES
    for point in points:
        beaten = any(
            (o.statistics[x] < point.statistics[x] and o.statistics[y] <= point.statistics[y])
            or (o.statistics[x] <= point.statistics[x] and o.statistics[y] < point.statistics[y])
            for o in points
        )
        assert point.pareto == (not beaten)
    rows = list(csv.DictReader(model.sweep_csv(points).splitlines()))
    assert [row["chip.cores"] for row in rows] == ["8", "8", "16", "16"]


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ([], "expected at least one"),
        (["chip.cores"], "expected SECTION.FIELD=VALUE,VALUE..., got 'chip.cores'"),
        (["chip.cores="], "expected SECTION.FIELD=VALUE"),
        (["chip.cores=1,"], "expected SECTION.FIELD=VALUE"),
        (["chip.cores=1", "chip.cores=2"], "chip.cores: occurs more than once"),
        ([f"chip.cores={','.join(['8'] * 5000)}"], "expected at most 4,096 points, got 5,000"),
    ],
)
def test_grids_that_are_none(axes: list[str], sentence: str):
    with pytest.raises(ArgumentError, match=re.escape(sentence)):
        model.parse_grid(axes)


def test_a_sweep_over_what_is_not_there(block: Path):
    workload = model.block_workload(block)
    with pytest.raises(ArgumentError, match=re.escape("chip.core: no such field")):
        model.sweep(workload, {"chip.core": ["1"]})
    with pytest.raises(ArgumentError, match="objectives: no statistic nothing; there are"):
        model.sweep(workload, {"chip.cores": ["8"]}, objectives=("nothing", "energy.total"))
    with pytest.raises(ArgumentError, match="objectives: expected two different statistics"):
        model.sweep(workload, {"chip.cores": ["8"]}, objectives=("energy.total",))


def test_a_comparison_names_what_differs(tmp_path: Path, block: Path, result: model.Result):
    workload = model.block_workload(block, batch=200)
    other = model.simulate(workload, settings={"chip.cores": 48})
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(model.statistics_json(result), encoding="utf-8")
    b.write_text(model.statistics_json(other), encoding="utf-8")
    assert model.compare(model.load_statistics(a), model.load_statistics(a)) == []
    found = {it.name: it for it in model.compare(model.load_statistics(a), model.load_statistics(b))}
    assert (found["configuration.chip.cores"].old, found["configuration.chip.cores"].ratio) == (96, 0.5)
    elapsed = found["time.elapsed_ticks"]
    assert elapsed.ratio == other["time.elapsed_ticks"] / result["time.elapsed_ticks"] > 1
    assert "items.verify_messages" not in found
    for content in ("{", "[]", '{"schema": "other"}', '{"schema": "accel-model-statistics/1"}'):
        b.write_text(content)
        with pytest.raises(ArgumentError, match=re.escape(str(b))):
            model.load_statistics(b)


# ------------------------------------------------------------------------------------------ pages


def test_the_page_of_a_run(result: model.Result):
    page = pytest.importorskip("accel.model.page")
    html = page.render_run(result, model.given_cpu_rate(1e6), plotly_js=False)
    assert "<script src" not in html
    assert "not a measurement" in html
    assert html.count('class="plot"') == 4
    for assumption in model.ASSUMPTIONS:
        assert assumption in html.replace("&#39;", "'")
    for statistic in result.statistics:
        assert statistic.name in html
    # The model's rate and the CPU's never stand in one table.
    tables = re.findall(r"<table>.*?</table>", html, re.DOTALL)
    assert not [table for table in tables if "model: the chip" in table and "given: one core" in table]
    assert "20.0\N{NO-BREAK SPACE}×" in html
    assert "No rate of a CPU was given or measured." in page.render_run(result, plotly_js=False)
    assert html == page.render_run(result, model.given_cpu_rate(1e6), plotly_js=False)


def test_the_page_of_a_sweep(block: Path):
    page = pytest.importorskip("accel.model.page")
    workload = model.block_workload(block)
    points = model.sweep(workload, {"chip.cores": ["8", "16"], "core.contexts": ["1", "2"]})
    html = page.render_sweep(points, workload, model.DEFAULT_OBJECTIVES, plotly_js=False)
    assert "Pareto front" in html
    assert html.count('class="plot"') == 1


def test_the_documentation_lists_every_assumption():
    text = (Path(__file__).parent.parent / "docs" / "accelerator-model.md").read_text(encoding="utf-8")
    words = " ".join(text.split())
    assert [assumption for assumption in model.ASSUMPTIONS if assumption not in words] == []


# ------------------------------------------------------------------------------------------ the CPU's core


def test_a_core_is_measured_on_the_block(block: Path):
    for keys in ("known", "unknown"):
        rate = model.measure_cpu_core(block, keys=keys)
        assert rate.basis == "measured"
        assert 0 < rate.lowest <= rate.transactions_per_s <= rate.highest
        assert "sm2.verify" in rate.detail
    for bad in (0.0, -1.0, float("nan")):
        with pytest.raises(ArgumentError, match="rate: expected more than 0"):
            model.given_cpu_rate(bad)


# ------------------------------------------------------------------------------------------ the command


def test_two_runs_leave_the_same_bytes(tmp_path: Path, block: Path):
    kinds = ("stats", "csv", "trace", "html")
    for name in ("a", "b"):
        options = [word for kind in kinds for word in (f"--{kind}", tmp_path / f"{name}.{kind}")]
        answer = accel("model", "run", block, "--cpu-rate", 500_000, *options)
        assert answer["label"] == "model"
        assert answer["cpu"]["label"] == "given"
    for kind in kinds:
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    stored = json.loads((tmp_path / "a.stats").read_text(encoding="utf-8"))
    assert stored["schema"] == "accel-model-statistics/1"
    assert stored["bottleneck"]
    differences = accel("model", "compare", tmp_path / "a.stats", tmp_path / "b.stats")["differences"]
    assert differences == []


def test_the_command_for_people(tmp_path: Path, block: Path):
    outcome = CliRunner().invoke(app, ["model", "run", str(block), "--cpu-rate", "1000", "--set", "chip.cores=48"])
    assert outcome.exit_code == 0
    assert "a model, not a measurement" in outcome.output
    assert "said in public of the chip that inspired the model: 20 ×" in outcome.output
    outcome = CliRunner().invoke(app, ["model", "sweep", str(block), "chip.cores=48,96"])
    assert outcome.exit_code == 0
    assert "model" in outcome.output
    for name, cores in (("a", 96), ("b", 48)):
        accel("model", "run", block, "--stats", tmp_path / name, "--set", f"chip.cores={cores}")
    outcome = CliRunner().invoke(app, ["model", "compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert "0.5000" in outcome.output


def test_a_sweep_leaves_its_files(tmp_path: Path, block: Path):
    options = ["--output", tmp_path / "s.json", "--csv", tmp_path / "s.csv", "--html", tmp_path / "s.html"]
    answer = accel("model", "sweep", block, "chip.cores=48,96", *options)
    assert json.loads((tmp_path / "s.json").read_text()) == answer
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 3
    assert "Plotly" in (tmp_path / "s.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "BLOCK", "--stats", "/nowhere/at/all.json"], "--stats: expected a file in a directory that exists"),
        (["run", "BLOCK", "--set", "chip.cores"], "--set: expected FIELD=VALUE, got chip.cores"),
        (["run", "BLOCK", "--set", "chip.cores=none"], "chip.cores"),
        (["run", "BLOCK", "--set", "chip.fans=1"], "chip.fans: no such field"),
        (["run", "BLOCK", "--config", "/nowhere.toml"], "/nowhere.toml: No such file or directory"),
        (["run", "/nowhere.parquet"], "/nowhere.parquet"),
        (["run", "BLOCK", "--cpu-rate", "1", "--measure-cpu"], "expected one of them, got both"),
        (["run", "BLOCK", "--cpu-rate", "-1"], "rate: expected more than 0"),
        (["sweep", "BLOCK", "chip.cores"], "expected SECTION.FIELD=VALUE"),
        (["compare", "/nowhere/a", "/nowhere/b"], "/nowhere/a"),
    ],
)
def test_what_cannot_run_is_a_sentence_and_exit_code_2(block: Path, arguments: list[str], sentence: str):
    words = [str(block) if word == "BLOCK" else word for word in arguments]
    assert sentence in accel("model", *words, exit_code=2)["error"]
