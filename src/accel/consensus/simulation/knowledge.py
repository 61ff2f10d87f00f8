"""What the adversary of a run knows, and what it can make of it: true signatures of its own, and forgeries."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from random import Random
from typing import Final

from accel import sm3
from accel.consensus.messages import (
    NIL,
    NO_ROUND,
    PRECOMMIT,
    PREVOTE,
    PROPOSAL,
    Certificate,
    Decision,
    Message,
    Proposal,
    Status,
    Vote,
    sign_bytes,
)
from accel.consensus.simulation.keys import Keys
from accel.consensus.simulation.membership import Membership
from accel.consensus.simulation.scenario import CHAIN_ID, Scenario

__all__ = ["Knowledge"]

_REPLAYS_KEPT: Final = 64
_CERTIFICATES_KEPT: Final = 16


class Knowledge:
    """Everything that any faulty validator has heard, and the keys of all of them.

    Args:
        scenario: The run's circumstances.
        keys: The keys of its nodes; only those of the faulty ones are used to sign.
        membership: Its validators.
        random: Where choices come from.
        signed: Called with what a faulty validator signs.
    """

    def __init__(
        self,
        scenario: Scenario,
        keys: Keys,
        membership: Membership,
        random: Random,
        signed: Callable[[int, Proposal | Vote], None],
    ) -> None:
        self._scenario = scenario
        self._keys = keys
        self._membership = membership
        self._random = random
        self._signed = signed
        self._blocks = 0
        self._proposals: defaultdict[int, dict[bytes, Proposal]] = defaultdict(dict)
        self._votes: defaultdict[tuple[int, int, int, bytes], dict[int, bytes]] = defaultdict(dict)
        self._decisions: dict[int, Decision] = {}
        self._certificates: deque[Certificate] = deque(maxlen=_CERTIFICATES_KEPT)
        self._block_of: dict[bytes, bytes] = {}
        self._replays: list[Message] = []

    def learn(self, message: Message) -> None:
        """Keep what is of use."""
        if isinstance(message, Decision):
            self._decisions.setdefault(message.certificate.height, message)
            self._certificates.append(message.certificate)
        elif isinstance(message, Certificate):
            self._certificates.append(message)
        elif isinstance(message, Vote):
            self._learn_vote(message)
        elif isinstance(message, Proposal):
            self._proposals[message.height].setdefault(message.block_id, message)
            self._block_of[message.block_id] = message.block
            if message.certificate is not None:
                self._certificates.append(message.certificate)
        if len(self._replays) < _REPLAYS_KEPT:
            self._replays.append(message)
        elif self._random.random() < 0.1:
            self._replays[self._random.randrange(_REPLAYS_KEPT)] = message

    def _learn_vote(self, vote: Vote) -> None:
        """Keep a vote, and the certificate that it may complete."""
        votes = self._votes[vote.height, vote.round, vote.kind, vote.block_id]
        if vote.validator in votes:
            return
        members = self._membership.members(vote.height)
        before = members.is_quorum(sum(members.powers[i] for i in votes))
        votes[vote.validator] = vote.signature
        if vote.block_id != NIL and not before and members.is_quorum(sum(members.powers[i] for i in votes)):
            self._certificates.append(self._certificate(vote.kind, vote.height, vote.round, vote.block_id, votes))

    def _certificate(
        self, kind: int, height: int, round_: int, block_id: bytes, votes: dict[int, bytes]
    ) -> Certificate:
        signers = tuple(sorted(votes))
        validators = len(self._membership.members(height).nodes)
        return Certificate(kind, height, round_, block_id, validators, signers, tuple(votes[i] for i in signers))

    def candidates(self, height: int, round_: int) -> list[bytes]:
        """Blocks to vote for: those of the round first, then others of the height, and nil."""
        known = sorted(
            self._proposals[height].values(), key=lambda proposal: (proposal.round != round_, proposal.block_id)
        )
        return [proposal.block_id for proposal in known[:3]] + [NIL]

    def known_block(self, height: int) -> bytes | None:
        """A block that was proposed at `height`."""
        known = list(self._proposals[height].values())
        return self._random.choice(known).block if known else None

    def block(self, height: int, *, valid: bool = True) -> bytes:
        """Another block."""
        self._blocks += 1
        return b"%s %d faulty %d" % (b"ok" if valid else b"no", height, self._blocks)

    # --- what it may sign

    def proposal(
        self,
        node: int,
        height: int,
        round_: int,
        block: bytes,
        valid_round: int = NO_ROUND,
        certificate: Certificate | None = None,
    ) -> Proposal:
        """A proposal under the key of faulty `node`."""
        block_id = sm3.new(block).digest()
        signature = self._keys.private(node).sign(sign_bytes(CHAIN_ID, PROPOSAL, height, round_, valid_round, block_id))
        position = self._membership.members(height).positions[node]
        proposal = Proposal(height, round_, valid_round, block_id, position, signature, block, certificate)
        self._block_of[block_id] = block
        self._signed(node, proposal)
        self._proposals[height].setdefault(block_id, proposal)
        return proposal

    def vote(self, node: int, kind: int, height: int, round_: int, block_id: bytes) -> Vote:
        """A vote under the key of faulty `node`."""
        position = self._membership.members(height).positions[node]
        of_round = self._votes[height, round_, kind, block_id]
        if position in of_round:
            return Vote(kind, height, round_, block_id, position, of_round[position])
        signature = self._keys.private(node).sign(sign_bytes(CHAIN_ID, kind, height, round_, NO_ROUND, block_id))
        of_round[position] = signature
        vote = Vote(kind, height, round_, block_id, position, signature)
        self._signed(node, vote)
        return vote

    def late_prevotes(self, node: int, height: int, round_: int) -> Proposal | None:
        """A block proposed again on prevotes of an earlier round that were kept back until now: all of it holds."""
        members = self._membership.members(height)
        faulty = {members.positions[other] for other in self._scenario.byzantine if other in members.positions}
        choices = [
            (earlier, block_id)
            for (at, earlier, kind, block_id), votes in self._votes.items()
            if (at, kind) == (height, PREVOTE)
            and earlier < round_
            and block_id in self._block_of
            and members.is_quorum(sum(members.powers[i] for i in faulty | set(votes)))
        ]
        if not choices:
            return None
        earlier, block_id = self._random.choice(choices)
        for other in self._scenario.byzantine:
            if other in members.positions:
                self.vote(other, PREVOTE, height, earlier, block_id)
        votes = self._votes[height, earlier, PREVOTE, block_id]
        certificate = self._certificate(PREVOTE, height, earlier, block_id, votes)
        return self.proposal(node, height, round_, self._block_of[block_id], earlier, certificate)

    # --- what does not hold

    def replay(self) -> Message:
        """Something heard before."""
        return self._random.choice(self._replays)

    def decision(self) -> Decision | None:
        """A true decision, of some height."""
        return self._random.choice(list(self._decisions.values())) if self._decisions else None

    def forged_vote(self, height: int, round_: int) -> Vote:
        """A vote in an honest validator's name with a signature that is not theirs, or over something else."""
        members = self._membership.members(height)
        honest = [members.positions[node] for node in self._scenario.honest if node in members.positions]
        kind = self._random.choice((PREVOTE, PRECOMMIT))
        block_id = self._random.choice(self.candidates(height, round_))
        position = self._random.choice(honest)
        other = self._votes.get((height, round_, PREVOTE + PRECOMMIT - kind, block_id), {}).get(position)
        return Vote(kind, height, round_, block_id, position, other or self._random.randbytes(64))

    def false_valid_round(self, node: int, height: int, round_: int) -> Proposal:
        """A proposal that claims a valid round on a certificate that does not show it."""
        valid_round = self._random.randrange(round_)
        if self._certificates and self._random.random() < 0.6:
            certificate = self._random.choice(self._certificates)  # holds, for something else
            if certificate.round < round_ and self._random.random() < 0.7:
                valid_round = certificate.round
            block = None if self._random.random() < 0.3 else self._block_of.get(certificate.block_id)
            return self.proposal(node, height, round_, block or self.block(height), valid_round, certificate)
        block = self.known_block(height)
        if block is None or self._random.random() < 0.5:
            old = self.decision()
            block = old.block if old is not None and self._random.random() < 0.5 else self.block(height)
        shown: Certificate | None = None
        if self._random.random() < 0.8:
            shown = self.false_certificate(PREVOTE, height, valid_round, sm3.new(block).digest())
        return self.proposal(node, height, round_, block, valid_round, shown)

    def false_decision(self, height: int) -> Decision:
        """A decision on a certificate that falls short."""
        if self._certificates and self._random.random() < 0.5:
            certificate = self._random.choice(self._certificates)  # of prevotes, or of another height
            if self._random.random() < 0.5:
                certificate = self._one_too_few(certificate)
            if certificate.block_id in self._block_of:
                return Decision(self._block_of[certificate.block_id], certificate)
        block = self.known_block(height) or self.block(height)
        old = self.decision()
        if old is not None and self._random.random() < 0.3:
            block = old.block
        round_ = self._random.randrange(3)
        return Decision(block, self.false_certificate(PRECOMMIT, height, round_, sm3.new(block).digest()))

    def false_certificate(self, kind: int, height: int, round_: int, block_id: bytes) -> Certificate:
        """The best that can be made of true votes, or with votes that do not belong to it.

        Of another step, of other rounds, for other blocks, made up, or a good one of something else.
        """
        flaw = self._random.randrange(6)
        if flaw == 0 and self._certificates:
            return self._random.choice(self._certificates)._replace(height=height, round=round_)
        members = self._membership.members(height)
        signatures = self._wrong_signatures(flaw, kind, height, round_, block_id)
        signatures |= self._votes.get((height, round_, kind, block_id), {})
        for node in self._scenario.byzantine:
            if node in members.positions:
                vote = self.vote(node, kind, height, round_, block_id)
                signatures[vote.validator] = vote.signature
        return self._certificate(kind, height, round_, block_id, signatures)

    def _one_too_few(self, certificate: Certificate) -> Certificate:
        """The certificate without the weakest signer without whom it falls short."""
        members = self._membership.members(certificate.height)
        power = sum(members.powers[i] for i in certificate.signers)
        missed = [i for i in certificate.signers if not members.is_quorum(power - members.powers[i])]
        if not missed:
            return certificate
        weakest = min(missed, key=lambda i: (members.powers[i], i))
        votes = dict(zip(certificate.signers, certificate.signatures, strict=True))
        del votes[weakest]
        return self._certificate(certificate.kind, certificate.height, certificate.round, certificate.block_id, votes)

    def _wrong_signatures(self, flaw: int, kind: int, height: int, round_: int, block_id: bytes) -> dict[int, bytes]:
        signatures: dict[int, bytes] = {}
        if flaw == 1:  # the other step's votes
            signatures |= self._votes.get((height, round_, PREVOTE + PRECOMMIT - kind, block_id), {})
        elif flaw == 2:  # votes of several rounds
            for other in range(round_ + 3):
                signatures |= self._votes.get((height, other, kind, block_id), {})
        elif flaw == 3:  # votes for nil and for others
            for place, votes in self._votes.items():
                if place[:3] == (height, round_, kind):
                    signatures |= votes
        elif flaw == 4:
            count = len(self._membership.members(height).nodes)
            signatures |= {i: self._random.randbytes(64) for i in range(count)}
        return signatures

    def out_of_turn(self, node: int, height: int, round_: int) -> Message:
        """A good proposal by a validator whose turn it is not, also in the name of the one whose turn it is."""
        proposal = self.proposal(node, height, round_, self.block(height))
        if self._random.random() < 0.5:
            return proposal
        return proposal._replace(validator=self._membership.validator_set(height).proposer(round_))

    def false_status(self, height: int, round_: int) -> Status:
        """A claim to be behind and to have nothing."""
        validators = len(self._membership.members(height).nodes)
        none = bytes((validators + 7) // 8)
        height = max(1, height - self._random.randrange(3))
        round_ = max(0, round_ - self._random.randrange(2))
        previous = NIL if height == 1 else self._random.randbytes(32)
        return Status(height, round_, 0, False, previous, validators, none, none)
