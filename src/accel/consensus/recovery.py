"""What the write-ahead log says about a height that was begun before a crash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from accel.consensus.errors import RecoveryError
from accel.consensus.messages import NO_ROUND, Evidence, Intent, Vote
from accel.consensus.records import DecisionRecord, EvidenceRecord, IntentRecord, Record, ValidRecord, VoteRecord

__all__ = ["Recovered", "recover"]


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
