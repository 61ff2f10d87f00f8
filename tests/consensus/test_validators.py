"""Validator sets: quorums, whose turn it is, changes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.consensus import MessageError, Validator, ValidatorSet, ValidatorSetError
from accel.consensus.validators import MAX_TOTAL_POWER

from .network import key, validator_set

all_powers = st.lists(st.integers(1, 1 << 50), min_size=1, max_size=30)


@given(all_powers)
def test_two_quorums_meet_in_more_than_a_third(powers: list[int]) -> None:
    validators = validator_set(powers)
    total = sum(powers)
    assert 3 * validators.quorum > 2 * total >= 3 * (validators.quorum - 1)
    assert 3 * (2 * validators.quorum - total) > total
    largest_faulty = validators.weak_quorum - 1
    assert 3 * largest_faulty < total <= 3 * (largest_faulty + 1)
    assert total - largest_faulty >= validators.quorum  # the correct ones are a quorum


@pytest.mark.parametrize(
    ("n", "quorum", "weak"), [(1, 1, 1), (3, 3, 1), (4, 3, 2), (5, 4, 2), (6, 5, 2), (7, 5, 3), (100, 67, 34)]
)
def test_quorums_of_equal_powers(n: int, quorum: int, weak: int) -> None:
    validators = validator_set([1] * n)
    assert (validators.quorum, validators.weak_quorum) == (quorum, weak)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_each_proposes_as_often_as_its_power_says(powers: list[int]) -> None:
    """Over a whole cycle exactly; within one never a whole turn too few or, of two validators, too many."""
    validators = validator_set(powers)
    total = sum(powers)
    turns = [validators.proposer(r) for r in range(total)]
    assert Counter(turns) == dict(enumerate(powers))
    assert [validators.proposer(r + total) for r in range(total)] == turns
    for i, power in enumerate(powers):
        for so_far in range(1, total + 1):
            share = so_far * power / total
            assert abs(turns[:so_far].count(i) - share) < len(powers)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(0, 12), st.integers(0, 12))
def test_a_later_height_begins_where_a_later_round_would(powers: list[int], heights: int, round_: int) -> None:
    validators = validator_set(powers)
    later = validators
    for _ in range(heights):
        later = later.next()
    assert later.proposer(round_) == validators.proposer(heights + round_)


def test_positions_follow_the_keys_whatever_the_order() -> None:
    members = [Validator(key(i), i + 1) for i in range(5)]
    assert ValidatorSet(reversed(members)) == ValidatorSet(members)
    validators = ValidatorSet(reversed(members))
    assert validators.powers == (1, 2, 3, 4, 5)
    assert [validators.position(key(i)) for i in range(6)] == [0, 1, 2, 3, 4, -1]


def test_changes_come_with_the_next_height() -> None:
    validators = validator_set([10, 10, 10])
    changed = validators.next([Validator(key(1), 0), Validator(key(2), 5), Validator(key(7), 3)])
    assert changed.validators == (Validator(key(0), 10), Validator(key(2), 5), Validator(key(7), 3))
    assert validators.powers == (10, 10, 10)
    assert changed.total_power == 18


def test_a_newcomer_waits_and_coming_back_gains_nothing() -> None:
    validators = validator_set([1, 1, 1, 1])
    out_and_in = validators.next([Validator(key(3), 0)]).next([Validator(key(3), 1)])
    assert out_and_in.position(key(3)) == 3
    assert 3 not in [out_and_in.proposer(r) for r in range(4)]
    turns = Counter(out_and_in.proposer(r) for r in range(400))
    assert turns[3] >= 97


@given(all_powers, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1 << 50)), max_size=12))
def test_priorities_stay_within_64_bits_and_bytes_come_back(powers: list[int], changes: list[tuple[int, int]]) -> None:
    validators = validator_set(powers)
    for i, power in changes:
        try:
            validators = validators.next([Validator(key(i), power)])
        except ValidatorSetError:
            validators = validators.next()
        assert max(map(abs, validators.priorities)) < 1 << 62
        again = ValidatorSet.from_bytes(validators.to_bytes())
        assert again == validators
        assert hash(again) == hash(validators)
        assert [again.proposer(r) for r in range(5)] == [validators.proposer(r) for r in range(5)]


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ([], "1 to 1024"),
        ([Validator(key(1), 1), Validator(key(1), 2)], "twice"),
        ([Validator(b"short", 1)], "public_key"),
        ([Validator(key(1), 0)], "power"),
        ([Validator(key(1), -1)], "power"),
        ([Validator(key(1), 1.5)], "power"),  # type: ignore[arg-type]
        ([Validator(key(1), True)], "power"),
        ([Validator(key(1), MAX_TOTAL_POWER), Validator(key(2), 1)], "2\\^60"),
        ([Validator(key(i), 1) for i in range(1025)], "1025"),
    ],
)
def test_what_is_no_set(members: list[Validator], named: str) -> None:
    with pytest.raises(ValidatorSetError, match=named):
        ValidatorSet(members)


@pytest.mark.parametrize(
    ("updates", "named"),
    [
        ([Validator(key(9), 0)], "unknown"),
        ([Validator(key(0), 1), Validator(key(0), 2)], "twice"),
        ([Validator(key(0), 0), Validator(key(1), 0)], "1 to 1024"),
        ([Validator(key(2), MAX_TOTAL_POWER)], "2\\^60"),
    ],
)
def test_changes_that_leave_no_set(updates: list[Validator], named: str) -> None:
    validators = validator_set([1, 1])
    with pytest.raises(ValidatorSetError, match=named):
        validators.next(updates)
    assert validators.powers == (1, 1)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_set(raw: bytes) -> None:
    try:
        validators = ValidatorSet.from_bytes(raw)
    except (MessageError, ValidatorSetError):
        return
    assert validators.to_bytes() == raw


def test_bytes_of_a_set_out_of_order() -> None:
    raw = validator_set([1, 2]).to_bytes()
    with pytest.raises(MessageError, match="ascending"):
        ValidatorSet.from_bytes(raw[:2] + raw[82:] + raw[2:82])
    with pytest.raises(MessageError, match="80"):
        ValidatorSet.from_bytes(raw[:-1])
