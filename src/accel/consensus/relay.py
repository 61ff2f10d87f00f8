"""Relay: what a peer is sent that says where it stands.

Tendermint's liveness assumes gossip: what one correct validator has received, all receive. In a mesh each message goes
from its author to everybody, once, and may be lost. So a validator whose height takes long tells all where it stands,
and who has more sends it what is missing, with bounds on how often.
"""

from __future__ import annotations

from typing import NamedTuple

from accel.consensus.actions import Send, SendDecisions
from accel.consensus.messages import NIL, Certificate, Decision, Message, Proposal, Status
from accel.consensus.votes import HeightVotes, RoundVotes

__all__ = ["Limiter", "Standing", "answer", "has_forked", "missing", "position", "status"]


class Standing(NamedTuple):
    """Where a validator stands, and what it could send."""

    status: Status
    heard: HeightVotes
    """What it has heard at its height."""
    decision: Decision | None
    """That of its height."""
    previous: Decision | None
    """That of the height before."""
    valid: Certificate | None
    """The prevotes of its valid value."""


class Limiter:
    """Answers a peer once in each tick, and again within a tick only when the peer has got further."""

    __slots__ = ("_answered",)

    def __init__(self) -> None:
        self._answered: dict[int, tuple[int, int, int]] = {}

    def tick(self) -> None:
        """Begin a new tick."""
        self._answered.clear()

    def allows(self, peer: int, position: tuple[int, int, int]) -> bool:
        """Return whether to answer a peer at a height, round and step; if so, note it."""
        last = self._answered.get(peer)
        if last is not None and position <= last:
            return False
        self._answered[peer] = position
        return True


def status(height: int, round_: int, step: int, heard: RoundVotes, previous: Decision | None) -> Status:
    """Return where a validator stands.

    Args:
        height: Its height.
        round_: Its round.
        step: Its step.
        heard: What it has heard of the round.
        previous: The decision of the height before, if it is known.
    """
    majority = heard.precommits.majority or heard.prevotes.majority
    return Status(
        height,
        round_,
        step,
        heard.proposal(majority) is not None if majority else heard.first is not None,
        NIL if previous is None else previous.certificate.block_id,
        heard.validators,
        heard.prevotes.bitmap(),
        heard.precommits.bitmap(),
    )


def missing(peer: Status, round_: int, heard: RoundVotes) -> list[Message]:
    """Return the messages of a round that a peer of the same height is missing.

    Args:
        peer: Where it stands: in this round, or in an earlier one, and then it is missing all of this.
        round_: The round.
        heard: What was heard of it.
    """
    nothing = bytes((heard.validators + 7) // 8)
    here = peer.round == round_ and peer.validators == heard.validators
    messages: list[Message] = []
    proposal: Proposal | None = heard.first
    if proposal is not None and not (here and peer.has_proposal):
        messages.append(proposal)
    for block_id in (heard.prevotes.majority, heard.precommits.majority):
        wanted = heard.proposal(block_id) if block_id else None
        if wanted is not None and wanted not in messages and not (here and peer.has_proposal):
            messages.append(wanted)
    messages += heard.prevotes.missing_from(peer.prevotes if here else nothing)
    messages += heard.precommits.missing_from(peer.precommits if here else nothing)
    return messages


def position(peer: Status) -> tuple[int, int, int]:
    """Return how far a peer has got, for `Limiter.allows`: height, round, and step with proposal."""
    return peer.height, peer.round, 4 * peer.step + 2 - peer.has_proposal


def has_forked(peer: Status, here: Standing) -> bool:
    """Return whether a peer of the same height has decided another block at the height before."""
    if here.previous is None or peer.height != here.status.height:
        return False
    return peer.previous_block_id not in (NIL, here.previous.certificate.block_id)


def answer(to: int, peer: Status, here: Standing, catch_up: int) -> list[Send | SendDecisions]:
    """Return what a peer is sent: what it is missing, or, if it is further, where this validator stands.

    Args:
        to: The peer.
        peer: Where it stands.
        here: Where this validator stands.
        catch_up: How many decisions are sent at once.
    """
    own = here.status
    if peer.height < own.height:
        return [SendDecisions(to, peer.height, min(own.height - 1, peer.height + catch_up - 1))]
    if peer.height > own.height:
        return [Send(to, own)]
    messages: list[Message] = []
    if here.previous is not None and has_forked(peer, here):
        messages.append(here.previous)
    if here.decision is not None:
        messages.append(here.decision)
    elif peer.round > own.round:
        messages.append(own)
    else:
        past = here.heard.get(peer.round)
        if peer.round < own.round and past is not None:  # what ends its round
            messages += missing(peer, peer.round, past)
        messages += missing(peer, own.round, here.heard.at(own.round))
        if here.valid is not None and own.round > 0:
            messages.append(here.valid)
    return [Send(to, message) for message in messages]
