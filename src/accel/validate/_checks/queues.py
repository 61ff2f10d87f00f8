"""Commands and completions: each once, by its tag, in any order, on every queue, under pressure."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from typing import Any

from accel.driver import Opcode
from accel.driver._work import VERIFY
from accel.validate import _inputs as inputs
from accel.validate._device import CheckFailed, Placed
from accel.validate._suite import Suite, check
from accel.validate._work import Work


def small_works(suite: Suite, count: int) -> list[Work]:
    """Commands that are quick and different from each other, of what the device can do."""
    device = suite.device
    items = inputs.mixed_items(24, suite.seed + 2)
    works: list[Work] = []
    for i in range(count):
        size = min(3 + i % 4, device.caps.max_items)
        some = [items[(i + k) % len(items)] for k in range(size)]
        leaves = [bytes([i % 256, k]) * 16 for k in range(size)]
        data = bytes([i % 256]) + suite.random.randbytes(16 * size)
        choices: dict[Opcode, Callable[[], Work]] = {
            Opcode.SM3: lambda: inputs.strided_work(data, size, min(16, device.caps.max_message), 16),  # noqa: B023
            Opcode.SM2_VERIFY_DIGEST: lambda: inputs.verify_work(some),  # noqa: B023
            Opcode.MERKLE_ROOT: lambda: inputs.merkle_work(Opcode.MERKLE_ROOT, 1, leaves),  # noqa: B023
        }
        able = [make for opcode, make in choices.items() if device.supports(opcode)]
        if not able:
            return []
        # Runs of two, so that neighbours are alike and differ in their results alone.
        works.append(able[i // 2 % len(able)]())
    return works


@check("queue.tags", "Tags of any value come back as they were, also where they wrap around")
def tags(suite: Suite) -> None:
    """Sixty-four bits of them."""
    device = suite.device
    values = [0, 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]
    works = small_works(suite, len(values))
    for begin in range(0, len(works), device.caps.queue_depth):
        end = begin + device.caps.queue_depth
        device.arena.clear()
        placed = [device.place(w, tag) for w, tag in zip(works[begin:end], values[begin:end], strict=False)]
        suite.enqueue(placed, 0)
        suite.judge(placed, device.collect(len(placed)))


@check("queue.many", "Hundreds of commands, more than the queue holds: each is answered once")
def many(suite: Suite) -> None:
    """Back-pressure: what is not taken is offered again."""
    works = small_works(suite, 3000 if suite.thorough else 160)
    device = suite.device
    device.arena.clear()
    placed = [device.place(work, suite.next_tag()) for work in works]
    waiting, completions = list(placed), list[Any]()
    end = time.monotonic() + device.seconds
    while len(completions) < len(placed) and time.monotonic() < end:
        if waiting:
            taken = device.enqueue([each.raw for each in waiting[:16]])
            for each in waiting[:taken]:
                suite.expected.add(suite.expected.begun, each.work)
            waiting = waiting[taken:]
        if (full := not waiting or not taken) and not device.wait(0.05):
            continue
        completions += device.dequeue(count=5 if full else 32)
    suite.judge(placed, completions)
    if device.dequeue():
        raise CheckFailed("a completion came twice or for no command")


@check("queue.full", "A full queue takes a part, or nothing, and loses nothing")
def full(suite: Suite) -> None:
    """More than queue_depth commands in one burst, without taking completions."""
    device = suite.device
    depth = device.caps.queue_depth
    works = small_works(suite, min(depth + 8, 2000))
    if not works:
        return
    device.arena.clear()
    placed = [device.place(work, suite.next_tag()) for work in works]
    taken: list[Placed] = []
    for _ in range(3):
        rest = placed[len(taken) :]
        number = device.enqueue([each.raw for each in rest]) if rest else 0
        taken += rest[:number]
    for each in taken:
        suite.expected.add(suite.expected.begun, each.work)
    if len(taken) < min(depth, len(placed)):
        raise CheckFailed(f"an empty queue took {len(taken)} commands, its depth is {depth}")
    if len(taken) > depth and not device.collect(0):
        # Some may have been done and given their place up only when completions are dequeued.
        raise CheckFailed(f"a queue of depth {depth} took {len(taken)} commands before any completion was dequeued")
    suite.judge(taken, device.collect(len(taken)))


@check("queue.each", "Every queue works, side by side with the others")
def each_queue(suite: Suite) -> None:
    """At most sixteen of them."""
    device = suite.device
    queues = range(min(device.caps.queues, 16))
    device.arena.clear()
    per_queue: list[Sequence[Placed]] = []
    for queue in queues:
        works = small_works(suite, min(4, device.caps.queue_depth))
        placed = [device.place(work, suite.next_tag()) for work in works]
        suite.enqueue(placed, queue)
        per_queue.append(placed)
    for queue in queues:
        suite.judge(per_queue[queue], device.collect(len(per_queue[queue]), queue))
    commands = device.ffi.new("accel_command[]", 1)
    commands[0].struct_size = device.ffi.sizeof("accel_command")
    answer = device.call("enqueue_burst", device._device, device.caps.queues, commands, 1)
    if answer >= 0:
        raise CheckFailed(f"enqueue_burst to queue {device.caps.queues}, which is not there, gave {answer}")


@check("queue.wait", "wait blocks until its deadline when there is nothing, and no longer than there is something")
def wait(suite: Suite) -> None:
    """The descriptor, where there is one, polls in the same way."""
    device = suite.device
    begin = time.monotonic()
    if device.wait(0.02):
        raise CheckFailed("wait gave 1, and no command is in flight")
    if time.monotonic() - begin < 0.01:
        raise CheckFailed("wait for 20 ms returned at once")
    works = small_works(suite, 1)
    device.arena.clear()
    placed = [device.place(work, suite.next_tag()) for work in works]
    suite.enqueue(placed, 0)
    descriptor = device.descriptor()
    if descriptor is not None and placed:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(device.seconds * 1000):
            raise CheckFailed("the descriptor does not become readable", works[0])
    suite.judge(placed, device.collect(len(placed)))
    if descriptor is not None and placed and poll.poll(0):
        raise CheckFailed("the descriptor stays readable after all completions were dequeued")


@check("queue.cancel", "A command that cancel stops comes back as CANCELLED, any other as done")
def cancel(suite: Suite) -> None:
    """Whatever cancel answers, each command is completed once, and accordingly."""
    device = suite.device
    works = small_works(suite, min(12, device.caps.queue_depth))
    heavy = [work for work in works if work.opcode in VERIFY]
    device.arena.clear()
    placed = [device.place(work, suite.next_tag()) for work in heavy + works][: device.caps.queue_depth]
    suite.enqueue(placed, 0)
    stopped = {each.raw.tag for each in reversed(placed) if device.cancel(each.raw.tag) == 1}
    if device.cancel(12345) == 1:
        raise CheckFailed("cancel of a tag that is not in flight gave 1")
    completions = device.collect(len(placed))
    cancelled = {each.tag for each in completions if each.status == device.library.ACCEL_COMPLETION_CANCELLED}
    if cancelled != stopped:
        raise CheckFailed(f"cancel stopped {len(stopped)} commands, and {len(cancelled)} came back as CANCELLED")
    rest = [each for each in placed if each.raw.tag not in stopped]
    if rest:
        suite.judge(rest, [each for each in completions if each.tag not in stopped])
    elif len(completions) != len(placed):
        raise CheckFailed(f"{len(completions)} of {len(placed)} commands were completed")
