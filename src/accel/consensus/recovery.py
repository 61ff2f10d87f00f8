"""What the write-ahead log says about a height that was begun before a crash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from accel.consensus.errors import RecoveryError
from accel.consensus.messages import NO_ROUND, Evidence, Intent, Vote
from accel.consensus.records import DecisionRecord, EvidenceRecord, IntentRecord, Record, ValidRecord, VoteRecord
from accel.consensus.votes import HeightVotes

__all__ = ["Recovered", "recover", "restore_votes"]


class Recovered(NamedTuple):
    """The state at one height."""

    intent: Intent | None
    """The last one: nothing before its round and step may be signed."""
    lock: ValidRecord | None
    valid: ValidRecord | None
    decision: DecisionRecord | None
    evidence: tuple[Evidence, ...]
    votes: tuple[Vote, ...]
    """The validator's own, in the order in which it signed them."""


def _height(record: Record) -> int:
    if isinstance(record, IntentRecord):
        return record.intent.height
    if isinstance(record, VoteRecord):
        return record.vote.height
    return record.evidence.height if isinstance(record, EvidenceRecord) else record.certificate.height


def recover(records: Iterable[Record], height: int) -> Recovered:
    """Fold the records of one height, in the order in which they were written.

    Raises:
        RecoveryError: The log knows of a lock and not of its block: it is damaged, and nothing may be signed by it.
    """
    last: IntentRecord | None = None
    values: dict[int, ValidRecord] = {}
    decision: DecisionRecord | None = None
    evidence: list[Evidence] = []
    votes: list[Vote] = []
    for record in records:
        if _height(record) != height:
            continue
        if isinstance(record, IntentRecord):
            last = record
        elif isinstance(record, ValidRecord):
            values[record.certificate.round] = record
        elif isinstance(record, DecisionRecord):
            decision = decision or record
        elif isinstance(record, VoteRecord):
            votes.append(record.vote)
        else:
            evidence.append(record.evidence)
    locked_round = last.locked_round if last else NO_ROUND
    if locked_round != NO_ROUND and locked_round not in values:
        raise RecoveryError(f"log: a lock of height {height}, round {locked_round}, and not the block it is on")
    return Recovered(
        last.intent if last else None,
        values.get(locked_round),
        values[max(values)] if values else None,
        decision,
        tuple(evidence),
        tuple(votes),
    )


def restore_votes(found: Recovered, heard: HeightVotes, me: int) -> None:
    """Take back the validator's own votes: others may lack them, and nobody else may have them any more.

    Args:
        found: What the log says.
        heard: Where the votes go.
        me: The validator's position in the set, or -1.
    """
    last = found.intent
    for vote in found.votes:
        is_last = last is not None and (vote.kind, vote.round) == (last.kind, last.round)  # which is signed again
        if vote.validator == me and not is_last and heard.known(vote) is None:
            round_votes = heard.at(vote.round)
            round_votes.votes(vote.kind).add(vote)
            round_votes.hear(vote.validator)
