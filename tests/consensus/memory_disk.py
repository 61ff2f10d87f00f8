"""A disk that is a dictionary, and fails when told."""

from __future__ import annotations


class MemoryDisk:
    """Flat files in memory; everything written is durable. Calls named in `failing` raise."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.failing: set[str] = set()

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        self._may_fail("read")
        return self.files.get(name, b"")

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._may_fail("write")
        old = self.files.get(name, b"").ljust(offset, b"\0")
        self.files[name] = old[:offset] + data + old[offset + len(data) :]

    def truncate(self, name: str, size: int) -> None:
        self._may_fail("truncate")
        self.files[name] = self.files.get(name, b"")[:size]

    def sync(self, _name: str) -> None:
        self._may_fail("sync")

    def remove(self, name: str) -> None:
        self._may_fail("remove")
        self.files.pop(name, None)

    def flip(self, name: str, at: int) -> None:
        content = bytearray(self.files[name])
        content[at] ^= 0xFF
        self.files[name] = bytes(content)

    def _may_fail(self, call: str) -> None:
        if call in self.failing:
            raise OSError(5, f"{call} failed")
