"""Actions: all that a core ever asks for. A driver carries them out in the order in which they come.

The order that keeps a validator from signing twice is part of the contract: `Persist` → (`Durable` event) → `Sign` →
(`Signed` event) → `Broadcast`. The core itself waits for the events; a driver must give `Durable` only when the record
would survive a crash, and `Deliver` comes only after the decision is durable.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from accel.consensus import messages
from accel.consensus.messages import Decision, Intent, Message, Proposal, Vote
from accel.consensus.records import Record

__all__ = [
    "Action",
    "Broadcast",
    "Deliver",
    "Persist",
    "Propose",
    "Report",
    "Send",
    "SendDecisions",
    "SetTimer",
    "Sign",
    "Verify",
]


class Broadcast(NamedTuple):
    """Send a message to every other validator."""

    message: Message


class Send(NamedTuple):
    """Send a message to one peer."""

    to: int
    message: Message


class SendDecisions(NamedTuple):
    """Send a peer the stored decisions of heights ``first`` to ``last``, both included."""

    to: int
    first: int
    last: int


class Persist(NamedTuple):
    """Append a record to the write-ahead log; answer with `Durable` once it would survive a crash."""

    id: int
    """Ascending by one from 1 in each run of a core."""
    record: Record


class Sign(NamedTuple):
    """Sign an intent whose record is durable; answer with `Signed` or `SignRefused`."""

    id: int
    """The record's identifier."""
    intent: Intent


class Verify(NamedTuple):
    """Check a message of the current height; answer with `Verified`. A vote counts only after that."""

    id: int
    message: Proposal | Vote | Decision | messages.Certificate


class SetTimer(NamedTuple):
    """Give a `Timeout` event with the same timer, height and round after a delay."""

    timer: int
    height: int
    round: int
    delay_us: int


class Propose(NamedTuple):
    """Ask the application for a block; answer with `Proposed`, at any time."""

    height: int
    round: int


class Deliver(NamedTuple):
    """Hand a decided block to the application; answer with `Applied`. Heights come in order, each once per run."""

    height: int
    block_id: bytes
    block: bytes
    certificate: messages.Certificate


class Report(NamedTuple):
    """Evidence of double signing, already durable."""

    evidence: messages.Evidence


Action: TypeAlias = Broadcast | Send | SendDecisions | Persist | Sign | Verify | SetTimer | Propose | Deliver | Report
"""All that a core asks for."""
