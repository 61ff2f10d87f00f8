"""What a core has heard at one height: votes by round, proposals, power. Compiled like the core.

Everything here has been verified. A validator's first vote of a kind in a round counts, a second one never does: if it
differs, both are evidence.
"""

from __future__ import annotations

from typing import Final

import cython

from accel.consensus.evidence import find
from accel.consensus.messages import PREVOTE, Certificate, Evidence, Proposal, Statement, Vote
from accel.consensus.validators import ValidatorSet

__all__ = ["HeightVotes", "RoundVotes", "VoteSet"]

COMPILED: Final = cython.compiled
"""Whether this module runs compiled."""


@cython.cclass
class VoteSet:
    """The votes of one kind in one round, and the power behind each block.

    Powers are at most 2⁶⁰ together (`ValidatorSet`), so their sums fit into 64 bits.
    """

    _validators: ValidatorSet
    _powers: tuple[int, ...]
    _votes: dict[int, Vote]
    _power_of: dict[bytes, int]
    _total: cython.longlong
    _quorum: cython.longlong
    _majority: bytes | None

    def __init__(self, validators: ValidatorSet) -> None:
        self._validators = validators
        self._powers = validators.powers
        self._quorum = validators.quorum
        self._votes = {}
        self._power_of = {}
        self._total = 0
        self._majority = None

    def get(self, validator: int) -> Vote | None:
        """Return the vote that counts for a validator."""
        return self._votes.get(validator)

    def add(self, vote: Vote) -> None:
        """Count the vote of a validator that has none here."""
        power: cython.longlong = self._powers[vote.validator]
        of_block: cython.longlong = self._power_of.get(vote.block_id, 0)
        of_block += power
        self._votes[vote.validator] = vote
        self._power_of[vote.block_id] = of_block
        self._total += power
        if of_block >= self._quorum:
            self._majority = vote.block_id

    def discard(self, validator: int) -> None:
        """Forget a validator's vote: its later rounds have taken the place (only ever in rounds to come)."""
        vote = self._votes.pop(validator, None)
        if vote is not None:
            power: cython.longlong = self._powers[validator]
            self._power_of[vote.block_id] -= power
            self._total -= power
            if self._power_of[vote.block_id] < self._quorum and self._majority == vote.block_id:
                self._majority = None

    @property
    def majority(self) -> bytes | None:
        """The block, or `NIL`, that more than two thirds of power voted for; None if there is none."""
        return self._majority

    @property
    def has_quorum(self) -> bool:
        """Whether more than two thirds of power voted, for whatever."""
        return self._total >= self._quorum

    def agrees_with(self, block_id: bytes) -> bool:
        """Return whether nobody voted for anything else."""
        return len(self._power_of) == (1 if block_id in self._power_of else 0)

    def bitmap(self) -> bytes:
        """Return who voted, bit i of ``byte[i // 8]`` from the lowest on."""
        bits = bytearray((len(self._powers) + 7) // 8)
        for validator in self._votes:
            bits[validator >> 3] |= 1 << (validator & 7)
        return bytes(bits)

    def missing_from(self, bitmap: bytes) -> list[Vote]:
        """Return the votes of those whom a peer's bitmap leaves out, by position."""
        return [
            self._votes[validator]
            for validator in sorted(self._votes)
            if not bitmap[validator >> 3] >> (validator & 7) & 1
        ]

    def certificate(self, block_id: bytes) -> Certificate:
        """Return the certificate of the votes for a block."""
        votes = [self._votes[i] for i in sorted(self._votes) if self._votes[i].block_id == block_id]
        first = votes[0]
        return Certificate(
            first.kind,
            first.height,
            first.round,
            block_id,
            len(self._powers),
            tuple([vote.validator for vote in votes]),
            tuple([vote.signature for vote in votes]),
        )


@cython.cclass
class RoundVotes:
    """All that was heard of one round: proposals, prevotes, precommits, and from how much power anything came."""

    _validators: ValidatorSet
    _prevotes: VoteSet
    _precommits: VoteSet
    _proposals: dict[bytes, Proposal]
    _rejected: set[bytes]
    _first: Proposal | None
    _heard: set[int]
    _heard_power: cython.longlong
    _done: set[int]

    def __init__(self, validators: ValidatorSet) -> None:
        self._validators = validators
        self._prevotes = VoteSet(validators)
        self._precommits = VoteSet(validators)
        self._proposals = {}
        self._rejected = set()
        self._first = None
        self._heard = set()
        self._heard_power = 0
        self._done = set()

    @property
    def prevotes(self) -> VoteSet:
        """The prevotes."""
        return self._prevotes

    def votes(self, kind: int) -> VoteSet:
        """Return the votes of a kind."""
        return self._prevotes if kind == PREVOTE else self._precommits

    @property
    def precommits(self) -> VoteSet:
        """The precommits."""
        return self._precommits

    @property
    def validators(self) -> int:
        """Number of validators."""
        return len(self._validators)

    @property
    def first(self) -> Proposal | None:
        """The first proposal of the round's proposer: the one that lines 22 and 28 answer."""
        return self._first

    @property
    def heard_power(self) -> int:
        """Power of those from whom any message of the round came (line 55)."""
        return self._heard_power

    def proposal(self, block_id: bytes) -> Proposal | None:
        """Return the proposal of a block."""
        return self._proposals.get(block_id)

    def is_valid(self, block_id: bytes) -> bool:
        """Return whether a block was proposed that the application accepts: valid(v)."""
        return block_id in self._proposals and block_id not in self._rejected

    def is_wanted(self, block_id: bytes) -> bool:
        """Return whether more than two thirds of power voted for a block: then its proposal is kept in any case."""
        return block_id in (self._prevotes.majority, self._precommits.majority)

    def wants(self, proposal: Proposal) -> bool:
        """Return whether to keep one more proposal: a second as evidence, more only if a quorum voted for it."""
        return len(self._proposals) < 2 or self.is_wanted(proposal.block_id)

    def add_proposal(self, proposal: Proposal, valid: bool) -> None:
        """Keep a proposal with the application's verdict."""
        if self._first is None:
            self._first = proposal
        self._proposals[proposal.block_id] = proposal
        if not valid:
            self._rejected.add(proposal.block_id)
        self.hear(proposal.validator)

    def hear(self, validator: int) -> None:
        """Note that a message came from a validator."""
        if validator not in self._heard:
            self._heard.add(validator)
            self._heard_power += self._validators.powers[validator]

    def forget(self, validator: int) -> None:
        """Forget a validator's votes: see `VoteSet.discard`."""
        self._prevotes.discard(validator)
        self._precommits.discard(validator)
        if validator in self._heard and (self._first is None or self._first.validator != validator):
            self._heard.discard(validator)
            self._heard_power -= self._validators.powers[validator]

    def first_time(self, line: int) -> bool:
        """Return True once for each line that the paper ends with "for the first time"."""
        if line in self._done:
            return False
        self._done.add(line)
        return True


@cython.cclass
class HeightVotes:
    """The rounds of one height of which anything was heard, within limits.

    Args:
        validators: The validator set of the height.
        keep_rounds: How many rounds below the current one are kept.
        future_rounds: In how many rounds above it votes of one validator are kept: the latest ones.
    """

    _validators: ValidatorSet
    _keep_rounds: int
    _future_rounds: int
    _rounds: dict[int, RoundVotes]
    _ahead: dict[int, list[int]]

    def __init__(self, validators: ValidatorSet, keep_rounds: int, future_rounds: int) -> None:
        self._validators = validators
        self._keep_rounds = keep_rounds
        self._future_rounds = future_rounds
        self._rounds = {}
        self._ahead = {}

    def __len__(self) -> int:
        """Return the number of rounds."""
        return len(self._rounds)

    @property
    def validators(self) -> ValidatorSet:
        """The validator set of the height."""
        return self._validators

    def get(self, round_: int) -> RoundVotes | None:
        """Return what was heard of a round."""
        return self._rounds.get(round_)

    def at(self, round_: int) -> RoundVotes:
        """Return what was heard of a round, for adding to it."""
        heard = self._rounds.get(round_)
        if heard is None:
            heard = RoundVotes(self._validators)
            self._rounds[round_] = heard
        return heard

    def is_old(self, round_: int, current: int) -> bool:
        """Return whether a round is too far below the current one to be kept."""
        return round_ < current - self._keep_rounds

    def is_far(self, round_: int, current: int) -> bool:
        """Return whether a round is so far above the current one that its proposal is not looked at."""
        return round_ > current + self._future_rounds

    def forget_old(self, current: int) -> None:
        """Forget the rounds that are too far below the current one."""
        for old in [r for r in self._rounds if self.is_old(r, current)]:
            del self._rounds[old]

    def add(self, vote: Vote, current: int) -> str:
        """Count the vote of a validator that has none of its kind in its round, or return why it is dropped.

        Args:
            vote: A verified vote of this height.
            current: The current round.
        """
        round_ = vote.round
        if self.is_old(round_, current):
            return "old"
        if round_ > current and not self._make_room(vote.validator, round_, current):
            return "future_round"
        heard: RoundVotes = self.at(round_)
        votes: VoteSet = heard.votes(vote.kind)
        votes.add(vote)
        heard.hear(vote.validator)
        return ""

    def _make_room(self, validator: int, round_: int, current: int) -> bool:
        """Forget a validator's votes of a lower future round, if it has too many; False if this one is the lowest."""
        rounds = [r for r in self._ahead.get(validator, ()) if r > current]
        if round_ not in rounds:
            if len(rounds) >= self._future_rounds:
                lowest = min(rounds)
                if round_ < lowest:
                    return False
                rounds.remove(lowest)
                heard = self._rounds[lowest]
                heard.forget(validator)
                if heard.heard_power == 0:
                    del self._rounds[lowest]
            rounds.append(round_)
            self._ahead[validator] = rounds
        return True

    def valid_block(self, block_id: bytes) -> bytes | None:
        """Return a block that was proposed in any round and that the application accepts."""
        for heard in self._rounds.values():
            proposal = heard.proposal(block_id)
            if proposal is not None and heard.is_valid(block_id):
                return proposal.block
        return None

    def known(self, message: Proposal | Vote) -> Statement | None:
        """Return what the signer of a message said before, of the same type and in the same round."""
        heard = self._rounds.get(message.round)
        if heard is None:
            return None
        if isinstance(message, Proposal):
            first = heard.first
            return first.statement() if first is not None and first.validator == message.validator else None
        vote = heard.votes(message.kind).get(message.validator)
        return vote.statement() if vote is not None else None

    def against(self, certificate: Certificate) -> list[Evidence]:
        """Return the double signing that a verified certificate shows beside the votes that were heard."""
        heard = self._rounds.get(certificate.round)
        if heard is None or heard.votes(certificate.kind).agrees_with(certificate.block_id):
            return []
        return find([vote for vote in certificate.votes() if self.known(vote) is not None] + self._heard(certificate))

    def _heard(self, certificate: Certificate) -> list[Vote]:
        votes = self._rounds[certificate.round].votes(certificate.kind)
        return [vote for vote in map(votes.get, certificate.signers) if vote is not None]
