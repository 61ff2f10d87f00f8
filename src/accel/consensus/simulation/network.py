"""When a message arrives, if it does."""

from __future__ import annotations

from typing import Final, Protocol

from accel.consensus.messages import Decision, Message, Vote
from accel.consensus.simulation.chance import generator
from accel.consensus.simulation.scenario import DELAY_US, Scenario

__all__ = ["Deliveries", "Network"]

_SHORTEST_US: Final = 500
_STRAGGLER: Final = 10
#: Groups of a cut round: two halves, one apart, three groups.
_SHAPES: Final = ("halves", "halves", "one apart", "one deaf", "thirds", "links")


class Deliveries(Protocol):
    """Decides when messages arrive."""

    def arrivals(self, sender: int, to: int, message: Message, now_us: int, /) -> list[int]:
        """The times at which `message` arrives: none if it is lost, two if it comes twice."""


class Network:
    """Draws the fate of each message from the seed.

    Args:
        scenario: The run's circumstances.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._random = generator("network", scenario.seed)
        self._cuts: dict[tuple[int, int, int], frozenset[tuple[int, int]]] = {}

    def arrivals(self, sender: int, to: int, message: Message, now_us: int) -> list[int]:
        """The times at which `message` arrives: none if it is lost, two if it comes twice."""
        scenario, random = self._scenario, self._random.random
        if now_us >= scenario.heal_us:
            return [now_us + _SHORTEST_US + int(random() * (DELAY_US - _SHORTEST_US))]
        if (scenario.cut != "none" and self._is_cut(sender, to, message, now_us)) or (
            scenario.loss and random() < scenario.loss
        ):
            return []
        times = [now_us + self._delay()]
        if scenario.duplication and random() < scenario.duplication:
            times.append(now_us + self._delay())
        return times

    def _delay(self) -> int:
        random = self._random.random
        low, high = self._scenario.delays_us
        delay = low + int(random() * (high - low))
        if self._scenario.straggler_share and random() < self._scenario.straggler_share:
            delay *= _STRAGGLER
        return delay

    def _is_cut(self, sender: int, to: int, message: Message, now_us: int) -> bool:
        scenario = self._scenario
        if scenario.cut == "windows":
            return any(
                cut.begin_us <= now_us < cut.end_us and cut.groups[sender] != cut.groups[to]
                for cut in scenario.partitions
            )
        if isinstance(message, Decision):
            key = (message.certificate.height, -1, 0)
        elif scenario.cut == "rounds":
            key = (message.height, message.round, 0)
        else:
            key = (message.height, message.round, message.kind if isinstance(message, Vote) else 1)
        if key not in self._cuts:
            self._cuts[key] = self._draw_cut()
        return (sender, to) in self._cuts[key]

    def _draw_cut(self) -> frozenset[tuple[int, int]]:
        """The links (from, to) that are cut for one round, or one step of it."""
        random, nodes = self._random, range(self._scenario.nodes)
        if random.random() >= self._scenario.cut_share:
            return frozenset()
        pairs = [(a, b) for a in nodes for b in nodes if a != b]
        shape = random.choice(_SHAPES)
        if shape == "links":
            share = random.choice((0.2, 0.5))
            return frozenset(pair for pair in pairs if random.random() < share)
        if shape.startswith("one"):
            apart = random.choice(nodes)
            return frozenset((a, b) for a, b in pairs if b == apart or (a == apart and shape == "one apart"))
        groups = [random.randrange(3 if shape == "thirds" else 2) for _ in nodes]
        return frozenset((a, b) for a, b in pairs if groups[a] != groups[b])
