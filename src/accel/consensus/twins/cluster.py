"""Runs one Twins scenario on real cores, in lockstep and without a disk."""

from __future__ import annotations

import functools
import hashlib
from typing import Any, Final, NamedTuple

from accel.consensus import actions, events
from accel.consensus.config import CoreConfig
from accel.consensus.core import Core
from accel.consensus.evidence import find, find_amnesia
from accel.consensus.messages import Certificate, Intent, Proposal, Statement, Vote
from accel.consensus.twins.scenario import Scenario, Split
from accel.consensus.validators import Validator, ValidatorSet

__all__ = ["Result", "run_scenario"]

_CHAIN_ID: Final = b"twins"
_HEALED_STEPS: Final = 300
"""Deliveries and timeouts after the splits within which all honest validators must decide."""
_ROUND_TIMERS: Final = (events.TIMER_PROPOSE, events.TIMER_PREVOTE, events.TIMER_PRECOMMIT)


class Result(NamedTuple):
    """What came of a scenario."""

    decided: tuple[str, ...]
    """For each node the block it decided, named by who proposed it and when (``0'@2``), or nothing."""
    forked: bool
    """Whether two honest validators decided different blocks."""
    stalled: bool
    """Whether an honest validator did not decide although the network had healed."""
    named: tuple[int, ...]
    """Validators that evidence names, of double signing or of voting against a lock that nothing released."""
    reported: tuple[int, ...]
    """Validators that a node's own reports name."""
    steps: int
    """Events given to cores."""


class _LedSet(ValidatorSet):
    """A validator set whose first leaders are prescribed."""

    __slots__ = ("leaders",)

    leaders: tuple[int, ...]

    def proposer(self, round_: int) -> int:
        return self.leaders[round_] if round_ < len(self.leaders) else super().proposer(round_)


@functools.lru_cache(maxsize=1 << 14)
def _signature(validator: int, intent: Intent) -> bytes:
    """Return a label in place of a signature: nothing is forged here, and both instances of a twin give the same."""
    return hashlib.sha512(repr((validator, intent)).encode()).digest()


@functools.lru_cache(maxsize=1 << 10)
def _block(name: str) -> tuple[bytes, bytes]:
    block = name.encode()
    return hashlib.sha256(block).digest(), block


@functools.lru_cache(maxsize=64)
def _validators(powers: tuple[int, ...]) -> tuple[Validator, ...]:
    return tuple(Validator(i.to_bytes(64, "big"), power) for i, power in enumerate(powers))


class _Node:
    """An instance of a validator."""

    __slots__ = ("core", "decision", "name", "timers", "validator")

    def __init__(self, validator: int, name: str, validators: ValidatorSet) -> None:
        self.validator = validator
        self.name = name
        config = CoreConfig(chain_id=_CHAIN_ID, public_key=validators.validators[validator].public_key)
        self.core = Core(config, 1, validators)
        self.timers: dict[int, events.Timeout] = {}
        self.decision: Certificate | None = None


class _Cluster:
    """All nodes and the messages under way: those sent since the last delivery."""

    def __init__(self, scenario: Scenario) -> None:
        validators = _LedSet(_validators(scenario.powers))
        validators.leaders = scenario.leaders
        members = [*range(len(scenario.powers)), *scenario.twins]
        self.nodes = [
            _Node(validator, f"{validator}'" if i >= len(scenario.powers) else str(validator), validators)
            for i, validator in enumerate(members)
        ]
        self.outbox: list[tuple[int, int, Any]] = []  # from, to (-1: all), message
        self.signed: list[Proposal | Vote] = []
        self.reports: list[Statement] = []
        self.steps = 0

    def give(self, i: int, event: events.Event) -> None:
        """Step a node; its disk, signer and verifier answer at once, in the order of the actions."""
        node = self.nodes[i]
        step = node.core.step
        queue: list[events.Event] = [event]
        for given in queue:  # grows while it is walked through
            for action in step(given):
                if isinstance(action, actions.Verify):
                    queue.append(events.Verified(action.id, True))
                elif isinstance(action, actions.Persist):
                    queue.append(events.Durable(action.id))
                elif isinstance(action, actions.Sign):
                    queue.append(events.Signed(action.id, _signature(node.validator, action.intent)))
                elif isinstance(action, actions.SetTimer):
                    node.timers[action.timer] = events.Timeout(action.timer, action.height, action.round)
                else:
                    self.carry_out(i, node, action, queue)
        self.steps += len(queue)

    def carry_out(self, i: int, node: _Node, action: actions.Action, queue: list[events.Event]) -> None:
        if isinstance(action, actions.Broadcast):
            message = action.message
            self.outbox.append((i, -1, message))
            if isinstance(message, Proposal | Vote):
                self.signed.append(message)
        elif isinstance(action, actions.Send):
            self.outbox.append((i, action.to, action.message))
        elif isinstance(action, actions.Propose):
            block_id, block = _block(f"{node.name}@{action.round}")
            queue.append(events.Proposed(action.height, action.round, block_id, block))
        elif isinstance(action, actions.Deliver):
            node.decision = action.certificate
        elif isinstance(action, actions.Report):
            self.reports.append(action.evidence.first)

    def deliver(self, split: Split | None) -> None:
        """Deliver what is under way within the groups; what is not in the receiver's group is lost."""
        sent, self.outbox = self.outbox, []
        give = self.give
        everybody = range(len(self.nodes))
        for source, to, message in sent:
            event = events.Received(source, message)
            for i in everybody if to < 0 else (to,):
                if i != source and (split is None or split[i] == split[source]):
                    give(i, event)

    def fire(self, timer: int) -> None:
        """Let a timer run out wherever it is set."""
        for i, node in enumerate(self.nodes):
            timeout = node.timers.pop(timer, None)
            if timeout is not None:
                self.give(i, timeout)

    def run_split(self, scenario: Scenario) -> None:
        """Start, then run the rounds of the scenario: three deliveries each, each with the timeouts of its step."""
        for i in range(len(self.nodes)):
            self.give(i, events.Start())
        for steps in scenario.splits:
            for split, timer in zip(steps, _ROUND_TIMERS, strict=True):
                self.deliver(split)
                self.fire(timer)

    def heal(self, honest: list[_Node]) -> None:
        """Let everything arrive, and let timers run out only when nothing is under way."""
        timers = (*_ROUND_TIMERS, events.TIMER_RELAY)
        for _ in range(_HEALED_STEPS):
            if all(node.decision is not None for node in honest):
                return
            for timer in timers:
                if self.outbox:
                    break
                self.fire(timer)
            self.deliver(None)


def run_scenario(scenario: Scenario) -> Result:
    """Run `scenario` on one core for each node.

    Raises:
        ScenarioError: The scenario names nodes that there are not.
    """
    scenario.check()
    cluster = _Cluster(scenario)
    cluster.run_split(scenario)
    honest = [node for node in cluster.nodes if node.validator not in scenario.twins]
    cluster.heal(honest)
    decided = [None if node.decision is None else node.decision.block_id for node in cluster.nodes]
    blocks = {node.decision.block_id for node in honest if node.decision is not None}
    named = {evidence.validator for evidence in find(cluster.signed)}
    if len(blocks) > 1:
        named |= set(find_amnesia(cluster.signed, cluster.nodes[0].core.validators))
    names = {p.block_id: p.block.decode() for p in cluster.signed if isinstance(p, Proposal)}
    return Result(
        tuple("" if block is None else names[block] for block in decided),
        len(blocks) > 1,
        any(node.decision is None for node in honest),
        tuple(sorted(named)),
        tuple(sorted({statement.validator for statement in cluster.reports})),
        cluster.steps,
    )
