"""gmsm, the Go library: a small program over it (bench/gmsm), built here where there is a Go toolchain.

The program takes a job through a pipe as flat arrays and does it when asked. It times the calls of gmsm on its side, by
the CPU time of its process and by the monotonic clock, with GOMAXPROCS=1 and on the caller's core; the pipe is outside.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np

from accel.bench.peers._checks import (
    check_hashes,
    check_key_pair,
    check_root,
    check_signatures,
    check_verdicts,
    first,
    present,
)
from accel.bench.peers._peer import Missing, Peer, PeerWrongAnswerError, RemoteWork, Work
from accel.bench.workload import Workload
from accel.errors import AccelError

NAME = "gmsm"
_TREE = Path(__file__).parents[4]
_SOURCE, _PROGRAM = _TREE / "bench" / "gmsm", _TREE / "build" / "gmsm" / "gmsm"
_BUILD_SECONDS = 300
_OPERATIONS = (
    "sm3.hash",
    "merkle.root",
    "sm2.verify",
    "sm2.verify_message",
    "sm2.sign",
    "sm2.sign_message",
    "sm2.generate",
)
"""In the order of their numbers in bench/gmsm/main.go."""
_ITEMS, _HASH_BYTES = 256, 1 << 20  # of a call of the work, at most


def find(source: Path = _SOURCE) -> Peer | Missing:
    """Build the program, which takes a few seconds the first time and needs the Go module proxy then."""
    go = shutil.which("go")
    if not (source / "go.mod").is_file():
        return Missing(NAME, "its program is not part of the installed package: bench/gmsm of the source tree")
    if go is None:
        return Missing(NAME, "there is no Go toolchain (the command go)")
    try:
        _build(go, source)
        version, _, go_version = _Program.greeting(_PROGRAM).partition(" ")
    except (OSError, AccelError, subprocess.TimeoutExpired) as error:
        return Missing(NAME, f"its program does not build or run here: {error}")
    return Peer(
        NAME,
        f"{version.removeprefix('v')} ({go_version})",
        "Go with assembly, one item at a time on one thread of a process of its own, which takes the time itself",
        {name: partial(prepare, name, _PROGRAM) for name in _OPERATIONS},
    )


def _build(go: str, source: Path) -> None:
    """Build to a name of our own and put it in place: others may be running the program, or building it."""
    _PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_PROGRAM.parent) as place:
        made = Path(place) / _PROGRAM.name
        built = subprocess.run(
            [go, "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", str(made), "."],
            cwd=source,
            env=os.environ | {"GOTOOLCHAIN": "local"},
            check=False,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
        )
        if built.returncode != 0:
            raise AccelError(" ".join(built.stderr.split())[-300:])
        made.replace(_PROGRAM)


class _Program:
    """The program, running with one job.

    Raises:
        AccelError: It ended; the sentence is its last one.
    """

    def __init__(self, program: Path, operation: str, workload: Workload) -> None:
        self._process = process = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"GOMAXPROCS": "1"},
        )
        weakref.finalize(self, _end, process)
        self._cpus: set[int] = set()
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout
        self._from.readline()
        header = struct.pack("<BI", _OPERATIONS.index(operation), workload.batch)
        self._send(header, *(struct.pack("<Q", len(array)) + array for array in _arrays(operation, workload)))

    @staticmethod
    def greeting(program: Path) -> str:
        """The program's first line: gmsm's version and Go's."""
        done = subprocess.run(
            [program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
        )
        if not done.stdout:
            raise AccelError(f"it ended with status {done.returncode} and said nothing")
        return done.stdout.strip()

    def run(self) -> tuple[int, int, bytes]:
        """CPU time and wall-clock time of doing the job once, in nanoseconds, and its answer."""
        self._follow()
        self._send(b"r")
        cpu, wall, length = struct.unpack("<QQQ", self._receive(24))
        return cpu, wall, self._receive(length)

    def _follow(self) -> None:
        """Keep all its threads on the CPUs that the calling thread may use."""
        cpus = os.sched_getaffinity(0)
        if cpus == self._cpus:
            return
        pinned: set[int] = set()
        while threads := {int(task.name) for task in Path(f"/proc/{self._process.pid}/task").iterdir()} - pinned:
            for thread in threads:
                with suppress(ProcessLookupError):  # it has ended meanwhile
                    os.sched_setaffinity(thread, cpus)
            pinned |= threads  # and look again: a thread inherits from the one that starts it
        self._cpus = cpus

    def _send(self, *parts: bytes) -> None:
        try:
            self._to.writelines(parts)
            self._to.flush()
        except BrokenPipeError:
            self._fail()

    def _receive(self, size: int) -> bytes:
        data = self._from.read(size)
        if len(data) != size:
            self._fail()
        return data

    def _fail(self) -> NoReturn:
        assert self._process.stderr is not None
        raise AccelError(f"{NAME}: the program ended: {self._process.stderr.read().decode(errors='replace').strip()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):  # what was not read any more
                pipe.close()
    process.wait()


def _arrays(operation: str, workload: Workload) -> list[bytes]:
    """Keys, signatures, contents and secrets, as far as the operation needs them."""
    keys = signatures = contents = secrets = b""
    if operation.startswith("sm2.verify"):
        keys, signatures = present(workload.public_keys).tobytes(), present(workload.signatures).tobytes()
    if operation.startswith("sm2.sign"):
        assert workload.signers is not None
        assert workload.signer_of is not None
        secrets = b"".join(workload.signers[index].to_bytes() for index in workload.signer_of)
    if operation in {"sm2.verify", "sm2.sign"}:
        contents = present(workload.digests).tobytes()
    elif operation != "sm2.generate":
        contents = present(workload.messages).tobytes()
    return [keys, signatures, contents, secrets]


class _GmsmWork(RemoteWork):
    """Work of the program. Verdicts are looked at each time; what else it answers was checked before."""

    def __init__(self, program: Path, operation: str, workload: Workload) -> None:
        self._program = _Program(program, operation, workload)
        self._verdicts = b"\x01" * workload.batch if operation.startswith("sm2.verify") else None
        self._batch = workload.batch

    def __call__(self) -> int:
        cpu, wall, answer = self._program.run()
        if self._verdicts is not None and answer != self._verdicts:
            raise PeerWrongAnswerError(f"{NAME}: refuses a valid signature while it is timed")
        self.cpu_seconds += cpu * 1e-9
        self.wall_seconds += wall * 1e-9
        return self._batch


def prepare(operation: str, program: Path, workload: Workload) -> Work:
    """Check the program's answers and return its work."""
    limit = workload.batch
    if operation == "sm3.hash":
        limit = max(1, _HASH_BYTES // max(1, workload.message_length or 0))
    elif operation.startswith("sm2."):
        limit = _ITEMS
    few = first(workload, limit)
    _CHECKS[operation](few, lambda items: _Program(program, operation, items).run()[2])
    return _GmsmWork(program, operation, few)


_Answer = Callable[[Workload], bytes]


def _split(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _check_hash(workload: Workload, answer: _Answer) -> None:
    check_hashes(NAME, workload, lambda items: _split(answer(items), 32))


def _check_verify(workload: Workload, answer: _Answer) -> None:
    check_verdicts(NAME, workload, lambda items: [verdict == 1 for verdict in answer(items)])


def _check_sign(workload: Workload, answer: _Answer) -> None:
    check_signatures(NAME, workload, np.frombuffer(answer(workload), np.uint8).reshape(-1, 64))


def _check_generate(workload: Workload, answer: _Answer) -> None:
    for pair in _split(answer(workload), 96):
        check_key_pair(NAME, pair[:32], pair[32:])


_CHECKS: dict[str, Callable[[Workload, _Answer], None]] = {
    "sm3.hash": _check_hash,
    "merkle.root": lambda workload, answer: check_root(NAME, workload, answer),
    "sm2.verify": _check_verify,
    "sm2.verify_message": _check_verify,
    "sm2.sign": _check_sign,
    "sm2.sign_message": _check_sign,
    "sm2.generate": _check_generate,
}
