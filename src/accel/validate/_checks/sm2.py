"""Verifying SM2 signatures: published, valid, spoilt, and made to meet the exceptional cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accel.driver import CommandFlag, Opcode
from accel.validate import _inputs as inputs
from accel.validate._device import CheckFailed
from accel.validate._suite import Suite, check
from accel.validate._work import OK, Work

DIGEST, MESSAGE = Opcode.SM2_VERIFY_DIGEST, Opcode.SM2_VERIFY


def _run_items(suite: Suite, items: Sequence[inputs.Item], neighbours: int = 3) -> None:
    """All in one command, and some of them among valid ones: a wrong item shows what it does to its neighbours."""
    most = suite.device.caps.max_items
    good = inputs.valid_items(8, 1)
    works = [inputs.verify_work(items[i : i + most]) for i in range(0, len(items), most)]
    works += [inputs.verify_work((item, *good[:neighbours])[:most]) for item in items[:: max(len(items) // 12, 1)]]
    suite.run(*works)


@check("sm2.published", "The example of GB/T 32918.5-2017, over its digest", DIGEST)
def published(suite: Suite) -> None:
    """The signature that the standard prints."""
    suite.run(inputs.verify_work([inputs.PUBLISHED_SM2]))


@check("sm2.published_message", "The same over its message: ZA and e are the device's work", MESSAGE)
def published_message(suite: Suite) -> None:
    """Under the default ID."""
    item, message = inputs.PUBLISHED_SM2, inputs.PUBLISHED_MESSAGE
    suite.run(
        Work(MESSAGE, 1, message, len(message), len(message), keys=item.key, signatures=item.signature,
             user_id=b"1234567812345678", status=bytes([OK]), aims=(item.aim,))
    )  # fmt: skip


@check("sm2.ranges", "r or s zero, from n on, r + s = n; r + n and s + n of valid signatures", DIGEST)
def ranges(suite: Suite) -> None:
    """Each is BAD_RANGE."""
    _run_items(suite, inputs.ranges())


@check("sm2.keys", "Keys off the curve, zero, with coordinates from p on", DIGEST)
def keys(suite: Suite) -> None:
    """Each is BAD_KEY, also where the coordinates would be right mod p."""
    _run_items(suite, inputs.keys())


@check("sm2.precedence", "Key before range before equation", DIGEST)
def precedence(suite: Suite) -> None:
    """Of two mistakes the first one counts."""
    _run_items(suite, inputs.precedence())


@check("sm2.exceptional", "P = G, P = -G, equal and opposite points in the last addition, infinity", DIGEST)
def exceptional(suite: Suite) -> None:
    """What an adversary reaches who may choose the digest."""
    _run_items(suite, inputs.exceptional())


@check("sm2.digests", "Digests of 0, n and above: they are taken mod n", DIGEST)
def digests(suite: Suite) -> None:
    """Valid signatures of them."""
    _run_items(suite, inputs.digests())


@check("sm2.random", "Many signatures, a quarter of them spoilt", DIGEST)
def random_batch(suite: Suite) -> None:
    """More than 1,000 verdicts: a device that lies once in 1,000 is seen."""
    items = inputs.mixed_items(600 if suite.thorough else 120, suite.seed + 2)
    total = 20000 if suite.thorough else 1200
    most = min(suite.device.caps.max_items, total)
    for begin in range(0, total, most):
        suite.run(inputs.verify_work([items[i % len(items)] for i in range(begin, min(begin + most, total))]))


@check("sm2.sizes", "Batches of one signature up to the most that the device takes", DIGEST)
def sizes(suite: Suite) -> None:
    """Around the widths of vectors."""
    items = inputs.mixed_items(120, suite.seed + 2)
    most = min(suite.device.caps.max_items, 8192 if suite.thorough else 300)
    wanted = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 127, most)
    suite.run(*(inputs.verify_work([items[(count + i) % len(items)] for i in range(count)])
                for count in wanted if count <= most))  # fmt: skip


@check("sm2.strides", "Distances of 0 and longer than the items", DIGEST)
def strides(suite: Suite) -> None:
    """One key for all, one digest for all, one signature for all, rows with gaps."""
    count = min(9, suite.device.caps.max_items)
    good = inputs.valid_items(8, 1)[0]
    other = inputs.sign(77, int.from_bytes(good.digest, "big"), 99)
    base = inputs.verify_work([good] * count)
    padded = b"".join(item + bytes(36) for item in [good.signature] * count)
    alternating = [good if i % 2 == 0 else replace(good, signature=other.signature, status=2) for i in range(count)]
    suite.run(
        replace(base, keys=good.key, keys_stride=0, digests=good.digest, digests_stride=0),
        replace(base, signatures=good.signature, signatures_stride=0),
        replace(base, signatures=padded, signatures_stride=100),
        replace(inputs.verify_work(alternating), keys=good.key, keys_stride=0),
    )


@check(
    "sm2.messages", "Signatures over ragged messages of lengths where padding changes", (MESSAGE, CommandFlag.RAGGED)
)
def messages(suite: Suite) -> None:
    """ZA stands before the message: 32 bytes more."""
    limit = suite.device.caps.max_message
    lengths = [length for length in (0, 1, 22, 23, 24, 31, 32, 33, 55, 64, 86, 87, 88, 300) if length <= limit]
    texts = [suite.random.randbytes(length) for length in lengths]
    suite.run(inputs.message_work(texts[: suite.device.caps.max_items], b"1234567812345678", suite.seed + 3))


@check("sm2.ids", "Other IDs than the default, an empty one, the longest, and no ZA", MESSAGE)
def ids(suite: Suite) -> None:
    """Each ID is part of what was signed."""
    texts = [suite.random.randbytes(40) for _ in range(min(3, suite.device.caps.max_items))]
    for user_id in (b"1234567812345678", b"", b"Alice@example.org", b"1234567812345677", bytes(8191), None):
        suite.run(inputs.message_work(texts, user_id, suite.seed + 4, ragged=False))


@check("sm2.handles", "Keys by handle: loaded, used in any order, one of them no key", (DIGEST, CommandFlag.HANDLES))
def handles(suite: Suite) -> None:
    """Two loads in one device, and handles that are no longer loaded."""
    good = inputs.mixed_items(24, suite.seed + 5)
    most = min(suite.device.caps.max_items, suite.device.caps.max_keys // 2, 24)
    bad = inputs.keys()[0]
    items = [*good[: max(most - 1, 0)], bad]
    works = [inputs.verify_work(items, by_handle=True), inputs.verify_work(list(reversed(items)), by_handle=True)]
    suite.run(*works)
    _unloaded(suite, good[0])


def _unloaded(suite: Suite, item: inputs.Item) -> None:
    work, device = inputs.verify_work([item], by_handle=True), suite.device
    device.arena.clear()
    (placed,), loaded = suite.place([work])
    if (status := device.unload_keys(loaded)) != 0:
        raise CheckFailed(f"unload_keys gave {status}, expected 0", work)
    device.enqueue([placed.raw])
    completions = device.collect(1)
    if len(completions) != 1 or completions[0].status != device.library.ACCEL_COMPLETION_BAD_COMMAND:
        got = completions[0].status if completions else "no completion"
        raise CheckFailed(f"a handle that is no longer loaded: expected status 4 (BAD_COMMAND), got {got}", work)


@check("sm2.points", "R = [s]G + [t]P of each valid item", (DIGEST, CommandFlag.POINTS))
def points(suite: Suite) -> None:
    """For devices that are certified by combined checks."""
    items = [*inputs.mixed_items(30, suite.seed + 6), *inputs.exceptional(), *inputs.digests()]
    most = suite.device.caps.max_items
    suite.run(*(inputs.verify_work(items[i : i + most], points=True) for i in range(0, len(items), most)))
