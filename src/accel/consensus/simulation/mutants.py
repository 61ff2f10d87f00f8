"""Bugs to plant in the engine: the simulation has to find each of them.

The engine that ships has no switches for them. A mutant is a change to the text of one of its modules, made while that
module is loaded; mutants.toml lists them. The whole engine is then loaded from its Python source, in a process that
does nothing else: importing the engine compiled or unchanged afterwards is not possible there.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import sys
import tomllib
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from accel.errors import ArgumentError

__all__ = ["Edit", "Mutant", "load", "load_plain", "mutants"]

_PACKAGE: Final = "accel.consensus"
_ROOT: Final = Path(__file__).parent.parent
# Modules whose classes cross between processes, and which know no engine.
_KEPT: Final = frozenset(f"{_PACKAGE}.simulation.{name}" for name in ("mutants", "points", "runner"))


class Edit(NamedTuple):
    """A change to the text of a module."""

    module: str
    """Name of the module within ``accel.consensus``."""
    original: str
    """The text that is replaced. It comes once in the module."""
    replacement: str

    def path(self) -> Path:
        """The module's file."""
        return _ROOT / f"{self.module}.py"

    def apply(self, source: str) -> str:
        """The source of the module after the change.

        Raises:
            ArgumentError: The original text does not come exactly once.
        """
        count = source.count(self.original)
        if count != 1:
            raise ArgumentError(
                f"mutant: expected once in {self.module}.py, got {count} times: {self.original.strip()}"
            )
        return source.replace(self.original, self.replacement)


class Mutant(NamedTuple):
    """A planted bug. Where the engine checks a thing twice, it takes more than one edit to plant it."""

    name: str
    what: str
    """What is wrong, in a few words."""
    edits: tuple[Edit, ...]

    @property
    def modules(self) -> str:
        """The changed modules, for people."""
        return ", ".join(dict.fromkeys(edit.module for edit in self.edits))

    def sources(self) -> dict[Path, str]:
        """The changed sources of the modules, by file.

        Raises:
            ArgumentError: An edit does not apply.
        """
        changed: dict[Path, str] = {}
        for edit in self.edits:
            path = edit.path()
            changed[path] = edit.apply(changed.get(path) or path.read_text(encoding="utf-8"))
        return changed


@functools.cache
def mutants() -> dict[str, Mutant]:
    """All mutants by name, in the order of mutants.toml."""
    with (Path(__file__).parent / "mutants.toml").open("rb") as file:
        listed = tomllib.load(file)
    found = {}
    for name, fields in listed.items():
        edits = fields.get("edits") or [{key: fields[key] for key in Edit._fields}]
        found[name] = Mutant(name, fields["what"], tuple(Edit(**edit) for edit in edits))
    return found


class _SourceFinder(importlib.abc.MetaPathFinder):
    """Finds the engine's modules as Python source, some of them changed."""

    def __init__(self, changed: dict[Path, str]) -> None:
        self._changed = changed

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of the engine, or None."""
        if not fullname.startswith(_PACKAGE + "."):
            return None
        relative = Path(*fullname.removeprefix(_PACKAGE + ".").split("."))
        file = _ROOT / relative.with_suffix(".py")
        if not file.exists():
            return None
        source = self._changed.get(file) or file.read_text(encoding="utf-8")
        return importlib.util.spec_from_loader(fullname, _SourceLoader(file, source), origin=str(file))


class _SourceLoader(importlib.abc.InspectLoader):
    def __init__(self, file: Path, source: str) -> None:
        self._file = file
        self._source = source

    def get_source(self, _fullname: str) -> str:
        """The text that is run."""
        return self._source

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        module.__file__ = str(self._file)
        super().exec_module(module)


def load(name: str) -> None:
    """Make this process use the engine with a bug.

    Args:
        name: Of the mutant.

    Raises:
        ArgumentError: There is no such mutant, or it does not apply.
    """
    if name not in mutants():
        raise ArgumentError(f"mutant: expected one of {', '.join(mutants())}, got {name}")
    _plant(mutants()[name].sources())


def load_plain() -> None:
    """Make this process use the engine as Python source, not compiled."""
    _plant({})


def _plant(changed: dict[Path, str]) -> None:
    for module in [name for name in sys.modules if name == _PACKAGE or name.startswith(_PACKAGE + ".")]:
        if module not in _KEPT:
            del sys.modules[module]
    sys.meta_path.insert(0, _SourceFinder(changed))
