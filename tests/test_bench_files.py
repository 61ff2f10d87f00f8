"""`accel bench` over reports in files: the page, and comparisons with their exit codes. Nothing is measured."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("msgspec")
pytest.importorskip("plotly")
pytest.importorskip("jinja2")

from accel.bench import page, report  # noqa: E402
from accel.bench.report import Case, Report  # noqa: E402
from accel.cli.app import app  # noqa: E402
from oracles.reports import Maker  # noqa: E402

RUNNER = typer_testing.CliRunner()
Save = Callable[[str, Report], Path]


def run(*arguments: str | Path, code: int = 0) -> str:
    """`accel bench` in this process; its standard output."""
    result = RUNNER.invoke(app, ["bench", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return str(result.output)


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(name: str, made: Report) -> Path:
        report.save(made, tmp_path / name)
        return tmp_path / name

    return save


def slower(case: Case) -> float:
    return 0.7 if case.operation == "sm2.sign" else 1.0


def test_the_page_of_a_file(save: Save, tmp_path: Path) -> None:
    made = Maker(1).report()
    run("--from", save("a.json", made), "--html", tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == page.render(made)


def test_a_price_changes_the_page(save: Save, tmp_path: Path) -> None:
    path = save("a.json", Maker(1).report())
    run("--from", path, "--price", "0.07", "--currency", "CHF", "--html", tmp_path / "a.html")
    assert 'value="0.07"' in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_slower_than_before_is_exit_code_1(save: Save) -> None:
    old = save("old.json", Maker(1, 0.005).report())
    new = save("new.json", Maker(2, 0.005, changed=slower).report())
    text = run("--from", new, "--compare", old, code=1)
    assert "slower" in text
    assert "SM2 sign, digests" in text
    assert run("--from", old, "--compare", new).count("faster") > 1
    value = json.loads(run("--from", new, "--compare", old, "--json", code=1))
    assert value["schema"] == "accel-bench/1"
    assert value["comparison"]["schema"] == "accel-bench-compare/1"
    assert {change["verdict"] for change in value["comparison"]["changes"]} >= {"slower", "same"}


def test_the_same_is_exit_code_0(save: Save) -> None:
    old, new = (save(f"{seed}.json", Maker(seed, 0.005).report()) for seed in (1, 2))
    last = run("--from", new, "--compare", old).splitlines()[-1]
    assert re.fullmatch(r"0 slower, 0 faster, \d+ same, 0 unclear, 0 refused \(changes of at least 5 %, .*", last)


def test_the_least_change_that_counts(save: Save) -> None:
    old = save("old.json", Maker(1, 0.002).report())
    new = save("new.json", Maker(2, 0.002, changed=lambda _: 0.97).report())
    run("--from", new, "--compare", old)
    run("--from", new, "--compare", old, "--least-change", "1", code=1)


def test_another_machine_is_exit_code_2_and_shows_ratios(save: Save) -> None:
    old = save("old.json", Maker(1, 0.005).report())
    new = save("new.json", Maker(2, 0.005, changed=slower).report(cpu="Another [bold]CPU[/]"))
    text = run("--from", new, "--compare", old, code=2)
    assert "another CPU: Made-up CPU <4 GHz> & more and Another [bold]CPU[/]" in text
    assert "No verdict" in text
    assert "refused" in text
    assert "│ rate" not in text[text.index("Compared with") :]
    assert "│ ratio" in text
    run("--from", new, "--compare", old, "--anyway", code=1)


def test_a_machine_that_moved_is_said(save: Save) -> None:
    old, new = (
        save(f"{seed}.json", Maker(seed, 0.005, machine=machine).report()) for seed, machine in ((1, 1.0), (2, 0.6))
    )
    text = run("--from", new, "--compare", old)
    assert "ran 0.60 times as fast" in text
    assert "without a verdict" in text


def test_figures_of_one_report_alone_are_named(save: Save) -> None:
    made = Maker(1).report()
    fewer = replace(made, throughput=made.throughput[1:])
    old, new = save("old.json", made), save("new.json", fewer)
    assert "not measured this time: rate: SM3, 64 B, avx512, batch 1, 1 thread" in run("--from", new, "--compare", old)
    assert "1 figure more than in the old report" in run("--from", old, "--compare", new)


def test_a_page_without_the_extra(save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("accel.bench.page", "plotly"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("accel.bench.page", raising=False)
    monkeypatch.setitem(sys.modules, "plotly", None)
    text = run("--from", save("a.json", Maker(1).report()), "--html", tmp_path / "a.html", code=2)
    assert "--html: needs plotly: pip install 'chainaccel[bench]'" in text
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--compare", "none.json"], "none.json: No such file or directory"),
        (["--html", "none/page.html"], "--html: expected a file in a directory that exists"),
        (["--compare", "FILE", "--least-change", "0"], "--least-change: expected more than 0"),
        (["--compare", "FILE", "--least-change", "nan"], "--least-change: expected more than 0"),
    ],
)
def test_bad_arguments(save: Save, arguments: list[str], sentence: str) -> None:
    path = save("a.json", Maker(1).report())
    text = run("--from", path, *(str(path) if word == "FILE" else word for word in arguments), code=2)
    assert sentence in " ".join(text.split())
