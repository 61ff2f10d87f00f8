"""The compiled modules' Python sources, run as they are under other names."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import accel.consensus

COMPILED = ("values", "votes", "admission", "journal", "core")
SOURCES = Path(accel.consensus.__file__).parent


@functools.cache
def plain_modules() -> dict[str, ModuleType]:
    """The sources of all compiled modules, each importing the others' sources and otherwise what all import."""
    package = accel.consensus
    shadowed = {name: sys.modules[f"accel.consensus.{name}"] for name in COMPILED}
    plain: dict[str, ModuleType] = {}
    try:
        for name in COMPILED:
            spec = importlib.util.spec_from_file_location(f"plain_{name}", SOURCES / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            plain[name] = sys.modules[f"accel.consensus.{name}"] = module
            setattr(package, name, module)
    finally:
        for name, module in shadowed.items():
            sys.modules[f"accel.consensus.{name}"] = module
            setattr(package, name, module)
    return plain
