"""What must hold, checked from outside: messages sent and heard, timers run out, blocks delivered, evidence reported.

Nothing here looks into a core, and no rule of the engine is used to judge it: powers are added up, certificates and
signatures checked a second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from accel.consensus.actions import Deliver
from accel.consensus.events import TIMER_PREVOTE, TIMER_PROPOSE
from accel.consensus.messages import (
    NIL,
    NO_ROUND,
    PRECOMMIT,
    PREVOTE,
    PROPOSAL,
    Certificate,
    Evidence,
    Message,
    Proposal,
    Vote,
    sign_bytes,
)
from accel.consensus.simulation.keys import Keys
from accel.consensus.simulation.membership import Membership
from accel.consensus.simulation.scenario import CHAIN_ID, Scenario

__all__ = ["CHECKS", "VALID_PREFIX", "Checkers", "Violation"]

#: The application accepts a block that begins with this.
VALID_PREFIX: Final = b"ok "

_GIVES_UP: Final = {TIMER_PROPOSE: PREVOTE, TIMER_PREVOTE: PRECOMMIT}  # what is nil when a timer has run out

#: What a violation can be.
CHECKS: Final = {
    "agreement": "no two honest validators decide different blocks at a height, and none decides twice",
    "validity": "a decided block is one that the application accepts and that a validator whose turn it was proposed",
    "certificate": "a decision comes with precommits of more than two thirds of the height's power",
    "double signature": "an honest validator signs at most one message for a height, round and step, crashes or not",
    "justified": "an honest validator precommits, leaves its lock, proposes again, or prevotes what is proposed again, "
    "only with prevotes that exist; it votes nil in its round only for what it has heard, or after its timer",
    "evidence": "evidence holds and names who signed twice; who has seen two signatures in a round reports them",
    "liveness": "after the faults everybody decides within the bound",
    "recovery": "an honest validator starts again from its own disk, and nothing that it is sent ends it",
}


class Violation(Exception):  # noqa: N818 - an outcome, not an error of the simulation
    """A check does not hold.

    Attributes:
        check: Which one of `CHECKS`.
    """

    def __init__(self, check: str, sentence: str) -> None:
        super().__init__(sentence)
        self.check = check


class Checkers:
    """Watches one run and raises `Violation` where a check does not hold.

    Args:
        scenario: The run's circumstances.
        keys: The keys of its nodes.
        membership: Its validators.
    """

    def __init__(self, scenario: Scenario, keys: Keys, membership: Membership) -> None:
        self._scenario = scenario
        self._keys = keys
        self._membership = membership
        self._byzantine = frozenset(scenario.byzantine)
        self.decided: dict[int, bytes] = {}
        self._signed: dict[tuple[int, int, int, int], tuple[bytes, int]] = {}
        self._prevoters: defaultdict[tuple[int, int, bytes], set[int]] = defaultdict(set)
        self._proposed: defaultdict[tuple[int, int, bytes], set[int]] = defaultdict(set)  # claimed valid rounds
        self._blocks: dict[bytes, bytes] = {}
        self._precommits: dict[int, tuple[int, int, bytes]] = {}  # node: height, round, block of its newest lock
        self._reported: dict[int, set[tuple[int, int]]] = {node: set() for node in range(scenario.nodes)}
        self._heard: dict[int, dict[tuple[int, int, int, int], tuple[bytes, int]]] = {}
        self._due: dict[int, set[tuple[int, int]]] = {}
        self._nil_reasons: defaultdict[int, set[tuple[int, int, int]]] = defaultdict(set)  # (kind, height, round)
        self._crashed_at = dict.fromkeys(range(scenario.nodes), 0)  # the last height it worked on before a crash
        self.evidence = 0

    # --- what is signed

    def signed_by_adversary(self, node: int, message: Proposal | Vote) -> None:
        """Note what a faulty validator has signed: it may count towards a quorum."""
        if isinstance(message, Vote):
            if message.kind == PREVOTE:
                self._prevoters[message.height, message.round, message.block_id].add(node)
        elif self._membership.validator_set(message.height).proposer(message.round) == message.validator:
            self._proposed[message.height, message.round, message.block_id].add(message.valid_round)
            self._blocks[message.block_id] = message.block

    def sent(self, node: int, message: Message, current: int | None = None) -> None:
        """Check a message that honest `node` sends, in round `current` if that is known."""
        if not isinstance(message, Proposal | Vote):
            return
        members = self._membership.members(message.height)
        if members.positions.get(node) != message.validator:
            return  # somebody else's vote, relayed
        kind = message.kind if isinstance(message, Vote) else PROPOSAL
        valid_round = message.valid_round if isinstance(message, Proposal) else NO_ROUND
        content = (message.block_id, valid_round)
        before = self._signed.setdefault((node, message.height, message.round, kind), content)
        if before is not content:
            if before != content:
                raise Violation(
                    "double signature",
                    f"node {node} signed two messages of kind {kind} at height {message.height}, round {message.round}",
                )
            return
        if isinstance(message, Proposal):
            self._check_proposal(node, message)
            return
        if message.block_id == NIL and message.round == current:
            self._check_nil(node, message)
        if message.kind == PREVOTE:
            self._check_prevote(node, message)
        elif message.block_id != NIL:
            self._check_precommit(node, message)

    def _check_proposal(self, node: int, proposal: Proposal) -> None:
        if self._membership.validator_set(proposal.height).proposer(proposal.round) != proposal.validator:
            raise Violation("validity", f"node {node} proposed out of turn: {place(proposal)}")
        if proposal.valid_round == NO_ROUND and proposal.block_id in self._blocks:
            raise Violation("justified", f"node {node} proposed as new what it had from before: {place(proposal)}")
        self.offered(node, proposal)
        self._proposed[proposal.height, proposal.round, proposal.block_id].add(proposal.valid_round)
        self._blocks[proposal.block_id] = proposal.block
        if proposal.valid_round != NO_ROUND:
            self._require_prevotes(node, proposal.height, [proposal.valid_round], proposal.block_id, "proposed again")

    def _check_prevote(self, node: int, vote: Vote) -> None:
        if vote.block_id == NIL:
            self._prevoters[vote.height, vote.round, NIL].add(node)
            return
        claimed = self._proposed.get((vote.height, vote.round, vote.block_id))
        if claimed is None:
            raise Violation("validity", f"node {node} prevoted what nobody in turn proposed: {place(vote)}")
        if not self._blocks[vote.block_id].startswith(VALID_PREFIX):
            raise Violation("validity", f"node {node} prevoted a block that the application refuses: {place(vote)}")
        if NO_ROUND not in claimed:
            self._require_prevotes(node, vote.height, sorted(claimed), vote.block_id, "prevoted the reproposed")
        height, round_, locked = self._precommits.get(node, (0, 0, NIL))
        if height == vote.height and locked != vote.block_id:
            self._require_prevotes(node, height, range(round_, vote.round), vote.block_id, "left its lock for")
        self._prevoters[vote.height, vote.round, vote.block_id].add(node)

    def _check_precommit(self, node: int, vote: Vote) -> None:
        self._require_prevotes(node, vote.height, [vote.round], vote.block_id, "precommitted")
        self._precommits[node] = (vote.height, vote.round, vote.block_id)

    def _check_nil(self, node: int, vote: Vote) -> None:
        """A nil vote in the round that the validator is in. Those that end an earlier round need no reason."""
        if vote.height <= self._crashed_at[node] or (vote.kind, vote.height, vote.round) in self._nil_reasons[node]:
            return
        if vote.kind == PRECOMMIT and self._has_quorum(vote.height, vote.round, NIL):
            return
        raise Violation("justified", f"node {node} voted nil before its time: {place(vote)}, kind {vote.kind}")

    def _has_quorum(self, height: int, round_: int, block_id: bytes) -> bool:
        members = self._membership.members(height)
        voters = self._prevoters.get((height, round_, block_id), ())
        return members.is_quorum(sum(members.powers[members.positions[voter]] for voter in voters))

    def _require_prevotes(self, node: int, height: int, rounds: Iterable[int], block_id: bytes, what: str) -> None:
        if any(self._has_quorum(height, round_, block_id) for round_ in rounds):
            return
        raise Violation(
            "justified",
            f"node {node} {what} block {block_id.hex()[:8]} at height {height} without prevotes of two thirds",
        )

    # --- what is decided

    def delivered(self, node: int, action: Deliver, expected_height: int) -> None:
        """Check a block that honest `node` hands to its application."""
        if action.height != expected_height:
            raise Violation("agreement", f"node {node} delivered height {action.height}, expected {expected_height}")
        first = self.decided.setdefault(action.height, action.block_id)
        if first != action.block_id:
            raise Violation(
                "agreement",
                f"node {node} decided {action.block_id.hex()[:8]} at height {action.height}, another {first.hex()[:8]}",
            )
        if not action.block.startswith(VALID_PREFIX) or self._blocks.get(action.block_id) != action.block:
            raise Violation("validity", f"node {node} decided a block of height {action.height} that nobody proposed")
        self._check_certificate(node, action.height, action.block_id, action.certificate)

    def _check_certificate(self, node: int, height: int, block_id: bytes, certificate: Certificate) -> None:
        members = self._membership.members(height)
        message = sign_bytes(CHAIN_ID, PRECOMMIT, height, certificate.round, NO_ROUND, block_id)
        fields = (certificate.kind, certificate.height, certificate.block_id) == (PRECOMMIT, height, block_id)
        signers = set(certificate.signers)
        within = len(signers) == len(certificate.signers) and all(0 <= i < len(members.nodes) for i in signers)
        if not (
            fields
            and within
            and members.is_quorum(sum(members.powers[i] for i in signers))
            and all(
                self._keys.verify(self._keys.public(members.nodes[i]), message, signature)
                for i, signature in zip(certificate.signers, certificate.signatures, strict=True)
            )
        ):
            raise Violation("certificate", f"node {node} decided height {height} on a certificate that does not hold")

    # --- evidence

    def received(self, node: int, message: Message, height: int, round_: int) -> None:
        """Note what honest `node` is told while it is at `height` and `round_`: two signatures of one validator."""
        if not isinstance(message, Vote) or (message.height, message.round) != (height, round_):
            return
        members = self._membership.members(height)
        if message.validator >= len(members.nodes) or members.nodes[message.validator] not in self._byzantine:
            return
        heard = self._heard.setdefault(node, {})
        key = (height, round_, message.kind, message.validator)
        first = heard.setdefault(key, (message.block_id, 0))[0]
        if first != message.block_id:
            self._due.setdefault(node, set()).add((height, message.validator))

    def offered(self, node: int, proposal: Proposal) -> None:
        """Note a proposal that honest `node` is told or makes: it may refuse it."""
        self._nil_reasons[node].add((PREVOTE, proposal.height, proposal.round))

    def ran_out(self, node: int, timer: int, height: int, round_: int) -> None:
        """Note that a timer of honest `node` has run out: it may give up what it waited for."""
        if timer in _GIVES_UP:
            self._nil_reasons[node].add((_GIVES_UP[timer], height, round_))

    def crashed(self, node: int, height: int) -> None:
        """Forget what `node`, which worked on `height`, was told: it has."""
        self._crashed_at[node] = max(self._crashed_at[node], height)
        self._heard.pop(node, None)
        self._due.pop(node, None)

    def settled(self, node: int) -> None:
        """Check that `node`, which has nothing in hand, has reported whom it saw sign twice."""
        for height, validator in sorted(self._due.pop(node, ())):
            if (height, validator) not in self._reported[node]:
                raise Violation(
                    "evidence", f"node {node} saw validator {validator} sign twice at height {height} and says nothing"
                )

    def reported(self, node: int, evidence: Evidence) -> None:
        """Check evidence that honest `node` reports."""
        first, second = evidence.first, evidence.second
        members = self._membership.members(first.height)
        same = all(a == b for a, b in zip(first[:3], second[:3], strict=True)) and first.validator == second.validator
        different = (first.block_id, first.valid_round) != (second.block_id, second.valid_round)
        holds = same and different and first.validator < len(members.nodes)
        for statement in (first, second):
            holds = holds and self._keys.verify(
                self._keys.public(members.nodes[statement.validator]),
                statement.sign_bytes(CHAIN_ID),
                statement.signature,
            )
        if not holds or members.nodes[first.validator] not in self._byzantine:
            raise Violation("evidence", f"node {node} reported evidence that does not hold at height {first.height}")
        self._reported[node].add((first.height, first.validator))
        self.evidence += 1


def place(message: Proposal | Vote) -> str:
    """Where a message belongs, for people."""
    return f"height {message.height}, round {message.round}, block {message.block_id.hex()[:8] or 'nil'}"
