"""What is let into the core, and which messages are worth a verification: what can be told without a signature."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import cython

from accel.consensus.certificates import check_form
from accel.consensus.errors import CertificateError, EventError
from accel.consensus.events import (
    TIMER_PRECOMMIT,
    TIMER_PREVOTE,
    TIMER_PROPOSE,
    TIMER_RELAY,
    Proposed,
    Timeout,
)
from accel.consensus.evidence import accusation, differ
from accel.consensus.messages import (
    MAX_ROUND,
    PRECOMMIT,
    PREVOTE,
    Certificate,
    Decision,
    Message,
    Proposal,
    Status,
    Vote,
)
from accel.consensus.validators import ValidatorSet
from accel.consensus.values import Values
from accel.consensus.votes import HeightVotes

__all__ = [
    "Verifications",
    "check_proposed",
    "check_received",
    "check_timeout",
    "decision_fault",
    "fault",
    "late_fault",
    "proposal_fault",
    "vote_fault",
]

COMPILED: Final = cython.compiled
"""Whether this module runs compiled."""

_ADMIT: Final = ""

_MAX_SENDER: Final = 65_535
_MESSAGES: Final = (Vote, Proposal, Decision, Certificate, Status)  # a union would be made anew for each message

_Accused: TypeAlias = set[tuple[int, int, int, int]]


def check_received(sender: int, message: Message) -> None:
    """Check what a driver says has come.

    Raises:
        EventError: `sender` or `message` is none.
    """
    if not 0 <= sender <= _MAX_SENDER:
        raise EventError(f"sender: expected 0 to {_MAX_SENDER}, got {sender}")
    if not isinstance(message, _MESSAGES):
        raise EventError(f"message: expected a message, got {type(message).__name__}")


def check_proposed(event: Proposed, max_block_bytes: int) -> None:
    """Check the application's block.

    Raises:
        EventError: Its identifier is none, or it is too long.
    """
    if len(event.block_id) != 32 or len(event.block) > max_block_bytes:
        raise EventError(
            f"Proposed: expected 32 bytes of identifier and at most {max_block_bytes} of block, "
            f"got {len(event.block_id)} and {len(event.block)}"
        )


def check_timeout(event: Timeout) -> None:
    """Check that a timer is one of the core's.

    Raises:
        EventError: It is not.
    """
    if event.timer not in (TIMER_PROPOSE, TIMER_PREVOTE, TIMER_PRECOMMIT, TIMER_RELAY):
        raise EventError(f"Timeout: expected a timer from 0 to 3, got {event.timer}")


def fault(
    message: Proposal | Vote | Decision | Certificate,
    heard: HeightVotes,
    decided: Decision | None,
    values: Values,
    current: int,
    height: int,
    accused: _Accused,
    max_block_bytes: int,
) -> str:
    """Return why a message of the current height is dropped, or nothing.

    Args:
        message: What came.
        heard: What was heard at the height.
        decided: The height's decision, if it is known: then only evidence is of interest.
        values: The height's locked and valid value: of a certificate, only a later valid value is of interest.
        current: The current round.
        height: The height.
        accused: Of which double signing there is evidence (`accel.consensus.evidence.accusation`): no more is needed.
        max_block_bytes: The limit of a block.
    """
    if isinstance(message, Vote):
        return vote_fault(message, heard, current, accused, decided=decided is not None)
    if isinstance(message, Decision):
        return decision_fault(message, decided, heard.validators, height, max_block_bytes)
    if decided is not None:
        return "old"
    if isinstance(message, Certificate):
        if not values.is_news(message, current):
            return "old"
        return _certificate_fault(message, heard.validators, kind=PREVOTE, height=height)
    return proposal_fault(message, heard, current, height, accused, max_block_bytes)


def late_fault(
    message: Proposal | Vote | Decision | Certificate,
    heard: HeightVotes,
    decided: Decision,
    accused: _Accused,
    max_block_bytes: int,
) -> str:
    """Return why a message of the height before is dropped; only double signing and forks are of interest.

    Args:
        message: What came.
        heard: What was heard at that height.
        decided: Its decision.
        accused: As in `fault`.
        max_block_bytes: As in `fault`.
    """
    if isinstance(message, Decision):
        return decision_fault(message, decided, heard.validators, decided.height, max_block_bytes)
    if isinstance(message, Certificate):
        return "old_height"
    known = heard.known(message)
    if known is None or not differ(known, message.statement()) or accusation(known) in accused:
        return "old_height"
    return _ADMIT


def vote_fault(vote: Vote, heard: HeightVotes, current: int, accused: _Accused, *, decided: bool) -> str:
    """Return why a vote is dropped, or nothing.

    A vote that differs from one of the same validator is let through: the two are evidence.

    Args:
        vote: What came.
        heard: What was heard at its height.
        current: The current round.
        accused: As in `fault`.
        decided: Whether the height is decided: then only evidence is of interest.
    """
    if (
        vote.kind not in (PREVOTE, PRECOMMIT)
        or not 0 <= vote.validator < len(heard.validators)
        or not 0 <= vote.round <= MAX_ROUND
        or len(vote.block_id) not in (0, 32)
    ):
        return "malformed"
    votes = heard.get(vote.round)
    known = votes.votes(vote.kind).get(vote.validator) if votes is not None else None
    if known is not None:
        is_news = known.block_id != vote.block_id and accusation(known.statement()) not in accused
        return _ADMIT if is_news else "duplicate"
    return "old" if decided or heard.is_old(vote.round, current) else _ADMIT


def proposal_fault(
    proposal: Proposal, heard: HeightVotes, current: int, height: int, accused: _Accused, max_block_bytes: int
) -> str:
    """Return why a proposal is dropped, or nothing.

    It must come from the proposer of its round and carry a certificate of its valid round's prevotes exactly if it has
    a valid round (line 28).

    Args:
        proposal: What came.
        heard: What was heard at its height.
        current: The current round.
        height: The current height.
        accused: As in `fault`.
        max_block_bytes: The limit of its block.
    """
    round_, block_id = proposal.round, proposal.block_id
    if (
        not -1 <= proposal.valid_round < round_ <= MAX_ROUND
        or len(block_id) != 32
        or len(proposal.block) > max_block_bytes
    ):
        return "malformed"
    if heard.is_old(round_, current) or heard.is_far(round_, current):  # before the proposer of a round is computed
        return "old" if round_ < current else "future_round"
    if proposal.validator != heard.validators.proposer(round_):
        return "not_proposer"
    votes = heard.get(round_)
    known = votes.proposal(block_id) if votes is not None else None
    is_accused = votes is not None and not votes.wants(proposal) and accusation(proposal.statement()) in accused
    if is_accused or (known is not None and known.valid_round == proposal.valid_round):
        return "duplicate"
    if (proposal.valid_round >= 0) != (proposal.certificate is not None):
        return "certificate_missing"
    if proposal.certificate is None:
        return _ADMIT
    wanted = {"kind": PREVOTE, "height": height, "round": proposal.valid_round}
    return _certificate_fault(proposal.certificate, heard.validators, block_id=block_id, **wanted)


def _certificate_fault(certificate: Certificate, validators: ValidatorSet, **wanted: Any) -> str:
    try:
        check_form(certificate, validators, **wanted)
    except CertificateError as error:
        return f"certificate_{error.reason}"
    return _ADMIT


def decision_fault(
    decision: Decision, known: Decision | None, validators: ValidatorSet, height: int, max_block_bytes: int
) -> str:
    """Return why a decision is dropped, or nothing.

    Args:
        decision: What came.
        known: The decision of its height, if it is known: only another one is of interest.
        validators: The validator set of its height.
        height: Its height must be this.
        max_block_bytes: The limit of its block.
    """
    if known is not None and known.certificate.block_id == decision.certificate.block_id:
        return "old"
    if len(decision.block) > max_block_bytes:
        return "malformed"
    return _certificate_fault(decision.certificate, validators, kind=PRECOMMIT, height=height)


class Verifications:
    """Messages whose signatures are being checked, within limits for each sender.

    Args:
        votes: How many votes of one sender at one time.
        blocks: How many proposals and decisions.
    """

    __slots__ = ("_blocks", "_last", "_messages", "_of_sender", "_pending", "_votes")

    def __init__(self, votes: int, blocks: int) -> None:
        self._votes = votes
        self._blocks = blocks
        self._last = 0
        self._pending: dict[int, tuple[int, Proposal | Vote | Decision | Certificate]] = {}
        self._messages: set[Proposal | Vote | Decision | Certificate] = set()
        self._of_sender: dict[tuple[int, bool], int] = {}

    def __len__(self) -> int:
        """Return the number of messages under verification."""
        return len(self._pending)

    def add(self, sender: int, message: Proposal | Vote | Decision | Certificate) -> int:
        """Return the identifier of a new verification; 0 if it is being verified, -1 if the sender has too many."""
        if message in self._messages:
            return 0
        key = (sender, isinstance(message, Vote))
        waiting = self._of_sender.get(key, 0)
        if waiting >= (self._votes if key[1] else self._blocks):
            return -1
        self._of_sender[key] = waiting + 1
        self._last += 1
        self._pending[self._last] = (sender, message)
        self._messages.add(message)
        return self._last

    def take(self, number: int) -> tuple[int, Proposal | Vote | Decision | Certificate] | None:
        """Return and forget the sender and message of a verification; None if there is none of that number."""
        found = self._pending.pop(number, None)
        if found is None:
            return None
        self._messages.discard(found[1])
        key = (found[0], isinstance(found[1], Vote))
        if self._of_sender[key] == 1:
            del self._of_sender[key]
        else:
            self._of_sender[key] -= 1
        return found
