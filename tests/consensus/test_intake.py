"""What a core does with what peers send: nothing unverified counts, everything has a limit, evidence is kept."""

from __future__ import annotations

from typing import Any

import pytest

from accel.consensus import Core, EventError
from accel.consensus import actions as a
from accel.consensus import events as e
from accel.consensus import messages as m
from accel.consensus.errors import RecoveryError
from accel.consensus.records import DecisionRecord, EvidenceRecord, IntentRecord, ValidRecord, VoteRecord

from .network import CONFIG, block_id, key, signature, validator_set
from .solo import ID_A, ID_B, NIL, A, B, Solo, of, said

# ---------------------------------------------------------------------- verification


def test_a_vote_counts_only_when_it_is_verified() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    asked = [x for v in (0, 1, 2) for x in solo.give(e.Received(v, solo.vote(m.PRECOMMIT, 0, ID_A, v)))]
    assert [type(action) for action in asked] == [a.Verify] * 3
    assert solo.core.decision is None
    solo.give(e.Verified(asked[0].id, True))
    solo.give(e.Verified(asked[1].id, False))
    solo.give(e.Verified(asked[2].id, True))
    assert solo.core.decision is None
    assert solo.core.counters["bad_signature"] == 1
    solo.precommit(0, ID_A, 1)  # the genuine one still counts
    assert solo.core.decision is not None


def test_a_forgery_does_not_keep_the_genuine_vote_out() -> None:
    solo = Solo(3)
    genuine = solo.vote(m.PREVOTE, 0, ID_A, 1)
    first = solo.give(e.Received(0, genuine._replace(signature=b"f" * 64)))
    second = solo.give(e.Received(1, genuine))
    assert len(of(a.Verify, first + second)) == 2
    assert solo.give(e.Received(2, genuine)) == []  # under verification already
    assert solo.core.counters == {"duplicate": 1}


def test_the_verdict_is_on_what_was_asked() -> None:
    solo = Solo(3)
    with pytest.raises(EventError, match="Verified"):
        solo.give(e.Verified(1, True))
    (verify,) = solo.give(e.Received(0, solo.vote(m.PREVOTE, 0, NIL, 0)))
    solo.give(e.Verified(verify.id, True))
    with pytest.raises(EventError, match="Verified"):
        solo.give(e.Verified(verify.id, True))


def test_each_sender_has_so_many_verifications() -> None:
    solo = Solo(3, (1,) * 100, config=CONFIG._replace(pending_verifications=5, pending_blocks=2))
    asked = [x for v in range(50) for x in solo.give(e.Received(7, solo.vote(m.PREVOTE, 0, NIL, v)))]
    assert len(asked) == 5
    assert solo.core.counters == {"too_many_pending": 45}
    assert solo.core.memory["pending"] == 5
    assert len(solo.give(e.Received(8, solo.vote(m.PREVOTE, 0, NIL, 60)))) == 1
    proposals = [x for block in (b"1", b"2", b"3") for x in solo.give(e.Received(7, solo.proposal(0, block)))]
    assert len(proposals) == 2
    solo.give(e.Verified(asked[0].id, False))
    assert len(solo.give(e.Received(7, solo.vote(m.PREVOTE, 0, NIL, 49)))) == 1


def test_a_verdict_that_comes_after_its_height_changes_nothing() -> None:
    solo = Solo(3)
    (verify,) = solo.give(e.Received(0, solo.vote(m.PREVOTE, 0, ID_B, 0)))
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1, 2)
    solo.give(e.Applied(1))
    assert solo.give(e.Verified(verify.id, True)) == []


# ---------------------------------------------------------------------- limits


def test_rounds_far_below_are_forgotten() -> None:
    solo = Solo(3, config=CONFIG._replace(keep_rounds=2))
    for round_ in range(1, 40):
        solo.go_to(round_)
        assert solo.core.memory["rounds"] <= 4
    assert solo.prevote(36, NIL, 0) == []
    assert solo.core.counters == {"old": 1}


def test_one_validator_fills_so_many_future_rounds() -> None:
    solo = Solo(3, config=CONFIG._replace(future_rounds=3))
    for round_ in range(1, 1000):
        solo.prevote(round_, NIL, 0)
        solo.precommit(round_, ID_A, 0)
    assert solo.core.memory["rounds"] <= 4
    solo.prevote(5, NIL, 0)  # lower than those it has
    assert solo.core.counters == {"future_round": 1}
    solo.prevote(999, NIL, 1)
    assert solo.core.round == 999


def test_proposals_of_far_rounds_are_not_looked_at() -> None:
    solo = Solo(3)
    assert solo.give(e.Received(0, solo.proposal(m.MAX_ROUND, A, by=0))) == []
    assert solo.core.counters == {"future_round": 1}


def test_each_sender_has_so_many_messages_of_the_next_height() -> None:
    solo = Solo(3, (1,) * 100, config=CONFIG._replace(future_messages=4))
    for v in range(50):
        solo.give(e.Received(7, solo.vote(m.PREVOTE, 0, NIL, v)._replace(height=2)))
    assert solo.core.memory["future"] == 4
    assert solo.core.counters == {"future_height": 46}
    solo.give(e.Received(8, solo.vote(m.PREVOTE, 0, NIL, 60)._replace(height=2)))
    assert solo.core.memory["future"] == 5
    solo.give(e.Received(9, solo.vote(m.PREVOTE, 0, NIL, 60)._replace(height=3)))
    assert solo.core.memory["future"] == 5


def test_what_came_early_is_taken_up_when_its_height_begins() -> None:
    solo = Solo(3)
    for v in (0, 1):
        intent = m.Intent(m.PREVOTE, 2, 0, -1, NIL)
        solo.give(e.Received(v, m.Vote(m.PREVOTE, 2, 0, NIL, v, signature(v, intent))))
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1, 2)
    found = solo.give(e.Applied(1))
    assert [verify.message.validator for verify in of(a.Verify, found)] == [0, 1]
    assert solo.core.memory["future"] == 0


def test_blocks_have_a_limit() -> None:
    solo = Solo(3, config=CONFIG._replace(max_block_bytes=10))
    assert solo.propose(0, b"12345678901") == []
    certificate = solo.certificate(m.PRECOMMIT, 0, ID_A, 0, 1, 2)
    assert solo.receive(m.Decision(b"12345678901", certificate)) == []
    early = solo.proposal(0, b"12345678901")._replace(height=2)
    assert solo.give(e.Received(0, early)) == []
    assert solo.core.counters == {"malformed": 3}
    for i, block in enumerate([b"1234567890", b"x"]):
        solo.give(e.Received(0, solo.proposal(i, block)._replace(height=2)))
    assert solo.core.memory["future"] == 1
    with pytest.raises(EventError, match="Proposed"):
        solo.give(e.Proposed(1, 0, ID_A, b"12345678901"))


def test_more_than_two_proposals_of_a_round_are_kept_only_if_a_quorum_wants_them() -> None:
    solo = Solo(3)
    for block in (A, B, b"third", b"fourth"):
        solo.propose(0, block)
    assert solo.core.counters == {"duplicate": 2}
    solo.prevote(0, block_id(b"third"), 0, 1, 2)
    assert said(solo.propose(0, b"third")) == [(m.PRECOMMIT, 0, block_id(b"third"))]  # line 36, after a prevote for A


@pytest.mark.parametrize(
    "message",
    [
        m.Vote(1, 1, 0, NIL, 0, b"s" * 64),
        m.Vote(2, 1, 0, NIL, 4, b"s" * 64),
        m.Vote(2, 1, 0, NIL, -1, b"s" * 64),
        m.Vote(2, 1, -1, NIL, 0, b"s" * 64),
        m.Vote(2, 1, m.MAX_ROUND + 1, NIL, 0, b"s" * 64),
        m.Vote(2, 1, 0, b"short", 0, b"s" * 64),
        m.Proposal(1, 0, 0, ID_A, 0, b"s" * 64, A),
        m.Proposal(1, 0, -2, ID_A, 0, b"s" * 64, A),
        m.Proposal(1, 1 << 40, -1, ID_A, 0, b"s" * 64, A),
        m.Proposal(1, 0, -1, NIL, 0, b"s" * 64, A),
    ],
)
def test_what_no_decoder_gives_is_counted(message: m.Message) -> None:
    solo = Solo(3)
    assert solo.give(e.Received(0, message)) == []
    assert solo.core.counters == {"malformed": 1}


@pytest.mark.parametrize(
    "event",
    [
        e.Start(),
        e.Durable(0),
        e.Durable(1),
        e.Signed(1, b"s" * 64),
        e.SignRefused(1),
        e.Applied(1),
        e.Timeout(4, 1, 0),
        e.Timeout(-1, 1, 0),
        e.Received(-1, m.Vote(2, 1, 0, NIL, 0, b"s" * 64)),
        e.Received(65_536, m.Vote(2, 1, 0, NIL, 0, b"s" * 64)),
        e.Received(0, "vote"),  # type: ignore[arg-type]
        e.Proposed(1, 0, b"short", A),
        "event",
    ],
)
def test_what_the_driver_must_not_give_is_an_error(event: Any) -> None:
    solo = Solo(3)
    before = (solo.core.height, solo.core.round, solo.core.step_number, solo.core.memory)
    with pytest.raises(EventError):
        solo.give(event)
    assert (solo.core.height, solo.core.round, solo.core.step_number, solo.core.memory) == before
    assert said(solo.propose(0, A)) == [(m.PREVOTE, 0, ID_A)]


def test_nothing_comes_before_start() -> None:
    with pytest.raises(EventError, match="Start"):
        Solo(3, start=False).give(e.Timeout(0, 1, 0))


# ---------------------------------------------------------------------- persist → durable → sign → send


def test_nothing_is_signed_before_it_is_durable_nor_sent_before_it_is_signed() -> None:
    solo = Solo(3, disk=False, signer=False)
    found = solo.propose(0, A)
    (persist,) = of(a.Persist, found)
    assert persist.record == IntentRecord(m.Intent(m.PREVOTE, 1, 0, -1, ID_A), -1, -1)
    assert of(a.Sign, found) == []
    with pytest.raises(EventError, match="not durable"):
        solo.give(e.Signed(persist.id, b"s" * 64))
    assert solo.give(e.Durable(persist.id)) == [a.Sign(persist.id, persist.record.intent)]
    with pytest.raises(EventError, match="64 bytes"):
        solo.give(e.Signed(persist.id, b"short"))
    found = solo.give(e.Signed(persist.id, b"s" * 64))
    assert said(found) == [(m.PREVOTE, 0, ID_A)]
    assert of(a.Persist, found)[0].record == VoteRecord(of(a.Broadcast, found)[0].message)


def test_a_lock_is_in_the_log_before_its_precommit() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 1)
    kinds = [type(record) for record in solo.records]
    assert kinds == [IntentRecord, VoteRecord, ValidRecord, IntentRecord, VoteRecord]
    assert solo.records[3] == IntentRecord(m.Intent(m.PRECOMMIT, 1, 0, -1, ID_A), 0, 0)
    assert solo.records[2].block == A


def test_its_own_vote_does_not_count_before_it_is_signed() -> None:
    solo = Solo(3, disk=False)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 1)
    assert solo.core.locked_round == -1
    solo.give(e.Durable(1))
    assert solo.core.locked_round == 0


def test_a_signer_that_refuses_leaves_it_silent() -> None:
    solo = Solo(3, signer=False)
    (sign,) = of(a.Sign, solo.propose(0, A))
    assert said(solo.give(e.SignRefused(sign.id))) == []
    assert solo.core.counters == {"sign_refused": 1}
    solo.prevote(0, ID_A, 0, 1)
    assert solo.core.locked_round == -1


def test_what_is_signed_after_its_height_is_not_sent() -> None:
    solo = Solo(3, signer=False)
    (sign,) = of(a.Sign, solo.propose(0, A))
    solo.precommit(0, ID_A, 0, 1, 2)
    solo.give(e.Applied(1))
    assert solo.give(e.Signed(sign.id, b"s" * 64)) == []
    assert solo.core.counters["late_signature"] == 1


# ---------------------------------------------------------------------- evidence


def test_two_votes_of_one_validator_are_evidence_and_the_first_counts() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1)
    first, second = solo.vote(m.PRECOMMIT, 0, NIL, 2), solo.vote(m.PRECOMMIT, 0, ID_A, 2)
    solo.receive(first)
    found = solo.receive(second)
    evidence = m.Evidence(first.statement(), second.statement())
    assert of(a.Report, found) == [a.Report(evidence)]
    assert EvidenceRecord(evidence) in solo.records
    assert solo.core.decision is None
    assert solo.receive(solo.vote(m.PRECOMMIT, 0, ID_B, 2)) == []  # once is enough
    assert len(of(a.Report, solo.actions)) == 1


def test_evidence_is_reported_when_it_is_durable() -> None:
    solo = Solo(3, disk=False)
    solo.prevote(0, ID_A, 2)
    found = solo.prevote(0, ID_B, 2)
    assert of(a.Report, found) == []
    assert len(of(a.Report, solo.give(e.Durable(of(a.Persist, found)[0].id)))) == 1


def test_a_forged_second_vote_is_no_evidence() -> None:
    solo = Solo(3)
    solo.prevote(0, ID_A, 2)
    solo.receive(solo.vote(m.PREVOTE, 0, ID_B, 2), ok=False)
    assert solo.records == []


def test_two_proposals_of_one_round_are_evidence() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    (report,) = of(a.Report, solo.propose(0, B))
    assert (report.evidence.first.kind, report.evidence.validator) == (m.PROPOSAL, 0)
    solo = Solo(3)
    solo.go_to(2)
    solo.propose(2, A)
    other = solo.proposal(2, A, 0, solo.certificate(m.PREVOTE, 0, ID_A, 0, 1, 2))
    assert len(of(a.Report, solo.receive(other))) == 1  # another valid round


def test_a_certificates_votes_are_held_against_those_that_were_heard() -> None:
    solo = Solo(3)
    solo.prevote(0, NIL, 1)
    solo.go_to(2)
    (report,) = of(a.Report, solo.propose(2, A, 0, solo.certificate(m.PREVOTE, 0, ID_A, 0, 1, 2)))
    assert report.evidence.validator == 1


def test_double_signing_of_the_height_before_is_evidence() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1, 2)
    late = solo.vote(m.PRECOMMIT, 0, ID_B, 2)
    solo.give(e.Applied(1))
    (report,) = of(a.Report, solo.receive(late))
    assert report.evidence.validator == 2
    assert solo.receive(late._replace(block_id=NIL)) == []
    assert solo.core.validator_set(1) == validator_set([1] * 4)
    with pytest.raises(EventError):
        solo.core.validator_set(3)


def test_two_decisions_of_a_height_are_a_fork_and_name_who_signed_both() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1, 2)
    other = m.Decision(B, solo.certificate(m.PRECOMMIT, 0, ID_B, 1, 2, 3))
    found = solo.receive(other)
    assert {report.evidence.validator for report in of(a.Report, found)} >= {1, 2}
    assert solo.core.counters["fork"] == 1
    assert solo.core.decision.certificate.block_id == ID_A
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1, 2)
    solo.give(e.Applied(1))
    assert {report.evidence.validator for report in of(a.Report, solo.receive(other))} >= {1, 2}


# ---------------------------------------------------------------------- relay and catching up


def status(solo: Solo, height: int = 1, round_: int = 0, **changes: Any) -> m.Status:
    return m.Status(height, round_, 0, False, NIL, 4, b"\0", b"\0")._replace(**changes)


def test_a_peer_is_sent_what_its_status_leaves_out() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0)
    found = solo.give(e.Received(2, status(solo, prevotes=b"\x01")))
    assert [(type(x.message).__name__, x.to) for x in found] == [("Proposal", 2), ("Vote", 2)]
    assert found[1].message.validator == 3
    assert solo.give(e.Received(2, status(solo))) == []  # not again before the next tick
    solo.timeout(e.TIMER_RELAY, 0)
    assert len(solo.give(e.Received(2, status(solo, has_proposal=True)))) == 2


def test_a_peer_in_an_earlier_round_is_sent_both_rounds() -> None:
    solo = Solo(3)
    solo.prevote(0, NIL, 0)
    solo.go_to(2)
    found = solo.give(e.Received(2, status(solo)))
    assert {x.message.round for x in found} == {0, 2}


def test_a_peer_that_lags_is_sent_decisions() -> None:
    solo = Solo(3, config=CONFIG._replace(catch_up=2))
    for height in range(1, 5):
        solo.receive(m.Decision(A, solo.certificate(m.PRECOMMIT, 0, ID_A, 0, 1, 2)))
        solo.give(e.Applied(height))
    assert solo.core.height == 5
    assert solo.give(e.Received(2, status(solo))) == [a.SendDecisions(2, 1, 2)]
    assert solo.give(e.Received(2, status(solo, 3))) == [a.SendDecisions(2, 3, 4)]
    assert solo.give(e.Received(2, status(solo, 3))) == []


def test_who_lags_says_so_and_takes_the_decision() -> None:
    solo = Solo(3)
    (told,) = solo.give(e.Received(2, status(solo, 9)))
    assert (told.to, told.message.height) == (2, 1)
    decision = m.Decision(A, solo.certificate(m.PRECOMMIT, 4, ID_A, 0, 1, 2))
    assert len(of(a.Deliver, solo.receive(decision))) == 1
    assert solo.hits(51) == 1


def test_a_vote_of_a_height_far_ahead_is_answered_with_ones_own_status() -> None:
    solo = Solo(3)
    far = solo.vote(m.PREVOTE, 0, NIL, 2)._replace(height=7)
    (told,) = solo.give(e.Received(2, far))
    assert told.message.height == 1
    assert solo.give(e.Received(2, far)) == []


@pytest.mark.parametrize(
    "change", [{"kind": m.PREVOTE}, {"validators": 5}, {"signers": (0, 1)}, {"signers": (0, 1, 1)}]
)
def test_a_decision_needs_a_certificate(change: dict[str, Any]) -> None:
    solo = Solo(3)
    certificate = solo.certificate(m.PRECOMMIT, 0, ID_A, 0, 1, 2)._replace(**change)
    if "signers" in change:
        certificate = certificate._replace(signatures=certificate.signatures[: len(change["signers"])])
    assert solo.give(e.Received(0, m.Decision(A, certificate))) == []
    assert solo.core.decision is None


def test_a_decision_with_a_bad_signature_decides_nothing() -> None:
    solo = Solo(3)
    solo.receive(m.Decision(A, solo.certificate(m.PRECOMMIT, 0, ID_A, 0, 1, 2)), ok=False)
    assert solo.core.decision is None


def test_a_decided_block_that_is_not_here_is_asked_for() -> None:
    solo = Solo(3)
    found = solo.precommit(0, ID_A, 0, 1, 2)
    (asked,) = of(a.Send, found)
    assert (asked.to, asked.message.precommits) == (2, b"\x07")
    assert not asked.message.has_proposal
    solo.propose(0, A)
    assert solo.core.decision is not None


def test_a_peer_of_another_past_is_sent_the_decision() -> None:
    solo = Solo(3)
    solo.receive(m.Decision(A, solo.certificate(m.PRECOMMIT, 0, ID_A, 0, 1, 2)))
    solo.give(e.Applied(1))
    found = solo.give(e.Received(2, status(solo, 2, previous_block_id=ID_B)))
    assert of(a.Send, found)[0].message.certificate.block_id == ID_A
    assert solo.core.counters["fork"] == 1


# ---------------------------------------------------------------------- after a crash


def again(solo: Solo, me: int = 3, **how: Any) -> Solo:
    return Solo(me, records=solo.records, **how)


def test_after_a_crash_it_goes_on_in_its_step_and_says_the_same() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    back = again(solo)
    assert (back.core.round, back.core.step_number) == (0, 1)
    assert said(back.actions) == [(m.PREVOTE, 0, ID_A)]
    assert said(back.propose(0, B)) == []


def test_after_a_crash_the_lock_holds() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 1)
    back = again(solo)
    assert (back.core.locked_round, back.core.valid_round, back.core.step_number) == (0, 0, 2)
    back.precommit(1, NIL, 0, 1)
    assert said(back.propose(1, B)) == [(m.PREVOTE, 1, NIL)]


def test_after_a_crash_the_valid_value_is_proposed_again() -> None:
    solo = Solo(1)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 2)
    back = again(solo, 1)
    found = back.timeout(e.TIMER_PRECOMMIT, 0)
    assert said(found)[0] == (m.PROPOSAL, 1, ID_A, 0)


def test_a_proposal_is_not_made_twice() -> None:
    solo = Solo(0, signer=False)
    solo.give(e.Proposed(1, 0, ID_A, A))
    back = again(solo, 0)
    assert of(a.Propose, back.actions) == []
    assert said(back.give(e.Proposed(1, 0, ID_B, B))) == []
    assert said(back.timeout(e.TIMER_PROPOSE, 0)) == [(m.PREVOTE, 0, NIL)]


def test_a_decision_in_the_log_is_delivered_again() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.precommit(0, ID_A, 0, 1, 2)
    assert isinstance(solo.records[-1], DecisionRecord)
    back = again(solo)
    assert [d.block for d in of(a.Deliver, back.actions)] == [A]
    back.give(e.Applied(1))
    assert back.core.height == 2


def test_evidence_in_the_log_is_reported_again() -> None:
    solo = Solo(3)
    solo.prevote(0, ID_A, 2)
    solo.prevote(0, ID_B, 2)
    back = again(solo)
    assert len(of(a.Report, back.actions)) == 1
    back.prevote(0, ID_A, 2)
    back.prevote(0, ID_B, 2)
    assert len(of(a.Report, back.actions)) == 1


def test_a_log_with_a_lock_and_without_its_block_is_refused() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    solo.prevote(0, ID_A, 0, 1)
    with pytest.raises(RecoveryError):
        Solo(3, records=[record for record in solo.records if not isinstance(record, ValidRecord)])


def test_records_of_other_heights_are_passed_over() -> None:
    solo = Solo(3)
    solo.propose(0, A)
    core = Core(CONFIG._replace(public_key=key(3)), 2, validator_set([1] * 4), solo.records)
    found = core.step(e.Start())
    assert (core.height, core.step_number) == (2, 0)
    assert of(a.Persist, found) == []
