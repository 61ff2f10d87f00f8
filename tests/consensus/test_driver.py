"""The driver over a log: the order of its acts, and what a damaged log can make of a decision."""

from __future__ import annotations

import hashlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from accel.consensus import CoreConfig, Validator, ValidatorSet
from accel.consensus.actions import Action, Broadcast, Deliver, Propose, Report, Verify
from accel.consensus.driver import Driver, recover
from accel.consensus.errors import ConsensusError
from accel.consensus.events import Applied, Proposed, Start, Verified
from accel.consensus.wal import LogFailed, WriteAheadLog
from consensus.memory_disk import MemoryDisk

KEY = b"k" * 64
CONFIG = CoreConfig(chain_id=b"test", public_key=KEY)
HEIGHTS = 3


class LabelKey:
    """Signatures that are labels."""

    def sign(self, message: bytes, /) -> bytes:
        return hashlib.blake2b(message).digest()


class Alone:
    """The only validator of a chain: it decides what it proposes. Its application keeps nothing."""

    def __init__(self, disk: MemoryDisk, life: int = 0, height: int = 1) -> None:
        self.delivered: dict[int, bytes] = {}
        self.trace: list[str] = []
        self._life = life
        self._answers: list[Applied | Proposed | Verified] = []
        self._disk = disk
        validators = ValidatorSet([Validator(KEY, 1)])
        log = WriteAheadLog(disk, identity=b"identity", segment_bytes=700)
        self.driver: Driver = recover(disk, LabelKey(), CONFIG, height, validators, self.act, log=log)

    def act(self, action: Action) -> None:
        self.trace.append(type(action).__name__)
        if isinstance(action, Propose):
            block = b"height %d in life %d" % (action.height, self._life)
            self._answers.append(Proposed(action.height, action.round, hashlib.sha256(block).digest(), block))
        elif isinstance(action, Verify):
            self._answers.append(Verified(action.id, True))
        elif isinstance(action, Deliver):
            assert action.height not in self.delivered
            self.delivered[action.height] = action.block
            if action.height < HEIGHTS:
                self._answers.append(Applied(action.height))
        assert not isinstance(action, Report)

    def run(self) -> Alone:
        self.driver.handle(Start())
        while self._answers:
            self.driver.handle(self._answers.pop(0))
        return self


def decided() -> MemoryDisk:
    disk = MemoryDisk()
    assert sorted(Alone(disk).run().delivered) == [1, 2, 3]
    return disk


WHOLE = decided()
LOGS = [name for name in WHOLE.names() if name.startswith("wal-")]
BLOCKS = {height: b"height %d in life 0" % height for height in range(1, HEIGHTS + 1)}


def test_a_restart_delivers_what_was_decided() -> None:
    assert len(LOGS) > 2
    assert Alone(MemoryDisk(WHOLE.files), life=1).run().delivered == BLOCKS
    assert Alone(MemoryDisk(WHOLE.files), life=1, height=3).run().delivered == {3: BLOCKS[3]}


def test_nothing_is_sent_before_it_is_durable_and_signed() -> None:
    disk = MemoryDisk()
    alone = Alone(disk)
    disk.failing = {"sync"}
    with pytest.raises(LogFailed):
        alone.run()
    assert Broadcast.__name__ not in alone.trace
    disk.failing = set()
    assert Alone(disk, life=1).run().delivered == {}  # its proposal may have been sent, and is not made again


def test_a_log_is_forgotten_up_to_what_the_application_keeps() -> None:
    disk = MemoryDisk(WHOLE.files)
    alone = Alone(disk, life=1, height=3)
    alone.driver.forget(2)
    assert {name for name in disk.names() if name.startswith("wal-")} < set(LOGS)
    assert Alone(disk, life=2, height=3).run().delivered == {3: BLOCKS[3]}


@given(st.data())
def test_a_damaged_log_is_refused_or_decides_the_same(data: st.DataObject) -> None:
    disk = MemoryDisk(WHOLE.files)
    name = data.draw(st.sampled_from(LOGS))
    content = bytearray(disk.files[name])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    disk.files[name] = bytes(content) + data.draw(st.binary(max_size=60))
    try:
        delivered = Alone(disk, life=1).run().delivered
    except ConsensusError:
        return
    assert all(BLOCKS[height] == block for height, block in delivered.items())


@given(st.integers(0, len(LOGS) - 1), st.data())
def test_a_log_that_lost_its_end_is_refused_or_decides_the_same(kept: int, data: st.DataObject) -> None:
    """Whole frames are missing: only the last-sign state can tell."""
    last = LOGS[kept]
    files = {name: content for name, content in WHOLE.files.items() if name not in LOGS or name <= last}
    files[last] = files[last][: data.draw(st.integers(0, len(files[last])))]
    try:
        delivered = Alone(MemoryDisk(files), life=1).run().delivered
    except ConsensusError:
        return
    assert all(BLOCKS[height] == block for height, block in delivered.items())
