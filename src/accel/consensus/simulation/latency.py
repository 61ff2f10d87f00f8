"""Commit latency in one-way delays: the engine on a network that delivers everything after the same time.

A validator's latency of a height runs from when the first validator begins the height to when it hands the decided
block to its application. Disk, verification and application take no time: what is left is the protocol's own. Three
delays are its optimum (proposal, prevotes, precommits).
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np

from accel.consensus.messages import Message
from accel.consensus.simulation.chance import generator
from accel.consensus.simulation.scenario import DELAY_US, Scenario
from accel.consensus.simulation.world import World
from accel.errors import ArgumentError

__all__ = ["Latency", "measure_latency"]

_TIMEOUT_DELAYS: Final = 5  # propose waits for two delays at most: the last one to begin, and the proposal


@dataclass(frozen=True, slots=True)
class Latency:
    """Commit latencies of all running validators at all heights.

    Attributes:
        nodes: Validators, of equal power.
        crashed: How many of them never run.
        heights: How many heights were decided.
        delays_p50: Median, in one-way delays.
        delays_p99: 99th percentile, in one-way delays.
        events: Simulated events.
    """

    nodes: int
    crashed: int
    heights: int
    delays_p50: float
    delays_p99: float
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
        crashed: How many of them never run: less than a third.
        heights: How many heights to decide.
        jitter: Delays differ by up to this share, evenly.
        seed: Of the jitter.

    Raises:
        ArgumentError: A number is out of range.
    """
    if not 1 <= nodes <= 100:
        raise ArgumentError(f"nodes: expected 1 to 100, got {nodes}")
    if not 0 <= 3 * crashed < nodes:
        raise ArgumentError(f"crashed: expected less than a third of {nodes}, got {crashed}")
    if heights < 1 or not 0 <= jitter < 1:
        raise ArgumentError(f"heights, jitter: expected 1 or more, and 0 to less than 1, got {heights} and {jitter}")
    timeout = _TIMEOUT_DELAYS * DELAY_US
    scenario = Scenario(
        seed=seed,
        nodes=nodes,
        powers=tuple((node, 1) for node in range(nodes)),
        updates=(),
        byzantine=tuple(range(crashed)),
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
        rounds_us=(timeout, timeout, timeout, DELAY_US),
        relay_us=20 * DELAY_US,
        encode=False,
    )
    world = _MeasuredWorld(scenario, heights, jitter)
    outcome = world.run()
    if outcome.check is not None:
        raise RuntimeError(f"{outcome.check}: {outcome.sentence}")
    begun = [min(times.values()) for times in world.decided_us]
    taken = [
        (time_us - begun[height - 1]) / DELAY_US
        for height in range(1, heights + 1)
        for time_us in world.decided_us[height].values()
    ]
    p50, p99 = np.percentile(taken, (50, 99))
    return Latency(nodes, crashed, heights, round(float(p50), 3), round(float(p99), 3), outcome.events)
