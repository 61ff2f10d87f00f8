"""`accel hash`: SM3 of files, in the format of the coreutils' checksum commands."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from accel import sm3
from accel.cli.output import FAILED, INVALID, VALID, JsonOption, complain, emit, err, job
from accel.errors import ArgumentError

_CHUNK_BYTES = 1 << 20
_PROGRESS_BYTES = 64 << 20  # smaller files are done before a bar could be read
_CHECK_LINE = re.compile(rb"(\\?)([0-9a-fA-F]{64}) [ *](.+)", re.DOTALL)

Advance = Callable[[int], None]

FilesArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE]...", help="Files; - or nothing is standard input.")
]
CheckOption = Annotated[
    Path | None,
    typer.Option("--check", "-c", metavar="LIST", help="Check the files in a list that this command wrote."),
]


@job
def hash_files(files: FilesArgument = None, check: CheckOption = None, as_json: JsonOption = False) -> int:
    """Print SM3 digests of files as lines of `digest  path`, or check such lines.

    A file that cannot be read is reported and the others are hashed all the same; the exit code is then 2. With
    --check it counts as not valid: exit code 1.
    """
    if check is not None:
        if files:
            raise ArgumentError("--check: takes its files from the list, expected no FILE")
        return _check(check, as_json)
    entries = [_entry(path) for path in files or [Path("-")]]
    if as_json:
        emit({"algorithm": "sm3", "files": entries})
    for entry in entries:
        if "error" in entry:
            complain(entry["error"])
        elif not as_json:
            _write(_line(entry["digest"], entry["path"]))
    return FAILED if any("error" in entry for entry in entries) else VALID


def _entry(path: Path) -> dict[str, Any]:
    try:
        return {"path": str(path), "digest": _digest(path)}
    except OSError as error:
        return {"path": str(path), "error": f"{path}: {error.strerror}"}


def _digest(path: Path) -> str:
    with contextlib.ExitStack() as stack:
        if str(path) == "-":
            stream: BinaryIO = sys.stdin.buffer
            size = 0
        else:
            stream = stack.enter_context(path.open("rb"))
            size = os.fstat(stream.fileno()).st_size
        advance = stack.enter_context(_bytes_progress(path.name, size))
        state = sm3.new()
        while chunk := stream.read(_CHUNK_BYTES):
            state.update(chunk)
            advance(len(chunk))
        return state.hexdigest()


@contextlib.contextmanager
def _bytes_progress(name: str, size: int) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    quiet = size < _PROGRESS_BYTES or not err.is_terminal
    with Progress(*columns, console=err, transient=True, disable=quiet) as bar:
        task = bar.add_task(name, total=size)
        yield lambda count: bar.advance(task, count)


def _line(digest: str, path: str) -> bytes:
    """As sha256sum writes it: a leading backslash says that the path's backslashes and newlines are escaped."""
    name = os.fsencode(path)
    if b"\\" in name or b"\n" in name or b"\r" in name:
        name = name.replace(b"\\", rb"\\").replace(b"\n", rb"\n").replace(b"\r", rb"\r")
        return b"\\" + digest.encode() + b"  " + name + b"\n"
    return digest.encode() + b"  " + name + b"\n"


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _check(listing: Path, as_json: bool) -> int:
    data = sys.stdin.buffer.read() if str(listing) == "-" else listing.read_bytes()
    parsed = [_parse(line) for line in data.split(b"\n") if line]
    expected = [entry for entry in parsed if entry is not None]
    malformed = len(parsed) - len(expected)
    if not expected:
        raise ArgumentError(f"{listing}: no line of the form `digest  path`")
    results = []
    for digest, name in expected:
        entry = _entry(Path(name))
        status = "unreadable" if "error" in entry else "ok" if entry["digest"] == digest else "failed"
        results.append({"path": name, "status": status})
        if not as_json:
            verdict = {"ok": "OK", "failed": "FAILED", "unreadable": "FAILED to read"}[status]
            _write(os.fsencode(name) + f": {verdict}\n".encode())
    if malformed:
        complain(f"{listing}: {malformed} lines are not of the form `digest  path`")
    if as_json:
        emit({"algorithm": "sm3", "files": results, "malformed_lines": malformed})
    return VALID if not malformed and all(result["status"] == "ok" for result in results) else INVALID


def _parse(line: bytes) -> tuple[str, str] | None:
    found = _CHECK_LINE.fullmatch(line)
    if found is None:
        return None
    escaped, digest, name = found.groups()
    if escaped:
        unescaped = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}
        name = re.sub(rb"\\[\\nr]", lambda match: unescaped[match[0]], name)
    return digest.decode().lower(), os.fsdecode(name)
