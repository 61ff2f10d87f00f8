"""The package's public names: what its documentation has to cover."""

from __future__ import annotations

import inspect
from types import ModuleType

MODULES = [
    "accel",
    "accel.batch",
    "accel.certificates",
    "accel.config",
    "accel.consensus.actions",
    "accel.consensus.certificates",
    "accel.consensus.config",
    "accel.consensus.core",
    "accel.consensus.disk",
    "accel.consensus.driver",
    "accel.consensus.errors",
    "accel.consensus.events",
    "accel.consensus.evidence",
    "accel.consensus.lastsign",
    "accel.consensus.messages",
    "accel.consensus.records",
    "accel.consensus.signer",
    "accel.consensus.twins",
    "accel.consensus.validators",
    "accel.consensus.wal",
    "accel.device",
    "accel.driver",
    "accel.errors",
    "accel.ledger",
    "accel.merkle",
    "accel.metrics",
    "accel.model",
    "accel.reference.merkle",
    "accel.reference.sm2",
    "accel.reference.sm3",
    "accel.sm2",
    "accel.sm3",
    "accel.validate",
]


def public_names(module: ModuleType) -> list[str]:
    """`__all__`; without it what the module itself defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(thing) or inspect.isclass(thing))
        and thing.__module__ == module.__name__
    ]


def public_members(thing: type) -> list[tuple[str, object]]:
    """(name, definition) of the public methods and properties that a class has from this package."""
    kinds = property | classmethod | staticmethod | type(public_names)
    bases = [base for base in thing.__mro__ if base.__module__.startswith("accel")]
    found = {name: member for base in reversed(bases) for name, member in vars(base).items()}
    return [(name, member) for name, member in found.items() if not name.startswith("_") and isinstance(member, kinds)]
