"""Commit latency in one-way delays: the engine on a network that delivers everything after the same time.

A validator's latency of a height runs from when the first validator begins the height to when it hands the decided
block to its application. Disk, verification and application take no time: what is left is the protocol's own. Three
delays are its optimum (proposal, prevotes, precommits).

A height whose proposer has crashed waits for the timeout of propose, then for the prevotes and the precommits for nil,
and begins a round with the next proposer, who may have crashed too. So such heights are reported apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar, Final

import numpy as np

from accel.consensus.messages import Message
from accel.consensus.simulation.chance import generator
from accel.consensus.simulation.scenario import DELAY_US, Scenario
from accel.consensus.simulation.world import World
from accel.errors import ArgumentError

__all__ = ["Latency", "Percentiles", "measure_latency"]

_TIMEOUT_DELAYS: Final = 2.5
"""Timeouts of round 0 in one-way delays when all of these are equal: the last validator begins one delay after the
first, and what it waits for takes another one; half a delay is room."""
_ROUND_SHARE: Final = 0.25
"""What each round adds to a timeout, as a share of it: that of `CoreConfig`."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of latencies, in one-way delays."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Commit latencies of all running validators at all heights.

    Attributes:
        nodes: Validators, of equal power.
        crashed: How many of them never run.
        heights: How many heights were decided.
        all: Of all heights.
        proposer_runs: Of the heights whose proposer of round 0 runs; None: there were none.
        proposer_crashed: Of those whose proposer of round 0 has crashed; None: there were none.
        crashed_heights: How many these were.
        propose_delays: The timeout of propose of round 0, in one-way delays.
        events: Simulated events.
    """

    nodes: int
    crashed: int
    heights: int
    all: Percentiles
    proposer_runs: Percentiles | None
    proposer_crashed: Percentiles | None
    crashed_heights: int
    propose_delays: float
    events: int


class _FixedNetwork:
    """Delivers everything once, after one delay, more or less by `jitter` of it."""

    def __init__(self, jitter: float, random: Random) -> None:
        self._jitter = jitter
        self._random = random

    def arrivals(self, _sender: int, _to: int, _message: Message, now_us: int) -> list[int]:
        return [now_us + round(DELAY_US * (1 + self._jitter * (2 * self._random.random() - 1)))]


class _MeasuredWorld(World):
    """A world without faults but for validators that never run."""

    most_events: ClassVar[int] = 1_000_000_000  # the time has a bound

    def __init__(self, scenario: Scenario, heights: int, jitter: float) -> None:
        super().__init__(scenario)
        self._network = _FixedNetwork(jitter, generator("latency", scenario.seed))
        self._heights = heights
        self.decided_us: list[dict[int, int]] = [dict.fromkeys(scenario.honest, 0)]  # by height, by node

    def _heal(self) -> None:
        self._target, self._bound_us = self._heights, 100 * self._heights * self.scenario.round_us(0)

    def overheard(self, message: Message) -> None:
        """Nobody is there."""

    def decided(self, node: int, height: int) -> None:
        """Note when."""
        while len(self.decided_us) <= height:
            self.decided_us.append({})
        self.decided_us[height][node] = self.now_us


def measure_latency(nodes: int, crashed: int, heights: int, *, jitter: float = 0.0, seed: int = 0) -> Latency:
    """Decide some heights and measure.

    Args:
        nodes: Validators, of equal power, 1 to 100.
        crashed: How many of them never run: less than a third, drawn by the seed.
        heights: How many heights to decide; the proposers are in turn.
        jitter: Delays differ by up to this share, evenly.
        seed: Of the jitter, and of who has crashed.

    Raises:
        ArgumentError: A number is out of range.
    """
    if not 1 <= nodes <= 100:
        raise ArgumentError(f"nodes: expected 1 to 100, got {nodes}")
    if not 0 <= 3 * crashed < nodes:
        raise ArgumentError(f"crashed: expected less than a third of {nodes}, got {crashed}")
    if heights < 1 or not 0 <= jitter < 1:
        raise ArgumentError(f"heights, jitter: expected 1 or more, and 0 to less than 1, got {heights} and {jitter}")
    world = _MeasuredWorld(_scenario(nodes, crashed, jitter, seed), heights, jitter)
    outcome = world.run()
    if outcome.check is not None:
        raise RuntimeError(f"{outcome.check}: {outcome.sentence}")
    taken: dict[bool, list[float]] = {False: [], True: []}
    silent = {world.keys.public(node) for node in world.scenario.byzantine}
    crashed_heights = 0
    for height in range(1, heights + 1):
        begun_us = min(world.decided_us[height - 1].values())
        proposers = world.membership.validator_set(height)
        is_crashed = proposers.validators[proposers.proposer(0)].public_key in silent
        crashed_heights += is_crashed
        taken[is_crashed] += [(time_us - begun_us) / DELAY_US for time_us in world.decided_us[height].values()]
    return Latency(
        nodes=nodes,
        crashed=crashed,
        heights=heights,
        all=_percentiles(taken[False] + taken[True]),
        proposer_runs=_percentiles(taken[False]) if taken[False] else None,
        proposer_crashed=_percentiles(taken[True]) if taken[True] else None,
        crashed_heights=crashed_heights,
        propose_delays=world.scenario.rounds_us[0] / DELAY_US,
        events=outcome.events,
    )


def _percentiles(delays: list[float]) -> Percentiles:
    p50, p99 = np.percentile(delays, (50, 99))
    return Percentiles(round(float(p50), 3), round(float(p99), 3))


def _scenario(nodes: int, crashed: int, jitter: float, seed: int) -> Scenario:
    timeout_us = round((_TIMEOUT_DELAYS + 2 * jitter) * DELAY_US)
    silent = generator("crashed", seed).sample(range(nodes), crashed)
    return Scenario(
        seed=seed,
        nodes=nodes,
        powers=tuple((node, 1) for node in range(nodes)),
        updates=(),
        byzantine=tuple(sorted(silent)),
        fragile=(),
        keys="stand-in",
        heal_us=0,
        delays_us=(DELAY_US, DELAY_US),
        straggler_share=0.0,
        loss=0.0,
        duplication=0.0,
        cut="none",
        cut_share=0.0,
        partitions=(),
        crashes=(),
        disk_faults=(),
        skews=(1.0,) * nodes,
        verify_us=0,
        application_lag=0.0,
        rounds_us=(timeout_us, timeout_us, timeout_us, round(_ROUND_SHARE * timeout_us)),
        relay_us=20 * DELAY_US,
        encode=False,
    )
