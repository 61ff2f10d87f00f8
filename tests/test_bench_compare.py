"""Two reports beside each other: what changed is found, noise is not, and what cannot be compared gets no verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import pytest

msgspec = pytest.importorskip("msgspec")

from accel.bench.compare import (  # noqa: E402
    CONFIDENCE,
    LEAST_CHANGE,
    Comparison,
    _distribution_of_u,
    _rank,
    compare,
    factor_of,
)
from accel.bench.report import Case, PeerInfo, Report  # noqa: E402
from oracles.reports import Maker  # noqa: E402


def test_the_distribution_of_u_by_counting_all_orders() -> None:
    for old, new in [(1, 1), (2, 3), (4, 4), (5, 3), (5, 5)]:
        expected = np.zeros(old * new + 1)
        for places in combinations(range(old + new), old):
            u = sum(1 for place in places for other in range(place) if other not in places)
            expected[u] += 1
        np.testing.assert_allclose(_distribution_of_u(old, new), expected / comb(old + new, old), rtol=1e-12)


@pytest.mark.parametrize(
    ("rounds", "critical"), [((5, 5), 0), ((7, 7), 4), ((8, 8), 7), ((10, 10), 16), ((15, 15), 51), ((20, 20), 105)]
)
def test_ranks_are_those_of_the_published_table(rounds: tuple[int, int], critical: int) -> None:
    # Critical values of U, two-sided, 1 %: the usual table after D. Auble (1953).
    assert _rank(*rounds, 0.99) == critical + 1


def test_the_approximation_for_many_rounds_continues_the_exact_ranks() -> None:
    exact, approximate = _rank(50, 50, 0.99), _rank(51, 50, 0.99)
    assert 0 <= approximate - exact <= 30  # of some 900: one row more moves it by about 15


def test_fewer_rounds_than_the_confidence_takes() -> None:
    assert factor_of([1.0] * 4, [1.0] * 4) is None
    assert factor_of([1.0] * 5, [1.0] * 5) is not None
    comparison = compare(Maker(1).report(rounds=4), Maker(2).report(rounds=4))
    assert {change.verdict for change in comparison.changes} == {"unclear"}
    assert {change.reason for change in comparison.changes} == {"too few rounds"}


def test_with_five_rounds_the_interval_is_that_of_the_extremes() -> None:
    factor = factor_of([1.0, 1.1, 1.2, 1.3, 1.4], [2.0, 2.1, 2.2, 2.3, 2.4])
    assert factor is not None
    assert (factor.low, factor.high) == pytest.approx((2.0 / 1.4, 2.4 / 1.0))
    assert factor.estimate == pytest.approx(2.2 / 1.2, rel=0.01)


def test_with_ten_rounds_the_interval_is_that_of_the_seventeenth_quotients() -> None:
    random = np.random.default_rng(3)
    old, new = (list(np.exp(random.normal(0, 0.1, 10))) for _ in range(2))
    quotients = sorted(b / a for a in old for b in new)
    factor = factor_of(old, new)
    assert factor is not None
    assert (factor.low, factor.high) == pytest.approx((quotients[16], quotients[100 - 17]))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(7)
    trials, truth = 3000, 0.9
    held = 0
    for _ in range(trials):  # noise with tails so heavy that it has no variance
        old, new = (np.exp(0.1 * random.standard_t(2, 6)) for _ in range(2))
        factor = factor_of(list(old), list(new * truth))
        assert factor is not None
        held += factor.low <= truth <= factor.high
    # At least 99 %; 3 standard deviations of what chance does to a count of 3,000.
    assert held / trials > CONFIDENCE - 3 * np.sqrt(CONFIDENCE * (1 - CONFIDENCE) / trials)


def verdicts(comparison: Comparison, kind: str) -> list[str]:
    return [change.verdict for change in comparison.changes if change.kind == kind]


@pytest.mark.parametrize(("noise", "share"), [(0.02, 0.0), (0.1, 0.01), (0.3, 0.015)])
def test_noise_alone_is_seldom_called_a_change(noise: float, share: float) -> None:
    found = total = 0
    for seed in range(40):
        comparison = compare(Maker(seed, noise).report(), Maker(1000 + seed, noise).report(), force=True)
        total += len(comparison.changes)
        found += sum(change.verdict in {"slower", "faster"} for change in comparison.changes)
    assert total > 1500
    assert found <= share * total


def test_a_real_change_is_found_and_nothing_else() -> None:
    def slower(case: Case) -> float:
        return 0.85 if case.operation == "sm2.sign" else 1.2 if case.operation == "sm3.hash" else 1.0

    comparison = compare(Maker(1, 0.005).report(), Maker(2, 0.005, changed=slower).report())
    assert comparison.differences == ()
    for change in comparison.changes:
        expected = {"sm2.sign": "slower", "sm3.hash": "faster"}.get(change.case.operation, "same")
        assert change.verdict == ("same" if change.kind == "efficiency" else expected), change
        if change.verdict == "slower":
            assert change.factor is not None
            assert change.factor.low <= 0.85 <= change.factor.high
    assert comparison.changes[0].verdict == "slower"
    assert comparison.slower
    assert comparison.slower == comparison.having("slower")


def test_a_change_below_what_is_of_interest_is_none() -> None:
    comparison = compare(Maker(1, 0.002).report(), Maker(2, 0.002, changed=lambda _: 1 - LEAST_CHANGE / 2).report())
    assert set(verdicts(comparison, "ratio")) == {"same"}
    finer = compare(
        Maker(1, 0.002).report(), Maker(2, 0.002, changed=lambda _: 1 - LEAST_CHANGE / 2).report(), least_change=0.01
    )
    assert set(verdicts(finer, "ratio")) == {"slower"}


def test_noise_that_hides_a_change_is_called_unclear() -> None:
    comparison = compare(Maker(1, 0.2).report(), Maker(2, 0.2, changed=lambda _: 0.9).report())
    assert "unclear" in verdicts(comparison, "ratio")


def test_a_slower_machine_is_not_a_slower_accel() -> None:
    comparison = compare(Maker(1, 0.005).report(), Maker(2, 0.005, machine=0.7).report())
    assert comparison.machine == pytest.approx(0.7, rel=0.02)
    assert set(verdicts(comparison, "rate")) == {"refused"}
    assert set(verdicts(comparison, "ratio")) == {"same"}
    assert not comparison.slower
    assert "ran 0.70 times as fast" in next(
        change.reason or "" for change in comparison.changes if change.kind == "rate"
    )


def test_a_busy_machine_says_nothing_about_several_threads() -> None:
    old, new = Maker(1, 0.005).report(), replace(Maker(2, 0.005).report(), core_share=0.4)
    comparison = compare(old, new)
    assert set(verdicts(comparison, "efficiency")) == {"refused"}
    assert set(verdicts(comparison, "rate")) == set(verdicts(comparison, "ratio")) == {"same"}
    assert set(verdicts(compare(old, replace(new, core_share=0.99)), "efficiency")) == {"same"}


def test_accel_itself_does_not_tell_of_the_machine() -> None:
    def with_itself(report: Report) -> Report:
        rows = tuple(replace(row, peer="no hints") for row in report.ratios)
        return replace(report, ratios=rows, peers=(PeerInfo("no hints", "", "accel itself"),))

    old, new = with_itself(Maker(1).report()), with_itself(Maker(2, machine=0.5).report())
    assert compare(old, new).machine is None


def test_without_common_peers_the_machine_is_not_known() -> None:
    old, new = Maker(1).report(), Maker(2).report()
    renewed = tuple(replace(peer, version="9") for peer in new.peers)
    comparison = compare(old, replace(new, peers=renewed))
    assert comparison.machine is None
    assert verdicts(comparison, "ratio") == []
    assert "refused" not in verdicts(comparison, "rate")
    assert any("no peer of the same version" in note for note in comparison.notes)
    assert any(words.endswith("beside crypto_mb 2.3") for words in comparison.only_old)
    assert any(words.endswith("beside crypto_mb 9") for words in comparison.only_new)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: replace(r, machine=replace(r.machine, cpu="Another")), "another CPU: Made-up"),
        (lambda r: replace(r, machine=replace(r.machine, features=("avx2",))), "another CPU features: avx2 avx512ifma"),
        (lambda r: replace(r, machine=replace(r.machine, usable_cores=1)), "another usable cores: 2 and 1"),
        (lambda r: replace(r, settings=replace(r.settings, adaptive_tables=True)), "another tables made by themselves"),
        (lambda r: replace(r, settings=replace(r.settings, quick=True)), "the new report is of a quick run"),
    ],
)
def test_apples_and_pears(change: object, sentence: str) -> None:
    assert callable(change)
    old = Maker(1, 0.01).report()
    new: Report = change(Maker(2, 0.01, changed=lambda _: 0.5).report())
    comparison = compare(old, new)
    assert len(comparison.differences) == 1
    assert comparison.differences[0].startswith(sentence)
    assert {change.verdict for change in comparison.changes} == {"refused"}
    assert all(change.factor is not None for change in comparison.changes)
    assert not comparison.slower
    assert compare(old, new, force=True).slower


def test_another_kernel_is_another_figure() -> None:
    def renamed(report: Report) -> Report:
        rows = [replace(row, case=replace(row.case, kernel="adx")) for row in report.throughput]
        return replace(report, throughput=tuple(rows))

    comparison = compare(Maker(1).report(), renamed(Maker(2).report()))
    assert verdicts(comparison, "rate") == []
    assert any(words.startswith("rate: SM2 sign, digests, avx512ifma, batch 1,") for words in comparison.only_old)


def test_what_else_differs_is_noted() -> None:
    old, new = Maker(1).report(), Maker(2).report()
    new = replace(new, software=replace(new.software, compiler="clang 99"), peers=(*new.peers, PeerInfo("x", "1", "y")))
    assert "another compiler: gcc 12.2.0 and clang 99" in compare(old, new).notes


def test_latencies_stand_beside_each_other_without_a_verdict() -> None:
    old, new = Maker(1).report(), Maker(2, changed=lambda _: 0.5).report()
    comparison = compare(old, new)
    assert len(comparison.latencies) == len(old.closed_loop)
    assert comparison.latencies[0].new_us_p50 == pytest.approx(2 * comparison.latencies[0].old_us_p50)


def test_json_has_everything() -> None:
    comparison = compare(Maker(1).report(), Maker(2).report())
    read = json.loads(msgspec.json.encode(comparison))
    assert read["schema"] == "accel-bench-compare/1"
    assert len(read["changes"]) == len(comparison.changes)
    assert set(read["changes"][0]) == {
        "kind", "case", "task", "peer", "old", "new", "factor", "verdict", "reason",
    }  # fmt: skip


@pytest.mark.parametrize("value", [0.0, 1.0, -0.5, float("nan")])
@pytest.mark.parametrize("name", ["least_change", "confidence"])
def test_impossible_fractions(name: str, value: float) -> None:
    report = Maker(1).report()
    with pytest.raises(ValueError, match=f"{name}: expected a fraction between 0 and 1"):
        compare(report, report, **{name: value})


def test_a_report_and_itself() -> None:
    report = Maker(1, 0.005).report()
    comparison = compare(report, report)
    assert {change.verdict for change in comparison.changes} == {"same"}
    assert comparison.machine == 1.0
    assert comparison.only_old == comparison.only_new == ()
