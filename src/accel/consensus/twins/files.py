"""Scenario files: JSON that lists scenarios, or names a space of them and how much of it to run.

A file is an object with a list ``batches``. Each batch has:

- ``name``: for the report.
- ``powers``: voting powers, one for each validator. ``twins``: positions of those that run twice.
- ``leaders``: the proposer of each round.
- ``expect``: ``safe`` (the default): no honest validators decide differently, and all decide in the end; ``fork``: at
  least one scenario forks, and what was signed names twins of more than a third of the power in each that does.
- either ``rounds``, one scenario: for each round an object with ``groups``, how the nodes are split, or with
  ``propose``, ``prevote`` and ``precommit``, how they are split when those messages are delivered (left out: not at
  all). A split is a list of groups, a group a list of nodes: ``"0"`` for the first validator, ``"0'"`` for its twin.
  Nodes that no group lists are a group of their own.
- or ``family`` (``rounds``, ``steps`` or ``leaders``: `Space`), with ``sample``, how many (left out: all), and
  ``seed``.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from accel.consensus.errors import ScenarioError
from accel.consensus.twins.generate import Space
from accel.consensus.twins.scenario import Scenario, Split, node_names

__all__ = ["MAX_FILE_BYTES", "Batch", "load"]

MAX_FILE_BYTES: Final = 1 << 26


class _Round(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[list[str]] | None = None
    propose: list[list[str]] | None = None
    prevote: list[list[str]] | None = None
    precommit: list[list[str]] | None = None


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    powers: list[int]
    twins: list[int]
    leaders: list[int]
    expect: Literal["safe", "fork"] = "safe"
    rounds: list[_Round] | None = None
    family: Literal["rounds", "steps", "leaders"] | None = None
    sample: int | None = None
    seed: int = 0


class _File(msgspec.Struct, forbid_unknown_fields=True):
    batches: list[_Entry]


class Batch(NamedTuple):
    """Scenarios that are expected to end alike: one, or a space or a sample of it."""

    name: str
    expect: str
    """``safe`` or ``fork``."""
    scenario: Scenario
    """The one scenario; of a space one without splits."""
    space: Space | None
    sample: int | None
    seed: int

    @property
    def scenarios(self) -> int:
        """Number of scenarios to run."""
        if self.space is None:
            return 1
        return self.space.size if self.sample is None else min(self.sample, self.space.size)


def _split(groups: list[list[str]] | None, names: list[str]) -> Split:
    """Return the group of each node."""
    positions = {name: i for i, name in enumerate(names)}
    group_of = [len(groups or ())] * len(names)
    seen: set[str] = set()
    for number, group in enumerate(groups or ()):
        for name in group:
            if name not in positions or name in seen:
                raise ScenarioError(f"rounds: expected each of {', '.join(names)} at most once, got {name!r}")
            seen.add(name)
            group_of[positions[name]] = number
    return tuple(group_of)


def _batch(entry: _Entry) -> Batch:
    powers, twins, leaders = tuple(entry.powers), tuple(entry.twins), tuple(entry.leaders)
    scenario = Scenario(powers, twins, leaders, ())
    scenario.check()
    if (entry.rounds is None) == (entry.family is None):
        raise ScenarioError("batch: expected either rounds or a family")
    if entry.family is not None:
        space = Space(entry.family, powers, twins, leaders)
        space.check()
        if entry.sample is not None and entry.sample < 1:
            raise ScenarioError(f"sample: expected 1 or more, got {entry.sample}")
        return Batch(entry.name, entry.expect, scenario, space, entry.sample, entry.seed)
    names = node_names(scenario)
    splits = []
    for given in entry.rounds or ():
        steps = (given.propose, given.prevote, given.precommit)
        if given.groups is not None and any(step is not None for step in steps):
            raise ScenarioError("rounds: expected groups, or splits of steps, got both")
        propose, prevote, precommit = (_split(given.groups if step is None else step, names) for step in steps)
        splits.append((propose, prevote, precommit))
    scenario = scenario._replace(splits=tuple(splits))
    scenario.check()
    return Batch(entry.name, entry.expect, scenario, None, None, entry.seed)


def load(path: str | PathLike[str]) -> list[Batch]:
    """Read the scenario file `path`.

    Raises:
        ScenarioError: The file is no JSON of this form, or a batch names nodes that there are not; it says where.
        OSError: The file cannot be read.
    """
    file = Path(path)
    if file.stat().st_size > MAX_FILE_BYTES:
        raise ScenarioError(f"{file}: expected at most {MAX_FILE_BYTES} bytes")
    try:
        entries = msgspec.json.decode(file.read_bytes(), type=_File).batches
    except msgspec.MsgspecError as error:
        raise ScenarioError(f"{file}: {error}") from error
    if not entries:
        raise ScenarioError(f"{file}: expected batches, got none")
    batches = []
    for entry in entries:
        try:
            batches.append(_batch(entry))
        except ScenarioError as error:
            raise ScenarioError(f"{file}: batch {entry.name!r}: {error}") from None
    return batches
