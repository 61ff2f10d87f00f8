"""The little that the write-ahead log and the last-sign state ask of a disk.

A disk holds flat files by name. Nothing written or cut is promised to survive a loss of power before `Disk.sync` of
that file has returned; what has been synced is. `DirectoryDisk` is a directory of real files; the simulation has a disk
that tears, loses and fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Protocol

from accel.consensus.errors import ConsensusError

__all__ = ["DirectoryDisk", "Disk", "DiskInUse"]

_LOCK = "lock"


class DiskInUse(ConsensusError, RuntimeError):  # noqa: N818 - says what is the case, as the standard library's do
    """Another process has this directory open: two logs of one validator would sign twice."""


class Disk(Protocol):
    """Flat files by name. Every call raises ``OSError`` when the disk fails."""

    def names(self) -> list[str]:
        """The files' names, sorted."""

    def read(self, name: str) -> bytes:
        """All bytes of the file `name`; none if there is no such file."""

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write all of `data` at byte `offset` of the file `name`, which is made if it is not there."""

    def truncate(self, name: str, size: int) -> None:
        """Cut the file `name` to `size` bytes."""

    def sync(self, name: str) -> None:
        """Return once the content and the existence of the file `name` survive a loss of power."""

    def remove(self, name: str) -> None:
        """Remove the file `name`; return once that survives a loss of power."""


class DirectoryDisk:
    """Real files in one directory, for one process at a time.

    Args:
        path: The directory; made if it is not there.

    Raises:
        DiskInUse: Another `DirectoryDisk` has it open.
        OSError: The directory cannot be made or opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._path.mkdir(parents=True, exist_ok=True)
        self._open: dict[str, int] = {}
        self._new: set[str] = set()
        self._directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        self._lock = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise DiskInUse(f"{self._path}: in use by another process") from None

    def names(self) -> list[str]:
        """The files' names, sorted."""
        return sorted(entry.name for entry in self._path.iterdir() if entry.name != _LOCK)

    def read(self, name: str) -> bytes:
        """All bytes of the file `name`; none if there is no such file."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return b""

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write all of `data` at byte `offset` of the file `name`, which is made if it is not there."""
        descriptor = self._descriptor(name)
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            offset += written
            view = view[written:]

    def truncate(self, name: str, size: int) -> None:
        """Cut the file `name` to `size` bytes."""
        os.ftruncate(self._descriptor(name), size)

    def sync(self, name: str) -> None:
        """Return once the content and the existence of the file `name` survive a loss of power."""
        os.fsync(self._descriptor(name))
        if name in self._new:
            os.fsync(self._directory)
            self._new.discard(name)

    def remove(self, name: str) -> None:
        """Remove the file `name`; return once that survives a loss of power."""
        if (descriptor := self._open.pop(name, None)) is not None:
            os.close(descriptor)
        (self._path / name).unlink(missing_ok=True)
        os.fsync(self._directory)

    def close(self) -> None:
        """Let other processes have the directory. Nothing is synced."""
        for descriptor in (*self._open.values(), self._directory, self._lock):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._open.clear()

    def _descriptor(self, name: str) -> int:
        if (descriptor := self._open.get(name)) is None:
            path = self._path / name
            # Also a file that was there: the process before may have ended between making it and syncing the directory.
            self._new.add(name)
            descriptor = self._open[name] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return descriptor
