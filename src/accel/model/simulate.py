"""Running the model, and what comes out of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from accel import _model
from accel.errors import ArgumentError
from accel.model.workload import Workload

LABEL: Final = "model"
"""What every output of the model says about its figures."""
SCHEMA: Final = "accel-model-statistics/1"


@dataclass(frozen=True, slots=True)
class Statistic:
    """One figure.

    Attributes:
        name: its group and name, with a dot between.
        unit: what is counted.
        description: what it says.
        value: a whole number.
    """

    name: str
    unit: str
    description: str
    value: int


@dataclass(frozen=True, slots=True)
class Span:
    """Something that a part of the chip did for a while.

    Attributes:
        kind: ``command``, ``hash``, ``verify`` or ``table``.
        track: the command's place in the window, the core, the core and its context, or the table's key.
        id: the command's tag, or the table's key.
        start: when it began, in ticks.
        duration: how long it took, in ticks.
    """

    kind: str
    track: int
    id: int
    start: int
    duration: int


_KINDS: Final = ("command", "hash", "verify", "table")


@dataclass(frozen=True, eq=False)
class Result:
    """What a run of the model gave. All of it is modelled, nothing measured.

    Attributes:
        device: ``sim96`` or ``sim:FILE.toml``, and the settings that came after that.
        workload: what ran, in words and numbers.
        configuration: every field of the configuration with its value.
        bottleneck: the resource that held the others up; ``latency`` where none was pressed half of the time.
        pressures: for each resource, in the order of the way through the chip, parts per million of the elapsed time in
            which it was busy or full.
        statistics: the figures.
        completions: (N, 5) uint64: tag, opcode's number, count, arrival and completion in ticks, in that order.
        core_busy: for each core, ticks in which its multiplier and its SM3 unit were busy.
        timeline: the first spans, as many as the configuration keeps.
        timeline_dropped: spans beyond them.
        steps: events and groups of products that the model went through.
    """

    device: str
    workload: Mapping[str, Any]
    configuration: Mapping[str, int | str]
    bottleneck: str
    pressures: Mapping[str, int]
    statistics: tuple[Statistic, ...]
    completions: npt.NDArray[np.uint64]
    core_busy: tuple[tuple[int, int], ...]
    timeline: tuple[Span, ...]
    timeline_dropped: int
    steps: int

    def __getitem__(self, name: str) -> int:
        """The value of a statistic by its name."""
        for statistic in self.statistics:
            if statistic.name == name:
                return statistic.value
        raise KeyError(name)

    @property
    def ticks_per_second(self) -> int:
        """Ticks of the reference clock in a second."""
        return int(self.configuration["clock.reference_mhz"]) * 1_000_000


def simulate(
    workload: Workload,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, int | str] | None = None,
) -> Result:
    """Run a workload through the modelled chip until all of it is done.

    Args:
        workload: what is to be done.
        config: a TOML file that says in which fields the chip differs from ``sim96``; None: it is ``sim96``.
        settings: fields that are set after that, by their names ``section.field``.

    Raises:
        ArgumentError: an unknown field, an impossible value, a file that cannot be read, a command that makes no sense.
    """
    pairs = [(field, str(value)) for field, value in (settings or {}).items()]
    machine = _model.Machine(None if config is None else os.fspath(config), pairs)
    for tag, command in enumerate(workload.commands):
        if command.opcode not in _model.OPCODES:
            raise ArgumentError(f"opcode: expected one of {', '.join(_model.OPCODES)}, got {command.opcode}")
        machine.submit(
            _model.OPCODES.index(command.opcode),
            command.count,
            tag,
            command.length,
            command.lengths,
            command.keys,
            command.node_bytes,
            command.arrival_cycle,
        )
    machine.run()
    completions = machine.take_completions()
    statistics = [Statistic(*values) for values in machine.statistics()]
    fields = {name: value.strip('"') if '"' in value else int(value) for name, value in machine.fields()}
    if workload.transactions:
        statistics += _of_the_block(workload, completions, int(fields["clock.reference_mhz"]) * 1_000_000)
    return Result(
        device=_device(config, pairs),
        workload={
            "name": workload.name,
            "commands": len(workload.commands),
            "transactions": workload.transactions,
            "message_bytes": workload.message_bytes,
            "signers": workload.signers,
            "keys": workload.keys,
        },
        configuration=fields,
        bottleneck=machine.bottleneck(),
        pressures=dict(machine.pressures()),
        statistics=tuple(statistics),
        completions=completions,
        core_busy=tuple(machine.core_busy()),
        timeline=tuple(Span(_KINDS[kind], *rest) for kind, *rest in machine.timeline()),
        timeline_dropped=machine.timeline_dropped(),
        steps=machine.steps(),
    )


def _device(config: str | os.PathLike[str] | None, settings: list[tuple[str, str]]) -> str:
    name = "sim96" if config is None else f"sim:{os.fspath(config)}"
    changed = ", ".join(f"{field}={value}" for field, value in settings)
    return f"{name} with {changed}" if changed else name


def _of_the_block(workload: Workload, completions: npt.NDArray[np.uint64], second: int) -> list[Statistic]:
    """What a block's sender asks: from the first arrival to the last completion of a kind of command."""
    begun = int(completions[:, 3].min())
    verify = completions[np.isin(completions[:, 1], [2, 3])]
    whole, verified = int(completions[:, 4].max()) - begun, int(verify[:, 4].max()) - begun
    return [
        Statistic(
            "block.transactions_per_s",
            "transactions/s",
            "transactions of the block by the time until its root was there, rounded down",
            workload.transactions * second // whole,
        ),
        Statistic(
            "block.verifications_per_s",
            "signatures/s",
            "signatures of the block by the time until the last was verified, leaves hashed beside it, rounded down",
            workload.transactions * second // verified,
        ),
    ]
