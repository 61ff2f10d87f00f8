"""A run as text: a line for whatever happens, without signatures, so that two runs of a seed compare line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from accel.consensus.messages import (
    NO_ROUND,
    PREVOTE,
    Certificate,
    Decision,
    Evidence,
    Message,
    Proposal,
    Statement,
    Status,
    Vote,
)

__all__ = ["Transcript", "describe"]

_STEPS: Final = ("propose", "prevote", "precommit")
_KINDS: Final = ("", "proposal", "prevote", "precommit")


class Transcript:
    """Formats what happens and hands it on, line by line.

    Args:
        line: Called with each line, without its end.
    """

    def __init__(self, line: Callable[[str], None]) -> None:
        self._line = line

    def write(self, time_us: int, node: int, text: str, details: tuple[object, ...]) -> None:
        """Write what happened to `node` (-1: to all) at a time; `details` go into the places of `text`."""
        who = "" if node < 0 else f"node {node}"
        self._line(f"{time_us / 1000:12.3f} ms  {who:8}{text % tuple(map(describe, details))}")


def describe(thing: object) -> object:
    """A message, block identifier or piece of evidence as a few words; anything else as it is."""
    if isinstance(thing, bytes):
        return thing.hex()[:8] or "nil"
    if isinstance(thing, Evidence):
        return f"evidence: {_statement(thing.first)} and {_statement(thing.second)}"
    if isinstance(thing, Proposal | Vote | Decision | Certificate | Status):
        return _message(thing)
    return thing


def _message(message: Message) -> str:
    if isinstance(message, Vote):
        kind = "prevote" if message.kind == PREVOTE else "precommit"
        return f"{kind} {message.height}/{message.round} {describe(message.block_id)} of validator {message.validator}"
    if isinstance(message, Proposal):
        place = f"{message.height}/{message.round} {describe(message.block_id)} of validator {message.validator}"
        valid = "" if message.valid_round == NO_ROUND else f", valid round {message.valid_round}"
        shown = "" if message.certificate is None else f", {_certificate(message.certificate)}"
        return f"proposal {place}{valid}{shown}"
    if isinstance(message, Certificate):
        return f"certificate of {_certificate(message)}"
    if isinstance(message, Decision):
        return f"decision with {_certificate(message.certificate)}"
    where = f"{message.height}/{message.round} {_STEPS[message.step]}"
    has = "has" if message.has_proposal else "lacks"
    prevotes, precommits = _bits(message.prevotes), _bits(message.precommits)
    return f"status {where}, {has} the proposal, prevotes {prevotes}, precommits {precommits}"


def _bits(bitmap: bytes) -> str:
    return "".join(f"{byte:08b}"[::-1] for byte in bitmap)


def _certificate(certificate: Certificate) -> str:
    kind = "prevotes" if certificate.kind == PREVOTE else "precommits"
    signers = ",".join(map(str, certificate.signers))
    return f"{kind} {certificate.height}/{certificate.round} {describe(certificate.block_id)} of {signers}"


def _statement(statement: Statement) -> str:
    kind = _KINDS[statement.kind]
    return (
        f"{kind} {statement.height}/{statement.round} {describe(statement.block_id)} of validator {statement.validator}"
    )
