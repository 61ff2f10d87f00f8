"""Where all chance of a run comes from."""

from __future__ import annotations

from random import Random

__all__ = ["generator"]


def generator(purpose: str, seed: int) -> Random:
    """A generator for one purpose within the run of a seed: what one draws does not move the others."""
    return Random(f"{purpose} {seed}")  # noqa: S311 - nothing here is a secret
