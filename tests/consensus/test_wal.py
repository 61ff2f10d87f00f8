"""The write-ahead log on real files: framing, recovery, refusal, limits."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from accel.consensus.disk import DirectoryDisk, DiskInUse
from accel.consensus.wal import MAX_ENTRY_BYTES, Entry, LogDamaged, LogFailed, WriteAheadLog, frame
from accel.errors import ArgumentError
from consensus.memory_disk import MemoryDisk

FIRST = f"wal-{1:016x}"
HEADER_BYTES = 32
IDENTITY = b"identity"


def filled(disk: MemoryDisk, batches: list[list[bytes]], **options: int) -> WriteAheadLog:
    log = WriteAheadLog(disk, identity=IDENTITY, **options)
    for batch in batches:
        for payload in batch:
            log.append(7, payload)
        log.sync()
    return log


def payloads(log: WriteAheadLog) -> list[bytes]:
    return [entry.payload for entry in log.recovered]


def test_records_come_back_in_order_from_real_files(tmp_path: Path) -> None:
    disk = DirectoryDisk(tmp_path / "log")
    log = WriteAheadLog(disk)
    assert [log.append(kind, bytes([kind]) * kind) for kind in range(5)] == [1, 2, 3, 4, 5]
    assert log.durable == 0
    log.sync()
    assert (log.durable, log.next_number) == (5, 6)
    disk.close()

    again = WriteAheadLog(DirectoryDisk(tmp_path / "log"))
    assert again.recovered == [Entry(kind + 1, kind, bytes([kind]) * kind) for kind in range(5)]
    assert (again.durable, again.next_number) == (5, 6)


def test_a_directory_is_one_processes_alone(tmp_path: Path) -> None:
    disk = DirectoryDisk(tmp_path)
    with pytest.raises(DiskInUse, match="in use"):
        DirectoryDisk(tmp_path)
    disk.close()
    DirectoryDisk(tmp_path).close()


def test_what_was_not_synced_is_not_written() -> None:
    disk = MemoryDisk()
    log = filled(disk, [[b"kept"]])
    log.append(0, b"lost")
    assert payloads(WriteAheadLog(disk)) == [b"kept"]


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_torn_tail_is_cut_off_and_written_over(cut: int) -> None:
    disk = MemoryDisk()
    filled(disk, [[b"first"], [b"second record", b"third"]])
    data = disk.files[FIRST]
    disk.files[FIRST] = data[:-cut]
    log = WriteAheadLog(disk)
    whole = [b"first", b"second record", b"third"]
    kept = len(log.recovered)
    assert payloads(log) == whole[:kept]
    assert kept == (2 if cut <= 30 else 1)
    log.append(1, b"after")
    log.sync()
    assert payloads(WriteAheadLog(disk)) == [*whole[:kept], b"after"]


def test_a_hole_in_the_last_synced_batch_is_a_torn_tail() -> None:
    """The second frame of a batch may reach the disk before the first."""
    disk = MemoryDisk()
    filled(disk, [[b"first"], [b"second", b"third"]])
    at = disk.files[FIRST].index(b"second")
    disk.flip(FIRST, at)
    assert payloads(WriteAheadLog(disk)) == [b"first"]


def test_damage_before_a_later_sync_is_refused() -> None:
    disk = MemoryDisk()
    filled(disk, [[b"first", b"second"], [b"third"]])
    before = disk.files[FIRST]
    for at in range(HEADER_BYTES, before.index(b"second") + len(b"second")):
        disk.files[FIRST] = before
        disk.flip(FIRST, at)
        with pytest.raises(LogDamaged, match="was durable"):
            WriteAheadLog(disk)


def test_a_damaged_header_before_records_is_refused() -> None:
    for at in range(HEADER_BYTES):
        disk = MemoryDisk()
        filled(disk, [[b"first"]])
        disk.flip(FIRST, at)
        with pytest.raises(LogDamaged, match="header"):
            WriteAheadLog(disk)


def test_a_torn_header_of_a_new_segment_is_none() -> None:
    disk = MemoryDisk()
    filled(disk, [[b"first"]]).rotate()
    newest = f"wal-{2:016x}"
    for size in range(HEADER_BYTES):
        torn = MemoryDisk(disk.files | {newest: disk.files[newest][:size]})
        log = WriteAheadLog(torn)
        assert payloads(log) == [b"first"]
        log.append(0, b"second")
        log.sync()
        log.rotate()
        log.append(0, b"third")
        log.sync()
        assert payloads(WriteAheadLog(torn)) == [b"first", b"second", b"third"]


def test_segments_rotate_and_are_forgotten() -> None:
    disk = MemoryDisk()
    log = filled(disk, [[b"x" * 50] for _ in range(10)], segment_bytes=150)
    assert len(disk.names()) == 6
    log.forget(5)
    assert disk.names()[0] == f"wal-{5:016x}"
    again = WriteAheadLog(disk)
    assert [entry.number for entry in again.recovered] == list(range(5, 11))
    assert again.next_number == 11


def test_a_missing_segment_is_refused() -> None:
    disk = MemoryDisk()
    filled(disk, [[b"x" * 50] for _ in range(10)], segment_bytes=150)
    disk.remove(disk.names()[2])
    with pytest.raises(LogDamaged, match="expected entry"):
        WriteAheadLog(disk)


def test_a_damaged_tail_of_an_older_segment_is_refused() -> None:
    disk = MemoryDisk()
    filled(disk, [[b"x" * 50] for _ in range(10)], segment_bytes=150)
    name = disk.names()[1]
    disk.files[name] = disk.files[name][:-1]
    with pytest.raises(LogDamaged, match="was durable"):
        WriteAheadLog(disk)


def test_another_logs_segment_is_refused() -> None:
    disk = MemoryDisk()
    filled(disk, [[b"first"]])
    other = MemoryDisk()
    WriteAheadLog(other, identity=b"stranger")
    disk.files[f"wal-{2:016x}"] = other.files[FIRST]
    with pytest.raises(LogDamaged, match="expected entry 2"):
        WriteAheadLog(disk)


def test_a_payload_that_looks_like_a_frame_is_none() -> None:
    """A peer that knows the format and not the log's identity cannot make a torn tail look like damage."""
    crafted = frame(b"guessed!", Entry(9, 1, b"evil"), 8)
    disk = MemoryDisk()
    filled(disk, [[b"first"], [b"torn", crafted]])
    disk.flip(FIRST, disk.files[FIRST].index(b"torn"))
    assert payloads(WriteAheadLog(disk)) == [b"first"]


def test_limits() -> None:
    log = WriteAheadLog(MemoryDisk())
    with pytest.raises(ArgumentError, match="payload: expected at most 16777216 bytes, got 16777217"):
        log.append(0, bytes(MAX_ENTRY_BYTES + 1))
    with pytest.raises(ArgumentError, match="kind: expected 0 to 255, got 256"):
        log.append(256, b"")
    with pytest.raises(ArgumentError, match="identity: expected 8 bytes, got 3"):
        WriteAheadLog(MemoryDisk(), identity=b"abc")


def test_what_waits_for_a_sync_has_a_limit() -> None:
    disk = MemoryDisk()
    log = WriteAheadLog(disk, segment_bytes=1000)
    for _ in range(100):
        log.append(0, bytes(100))
    assert log.durable >= 90


@pytest.mark.parametrize("call", ["write", "sync"])
def test_a_failed_disk_is_final(call: str) -> None:
    disk = MemoryDisk()
    log = filled(disk, [[b"first"]])
    log.append(0, b"second")
    disk.failing = {call}
    with pytest.raises(LogFailed, match="has failed: "):
        log.sync()
    disk.failing = set()
    for attempt in (log.sync, log.rotate, lambda: log.append(0, b"third"), lambda: log.forget(1)):
        with pytest.raises(LogFailed, match="has failed before"):
            attempt()
    assert log.durable == 1


def test_short_writes_of_real_files_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: pwrite(descriptor, data[:3], at))
    disk = DirectoryDisk(tmp_path)
    log = WriteAheadLog(disk)
    log.append(0, b"a payload of some length")
    log.sync()
    assert payloads(WriteAheadLog(disk)) == [b"a payload of some length"]


BATCHES = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=4), min_size=1, max_size=5)


@given(BATCHES, st.data())
def test_any_damage_is_refused_or_a_prefix(batches: list[list[bytes]], data: st.DataObject) -> None:
    """Whatever bytes a log holds: a typed error, or records that were written, in order, without a gap."""
    disk = MemoryDisk()
    filled(disk, batches, segment_bytes=data.draw(st.integers(40, 300)))
    name = data.draw(st.sampled_from(disk.names()))
    content = bytearray(disk.files[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    disk.files[name] = bytes(content[: data.draw(st.integers(0, len(content)))] + data.draw(st.binary(max_size=50)))
    written = [payload for batch in batches for payload in batch]
    try:
        log = WriteAheadLog(disk)
    except LogDamaged:
        return
    assert payloads(log) == written[: len(log.recovered)]
    durable_before_the_last_batch = len(written) - len(batches[-1])
    if name != disk.names()[0]:
        assert len(log.recovered) >= min(durable_before_the_last_batch, int(name.removeprefix("wal-"), 16) - 1)


@given(st.dictionaries(st.sampled_from([FIRST, f"wal-{2:016x}", "wal-", "wal-zz"]), st.binary(max_size=300)))
def test_arbitrary_files_are_refused_or_empty(files: dict[str, bytes]) -> None:
    try:
        log = WriteAheadLog(MemoryDisk(files))
    except LogDamaged:
        return
    assert log.recovered == []
