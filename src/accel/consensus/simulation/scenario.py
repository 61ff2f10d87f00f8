"""What a run is made of, drawn from its seed: validators, their faults, the network, the crashes.

A run has two parts. Until `Scenario.heal_us` anything goes that the model allows: messages are lost, late, twice or cut
off, validators crash at chosen points, disks fail, clocks are skewed. Then the network keeps its bound, everybody is up
again, and every honest validator has to decide `HEIGHTS_AFTER` further heights within `Scenario.bound_us`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from accel.consensus.simulation.chance import generator
from accel.consensus.simulation.points import CRASH_POINTS, HEADER_POINT, RECOVERY, TEARING_POINTS, CrashPoint

__all__ = ["CHAIN_ID", "DELAY_US", "HEIGHTS_AFTER", "Crash", "DiskFault", "Partition", "Scenario", "draw"]

CHAIN_ID: Final = b"simulated"
#: After the faults a message takes at most this long.
DELAY_US: Final = 10_000
#: Heights that everybody has to decide after the faults.
HEIGHTS_AFTER: Final = 2

_SIZES: Final = (4, 4, 4, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 12)
_DELAYS_US: Final = ((500, DELAY_US), (500, DELAY_US), (1_000, 3 * DELAY_US), (1_000, 3 * DELAY_US), (200, 1_000))
_SM2_SHARE: Final = 0.04
_HARMS: Final = ("log", "log", "slot", "both", "both")
_HARMFUL_POINTS: Final = tuple((point, 1) for point in ("sync slot", "send proposal", "send prevote", "send precommit"))
_CUTS: Final = ("none", "windows", "windows", "rounds", "rounds", "steps", "steps", "steps")


@dataclass(frozen=True, slots=True)
class Crash:
    """A validator loses its power when it passes a point for the `occurrence`-th time.

    Only a fragile one is harmed besides: its log loses its end ("log"), a slot of its last-sign state rots ("slot"), or
    a slot rots and the log loses what was written of the height ("both"). It may refuse to start after that; what it
    may not do is sign twice.
    """

    node: int
    point: CrashPoint
    occurrence: int
    down_us: int
    harm: str = ""


@dataclass(frozen=True, slots=True)
class DiskFault:
    """From a time on, a call of a validator's disk fails, until the validator has ended and starts again."""

    node: int
    call: str  # "write" or "sync"
    at_us: int
    down_us: int


@dataclass(frozen=True, slots=True)
class Partition:
    """Between two times, messages pass within a group only."""

    begin_us: int
    end_us: int
    groups: tuple[int, ...]  # by node


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run's circumstances. Nodes are numbered from 0; a node's number is its key's."""

    seed: int
    nodes: int
    powers: tuple[tuple[int, int], ...]  # (node, power) of the first validator set
    updates: tuple[tuple[tuple[int, int], ...], ...]  # by height from 1: (node, power), 0 removes
    byzantine: tuple[int, ...]
    fragile: tuple[int, ...]  # whose last-sign slots may be torn, and whose disks may lose what was synced
    keys: str
    heal_us: int
    delays_us: tuple[int, int]  # until heal_us
    straggler_share: float  # of messages, which take ten times as long
    loss: float
    duplication: float
    cut: str  # "none", "windows": partitions in time, "rounds", "steps": other groups for every round, or step of it
    cut_share: float  # of rounds or steps that are cut
    partitions: tuple[Partition, ...]
    crashes: tuple[Crash, ...]
    disk_faults: tuple[DiskFault, ...]
    skews: tuple[float, ...]  # by node: how much longer its timers take
    verify_us: int  # longest delay of a verification; 0: at once
    application_lag: float  # share of heights that the application does not make durable at once
    rounds_us: tuple[int, int, int, int]  # propose, prevote, precommit, delta
    relay_us: int
    encode: bool  # messages go through their bytes

    @property
    def honest(self) -> tuple[int, ...]:
        """The nodes that follow the protocol."""
        return tuple(node for node in range(self.nodes) if node not in self.byzantine)

    def round_us(self, round_: int) -> int:
        """How long round `round_` may take when each of its three timers runs out, on the slowest clock."""
        propose, prevote, precommit, delta = self.rounds_us
        return int((propose + prevote + precommit + 3 * round_ * delta) * max(self.skews)) + 3 * DELAY_US

    def bound_us(self, round_: int) -> int:
        """The time after `heal_us` in which everybody has to decide, if `round_` was the highest round then.

        Everybody learns where the others are within two relay intervals; then each height takes at most twice as many
        rounds as there are nodes.
        """
        most = 2 * self.nodes
        rounds = sum(self.round_us(round_ + i) for i in range(most))
        later = sum(self.round_us(i) for i in range(most))
        return 4 * (self.relay_us + DELAY_US) + rounds + HEIGHTS_AFTER * later


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    random = generator("scenario", seed)
    nodes = random.choice(_SIZES)
    powers = _powers(random, nodes)
    byzantine = _byzantine(random, powers)
    updates = _updates(random, nodes, powers, byzantine) if random.random() < 0.3 else ()
    honest = [node for node in range(nodes) if node not in byzantine]
    fragile = _fragile(random, powers, updates, byzantine, honest)
    heal_us = random.choice((200_000, 400_000, 400_000, 800_000, 1_500_000))
    cut = random.choice(_CUTS)
    low, high = random.choice(_DELAYS_US)
    if high <= 1_000:  # heights go by fast
        heal_us = min(heal_us, 200_000)
    calm = random.random() < 0.5  # without random loss the cuts bite alone
    return Scenario(
        seed=seed,
        nodes=nodes,
        powers=tuple(sorted(powers.items())),
        updates=updates,
        byzantine=byzantine,
        fragile=fragile,
        keys="sm2" if random.random() < _SM2_SHARE else "stand-in",
        heal_us=heal_us,
        delays_us=(low, high),
        straggler_share=random.choice((0.0, 0.0, 0.02, 0.1)),
        loss=0.0 if calm else random.choice((0.01, 0.05, 0.15, 0.3)),
        duplication=random.choice((0.0, 0.01, 0.1)),
        cut=cut,
        cut_share=random.choice((0.3, 0.6, 0.9)),
        partitions=_partitions(random, nodes, heal_us) if cut == "windows" else (),
        crashes=_crashes(random, seed, honest, fragile),
        disk_faults=_disk_faults(random, honest, heal_us),
        skews=tuple(random.choice((0.8, 1.0, 1.0, 1.0, 1.25)) for _ in range(nodes)),
        verify_us=random.choice((0, 0, 0, 500, 3_000)),
        application_lag=random.choice((0.0, 0.0, 0.5)),
        rounds_us=random.choice(((40_000, 20_000, 20_000, 10_000), (20_000, 10_000, 10_000, 10_000))),
        relay_us=random.choice((20_000, 50_000)),
        encode=random.random() < 0.05,
    )


def _powers(random: Random, nodes: int) -> dict[int, int]:
    """Equal, unequal, or with one that is much stronger than the others."""
    kind = random.randrange(5)
    if kind <= 1:
        power = random.choice((1, 1, 10))
        return dict.fromkeys(range(nodes), power)
    powers = {node: random.randrange(1, 10) for node in range(nodes)}
    if kind == 4:
        rest = sum(powers.values())
        powers[random.randrange(nodes)] = random.choice((rest // 2, rest, rest * 3))
    return {node: max(power, 1) for node, power in powers.items()}


def _below_a_third(chosen: tuple[int, ...], powers: dict[int, int]) -> bool:
    return 3 * sum(powers.get(node, 0) for node in chosen) < sum(powers.values())


def _byzantine(random: Random, powers: dict[int, int]) -> tuple[int, ...]:
    """As many as fit below a third of the power, in half of the runs; else one or none."""
    order = sorted(powers)
    random.shuffle(order)
    limit = random.choice((0, 0, 1, len(order), len(order), len(order)))
    chosen: tuple[int, ...] = ()
    for node in order:
        if len(chosen) < limit and _below_a_third((*chosen, node), powers):
            chosen = (*chosen, node)
    return tuple(sorted(chosen))


def _updates(
    random: Random, nodes: int, powers: dict[int, int], byzantine: tuple[int, ...]
) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Changes after each of the first heights: new powers, leaving, coming back; never a third for the faulty."""
    powers = dict(powers)
    heights = []
    for _ in range(6):
        changes: dict[int, int] = {}
        for _ in range(random.choice((0, 1, 1, 2))):
            node = random.randrange(nodes)
            power = random.choice((0, 1, 3, 10))
            changed = {**powers, node: power}
            changed = {member: share for member, share in changed.items() if share}
            possible = power or node in powers
            if node not in changes and possible and len(changed) >= 4 and _below_a_third(byzantine, changed):
                changes[node] = power
                powers = changed
        heights.append(tuple(sorted(changes.items())))
    return tuple(heights)


def _fragile(
    random: Random,
    powers: dict[int, int],
    updates: tuple[tuple[tuple[int, int], ...], ...],
    byzantine: tuple[int, ...],
    honest: list[int],
) -> tuple[int, ...]:
    """Who may lose a height's votes to a torn slot: together with the faulty less than a third at every height."""
    sets = [dict(powers)]
    for changes in updates:
        following = {**sets[-1], **dict(changes)}
        sets.append({node: power for node, power in following.items() if power})
    chosen: tuple[int, ...] = ()
    for node in random.sample(honest, len(honest)):
        if all(_below_a_third((*byzantine, *chosen, node), members) for members in sets):
            chosen = (*chosen, node)
    return tuple(sorted(chosen))


def _partitions(random: Random, nodes: int, heal_us: int) -> tuple[Partition, ...]:
    found = []
    begin = 0
    while begin < heal_us:
        end = begin + random.randrange(20_000, 200_000)
        groups = tuple(random.randrange(random.choice((2, 2, 3))) for _ in range(nodes))
        if random.random() < 0.75:
            found.append(Partition(begin, end, groups))
        begin = end
    return tuple(found)


def _crashes(random: Random, seed: int, honest: list[int], fragile: tuple[int, ...]) -> tuple[Crash, ...]:
    """At some points; the first one is chosen by the seed's number, so that seeds in a row try all of them."""
    found = []
    for i in range(random.choice((0, 1, 1, 2, 4, 8))):
        node = random.choice(honest)
        point = CRASH_POINTS[seed % len(CRASH_POINTS)] if i == 0 else random.choice(CRASH_POINTS)
        if point[0].startswith(RECOVERY):  # which needs a crash before, best with something to repair
            first = (HEADER_POINT, 1) if point[0].endswith("remove log") else random.choice(TEARING_POINTS)
            found.append(Crash(node, first, random.randrange(1, 5), random.randrange(1_000, 30_000)))
            found.append(Crash(node, point, random.randrange(1, 3), random.randrange(1_000, 30_000)))
        else:
            found.append(Crash(node, point, random.choice((1, 1, 2, 3, 4)), random.randrange(1_000, 100_000)))
    for node in fragile if random.random() < 0.7 else ():
        for _ in range(random.choice((1, 2, 3))):
            point, harm = random.choice(_HARMFUL_POINTS), random.choice(_HARMS)
            found.append(Crash(node, point, random.randrange(1, 5), random.randrange(100, 20_000), harm))
    return tuple(found)


def _disk_faults(random: Random, honest: list[int], heal_us: int) -> tuple[DiskFault, ...]:
    count = random.choice((0, 0, 0, 1, 2))
    return tuple(
        DiskFault(
            random.choice(honest),
            random.choice(("write", "sync")),
            random.randrange(heal_us),
            random.randrange(1_000, 100_000),
        )
        for _ in range(count)
    )
