"""The consensus core: Tendermint's rules as a function of events.

"Line" is a line of Algorithm 1 in *The latest gossip on BFT consensus* (arXiv 1807.04938, version 3); f + 1 and 2f + 1
are shares of power (`ValidatorSet.weak_quorum`, `ValidatorSet.quorum`). The paper assumes that messages are gossiped; a
mesh does not, so who says where it stands (`Status`) is sent what it is missing.

The source is Python and runs as such; the build compiles it with Cython. Typed integers hold heights (below 2⁶²),
rounds (below 2¹⁶) and powers (at most 2⁶⁰); what comes from outside is compared as a Python integer before it becomes
one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import cython

from accel.consensus import admission, relay
from accel.consensus.actions import (
    Action,
    Broadcast,
    Deliver,
    Persist,
    Propose,
    Report,
    Send,
    SetTimer,
    Sign,
    Verify,
)
from accel.consensus.admission import Verifications
from accel.consensus.config import CoreConfig
from accel.consensus.errors import EventError
from accel.consensus.events import (
    TIMER_PRECOMMIT,
    TIMER_PREVOTE,
    TIMER_PROPOSE,
    TIMER_RELAY,
    Applied,
    Durable,
    Event,
    Proposed,
    Received,
    Signed,
    SignRefused,
    Start,
    Timeout,
    Verified,
)
from accel.consensus.evidence import accusation, differ, from_certificates
from accel.consensus.future import FutureMessages
from accel.consensus.journal import Journal
from accel.consensus.messages import (
    MAX_HEIGHT,
    MAX_ROUND,
    NIL,
    NO_ROUND,
    PRECOMMIT,
    PREVOTE,
    PROPOSAL,
    Certificate,
    Decision,
    Evidence,
    Intent,
    Message,
    Proposal,
    Statement,
    Status,
    Vote,
)
from accel.consensus.records import DecisionRecord, EvidenceRecord, IntentRecord, Record, ValidRecord, VoteRecord
from accel.consensus.recovery import recover, restore_votes
from accel.consensus.validators import ValidatorSet
from accel.consensus.values import Values
from accel.consensus.votes import HeightVotes, RoundVotes, VoteSet

__all__ = ["RULES", "Core"]

COMPILED: Final = cython.compiled
"""Whether this module runs compiled."""

RULES: Final = (16, 18, 21, 24, 26, 30, 32, 35, 38, 42, 45, 48, 51, 56, 59, 63, 67)
"""The lines of the paper that do something, each once: what `Core.rules_hit` counts."""

_LAST_RULE: Final = 67

_PROPOSE: Final = 0
_PREVOTE: Final = 1
_PRECOMMIT: Final = 2


@cython.cclass
class Core:
    """One validator's state machine: ``step(event)`` gives the actions that follow.

    Two cores that are given the same events give the same actions.

    Args:
        config: Identity, timeouts, limits.
        height: The first height to decide: the one after the last that the application has executed.
        validators: The validator set of that height.
        records: What the write-ahead log holds, in order; records of earlier heights are passed over.

    Raises:
        EventError: `height` lies outside its limits.
        RecoveryError: The records do not fit together.
    """

    _config: CoreConfig
    _started: cython.bint
    _out: list[Action]
    _counters: dict[str, int]
    _rules: list[int]

    # Where it stands.
    _height: cython.longlong
    _round: cython.int
    _step: cython.int
    _validators: ValidatorSet
    _weak_quorum: cython.longlong
    _me: cython.int  # its position, or -1
    _may_sign: cython.bint

    # The paper's variables.
    _values: Values
    _decision: Decision | None
    _delivered: cython.bint
    _proposed: cython.int  # the last round in which it has proposed

    # What it has heard.
    _heard: HeightVotes
    _current: RoundVotes
    _accused: set[tuple[int, int, int, int]]
    _previous: HeightVotes
    _previous_decision: Decision | None
    _future: FutureMessages
    _limiter: relay.Limiter
    _asked: cython.int  # the last round whose block it has asked for

    # What it waits for.
    _journal: Journal
    _verifications: Verifications
    _records: list[Record]

    def __init__(
        self, config: CoreConfig, height: int, validators: ValidatorSet, records: Iterable[Record] = ()
    ) -> None:
        if not 1 <= height <= MAX_HEIGHT:
            raise EventError(f"height: expected 1 to {MAX_HEIGHT}, got {height}")
        self._config = config
        self._started = False
        self._out = []
        self._counters = {}
        self._rules = [0] * (_LAST_RULE + 1)
        self._records = list(records)
        self._journal = Journal()
        self._verifications = Verifications(config.pending_verifications, config.pending_blocks)
        self._future = FutureMessages(config.future_messages, config.catch_up, config.max_block_bytes)
        self._previous_decision = None
        self._accused = set()
        self._enter_height(height, validators)
        recover(self._records, height)  # a log that does not fit together is found before anything is done

    # ------------------------------------------------------------------ what may be read

    @property
    def height(self) -> int:
        """The height it is deciding."""
        return self._height

    @property
    def round(self) -> int:
        """The round it is in."""
        return self._round

    @property
    def step_number(self) -> int:
        """0 propose, 1 prevote, 2 precommit."""
        return self._step

    @property
    def locked_round(self) -> int:
        """Round of its lock, or -1."""
        return self._values.locked_round

    @property
    def valid_round(self) -> int:
        """Round of its valid value, or -1."""
        return self._values.valid_round

    @property
    def decision(self) -> Decision | None:
        """The decision of this height, from when it is known until the application has executed it."""
        return self._decision

    @property
    def validators(self) -> ValidatorSet:
        """The validator set of this height."""
        return self._validators

    def validator_set(self, height: int) -> ValidatorSet:
        """Return the validator set of this height or the one before: what `Verify` asks about.

        Raises:
            EventError: Another height.
        """
        if height == self._height:
            return self._validators
        if height == self._height - 1 and self._previous_decision is not None:
            return self._previous.validators
        raise EventError(f"height: expected {self._height} or the one before, got {height}")

    @property
    def rules_hit(self) -> dict[str, int]:
        """How often each rule of the paper has fired, by its line (``line16`` to ``line67``, all of ``RULES``)."""
        return {f"line{line}": self._rules[line] for line in RULES}

    @property
    def counters(self) -> dict[str, int]:
        """How many messages were dropped, by reason."""
        return dict(self._counters)

    @property
    def memory(self) -> dict[str, int]:
        """How much is kept, in ``rounds``, ``future``, ``pending``, ``undurable``, ``unsigned``; each has a limit."""
        kept = {"rounds": len(self._heard), "future": len(self._future), "pending": len(self._verifications)}
        return kept | self._journal.sizes

    # ------------------------------------------------------------------ events

    def step(self, event: Event) -> list[Action]:
        """Take one event and return the actions to carry out, in their order.

        Raises:
            EventError: The driver broke the contract: an unknown identifier, an event before `Start`, and the like. The
                state is as before.
            ValidatorSetError: The changes in `Applied` leave no validator set. The state is as before.
        """
        out: list[Action] = []
        self._out = out
        if not self._started and not isinstance(event, Start):
            raise EventError(f"event: expected Start first, got {type(event).__name__}")
        if isinstance(event, Received):
            self._receive(event.sender, event.message)
        elif isinstance(event, Verified):
            self._on_verified(event)
        elif isinstance(event, Durable):
            self._on_durable(event)
        elif isinstance(event, Signed):
            self._on_signed(event)
        else:
            self._on_rare(event)
        self._out = []
        return out

    @cython.cfunc
    def _on_rare(self, event: Event) -> None:
        if isinstance(event, Timeout):
            self._on_timeout(event)
        elif isinstance(event, Proposed):
            self._on_proposed(event)
        elif isinstance(event, Applied):
            self._on_applied(event)
        elif isinstance(event, SignRefused):
            self._count("sign_refused" if self._journal.refused(event.id) else "late_signature")
            self._log_intent()
        elif isinstance(event, Start):
            if self._started:
                raise EventError("event: Start came twice")
            self._started = True
            self._begin()
        else:
            raise EventError(f"event: expected an event, got {type(event).__name__}")

    @cython.cfunc
    def _on_applied(self, event: Applied) -> None:
        """Go on to the next height (lines 52 to 54)."""
        if not self._delivered or event.height != self._height:
            raise EventError(f"Applied: height {event.height} has not been delivered")
        following = self._validators.next(event.updates)
        self._previous = self._heard
        self._previous_decision = self._decision
        self._enter_height(self._height + 1, following)
        self._begin()

    @cython.cfunc
    def _on_proposed(self, event: Proposed) -> None:
        """Propose the application's block (line 19)."""
        admission.check_proposed(event, self._config.max_block_bytes)
        now: cython.bint = event.height == self._height and event.round == self._round and self._step == _PROPOSE
        if now and self._may_propose():
            self._propose(event.block_id, NO_ROUND, event.block, None)
        else:
            self._count("late_proposal")

    @cython.cfunc
    def _may_propose(self) -> cython.bint:
        """Whether it is this validator's turn (line 14) and it has not proposed in this round, nor before a crash."""
        return self._may_sign and self._proposed < self._round and self._validators.proposer(self._round) == self._me

    @cython.cfunc
    def _on_timeout(self, event: Timeout) -> None:
        admission.check_timeout(event)
        timer = event.timer
        if event.height != self._height:
            return
        if timer == TIMER_RELAY:
            self._limiter.tick()
            if self._decision is None:
                self._out.append(Broadcast(self._status()))
            self._out.append(SetTimer(TIMER_RELAY, self._height, 0, self._config.relay_us))
            return
        if event.round != self._round or self._decision is not None:
            return
        if timer == TIMER_PROPOSE and self._step == _PROPOSE:  # line 57
            self._hit(59)
            self._step = _PREVOTE
            self._vote(PREVOTE, NIL)
            self._apply_rules(-1)
        elif timer == TIMER_PREVOTE and self._step == _PREVOTE:  # line 61
            self._hit(63)
            self._step = _PRECOMMIT
            self._vote(PRECOMMIT, NIL)
            self._apply_rules(-1)
        elif timer == TIMER_PRECOMMIT:  # line 65
            self._next_round()

    # ------------------------------------------------------------------ heights and rounds

    @cython.cfunc
    def _enter_height(self, height: int, validators: ValidatorSet) -> None:
        """Take a new height's set and forget the last height's state (line 53)."""
        self._height = height
        self._round = 0
        self._step = _PROPOSE
        self._validators = validators
        self._weak_quorum = validators.weak_quorum
        self._me = validators.position(self._config.public_key)
        self._may_sign = self._me >= 0 and height >= self._config.sign_from
        self._values = Values()
        self._decision = None
        self._delivered = False
        self._proposed = -1
        self._heard = HeightVotes(validators, self._config.keep_rounds, self._config.future_rounds)
        self._current = self._heard.at(0)
        self._accused = {key for key in self._accused if key[0] >= height - 1}
        self._limiter = relay.Limiter()
        self._asked = -1
        self._journal.forget_intents()

    @cython.cfunc
    def _begin(self) -> None:
        """Begin the height, where the log left it if it did, then take what came early."""
        found = recover(self._records, self._height)
        for evidence in found.evidence:
            self._accused.add(accusation(evidence.first))
            self._out.append(Report(evidence))
        self._out.append(SetTimer(TIMER_RELAY, self._height, 0, self._config.relay_us))
        self._values.restore(found.lock, found.valid)
        if found.decision is not None:
            self._decision = Decision(found.decision.block, found.decision.certificate)
            self._deliver()
        elif found.intent is not None:
            restore_votes(found, self._heard, self._me)
            self._resume(found.intent)
        else:
            self._start_round(0)
        for sender, message in self._future.take(self._height):
            self._receive(sender, message)

    @cython.cfunc
    def _resume(self, intent: Intent) -> None:
        """Go on in the round and step of the last intent. It may have been signed or not, sent or not: do it again.

        The same content signed twice is no double signature. A proposal is not made again, since its block is not in
        the log; its round is left to the timeout.
        """
        self._round = intent.round
        if intent.kind == PROPOSAL:
            self._proposed = intent.round
            self._start_round(intent.round)
            return
        self._current = self._heard.at(intent.round)
        self._step = _PREVOTE if intent.kind == PREVOTE else _PRECOMMIT
        self._vote(intent.kind, intent.block_id)

    @cython.cfunc
    def _start_round(self, round_: cython.int) -> None:
        """StartRound (lines 11 to 21). The proposer has a timeout too: its application may stay silent."""
        ended: cython.int = self._round
        if round_ > ended:
            self._vote_before(round_)
        self._round = round_
        self._step = _PROPOSE
        self._heard.forget_old(round_)
        self._current = self._heard.at(round_)
        self._hit(21)
        self._set_timer(TIMER_PROPOSE, self._config.propose_us)
        certificate = self._values.certificate
        if self._may_propose():
            if certificate is not None:
                self._hit(16)
                self._propose(certificate.block_id, certificate.round, self._values.valid_block, certificate)
            else:
                self._hit(18)
                self._out.append(Propose(self._height, round_))
        elif certificate is not None and certificate.round == ended:  # not all may have seen these prevotes
            self._out.append(Broadcast(certificate))
        self._apply_rules(-1)

    @cython.cfunc
    def _next_round(self) -> None:
        if self._round < MAX_ROUND:
            self._hit(67)
            self._start_round(self._round + 1)
        else:
            self._count("last_round")

    @cython.cfunc
    def _set_timer(self, timer: cython.int, base_us: int) -> None:
        delay = min(base_us + self._round * self._config.delta_us, self._config.longest_us)
        self._out.append(SetTimer(timer, self._height, self._round, delay))

    # ------------------------------------------------------------------ the paper's rules

    @cython.cfunc
    def _apply_rules(self, sender: int) -> None:
        """Apply the rules of the current round, in an order in which one pass is enough."""
        if self._decision is not None:
            return
        if self._step == _PROPOSE:
            self._answer_proposal()
        current = self._current
        prevotes: VoteSet = current.prevotes
        majority = prevotes.majority
        if majority is not None and self._step != _PROPOSE:
            self._on_polka(majority, sender)
        if self._step == _PREVOTE and prevotes.has_quorum and current.first_time(34):  # line 34
            self._hit(35)
            self._set_timer(TIMER_PREVOTE, self._config.prevote_us)
        if majority == NIL and current.precommits.majority == NIL:  # nothing is locked that others must hear of
            self._next_round()
        elif current.precommits.has_quorum and current.first_time(47):  # line 47
            self._hit(48)
            self._set_timer(TIMER_PRECOMMIT, self._config.precommit_us)

    @cython.cfunc
    def _on_polka(self, block_id: bytes, sender: int) -> None:
        """More than two thirds prevoted for a block or for nil (lines 36 and 44)."""
        if block_id == NIL:
            if self._step == _PREVOTE:
                self._hit(45)
                self._step = _PRECOMMIT
                self._vote(PRECOMMIT, NIL)
            return
        proposal = self._current.proposal(block_id)
        if proposal is None:
            self._ask_for_block(sender)
        elif self._current.is_valid(block_id) and self._current.first_time(36):
            self._lock(proposal)

    @cython.cfunc
    def _answer_proposal(self) -> None:
        """Prevote for the round's proposal, or nil: lines 22 to 27 and 28 to 33."""
        proposal = self._current.first
        if proposal is None:
            return
        block_id = proposal.block_id
        accept: cython.bint = self._current.is_valid(block_id) and self._values.allow(proposal)  # lines 23 and 29
        if proposal.valid_round < 0:
            self._hit(24 if accept else 26)
        else:
            self._hit(30 if accept else 32)
        self._step = _PREVOTE
        self._vote(PREVOTE, block_id if accept else NIL)

    @cython.cfunc
    def _lock(self, proposal: Proposal) -> None:
        """Lock a block that was proposed, is valid and has its prevotes; it is the valid value (lines 37 to 43)."""
        block_id = proposal.block_id
        self._learn(proposal.block, self._current.prevotes.certificate(block_id))
        if self._step == _PREVOTE:  # line 37
            self._hit(38)
            self._values.lock(self._round, block_id)
            self._step = _PRECOMMIT
            self._vote(PRECOMMIT, block_id)

    @cython.cfunc
    def _learn(self, block: bytes, certificate: Certificate) -> None:
        """Take a block for the valid value (lines 42 and 43)."""
        self._hit(42)
        self._values.learn(block, certificate)
        if self._may_sign:
            self._persist(ValidRecord(block, certificate))

    @cython.cfunc
    def _try_decide(self, votes: RoundVotes, sender: int) -> cython.bint:
        """Decide what more than two thirds precommitted in any round (lines 49 to 51), if the block is here.

        The block may have come in another round than the precommits: an identifier has one block.
        """
        precommits: VoteSet = votes.precommits
        block_id = precommits.majority
        if block_id is None or block_id == NIL or self._decision is not None:
            return False
        block = self._heard.valid_block(block_id)
        if block is None:
            block = self._values.block_of(block_id)
        if block is not None:
            self._hit(51)
            self._decide(Decision(block, precommits.certificate(block_id)))
            return True
        self._ask_for_block(sender)
        return False

    @cython.cfunc
    def _decide(self, decision: Decision) -> None:
        """Keep the decision; deliver it once it is durable."""
        self._decision = decision
        self._accuse_all(self._heard.against(decision.certificate))
        self._persist(DecisionRecord(decision.block, decision.certificate))

    @cython.cfunc
    def _deliver(self) -> None:
        assert self._decision is not None
        self._delivered = True
        block, certificate = self._decision
        self._out.append(Deliver(self._height, certificate.block_id, block, certificate))

    @cython.cfunc
    def _add_vote(self, vote: Vote, sender: int) -> None:
        """Count a verified vote of this height and apply the rules it may enable."""
        known = self._heard.known(vote)
        if known is not None:
            self._accuse_if_different(known, vote.statement())
            return
        fault = "old" if self._decision is not None else self._heard.add(vote, self._round)
        if fault:
            self._count(fault)
            return
        heard = self._heard.at(vote.round)
        if vote.kind == PRECOMMIT and heard.precommits.majority is not None and self._try_decide(heard, sender):
            return
        self._heard_of(vote.round, heard, sender)

    @cython.cfunc
    def _heard_of(self, round_: int, heard: RoundVotes, sender: int) -> None:
        """Apply the rules of the current round, or go to a later one of which f + 1 were heard (line 55)."""
        if round_ == self._round:
            self._apply_rules(sender)
        elif round_ > self._round and heard.heard_power >= self._weak_quorum:
            self._hit(56)
            self._start_round(round_)

    @cython.cfunc
    def _add_proposal(self, proposal: Proposal, valid: bool, sender: int) -> None:
        """Keep a verified proposal of this height and apply the rules it may enable."""
        round_ = proposal.round
        if self._decision is not None or self._heard.is_old(round_, self._round):
            self._count("old")
            return
        heard = self._heard.at(round_)
        first = heard.first
        if first is not None:
            self._accuse_if_different(first.statement(), proposal.statement())
            if heard.proposal(proposal.block_id) is not None or not heard.wants(proposal):
                self._count("duplicate")
                return
        heard.add_proposal(proposal, valid)
        if proposal.certificate is not None:
            self._accuse_all(self._heard.against(proposal.certificate))
        if heard.precommits.majority == proposal.block_id and self._try_decide(heard, sender):
            return
        self._heard_of(round_, heard, sender)

    # ------------------------------------------------------------------ persist → durable → sign → send

    @cython.cfunc
    def _persist(self, record: Record) -> None:
        self._out.append(Persist(self._journal.append(record), record))

    @cython.cfunc
    def _vote(self, kind: int, block_id: bytes) -> None:
        """Intend a vote: it is signed when the intent is durable, and counts when it is signed."""
        if self._may_sign:
            self._intend(Intent(kind, self._height, self._round, NO_ROUND, block_id), b"", None)

    @cython.cfunc
    def _vote_before(self, round_: cython.int) -> None:
        """Vote nil in the round before, if it has not: after a crash nobody may know why that round ended."""
        done: cython.int = self._step if self._round == round_ - 1 else 0
        self._round = round_ - 1
        for kind in (PREVOTE, PRECOMMIT)[done:]:
            self._vote(kind, NIL)

    @cython.cfunc
    def _propose(self, block_id: bytes, valid_round: int, block: bytes, certificate: Certificate | None) -> None:
        """Intend a proposal (line 19)."""
        self._proposed = self._round
        self._intend(Intent(PROPOSAL, self._height, self._round, valid_round, block_id), block, certificate)

    @cython.cfunc
    def _intend(self, intent: Intent, block: bytes, certificate: Certificate | None) -> None:
        values = self._values
        self._journal.intend(IntentRecord(intent, values.locked_round, values.valid_round), block, certificate)
        self._log_intent()

    @cython.cfunc
    def _log_intent(self) -> None:
        """Persist the next intent, once the one before is signed: so the log has each vote before it has the next."""
        waiting = self._journal.next_intent()
        if waiting is not None:
            self._out.append(Persist(*waiting))

    @cython.cfunc
    def _on_durable(self, event: Durable) -> None:
        for number, record in self._journal.durable(event.id):
            if isinstance(record, IntentRecord):
                self._out.append(Sign(number, record.intent))
            elif isinstance(record, DecisionRecord):
                self._deliver()
            elif isinstance(record, EvidenceRecord):
                self._out.append(Report(record.evidence))

    @cython.cfunc
    def _on_signed(self, event: Signed) -> None:
        message = self._journal.signed(event.id, event.signature, self._me)
        if message is None:
            self._count("late_signature")
        elif isinstance(message, Vote):
            self._out.append(Broadcast(message))
            self._persist(VoteRecord(message))
            self._log_intent()
            self._add_vote(message, -1)
        else:
            self._log_intent()
            if message.round == self._round and self._decision is None:
                self._out.append(Broadcast(message))
                self._add_proposal(message, True, -1)

    # ------------------------------------------------------------------ what peers send

    @cython.cfunc
    def _receive(self, sender: int, message: Message) -> None:
        """Drop, keep for later or have verified what a peer sent; nothing of it counts yet."""
        admission.check_received(sender, message)
        if isinstance(message, Status):
            self._receive_status(sender, message)
            return
        height = message.height
        limit = self._config.max_block_bytes
        if height > self._height:
            self._receive_early(sender, message)
            return
        if height == self._height:
            heard, decided, values = self._heard, self._decision, self._values
            fault = admission.fault(message, heard, decided, values, self._round, height, self._accused, limit)
        elif height == self._height - 1 and self._previous_decision is not None:
            fault = admission.late_fault(message, self._previous, self._previous_decision, self._accused, limit)
        else:
            fault = "old_height"
        if fault:
            self._count(fault)
            return
        number = self._verifications.add(sender, message)
        if number > 0:
            self._out.append(Verify(number, message))
        else:
            self._count("duplicate" if number == 0 else "too_many_pending")

    @cython.cfunc
    def _receive_early(self, sender: int, message: Proposal | Vote | Decision | Certificate) -> None:
        """Keep what belongs to the next height; tell who is further where this one stands."""
        ahead = message.height - self._height
        fault = self._future.add(sender, message, ahead)
        if fault:
            self._count(fault)
        if ahead > 1 and not isinstance(message, Decision) and self._limiter.allows(sender, (self._height, 0, 0)):
            self._out.append(Send(sender, self._status()))

    @cython.cfunc
    def _on_verified(self, event: Verified) -> None:
        waiting = self._verifications.take(event.id)
        if waiting is None:
            raise EventError(f"Verified: expected a verification that was asked for, got {event.id}")
        sender, message = waiting
        if not event.ok:
            self._count("bad_signature")
        elif message.height == self._height:
            if isinstance(message, Vote):
                self._add_vote(message, sender)
            elif isinstance(message, Proposal):
                self._add_proposal(message, event.valid, sender)
            elif isinstance(message, Certificate):
                self._add_certificate(message)
            else:
                self._add_decision(message)
        elif message.height == self._height - 1:
            self._add_late(message)
        else:
            self._count("old_height")

    @cython.cfunc
    def _add_decision(self, decision: Decision) -> None:
        """Take a verified decision of this height: the certificate stands for the messages of line 49."""
        if self._decision is None:
            self._hit(51)
            self._decide(decision)
        else:
            self._compare_decisions(decision, self._decision, self._heard)

    @cython.cfunc
    def _add_certificate(self, certificate: Certificate) -> None:
        """Take the valid value of a round from the verified prevotes that another has seen (lines 42 and 43).

        Whoever signs two prevotes may have given this validator the other one, and the first is the one that counts.
        """
        if self._decision is not None or not self._values.is_news(certificate, self._round):
            self._count("old")
            return
        self._accuse_all(self._heard.against(certificate))
        block = self._heard.valid_block(certificate.block_id)
        if block is None:
            self._count("block_missing")
        else:
            self._learn(block, certificate)

    @cython.cfunc
    def _add_late(self, message: Proposal | Vote | Decision | Certificate) -> None:
        """Take verified evidence of the height before."""
        decided = self._previous_decision
        if decided is None or isinstance(message, Certificate):
            self._count("old_height")
        elif isinstance(message, Decision):
            self._compare_decisions(message, decided, self._previous)
        elif (known := self._previous.known(message)) is not None:
            self._accuse_if_different(known, message.statement())

    # ------------------------------------------------------------------ relay

    @cython.cfunc
    def _status(self) -> Status:
        return relay.status(self._height, self._round, self._step, self._current, self._previous_decision)

    @cython.cfunc
    def _ask_for_block(self, sender: int) -> None:
        """Ask for a block that more than two thirds voted for and that is not here: once in each round."""
        if self._asked < self._round:
            self._asked = self._round
            status = self._status()
            self._out.append(Broadcast(status) if sender < 0 else Send(sender, status))

    @cython.cfunc
    def _receive_status(self, sender: int, status: Status) -> None:
        """Send a peer what it is missing; ask one that is further."""
        if not self._limiter.allows(sender, relay.position(status)):
            self._count("status")
            return
        here = relay.Standing(
            self._status(), self._heard, self._decision, self._previous_decision, self._values.certificate
        )
        if relay.has_forked(status, here):
            self._count("fork")
        self._out += relay.answer(sender, status, here, self._config.catch_up)

    # ------------------------------------------------------------------ evidence

    @cython.cfunc
    def _accuse_if_different(self, first: Statement, second: Statement) -> None:
        """Keep evidence, once for each signer, type, height and round; it is reported when it is durable."""
        key = accusation(first)
        if not differ(first, second):
            self._count("duplicate")
        elif key not in self._accused:
            self._accused.add(key)
            self._persist(EvidenceRecord(Evidence(first, second)))

    @cython.cfunc
    def _accuse_all(self, found: list[Evidence]) -> None:
        for first, second in found:
            self._accuse_if_different(first, second)

    @cython.cfunc
    def _compare_decisions(self, other: Decision, own: Decision, heard: HeightVotes) -> None:
        """Two decisions of one height: a fork. Who signed both certificates, or one and another vote, is named."""
        if other.certificate.block_id != own.certificate.block_id:
            self._count("fork")
            self._accuse_all(heard.against(other.certificate))
            self._accuse_all(from_certificates(own.certificate, other.certificate))

    # ------------------------------------------------------------------ counting

    @cython.cfunc
    def _hit(self, line: cython.int) -> None:
        self._rules[line] += 1

    @cython.cfunc
    def _count(self, reason: str) -> None:
        self._counters[reason] = self._counters.get(reason, 0) + 1
