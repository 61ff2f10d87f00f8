"""Each rule of Algorithm 1 (arXiv 1807.04938): when it fires, when it does not, and what it does."""

from __future__ import annotations

import pytest

from accel.consensus import RULES
from accel.consensus import actions as a
from accel.consensus import events as e
from accel.consensus import messages as m

from .network import CONFIG, block_id, signature
from .solo import ID_A, ID_B, NIL, A, B, Solo, of, said, timers

PROPOSE, PREVOTE, PRECOMMIT = e.TIMER_PROPOSE, e.TIMER_PREVOTE, e.TIMER_PRECOMMIT


def locked_on_a(**how: object) -> Solo:
    """Validator 3, locked on A in round 0."""
    solo = Solo(3, **how)  # type: ignore[arg-type]
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 1)
    assert (solo.core.locked_round, solo.core.valid_round, solo.core.step_number) == (0, 0, 2)
    return solo


# ---------------------------------------------------------------------- lines 11 to 21


def test_line_18_the_proposer_asks_for_a_block_and_proposes_it() -> None:
    solo = Solo(0)
    assert of(a.Propose, solo.actions) == [a.Propose(1, 0)]
    found = solo.give(e.Proposed(1, 0, ID_A, A))
    assert said(found) == [(m.PROPOSAL, 0, ID_A, -1), (m.PREVOTE, 0, ID_A)]
    proposal = of(a.Broadcast, found)[0].message
    assert (proposal.block, proposal.certificate, proposal.validator) == (A, None, 0)


def test_line_16_a_proposer_with_a_valid_value_proposes_that_with_its_certificate() -> None:
    solo = Solo(1)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 2)
    solo.precommit(0, NIL, 0, 2)
    assert not of(a.Propose, solo.actions)
    found = solo.timeout(PRECOMMIT, 0)
    assert said(found) == [(m.PROPOSAL, 1, ID_A, 0), (m.PREVOTE, 1, ID_A)]
    proposal = of(a.Broadcast, found)[0].message
    assert proposal.block == A
    assert (proposal.certificate.kind, proposal.certificate.round) == (m.PREVOTE, 0)
    assert proposal.certificate.signers == (0, 1, 2)


def test_line_21_every_round_has_a_propose_timeout_that_grows() -> None:
    solo = Solo(3)
    assert timers(solo.actions) == [(e.TIMER_RELAY, 0, CONFIG.relay_us), (PROPOSE, 0, CONFIG.propose_us)]
    solo.go_to(2)
    assert timers(solo.actions)[-1] == (PROPOSE, 2, CONFIG.propose_us + 2 * CONFIG.delta_us)
    solo.go_to(60_000)
    assert timers(solo.actions)[-1] == (PROPOSE, 60_000, CONFIG.longest_us)


def test_the_application_proposes_in_its_round_only() -> None:
    solo = Solo(0)
    assert said(solo.give(e.Proposed(1, 1, ID_A, A))) == []
    assert said(solo.give(e.Proposed(2, 0, ID_A, A))) == []
    solo.timeout(PROPOSE, 0)
    assert said(solo.give(e.Proposed(1, 0, ID_A, A))) == []
    assert solo.core.counters["late_proposal"] == 3
    assert said(Solo(3).give(e.Proposed(1, 0, ID_A, A))) == []


def test_a_proposer_proposes_once_in_a_round() -> None:
    solo = Solo(0, disk=False)
    solo.give(e.Proposed(1, 0, ID_A, A))
    assert solo.give(e.Proposed(1, 0, ID_B, B)) == []


# ---------------------------------------------------------------------- lines 22 to 33


def test_line_24_prevotes_a_valid_proposal() -> None:
    solo = Solo(3)
    assert said(solo.propose(0, A)) == [(m.PREVOTE, 0, ID_A)]
    assert (solo.core.step_number, solo.hits(24)) == (1, 1)


def test_line_26_prevotes_nil_for_what_the_application_refuses() -> None:
    solo = Solo(3)
    assert said(solo.propose(0, A, valid=False)) == [(m.PREVOTE, 0, NIL)]
    assert solo.hits(26) == 1


def test_line_26_prevotes_nil_for_another_block_than_the_locked_one() -> None:
    solo = locked_on_a()
    solo.go_to(1)
    assert said(solo.propose(1, B)) == [(m.PREVOTE, 1, NIL)]
    assert solo.hits(26) == 1


def test_line_24_prevotes_the_locked_block_when_it_is_proposed_afresh() -> None:
    solo = locked_on_a()
    solo.go_to(1)
    assert said(solo.propose(1, A)) == [(m.PREVOTE, 1, ID_A)]


def test_line_22_answers_the_first_proposal_and_that_once() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    assert said(solo.propose(0, B)) == []
    solo = Solo(3)
    solo.timeout(PROPOSE, 0)
    assert said(solo.propose(0, A)) == []


def test_line_22_needs_the_proposer_of_the_round() -> None:
    solo = Solo(3)
    assert solo.propose(0, A, by=1) == []
    assert solo.core.counters == {"not_proposer": 1}


def test_line_30_prevotes_what_a_later_quorum_prevoted_than_the_lock() -> None:
    solo = locked_on_a()
    solo.go_to(2)
    certificate = solo.certificate(m.PREVOTE, 1, ID_B, 0, 1, 2)
    assert said(solo.propose(2, B, 1, certificate)) == [(m.PREVOTE, 2, ID_B)]
    assert solo.hits(30) == 1


def test_line_29_a_quorum_of_the_locks_own_round_is_enough() -> None:
    """lockedRound ≤ vr: equal is possible only for the same block, unless a third is faulty."""
    solo = locked_on_a()
    solo.go_to(1)
    certificate = solo.certificate(m.PREVOTE, 0, ID_A, 0, 1, 2)
    assert said(solo.propose(1, A, 0, certificate)) == [(m.PREVOTE, 1, ID_A)]


def test_line_32_prevotes_nil_if_the_quorum_is_older_than_the_lock() -> None:
    solo = Solo(0)
    solo.go_to(2)
    solo.propose(2, A)
    solo.prevote(2, ID_A, 3, 1)
    assert solo.core.locked_round == 2
    solo.go_to(3)
    certificate = solo.certificate(m.PREVOTE, 1, ID_B, 1, 2, 3)
    assert said(solo.propose(3, B, 1, certificate)) == [(m.PREVOTE, 3, NIL)]
    assert solo.hits(32) == 1


def test_line_32_prevotes_nil_for_an_invalid_block_with_a_quorum() -> None:
    solo = Solo(3)
    solo.go_to(1)
    certificate = solo.certificate(m.PREVOTE, 0, ID_A, 0, 1, 2)
    assert said(solo.propose(1, A, 0, certificate, valid=False)) == [(m.PREVOTE, 1, NIL)]


@pytest.mark.parametrize(
    ("kind", "round_", "block", "signers", "reason"),
    [
        (m.PRECOMMIT, 0, ID_A, (0, 1, 2), "certificate_kind"),
        (m.PREVOTE, 1, ID_A, (0, 1, 2), "certificate_round"),
        (m.PREVOTE, 0, ID_B, (0, 1, 2), "certificate_block"),
        (m.PREVOTE, 0, ID_A, (0, 1), "certificate_power"),
        (m.PREVOTE, 0, ID_A, (0, 1, 1), "certificate_duplicate"),
        (m.PREVOTE, 0, ID_A, (0, 2, 1), "certificate_unsorted"),
        (m.PREVOTE, 0, ID_A, (0, 1, 4), "certificate_unknown"),
    ],
)
def test_line_28_needs_a_certificate_of_exactly_those_prevotes(
    kind: int, round_: int, block: bytes, signers: tuple[int, ...], reason: str
) -> None:
    solo = Solo(3)
    solo.go_to(2)
    solo.core.step(e.Received(0, solo.proposal(2, A, 0, solo.certificate(kind, round_, block, *signers))))
    assert solo.core.counters == {reason: 1}


def test_line_28_needs_a_certificate_and_line_22_must_have_none() -> None:
    solo = Solo(3)
    solo.go_to(2)
    assert solo.propose(2, A, 0) == []
    assert solo.propose(2, A, -1, solo.certificate(m.PREVOTE, 0, ID_A, 0, 1, 2)) == []
    assert solo.core.counters == {"certificate_missing": 2}
    of_other_height = solo.certificate(m.PREVOTE, 0, ID_A, 0, 1, 2)._replace(height=2)
    of_other_set = solo.certificate(m.PREVOTE, 0, ID_A, 0, 1, 2)._replace(validators=5)
    assert solo.propose(2, A, 0, of_other_height) == solo.propose(2, A, 0, of_other_set) == []
    assert {"certificate_height", "certificate_signers"} < set(solo.core.counters)


# ---------------------------------------------------------------------- lines 34 to 46


def test_line_35_a_quorum_of_any_prevotes_starts_the_timeout_once() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    assert timers(solo.prevote(0, NIL, 0)) == []
    assert timers(solo.prevote(0, ID_A, 1)) == [(PREVOTE, 0, CONFIG.prevote_us)]
    assert timers(solo.prevote(0, NIL, 2)) == []
    assert solo.hits(35) == 1


def test_line_34_waits_for_the_step_prevote() -> None:
    solo = Solo(3)
    assert timers(solo.prevote(0, ID_A, 0) + solo.prevote(0, NIL, 1) + solo.prevote(0, ID_B, 2)) == []
    assert (PREVOTE, 0, CONFIG.prevote_us) in timers(solo.timeout(PROPOSE, 0))


def test_line_38_a_quorum_locks_and_precommits() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    assert said(solo.prevote(0, ID_A, 0)) == []
    found = solo.prevote(0, ID_A, 1)
    assert said(found) == [(m.PRECOMMIT, 0, ID_A)]
    assert (solo.core.locked_round, solo.core.valid_round, solo.hits(38), solo.hits(42)) == (0, 0, 1, 1)
    assert said(solo.prevote(0, ID_A, 2)) == []  # for the first time
    assert solo.hits(42) == 1


def test_line_36_waits_for_the_proposal() -> None:
    solo = Solo(3)
    solo.timeout(PROPOSE, 0)
    solo.prevote(0, ID_A, 0, 1, 2)
    assert solo.core.locked_round == -1
    assert said(solo.propose(0, A)) == [(m.PRECOMMIT, 0, ID_A)]
    assert solo.core.locked_round == 0


def test_line_36_never_locks_an_invalid_block() -> None:
    solo = Solo(3)
    solo.propose(0, A, valid=False)
    assert said(solo.prevote(0, ID_A, 0, 1, 2)) == []
    assert (solo.core.locked_round, solo.core.valid_round) == (-1, -1)


def test_line_42_after_the_precommit_only_the_valid_value_changes() -> None:
    solo = Solo(3)
    solo.timeout(PROPOSE, 0)
    solo.prevote(0, NIL, 0)
    solo.prevote(0, ID_A, 1)
    assert said(solo.timeout(PREVOTE, 0)) == [(m.PRECOMMIT, 0, NIL)]
    solo.prevote(0, ID_A, 2)
    solo.propose(0, A)
    assert (solo.core.locked_round, solo.core.valid_round) == (-1, -1)
    solo = Solo(2, (1,) * 7)
    solo.propose(0, A)
    solo.prevote(0, NIL, 0)
    solo.prevote(0, ID_A, 1, 3, 4)
    assert said(solo.timeout(PREVOTE, 0)) == [(m.PRECOMMIT, 0, NIL)]
    assert said(solo.prevote(0, ID_A, 5)) == []
    assert (solo.core.locked_round, solo.core.valid_round) == (-1, 0)
    assert (solo.hits(38), solo.hits(42)) == (0, 1)


def test_a_lock_moves_to_a_later_round() -> None:
    solo = locked_on_a()
    solo.go_to(2)
    solo.propose(2, B, 1, solo.certificate(m.PREVOTE, 1, ID_B, 0, 1, 2))
    assert said(solo.prevote(2, ID_B, 2)) == []
    solo = locked_on_a()
    solo.precommit(2, NIL, 0, 1)  # to round 2 without prevotes
    solo.propose(2, B, 1, solo.certificate(m.PREVOTE, 1, ID_B, 0, 1, 2))
    assert said(solo.prevote(2, ID_B, 0, 1)) == [(m.PRECOMMIT, 2, ID_B)]
    assert (solo.core.locked_round, solo.core.valid_round) == (2, 2)


def test_line_45_a_quorum_for_nil_precommits_nil() -> None:
    solo = Solo(3)
    solo.timeout(PROPOSE, 0)
    assert said(solo.prevote(0, NIL, 0)) == []
    assert said(solo.prevote(0, NIL, 1)) == [(m.PRECOMMIT, 0, NIL)]
    assert (solo.core.locked_round, solo.hits(45)) == (-1, 1)


def test_line_44_keeps_the_lock() -> None:
    solo = locked_on_a()
    solo.precommit(1, NIL, 0, 1)
    solo.propose(1, B)
    assert said(solo.prevote(1, NIL, 0, 1)) == [(m.PRECOMMIT, 1, NIL)]
    assert solo.core.locked_round == 0


# ---------------------------------------------------------------------- lines 47 to 56


def test_line_48_a_quorum_of_any_precommits_starts_the_timeout_once_at_any_step() -> None:
    solo = Solo(3)
    solo.precommit(0, ID_A, 0)
    solo.precommit(0, NIL, 1)
    assert timers(solo.precommit(0, ID_B, 2)) == [(PRECOMMIT, 0, CONFIG.precommit_us)]
    assert solo.hits(48) == 1


def test_line_51_decides_when_the_record_is_durable() -> None:
    solo = Solo(3, disk=False)
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1)
    assert solo.core.decision is None
    found = solo.precommit(0, ID_A, 2)
    assert of(a.Deliver, found) == []
    (persist,) = of(a.Persist, found)
    assert persist.record.block == A
    assert persist.record.certificate.signers == (0, 1, 2)
    (deliver,) = of(a.Deliver, solo.give(e.Durable(persist.id)))
    assert (deliver.height, deliver.block_id, deliver.block) == (1, ID_A, A)
    assert deliver.certificate == persist.record.certificate


def test_line_49_decides_in_an_earlier_round_and_in_a_later_one() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.go_to(5)
    solo.precommit(0, ID_A, 0, 1, 2)
    assert solo.core.decision is not None
    solo = Solo(3, (1,) * 4)
    solo.propose(0, A)
    solo.precommit(1, ID_A, 0, 1, 2)  # the block is known from round 0
    assert solo.core.decision.certificate.round == 1


def test_line_49_needs_more_than_two_thirds_and_not_nil() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1)
    solo.precommit(0, NIL, 2)
    assert solo.core.decision is None
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, NIL, 0, 1, 2)
    assert solo.core.decision is None


def test_line_50_does_not_decide_an_invalid_block_by_votes() -> None:
    solo = Solo(3)
    solo.propose(0, A, valid=False)
    solo.precommit(0, ID_A, 0, 1, 2)
    assert solo.core.decision is None


def test_lines_52_to_54_the_next_height_begins_afresh() -> None:
    solo = locked_on_a()
    found = solo.precommit(0, ID_A, 0, 1)
    assert len(of(a.Deliver, found)) == 1
    found = solo.give(e.Applied(1))
    core = solo.core
    assert (core.height, core.round, core.locked_round, core.valid_round, core.decision) == (2, 0, -1, -1, None)
    assert (PROPOSE, 0, CONFIG.propose_us) in timers(found)
    assert core.validators.proposer(0) == 1  # the rotation goes on by height


def test_line_56_f_plus_1_of_a_later_round_start_it() -> None:
    solo = Solo(3)
    solo.prevote(4, NIL, 0)
    assert solo.core.round == 0
    solo.precommit(4, NIL, 1)
    assert (solo.core.round, solo.core.step_number, solo.hits(56)) == (4, 0, 1)


def test_line_55_counts_a_validator_once_and_a_proposal_too() -> None:
    solo = Solo(3)
    solo.prevote(1, NIL, 1)
    solo.precommit(1, NIL, 1)
    assert solo.core.round == 0
    solo.propose(1, A)  # by 1
    assert solo.core.round == 0
    solo = Solo(3)
    solo.propose(1, A)
    solo.prevote(1, NIL, 2)
    assert solo.core.round == 1


def test_line_55_of_different_rounds_does_not_add_up() -> None:
    solo = Solo(3)
    solo.prevote(1, NIL, 0)
    solo.prevote(2, NIL, 1)
    assert solo.core.round == 0


def test_line_55_is_a_share_of_power() -> None:
    solo = Solo(0, (1, 1, 5, 1, 1))  # f = 2: three are needed
    solo.prevote(1, NIL, 1, 3)
    assert solo.core.round == 0
    solo.prevote(1, NIL, 4)
    assert solo.core.round == 1
    solo = Solo(0, (1, 1, 5, 1, 1))
    solo.prevote(1, NIL, 2)
    assert solo.core.round == 1


def test_what_came_before_its_round_counts_in_it() -> None:
    solo = Solo(3)
    solo.propose(1, A)
    solo.precommit(1, NIL, 0)
    found = [action for action in solo.actions if isinstance(action, a.Broadcast)]
    assert said(found) == [(m.PREVOTE, 0, NIL), (m.PRECOMMIT, 0, NIL), (m.PREVOTE, 1, ID_A)]


# ---------------------------------------------------------------------- lines 57 to 67


def test_line_59_without_a_proposal_the_prevote_is_nil() -> None:
    solo = Solo(3)
    assert said(solo.timeout(PROPOSE, 0)) == [(m.PREVOTE, 0, NIL)]
    assert said(solo.timeout(PROPOSE, 0)) == []


def test_line_63_without_a_quorum_for_one_block_the_precommit_is_nil() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(0, NIL, 0, 1)
    assert said(solo.timeout(PREVOTE, 0)) == [(m.PRECOMMIT, 0, NIL)]
    assert said(solo.timeout(PREVOTE, 0)) == []


def test_line_67_the_round_ends() -> None:
    solo = Solo(3)
    solo.timeout(PRECOMMIT, 0)
    assert (solo.core.round, solo.hits(67)) == (1, 1)


def test_a_round_that_all_voted_nil_in_twice_ends_at_once() -> None:
    solo = Solo(3)
    solo.timeout(PROPOSE, 0)
    solo.prevote(0, NIL, 0, 1)
    solo.precommit(0, NIL, 0)
    assert solo.core.round == 0
    assert timers(solo.precommit(0, NIL, 1)) == [(PROPOSE, 1, CONFIG.propose_us + CONFIG.delta_us)]
    assert (solo.core.round, solo.hits(67), solo.hits(48)) == (1, 1, 0)


def test_a_round_in_which_somebody_may_be_locked_ends_by_its_timeout() -> None:
    """Who is locked has the timeout of precommit to tell the others: they may not have its prevotes yet."""
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(0, NIL, 0, 1)
    solo.timeout(PREVOTE, 0)
    assert timers(solo.precommit(0, NIL, 0, 1)) == [(PRECOMMIT, 0, CONFIG.precommit_us)]
    assert solo.core.round == 0
    solo.prevote(0, NIL, 2)  # now all prevotes for nil are here, and a quorum for a block is impossible
    assert solo.core.round == 1


@pytest.mark.parametrize("timer", [PROPOSE, PREVOTE, PRECOMMIT])
def test_timeouts_of_other_rounds_and_heights_do_nothing(timer: int) -> None:
    solo = Solo(3)
    solo.go_to(1)
    before = (solo.core.round, solo.core.step_number)
    assert solo.timeout(timer, 0) == solo.timeout(timer, 2) == solo.timeout(timer, 1, height=2) == []
    assert (solo.core.round, solo.core.step_number) == before


def test_the_last_round_does_not_end() -> None:
    solo = Solo(3)
    solo.go_to(m.MAX_ROUND)
    assert solo.timeout(PRECOMMIT, m.MAX_ROUND) == []
    assert solo.core.round == m.MAX_ROUND


# ---------------------------------------------------------------------- a round that is left has been voted in


def test_who_leaves_a_round_without_votes_votes_nil_there() -> None:
    """After a crash nobody may know any more why the round ended, and the others need this power to end it."""
    solo = Solo(3)
    assert said(solo.timeout(PRECOMMIT, 0)) == [(m.PREVOTE, 0, NIL), (m.PRECOMMIT, 0, NIL)]
    solo = Solo(3)
    solo.propose(0, A)
    assert said(solo.timeout(PRECOMMIT, 0)) == [(m.PRECOMMIT, 0, NIL)]
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 1)
    assert said(solo.timeout(PRECOMMIT, 0)) == []


def test_who_passes_over_rounds_votes_nil_in_the_last_of_them() -> None:
    """The honest power that ended it is enough to bring everybody there; rounds further back need nobody."""
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(4, NIL, 0)
    assert said(solo.precommit(4, NIL, 1)) == [(m.PREVOTE, 3, NIL), (m.PRECOMMIT, 3, NIL)]
    assert solo.core.round == 4


def test_after_a_crash_in_the_next_round_the_others_get_what_they_need() -> None:
    """Node 3 alone knew the precommits that ended round 0; it has forgotten them, and its own are in its log."""
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, NIL, 0, 1, 2)
    solo.timeout(PRECOMMIT, 0)
    solo.timeout(PROPOSE, 1)
    again = Solo(3, records=solo.records)
    assert again.core.round == 1
    status = m.Status(1, 0, 2, True, NIL, 4, bytes([0b0011]), bytes([0b0011]))
    sent = [x.message for x in of(a.Send, again.receive(status, sender=0))]
    assert [(v.kind, v.round, v.block_id) for v in sent if isinstance(v, m.Vote)][:2] == [
        (m.PREVOTE, 0, ID_A),
        (m.PRECOMMIT, 0, NIL),
    ]


def test_who_resumes_with_a_proposal_votes_in_no_earlier_round() -> None:
    """What was to be said there was said before the proposal was intended."""
    solo = Solo(1)
    solo.timeout(PRECOMMIT, 0)
    solo.signer = False
    solo.give(e.Proposed(1, 1, ID_B, B))
    assert solo.records[-1].intent.kind == m.PROPOSAL
    again = Solo(1, records=solo.records)
    assert again.core.round == 1
    assert said(again.actions) == []


# ---------------------------------------------------------------------- power


@pytest.mark.parametrize(
    ("powers", "voters", "enough"),
    [
        ((1, 1, 1, 1, 1), (0, 1), False),  # with its own: 3 = 2f + 1 of 5, whose quorums meet in one validator
        ((1, 1, 1, 1, 1), (0, 1, 2), True),
        ((1, 1, 1), (0,), False),  # exactly two thirds
        ((1, 1, 1), (0, 1), True),
        ((3, 1, 1, 1), (0,), False),  # 4 of 6
        ((5, 1, 1, 1), (0,), True),  # 6 of 8
        ((7, 1, 1, 1), (0,), True),  # 8 of 10
        ((1, 1, 1, 6), (0, 1), True),
        ((2, 2, 2, 3), (0, 1), True),  # 7 of 9
        ((3, 2, 2, 2), (0,), False),  # heads would not be enough either
        ((1 << 58, 1 << 58, 1 << 58, 1 << 58), (0, 1), True),
    ],
)
def test_a_quorum_is_more_than_two_thirds_of_power(
    powers: tuple[int, ...], voters: tuple[int, ...], enough: bool
) -> None:
    me = len(powers) - 1
    solo = Solo(me, powers)
    proposal = solo.propose(0, A) if solo.core.validators.proposer(0) != me else solo.give(e.Proposed(1, 0, ID_A, A))
    assert (m.PREVOTE, 0, ID_A) in said(proposal)
    solo.prevote(0, ID_A, *voters)
    assert (solo.core.locked_round == 0) == enough


def test_one_validator_decides_alone() -> None:
    solo = Solo(0, (1,))
    found = solo.give(e.Proposed(1, 0, ID_A, A))
    assert [d.block_id for d in of(a.Deliver, found)] == [ID_A]


# ---------------------------------------------------------------------- who does not sign


def test_an_observer_follows_and_says_nothing() -> None:
    solo = Solo(9)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 1, 2)
    found = solo.precommit(0, ID_A, 0, 1, 2)
    assert len(of(a.Deliver, found)) == 1
    assert said(solo.actions) == []
    assert of(a.Sign, solo.actions) == []


def test_before_a_height_known_safe_it_follows_and_says_nothing() -> None:
    solo = Solo(0, config=CONFIG._replace(sign_from=2))
    assert of(a.Propose, solo.actions) == []
    solo.precommit(0, ID_A, 1, 2, 3)
    solo.propose(0, A)
    assert said(solo.actions) == []
    solo.give(e.Applied(1))
    assert said(solo.timeout(PROPOSE, 0, height=2)) == [(m.PREVOTE, 0, NIL)]


def test_every_rule_has_a_counter() -> None:
    assert list(Solo(3).core.rules_hit) == [f"line{line}" for line in RULES]
    assert signature(0, m.Intent(2, 1, 0, -1, block_id(A))) != signature(1, m.Intent(2, 1, 0, -1, block_id(A)))
