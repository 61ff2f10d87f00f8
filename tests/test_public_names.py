"""Every public name says what it is, and every parameter what it takes."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from oracles.names import MODULES, public_members, public_names

SUBJECTS = [(module, name) for module in MODULES for name in public_names(importlib.import_module(module))]


def functions(module: str) -> Iterator[tuple[str, object]]:
    for name in public_names(importlib.import_module(module)):
        thing = getattr(importlib.import_module(module), name)
        if inspect.isfunction(thing):
            yield f"{module}.{name}", thing
        elif inspect.isclass(thing):
            for member_name, member in public_members(thing):
                if inspect.isfunction(function := getattr(member, "__func__", member)):
                    yield f"{module}.{name}.{member_name}", function


def test_the_names_are_many() -> None:
    assert len(SUBJECTS) > 100


@pytest.mark.parametrize(("module", "name"), SUBJECTS)
def test_a_public_name_is_described(module: str, name: str) -> None:
    thing = getattr(importlib.import_module(module), name)
    if isinstance(thing, ModuleType) or inspect.isfunction(thing) or inspect.isclass(thing):
        assert inspect.getdoc(thing), f"{module}.{name} has no docstring"
    if inspect.isclass(thing):
        missing = [member for member, definition in public_members(thing) if not inspect.getdoc(definition)]
        assert not missing, f"{module}.{name}: no docstring on {missing}"


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("accel.reference")])
def test_parameters_are_described(module: str) -> None:
    silent = []
    for name, function in functions(module):
        text = inspect.getdoc(function) or ""
        parameters = [p for p in inspect.signature(function).parameters if p not in {"self", "cls"}]
        silent += [f"{name}({p})" for p in parameters if not re.search(rf"(^|[`\s]){p}(`|:|=)", text)]
    assert not silent
