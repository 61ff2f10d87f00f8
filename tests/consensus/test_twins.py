"""Twins: what must not fork does not, what is powerful enough does, and what was signed names it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from accel.consensus.errors import ScenarioError
from accel.consensus.twins import Scenario, Space, load, overlap, run_scenario, run_twins, sides

FILE = Path(__file__).parent / "twins.json"
LONG_FILE = FILE.with_name("twins_long.json")
HALVES = (0, 0, 0, 1, 1, 1)  # 0, 1, 2 | 3, 0', 1'


def write(path: Path, **changes: Any) -> Path:
    batch = {"name": "x", "powers": [1, 1, 1, 1], "twins": [0], "leaders": [0, 1], "rounds": [{}, {}]} | changes
    path.write_text(json.dumps({"batches": [{k: v for k, v in batch.items() if v is not None}]}))
    return path


def test_the_committed_scenarios_end_as_they_say() -> None:
    seen: list[tuple[int, int]] = []
    report = run_twins(FILE, processes=1, progress=lambda done, total: seen.append((done, total)))
    assert report.violations == 0, [batch.failures for batch in report.batches if batch.violations]
    assert report.scenarios == sum(batch.scenarios for batch in load(FILE)) == seen[-1][0] == seen[-1][1]
    for batch in report.batches:
        assert (batch.forks > 0) == (batch.expect == "fork")
    shares = {batch.name: batch.share for batch in report.batches}
    assert shares["a lock that not all have"] == 1
    assert 300 / 16**4 * 0.99 < shares["one split a round, one twin of four"] <= 300 / 16**4
    assert json.loads(json.dumps(report.to_json()))["scenarios"] == report.scenarios


def test_two_processes_report_what_one_does() -> None:
    one, two = (run_twins(FILE, processes=processes).to_json() for processes in (1, 2))
    assert one["batches"] == two["batches"]


def test_twins_of_more_than_a_third_fork_and_are_named() -> None:
    result = run_scenario(Scenario((1, 1, 1, 1), (0, 1), (0, 1, 2, 3), ((HALVES,) * 3,)))
    assert result.forked
    assert result.named == (0, 1)
    assert result.decided[2] == "0@0"
    assert result.decided[3] == "0'@0"


def twins_of(powers: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Sets of twins of which the first leads; of equal powers one of each size."""
    rest = range(1, len(powers))
    found = [(0, *more) for size in range(len(powers)) for more in itertools.combinations(rest, size)]
    return list({tuple(sorted(powers[i] for i in twins)): twins for twins in found}.values())


@pytest.mark.parametrize(
    "powers", [(1,) * 4, (1,) * 5, (1,) * 6, (1,) * 7, (3, 1, 1, 1, 1), (1, 3, 1, 1, 1), (3, 2, 2, 2, 1), (2, 2, 1)]
)
def test_twins_fork_exactly_if_the_others_can_be_parted(powers: tuple[int, ...]) -> None:
    """Split along the parts they must; where there are none, no split of a round in two forks."""
    everybody = range(len(powers))
    for twins in twins_of(powers):
        parted = sides(powers, twins)
        if len(powers) - len(twins) < 2:
            assert parted is None  # one honest validator, or none, does not disagree
            continue
        nodes = [*everybody, *twins]
        if parted is not None:
            group = [0 if i in twins or i in parted[0] else 1 for i in everybody] + [1] * len(twins)
            result = run_scenario(Scenario(powers, twins, (0,), ((tuple(group),) * 3,)))
            assert result.forked, (twins, parted)
            assert set(result.named) == set(twins)
            continue
        space = Space("rounds", powers, twins, (0,))
        assert len(nodes) == space.two_way_splits.bit_length()
        forks = [n for n in range(space.size) if run_scenario(space.scenario(n)).forked]
        assert not forks, (twins, forks[:3])


@pytest.mark.parametrize(("n", "least"), [(4, 2), (5, 3), (6, 4), (7, 3), (8, 4), (9, 5), (10, 4), (100, 34)])
def test_how_many_twins_of_equal_power_can_fork(n: int, least: int) -> None:
    """A third is not enough: with n = 6, quorums of 5 share 4."""
    powers = (1,) * n
    assert sides(powers, tuple(range(least))) is not None
    assert sides(powers, tuple(range(least - 1))) is None
    assert least == overlap(powers)


def test_power_alone_does_not_fork() -> None:
    """As powerful as the least overlap of two quorums, which is 3 here, and not an overlap."""
    powers = (3, 1, 1, 1, 1)
    assert overlap(powers) == 3
    assert sides(powers, (0,)) == ((1, 2), (3, 4))
    assert sides(powers, (1, 2, 3)) is None


@pytest.mark.long
def test_the_long_scenarios_end_as_they_say() -> None:
    """What ``make twins-long`` runs."""
    report = run_twins(LONG_FILE)
    assert report.violations == 0, [batch.failures for batch in report.batches if batch.violations]
    for batch in report.batches:
        assert (batch.forks > 0) == (batch.expect == "fork")


def test_a_violation_is_written_out_as_a_file_that_runs_it_again(tmp_path: Path) -> None:
    """Two twins of four are called safe here, which they are not."""
    report = run_twins(write(tmp_path / "a.json", twins=[0, 1], rounds=[{"groups": [["0", "1", "2"]]}, {}]))
    assert report.violations == 1
    (failure,) = report.batches[0].failures
    assert failure.check == "agreement"
    (tmp_path / "b.json").write_text(json.dumps({"batches": [failure.scenario]}))
    again = run_twins(tmp_path / "b.json").batches[0].failures[0]
    assert (again.check, again.sentence) == (failure.check, failure.sentence)


def test_a_fork_that_does_not_come_is_a_violation(tmp_path: Path) -> None:
    report = run_twins(write(tmp_path / "a.json", expect="fork"))
    assert [failure.check for failure in report.batches[0].failures] == ["no_fork"]


@pytest.mark.parametrize(
    ("powers", "least"), [((1,) * 4, 2), ((1,) * 5, 3), ((1,) * 6, 4), ((1,) * 7, 3), ((3, 1, 1, 1, 1), 3), ((1,), 1)]
)
def test_overlap_of_two_quorums(powers: tuple[int, ...], least: int) -> None:
    assert overlap(powers) == least
    assert 3 * least > sum(powers)


def test_spaces_number_all_two_way_splits() -> None:
    space = Space("rounds", (1,) * 4, (0,), (0, 1, 2, 3))
    assert space.size == 16**4
    assert Space("steps", (1,) * 4, (0,), (0, 1, 2, 3)).size == 16**12
    assert Space("leaders", (1,) * 4, (0,), (0, 1, 2, 3)).size == 4**4 * 16**12
    small = Space("rounds", (1,) * 3, (), (0, 1))
    assert {small.scenario(i) for i in range(small.size)} == {small.scenario(i) for i in small.numbers(None, 0)}
    assert len({small.scenario(i) for i in range(small.size)}) == small.size == 16
    leaders = Space("leaders", (1, 1), (), (0,))
    assert {leaders.scenario(i).leaders for i in range(leaders.size)} == {(0,), (1,)}
    assert list(space.numbers(5, 1)) == list(space.numbers(5, 1)) != list(space.numbers(5, 2))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"powers": []}, "powers"),
        ({"powers": [1, 0]}, "powers"),
        ({"twins": [4]}, "twins"),
        ({"twins": [1, 0]}, "twins"),
        ({"leaders": [0, 9]}, "leaders"),
        ({"leaders": [0]}, "leaders"),
        ({"rounds": [{"groups": [["7"]]}, {}]}, "'7'"),
        ({"rounds": [{"groups": [["0"], ["0"]]}, {}]}, "'0'"),
        ({"rounds": [{"groups": [], "prevote": []}, {}]}, "both"),
        ({"rounds": None}, "rounds or a family"),
        ({"family": "rounds"}, "rounds or a family"),
        ({"rounds": None, "family": "rounds", "sample": 0}, "sample"),
        ({"rounds": None, "family": "rounds", "powers": [1] * 30}, "24 nodes"),
        ({"rounds": None, "family": "all"}, "all"),
        ({"expect": "luck"}, "luck"),
        ({"surprise": 1}, "surprise"),
        ({"powers": "four"}, "powers"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ScenarioError, match=named):
        load(write(tmp_path / "a.json", **changes))


def test_a_file_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ScenarioError, match=r"a\.json"):
        load(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('{"batches": []}')
    with pytest.raises(ScenarioError, match="batches"):
        load(tmp_path / "a.json")
