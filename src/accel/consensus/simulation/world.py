"""One run: honest nodes, the adversary, the network and the checkers under one virtual clock.

Everything that happens is an event in one heap, ordered by time and then by when it was put there; every choice comes
from generators seeded with the scenario's seed. The same seed gives the same run, in any process.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from accel import sm3
from accel.consensus.errors import MessageError
from accel.consensus.messages import Certificate, Decision, Message, Proposal, Vote, decode, encode
from accel.consensus.simulation.adversary import Adversary
from accel.consensus.simulation.checkers import VALID_PREFIX, Checkers, Violation
from accel.consensus.simulation.keys import make_keys
from accel.consensus.simulation.membership import Membership
from accel.consensus.simulation.network import Deliveries, Network
from accel.consensus.simulation.node import Node
from accel.consensus.simulation.points import CrashPoint
from accel.consensus.simulation.scenario import HEIGHTS_AFTER, Scenario, draw
from accel.consensus.simulation.transcript import Transcript
from accel.consensus.simulation.verifier import make_verifier

__all__ = ["Outcome", "World", "run_seed"]


@dataclass(slots=True)
class Outcome:
    """What came of a run.

    Attributes:
        seed: The run's seed.
        check: The violated check, or None.
        sentence: What was violated.
        events: How many events were simulated.
        time_us: Virtual time at the end.
        healing: Share of the liveness bound that was needed.
        heights: Decided heights.
        evidence: How often evidence was reported.
        rules: How often each rule of the core fired.
        points: How often each crash point was passed.
        crashes: How often a validator crashed at each.
    """

    seed: int
    check: str | None = None
    sentence: str = ""
    events: int = 0
    time_us: int = 0
    healing: float = 0.0
    heights: int = 0
    evidence: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    points: Counter[CrashPoint] = field(default_factory=Counter)
    crashes: Counter[CrashPoint] = field(default_factory=Counter)


class World:
    """One run of a scenario.

    Args:
        scenario: The run's circumstances.
        transcript: Where to write what happens, or None.
    """

    most_events: ClassVar[int] = 2_000_000

    def __init__(self, scenario: Scenario, transcript: Transcript | None = None) -> None:
        self.scenario = scenario
        self.now_us = 0
        self.keys = make_keys(scenario.keys)
        self.membership = Membership(scenario, self.keys)
        self.checkers = Checkers(scenario, self.keys, self.membership)
        self.points: Counter[CrashPoint] = Counter()
        self.crashed_at: Counter[CrashPoint] = Counter()
        self.rules: Counter[str] = Counter()
        self._transcript = transcript
        self._network: Deliveries = Network(scenario)
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._events = 0
        self._verifier = make_verifier(scenario, self.keys, self.membership)
        self._verdicts: dict[tuple[Any, ...], tuple[bool, bool]] = {}
        self._adversary = Adversary(scenario, self.keys, self.membership, self._deceive, self._adversary_signed)
        self._nodes = {number: Node(number, self) for number in scenario.honest}
        self._target: int | None = None
        self._bound_us = 0
        for node in self._nodes.values():
            self.at(0, node.start)
        for fault in scenario.disk_faults:
            self.at(fault.at_us, self._nodes[fault.node].fail_disk, fault.call, fault.down_us)
        self.at(scenario.heal_us, self._heal)

    def run(self) -> Outcome:
        """Run to the end and say what came of it."""
        outcome = Outcome(self.scenario.seed)
        try:
            self._loop()
        except Violation as violation:
            outcome.check, outcome.sentence = violation.check, str(violation)
            self.say(-1, "VIOLATION of %s: %s", violation.check, str(violation))
        for node in self._nodes.values():
            node.finish()
        outcome.events, outcome.time_us = self._events, self.now_us
        if self._bound_us:
            outcome.healing = (self.now_us - self.scenario.heal_us) / self._bound_us
        outcome.heights, outcome.evidence = len(self.checkers.decided), self.checkers.evidence
        outcome.rules, outcome.points, outcome.crashes = self.rules, self.points, self.crashed_at
        return outcome

    def _loop(self) -> None:
        heap = self._heap
        while not self._is_done():
            if not heap or (self._target is not None and heap[0][0] > self.scenario.heal_us + self._bound_us):
                self._not_alive()
            self.now_us, _, call, args = heapq.heappop(heap)
            self._events += 1
            if self._events > self.most_events:
                raise Violation("liveness", f"more than {self.most_events} events")
            call(*args)

    def _is_done(self) -> bool:
        target = self._target
        return target is not None and all(len(node.chain) >= target or node.is_retired for node in self._nodes.values())

    def _heal(self) -> None:
        """The faults end: from here on the network keeps its bound and nobody crashes."""
        heights = [len(node.chain) for node in self._nodes.values()]
        self._target = max([*heights, len(self.checkers.decided)]) + HEIGHTS_AFTER
        self._bound_us = self.scenario.bound_us(max(node.round for node in self._nodes.values()))
        self.say(-1, "the faults end; within %d us everybody decides height %d", self._bound_us, self._target)

    def _not_alive(self) -> None:
        where = ", ".join(
            f"node {node.number} at height {node.height}, round {node.round}{'' if node.is_up else ' (down)'}"
            for node in self._nodes.values()
            if self._target is None or (len(node.chain) < self._target and not node.is_retired)
        )
        raise Violation("liveness", f"height {self._target} not decided within {self._bound_us} us: {where}")

    # --- for the nodes

    def at(self, time_us: int, call: Callable[..., None], *args: Any) -> None:
        """Call something at a time."""
        self._count += 1
        heapq.heappush(self._heap, (time_us, self._count, call, args))

    def transmit(self, sender: int, to: int, message: Message) -> None:
        """Hand a message to the network."""
        for time_us in self._network.arrivals(sender, to, message, self.now_us):
            self._count += 1
            heapq.heappush(self._heap, (time_us, self._count, self._arrive, (sender, to, message)))

    def _arrive(self, sender: int, to: int, message: Message) -> None:
        node = self._nodes.get(to)
        if node is None:
            self.overheard(message)
            return
        if self.scenario.encode:
            try:
                message = decode(encode(message))
            except MessageError:
                return  # the adversary's: there are no bytes for it
        self.say(to, "hears from %d %s", sender, message)
        node.receive(sender, message)

    def overheard(self, message: Message) -> None:
        """Hand a message to the faulty validators."""
        self._adversary.receive(message)

    def decided(self, node: int, height: int) -> None:
        """Hear that a node has handed a height to its application."""

    def verdict(self, message: Proposal | Vote | Decision | Certificate) -> tuple[bool, bool]:
        """What the verifier says; the same for everybody, so it is asked once."""
        found = self._verdicts.get(message)
        if found is None:
            found = self._verdicts[message] = self._judge(message)
        return found

    def say(self, node: int, text: str, *details: object) -> None:
        """Write a line of the transcript, if there is one."""
        if self._transcript is not None:
            self._transcript.write(self.now_us, node, text, details)

    # --- for the adversary

    def _deceive(self, sender: int, to: int, message: Message, delay_us: int) -> None:
        self.at(self.now_us + delay_us, self._transmit_false, sender, to, message)

    def _transmit_false(self, sender: int, to: int, message: Message) -> None:
        self.say(sender, "(faulty) sends to %d %s", to, message)
        self.transmit(sender, to, message)

    def _adversary_signed(self, node: int, message: Proposal | Vote) -> None:
        self.checkers.signed_by_adversary(node, message)

    # --- the verifier

    def _judge(self, message: Proposal | Vote | Decision | Certificate) -> tuple[bool, bool]:
        if isinstance(message, Vote):
            return self._verifier.signed(message), True
        if isinstance(message, Certificate):
            return self._verifier.certified(message), True
        if isinstance(message, Decision):
            whole = sm3.new(message.block).digest() == message.certificate.block_id
            return whole and self._verifier.certified(message.certificate), True
        certificate = message.certificate
        holds = (
            sm3.new(message.block).digest() == message.block_id
            and self._verifier.signed(message)
            and (certificate is None or self._verifier.certified(certificate))
        )
        return holds, message.block.startswith(VALID_PREFIX)


def run_seed(seed: int, transcript: Transcript | None = None) -> Outcome:
    """Simulate the run of a seed.

    Args:
        seed: Which run.
        transcript: Where to write what happens, or None.
    """
    return World(draw(seed), transcript).run()
