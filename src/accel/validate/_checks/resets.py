"""Reset and close with work in flight, and the counters that show where the work ran."""

from __future__ import annotations

import time

from accel.validate._checks.queues import small_works
from accel.validate._device import CheckFailed
from accel.validate._suite import Suite, check

_POISON = 0x5A
_LATE_SECONDS = 0.03


def _fill(suite: Suite) -> None:
    """Commands in flight, some of which are under way."""
    device = suite.device
    device.arena.clear()
    works = small_works(suite, min(24, device.caps.queue_depth))
    placed = [device.place(work, suite.next_tag()) for work in works]
    suite.enqueue(placed, 0)


def _poison(suite: Suite) -> int:
    arena = suite.device.arena
    size = min(arena.size, 1 << 20)
    skip = arena._skip
    arena.view[skip : skip + size] = bytes([_POISON]) * size
    return size


def _expect_untouched(suite: Suite, size: int, after: str) -> None:
    """Nothing arrives late, neither bytes nor completions."""
    device = suite.device
    time.sleep(_LATE_SECONDS)
    if device.arena.read(device.arena.address, size) != bytes([_POISON]) * size:
        raise CheckFailed(f"memory was written after {after} had returned")


@check("reset.idle", "An idle device works after a reset, keys and buffers forgotten")
def idle(suite: Suite) -> None:
    """Twice in a row, too."""
    suite.reset()
    suite.reset()
    suite.run(*small_works(suite, 4))


@check("reset.in_flight", "A reset with commands in flight: no completion of them, and no late write")
def in_flight(suite: Suite) -> None:
    """The memory is poisoned after reset has returned, and must stay so."""
    device = suite.device
    for _ in range(20 if suite.thorough else 3):
        _fill(suite)
        device.reset()
        suite.expected.resets += 1
        size = _poison(suite)
        if late := device.dequeue():
            raise CheckFailed(f"after reset there is a completion of a command before it: tag {late[0].tag}")
        _expect_untouched(suite, size, "reset")
        device.arena.clear()
        device.register()
        suite.run(*small_works(suite, 2))


@check("counters", "The device's own counters show that all this work ran there")
def counters(suite: Suite) -> None:
    """Every command that was completed, and none that was never given."""
    stats, expected = suite.device.stats(), suite.expected
    for name in ("commands", "items.sm3", "items.sm2_verify", "items.merkle"):
        least, most = expected.answered.get(name, 0), expected.begun.get(name, 0)
        if name not in stats:
            raise CheckFailed(f"stats: there is no {name}")
        if not least <= stats[name] <= max(most, least):
            raise CheckFailed(f"stats: expected {name} from {least} to {most}, got {stats[name]}")
    if stats.get("resets") != expected.resets:
        raise CheckFailed(f"stats: expected {expected.resets} resets, got {stats.get('resets')}")


@check("close.in_flight", "Closing with commands in flight: no late write; the device opens again and works")
def close(suite: Suite) -> None:
    """The last check."""
    _fill(suite)
    suite.device.close()
    _expect_untouched(suite, _poison(suite), "close")
    suite.device.arena.clear()
    suite.device.open()
    suite.run(*small_works(suite, 2))
