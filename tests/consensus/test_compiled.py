"""The core is compiled, and does what its source does."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from accel.consensus import Core, ValidatorSet
from accel.consensus import actions as a
from accel.consensus import events as e
from accel.consensus import messages as m

from .network import CHAIN, CONFIG, Network, key, validator_set
from .plain import COMPILED, plain_modules


@pytest.mark.parametrize("name", COMPILED)
def test_the_installed_module_is_compiled(name: str) -> None:
    module = sys.modules[f"accel.consensus.{name}"]
    assert module.__file__ is not None
    assert module.__file__.endswith(".so")
    assert not plain_modules()[name].__file__.endswith(".so")  # type: ignore[union-attr]


def test_cython_says_so() -> None:
    """``cython.compiled`` is a constant of the compiler: true only in what it compiled."""
    for name in COMPILED:
        assert sys.modules[f"accel.consensus.{name}"].COMPILED is True  # type: ignore[attr-defined]
        assert plain_modules()[name].COMPILED is False


def runs() -> list[Any]:
    """Networks with loss, delays, crashes, forgeries and equivocation; of each node all events are kept."""
    found = []
    for seed in range(40):
        draw = random.Random(seed)
        n = draw.randint(1, 8)
        loss = draw.choice([0, 0.1, 0.4])
        powers = [draw.choice([1, 1, 2, 7, 1 << 57]) for _ in range(n)]

        def delay(
            source: int, to: int, message: m.Message, now: int, draw: Any = draw, loss: float = loss
        ) -> list[int]:
            if draw.random() < loss and now < 1_000_000:
                return []
            return [draw.randint(100, 20_000) for _ in range(draw.choice([1, 1, 1, 2]))]

        def valid(message: m.Message, draw: Any = draw) -> bool:
            return not isinstance(message, m.Proposal) or message.round > 0 or draw.random() < 0.9

        config = CONFIG._replace(relay_us=50_000)
        network = Network(powers, heights=3, delay=delay, config=config, valid=valid)
        network.run(network.all_decided, limit_us=3_000_000)
        found += [(powers, node) for node in network.nodes if node.events]
    return found


def transcript(core: Any, given: list[Any]) -> list[Any]:
    lines: list[Any] = []
    for event in given:
        try:
            lines.append(core.step(event))
        except Exception as error:
            lines.append(repr(error))
        lines.append((core.height, core.round, core.step_number, core.locked_round, core.valid_round, core.memory))
    return [*lines, core.rules_hit, core.counters]


def typed(line: Any) -> Any:
    """Named tuples equal others of the same fields: compare their types too."""
    return (
        [(type(action), type(getattr(action, "message", None)), action) for action in line]
        if isinstance(line, list)
        else line
    )


def test_the_same_events_give_the_same_actions() -> None:
    plain = plain_modules()["core"].Core
    hits: dict[str, int] = {}
    total = 0
    for powers, node in runs():
        config = CONFIG._replace(public_key=key(node.i), relay_us=50_000)
        one, other = (transcript(kind(config, 1, validator_set(powers)), node.events) for kind in (Core, plain))
        assert list(map(typed, one)) == list(map(typed, other))
        total += len(node.events)
        for rule, count in one[-2].items():
            hits[rule] = hits.get(rule, 0) + count
    assert total > 10_000
    assert not [rule for rule, count in hits.items() if not count and rule != "line32"]


def test_equivocation_and_extremes_give_the_same_actions() -> None:
    """What wraps in 64 bits must be refused before; what is refused must be so in both forms."""
    plain = plain_modules()["core"].Core
    powers = [1 << 58] * 4
    huge = (
        0,
        1,
        2,
        m.MAX_ROUND,
        m.MAX_ROUND + 1,
        1 << 31,
        (1 << 31) - 1,
        1 << 32,
        1 << 63,
        1 << 64,
        1 << 200,
        -1,
        -(1 << 31),
    )
    ids = (m.NIL, b"a" * 32, b"b" * 32, b"short")
    for seed in range(300):
        draw = random.Random(seed)
        given: list[Any] = [e.Start()]
        for _ in range(60):
            height = draw.choice([1, 1, 1, 1, 2, 3, 0, *huge])
            round_ = draw.choice([0, 0, 1, 1, 2, *huge])
            validator = draw.choice([0, 1, 2, 3, 4, -1, 1 << 40])
            kind = draw.choice([2, 2, 3, 3, 1, 0, 9])
            vote = m.Vote(kind, height, round_, draw.choice(ids), validator, b"s" * 64)
            proposal = m.Proposal(
                height, round_, draw.choice([-1, 0, -2, *huge]), draw.choice(ids), validator, b"s" * 64, b"x"
            )
            status = m.Status(height, round_, 1, True, b"", 4, b"\0", b"\0")
            given += draw.choice(
                [
                    [e.Received(0, vote), e.Verified(draw.randint(1, 30), draw.random() < 0.8)],
                    [e.Received(1, proposal), e.Verified(draw.randint(1, 30), True, draw.random() < 0.8)],
                    [e.Received(draw.choice([2, -1, 1 << 16, 1 << 70]), status)],
                    [e.Timeout(draw.choice([0, 1, 2, 3, 9]), height, round_)],
                    [e.Durable(draw.choice([1, 2, 3, 99, -1, 1 << 70]))],
                    [e.Signed(draw.choice([1, 2, 3, 99, -1]), draw.choice([b"s" * 64, b"short"]))],
                    [e.Applied(height)],
                    [e.Proposed(height, round_, b"a" * 32, b"x")],
                ]
            )
        config = CONFIG._replace(public_key=key(seed % 5), chain_id=CHAIN)
        one, other = (transcript(kind(config, 1, validator_set(powers)), given) for kind in (Core, plain))
        assert list(map(typed, one)) == list(map(typed, other)), seed


def test_a_validator_set_is_shared_by_both() -> None:
    plain = plain_modules()["core"].Core
    validators = validator_set([1])
    assert isinstance(plain(CONFIG, 1, validators).validators, ValidatorSet)
    assert isinstance(Core(CONFIG, 1, validators).step(e.Start())[0], a.SetTimer)
