"""SM3: published vectors, lengths where padding changes, ragged and strided batches."""

from __future__ import annotations

from accel.driver import CommandFlag, Opcode
from accel.validate import _inputs as inputs
from accel.validate._suite import Suite, check
from accel.validate._work import Work

# Padding takes another block from 56 on, and a whole one at 64; the same one block on.
LENGTHS = (0, 1, 3, 31, 32, 33, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 121, 127, 128, 129, 183, 184, 191, 192, 1000)
LONG = (4095, 8191, 8192, 8193, 16384, 65536)
RAGGED = (Opcode.SM3, CommandFlag.RAGGED)


def _lengths(suite: Suite, lengths: tuple[int, ...]) -> list[int]:
    caps = suite.device.caps
    return [length for length in lengths if length <= min(caps.max_message, caps.max_bytes)]


@check("sm3.published", "Both examples of GB/T 32905-2016", Opcode.SM3)
def published(suite: Suite) -> None:
    """The digests that the standard prints."""
    for message, digest in inputs.PUBLISHED_SM3:
        size = len(message)
        suite.run(Work(Opcode.SM3, 1, message, size, size, output=bytes.fromhex(digest), aims=("published",)))


@check("sm3.lengths", "Messages whose padding just fits, just does not, or fills a block", Opcode.SM3)
def lengths(suite: Suite) -> None:
    """One command for each length, three messages each."""
    works = []
    for length in _lengths(suite, LENGTHS + LONG):
        data = suite.random.randbytes(3 * length)
        works.append(inputs.strided_work(data, min(3, suite.device.caps.max_items), length, length))
    suite.run(*works)


@check("sm3.ragged", "Messages of different lengths in one command, empty ones among them", RAGGED)
def ragged(suite: Suite) -> None:
    """Also with a first offset that is not 0, and with empty messages only."""
    most = suite.device.caps.max_items
    messages = [suite.random.randbytes(length) for length in _lengths(suite, LENGTHS)]
    shuffled = suite.random.sample(messages, len(messages))
    works = [inputs.ragged_work(each[:most]) for each in (messages, shuffled, [b""], [b"", b"", b"a"])]
    works += [inputs.ragged_work(shuffled[:most], gap=gap) for gap in (1, 64, 777)]
    suite.run(*works)


@check("sm3.strides", "Distances of 0, shorter and longer than the messages", Opcode.SM3)
def strides(suite: Suite) -> None:
    """Stride 0 repeats one message; a short one lets messages overlap."""
    most = min(20, suite.device.caps.max_items)
    data = suite.random.randbytes(20 * 200)
    pairs = ((70, 0), (70, 1), (70, 69), (70, 71), (64, 100), (33, 200))
    suite.run(*(inputs.strided_work(data, most, length, stride) for length, stride in pairs))


@check("sm3.sizes", "Batches of one message up to the most that the device takes", Opcode.SM3)
def sizes(suite: Suite) -> None:
    """Around the widths of vectors, and 4,096 or the device's limit."""
    caps = suite.device.caps
    most = min(caps.max_items, 65536 if suite.thorough else 4096, caps.max_bytes // 20)
    wanted = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 255, 256, 257, 1000, most)
    data = suite.random.randbytes(20 * most)
    suite.run(*(inputs.strided_work(data, count, 20, 20) for count in wanted if count <= most))


@check("sm3.random", "Random ragged batches", RAGGED)
def random_batches(suite: Suite) -> None:
    """Different every time that the seed is."""
    works = []
    for _ in range(200 if suite.thorough else 12):
        count = suite.random.randint(1, min(60, suite.device.caps.max_items))
        messages = [suite.random.randbytes(suite.random.choice((5, 60, 130, 300))) for _ in range(count)]
        limit = suite.device.caps.max_message
        works.append(inputs.ragged_work([message[:limit] for message in messages], gap=suite.random.choice((0, 5))))
    suite.run(*works)
