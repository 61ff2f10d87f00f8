"""One core whose peers are played by the test. Its disk and signer answer at once unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from accel.consensus import Core, ValidatorSet
from accel.consensus import actions as a
from accel.consensus import events as e
from accel.consensus import messages as m

from .network import CONFIG, block_id, key, signature, validator_set

A, B = b"block A", b"block B"
ID_A, ID_B = block_id(A), block_id(B)
NIL = m.NIL


class Solo:
    """The core of validator `me` at height 1; of equal powers validator r mod n proposes in round r."""

    def __init__(
        self,
        me: int = 3,
        powers: Sequence[int] = (1, 1, 1, 1),
        *,
        config: Any = CONFIG,
        records: Iterable[Any] = (),
        core_class: Any = Core,
        validators: ValidatorSet | None = None,
        disk: bool = True,
        signer: bool = True,
        start: bool = True,
    ) -> None:
        self.me = me
        self.disk, self.signer = disk, signer
        self.core = core_class(
            config._replace(public_key=key(me)), 1, validators or validator_set(powers), tuple(records)
        )
        self.actions: list[Any] = []
        self.records: list[Any] = []
        if start:
            self.give(e.Start())

    def give(self, event: Any) -> list[Any]:
        """Step and return the actions, those that follow from answers of disk and signer included."""
        found: list[Any] = []
        queue = [event]
        while queue:
            for action in self.core.step(queue.pop(0)):
                found.append(action)
                if isinstance(action, a.Persist):
                    self.records.append(action.record)
                    if self.disk:
                        queue.append(e.Durable(action.id))
                if isinstance(action, a.Sign) and self.signer:
                    queue.append(e.Signed(action.id, signature(self.me, action.intent)))
        self.actions += found
        return found

    def receive(self, message: m.Message, *, ok: bool = True, valid: bool = True, sender: int = 0) -> list[Any]:
        """Receive a message and, if the core asks for it, have it verified."""
        found = self.give(e.Received(sender, message))
        for action in list(found):
            if isinstance(action, a.Verify) and action.message == message:
                found += self.give(e.Verified(action.id, ok, valid))
        return found

    def propose(
        self,
        round_: int,
        block: bytes,
        valid_round: int = -1,
        certificate: Any = None,
        *,
        by: int | None = None,
        **how: Any,
    ) -> list[Any]:
        return self.receive(self.proposal(round_, block, valid_round, certificate, by=by), **how)

    def proposal(
        self, round_: int, block: bytes, valid_round: int = -1, proof: Any = None, *, by: int | None = None
    ) -> m.Proposal:
        proposer = self.core.validators.proposer(round_) if by is None else by
        intent = m.Intent(m.PROPOSAL, self.core.height, round_, valid_round, block_id(block))
        return m.Proposal(
            intent.height,
            round_,
            valid_round,
            intent.block_id,
            proposer,
            signature(proposer, intent),
            block,
            proof,
        )

    def vote(self, kind: int, round_: int, block: bytes, validator: int) -> m.Vote:
        intent = m.Intent(kind, self.core.height, round_, -1, block)
        return m.Vote(kind, intent.height, round_, block, validator, signature(validator, intent))

    def prevote(self, round_: int, block: bytes, *validators: int) -> list[Any]:
        return [x for v in validators for x in self.receive(self.vote(m.PREVOTE, round_, block, v), sender=v)]

    def precommit(self, round_: int, block: bytes, *validators: int) -> list[Any]:
        return [x for v in validators for x in self.receive(self.vote(m.PRECOMMIT, round_, block, v), sender=v)]

    def certificate(self, kind: int, round_: int, block: bytes, *validators: int) -> m.Certificate:
        votes = [self.vote(kind, round_, block, v) for v in validators]
        return m.Certificate(
            kind,
            self.core.height,
            round_,
            block,
            len(self.core.validators),
            tuple(validators),
            tuple(vote.signature for vote in votes),
        )

    def timeout(self, timer: int, round_: int, height: int = 1) -> list[Any]:
        return self.give(e.Timeout(timer, height, round_))

    def go_to(self, round_: int) -> None:
        """Go to a round by line 55."""
        peers = [v for v in range(len(self.core.validators)) if v != self.me]
        power, needed = 0, self.core.validators.weak_quorum
        for peer in peers:
            self.precommit(round_, NIL, peer)
            power += self.core.validators.powers[peer]
            if power >= needed:
                return

    def hits(self, line: int) -> int:
        return int(self.core.rules_hit[f"line{line}"])


def said(actions: Iterable[Any]) -> list[tuple[Any, ...]]:
    """What was broadcast: (kind, round, block) of votes, (1, round, block, valid round) of proposals."""
    found: list[tuple[Any, ...]] = []
    for action in actions:
        if isinstance(action, a.Broadcast) and isinstance(action.message, m.Vote):
            found.append((action.message.kind, action.message.round, action.message.block_id))
        elif isinstance(action, a.Broadcast) and isinstance(action.message, m.Proposal):
            p = action.message
            found.append((m.PROPOSAL, p.round, p.block_id, p.valid_round))
    return found


def timers(actions: Iterable[Any]) -> list[tuple[int, int, int]]:
    return [(t.timer, t.round, t.delay_us) for t in actions if isinstance(t, a.SetTimer)]


def of(kind: type, actions: Iterable[Any]) -> list[Any]:
    return [action for action in actions if isinstance(action, kind)]
