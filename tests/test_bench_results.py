"""The results that are kept in bench/results: named, complete, and giving the pages they gave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("plotly")
pytest.importorskip("jinja2")

import bench_results
from accel.bench import report
from accel.bench.report import Report
from oracles.reports import Maker

RESULTS = bench_results.results()


@pytest.fixture(scope="module")
def made_up() -> Report:
    return Maker(1).report()


def test_results_are_dated_complete_and_give_the_pages_they_gave() -> None:
    assert RESULTS
    for path in RESULTS:
        result = report.load(path)
        assert path.name == bench_results.file_name(result)
        assert path.read_bytes() == report.to_json(result)
        assert result.software.commit
        assert result.software.compiler
        assert not result.settings.quick
    assert (bench_results.RESULTS / bench_results.DIGESTS).read_text() == bench_results.digests(RESULTS)


def test_results_are_added_under_their_name(made_up: Report, tmp_path: Path) -> None:
    source, kept = tmp_path / "report.json", tmp_path / "kept"
    kept.mkdir()
    report.save(made_up, source)
    path = bench_results.add(source, kept)
    assert path.name == "2026-11-26-made-up-4-ghz-more-avx512ifma.json"
    assert report.load(path) == made_up
    assert bench_results.digest(made_up) in (kept / bench_results.DIGESTS).read_text()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"settings": {"quick": True}}, "a quick run"), ({"software": {"commit": None}}, "names the commit")],
)
def test_results_that_are_none(
    made_up: Report, tmp_path: Path, change: dict[str, dict[str, Any]], sentence: str
) -> None:
    changed = replace(made_up, **{part: replace(getattr(made_up, part), **with_) for part, with_ in change.items()})
    report.save(changed, tmp_path / "report.json")
    with pytest.raises(SystemExit, match=sentence):
        bench_results.add(tmp_path / "report.json", tmp_path)
