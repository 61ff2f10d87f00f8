"""Peers of the benchmark: who is found is right, who is wrong is refused, who is missing is named."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("msgspec")

import needs
from accel import _libcrypto
from accel.bench import peers
from accel.bench.peers import gmsm, hashlib_peer, openssl, packages
from accel.bench.peers._checks import damages
from accel.bench.peers._single import Single
from accel.bench.workload import Workload, make
from accel.errors import AccelError

LENGTHS = {"sm3.hash": 100, "merkle.root": 33, "sm2.verify_message": 100, "sm2.sign_message": 100}
VERIFYING = ("sm2.verify", "sm2.verify_message")
NAMES = ["OpenSSL", "hashlib", "gmsm", *(package.name for package in packages._PACKAGES)]


def workload(operation: str, batch: int = 7) -> Workload:
    keys = "unknown" if operation in VERIFYING else None
    return make(operation, batch=batch, message_length=LENGTHS.get(operation), keys=keys)


@pytest.fixture(params=NAMES)
def peer(request: pytest.FixtureRequest) -> peers.Peer:
    return found(request.param)


def found(name: str) -> peers.Peer:
    """The peer. Set-up brings all but Go's toolchain: where that is, gmsm is missing like any other."""
    for absent in peers.missing():
        if absent.name == name:
            sentence = f"{name}: {absent.reason}"
            if name == "gmsm" and shutil.which("go") is None:
                needs.lacking(sentence)
            pytest.skip(sentence)
    (looked,) = [looked for looked in peers.find() if looked.name == name]
    return looked


def test_a_found_peer_is_right(peer: peers.Peer):
    for operation, prepare in peer.operations.items():
        work = prepare(workload(operation))
        clocks = peers.cpu_clock(work), peers.wall_clock(work)
        before = [read() for read in clocks]
        assert 1 <= work() <= 7
        assert all(read() >= start for read, start in zip(clocks, before, strict=True))


def test_a_found_peer_refuses_what_is_damaged(peer: peers.Peer):
    for operation in set(VERIFYING) & set(peer.operations):
        ways = damages(workload(operation, batch=2))
        assert len(ways) == 3
        for bad in ways.values():
            with pytest.raises(peers.PeerWrongAnswerError, match="refuses a valid signature"):
                peer.operations[operation](bad)


def test_each_peer_is_found_or_missing():
    assert sorted(NAMES) == sorted(looked.name for looked in (*peers.find(), *peers.missing()))
    for peer in peers.find():
        assert peer.version
        assert peer.how
    for absent in peers.missing():
        assert absent.reason


@pytest.mark.parametrize("length", [0, 1])
def test_short_messages(peer: peers.Peer, length: int):
    assert peer.operations["sm3.hash"](make("sm3.hash", batch=2, message_length=length))() == 2


# --- a wrong peer ---


def refused(liar: Single, items: Workload, sentence: str) -> None:
    (prepare,) = liar.operations().values()
    with pytest.raises(peers.PeerWrongAnswerError, match=f"liar: .*{sentence}"):
        prepare(items)


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (lambda *_: True, "accepts a signature with a bit of r or s flipped"),
        (lambda *_: False, "refuses a valid signature"),
    ],
)
def test_a_peer_with_one_verdict_for_all(verdict: Callable[..., bool], sentence: str):
    refused(Single("liar", verify=lambda *row: lambda: verdict(*row)), workload("sm2.verify"), sentence)
    refused(Single("liar", verify_message=lambda *row: lambda: verdict(*row)), workload("sm2.verify_message"), sentence)


@pytest.mark.parametrize(
    ("looks_at", "sentence"), [(1, "a bit of what was signed flipped"), (slice(1, 3), "another signer's key")]
)
def test_a_peer_that_looks_at_a_part_only(looks_at: int | slice, sentence: str):
    items = workload("sm2.verify")
    rows = zip(items.public_keys, items.signatures, items.digests, strict=True)  # type: ignore[arg-type]
    known = {repr([part.tobytes() for part in row][looks_at]) for row in rows}
    liar = Single("liar", verify=lambda *row: lambda: repr(list(row)[looks_at]) in known)
    refused(liar, items, f"accepts a signature with {sentence}")


def test_a_peer_that_hashes_otherwise():
    sha256 = Single("liar", hash=lambda message: hashlib.sha256(message).digest())
    refused(sha256, workload("sm3.hash"), "another SM3 hash")
    refused(Single("liar", root=lambda _: bytes(32)), workload("merkle.root"), "another Merkle root")


def test_a_peer_that_hashes_no_more_than_it_was_seen_to():
    items = workload("sm3.hash")
    assert items.messages is not None
    right = [hashlib.new("sm3", row.tobytes()).digest() for row in items.messages]
    answers = iter([*right, *right])
    refused(Single("liar", hash=lambda _: next(answers)), items, "the same hash for another message")


def test_a_peer_that_signs_wrongly():
    items = workload("sm2.sign")
    assert items.signatures is not None
    zeros = Single("liar", sign=lambda *_: lambda: bytes(64))
    refused(zeros, items, "7 of 7 signatures are not valid")
    old = iter([row.tobytes() for row in items.signatures])
    refused(Single("liar", sign=lambda *_: lambda: next(old)), items, "gives back a signature")


def test_a_peer_whose_keys_do_not_belong_together():
    refused(Single("liar", generate=lambda: (b"\1" * 32, b"\2" * 64)), workload("sm2.generate"), "is not that of its")


def test_a_peer_that_changes_its_mind():
    items = workload("sm2.verify")
    honest, moods = openssl.find(), []
    assert isinstance(honest, peers.Peer)
    library = _libcrypto.Libcrypto()

    def verify(key: bytes, signature: bytes, digest: bytes) -> Callable[[], bool]:
        der = _libcrypto.signature_to_der(signature)
        return lambda: not moods and _libcrypto.PublicKey(library, key).verify_digest(der, digest)

    work = Single("liar", verify=verify).operations()["sm2.verify"](items)
    assert work() == 7
    moods.append("bad")
    with pytest.raises(peers.PeerWrongAnswerError, match="while it is timed"):
        work()


def test_inputs_of_another_operation():
    with pytest.raises(AccelError, match="made for another operation"):
        found("OpenSSL").operations["sm2.verify"](workload("sm3.hash"))


def test_a_peer_that_raises():
    def broken(_: bytes) -> bytes:
        raise OverflowError("too much")

    refused(Single("liar", hash=broken), workload("sm3.hash"), "raises OverflowError instead of an answer: too much")


# --- a missing peer ---


def test_missing_packages(monkeypatch: pytest.MonkeyPatch):
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "version", absent)
    looked = packages.find()
    assert [each.name for each in looked] == [package.name for package in packages._PACKAGES]
    assert all(isinstance(each, peers.Missing) and "extra `bench`" in each.reason for each in looked)


def test_a_package_that_does_not_import(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gmalg", None)
    monkeypatch.setattr(packages.metadata, "version", lambda _: "9.9")
    (looked,) = [each for each in packages.find() if each.name == "gmalg"]
    assert isinstance(looked, peers.Missing)
    assert looked.reason.startswith("9.9 does not work here: ")


def test_missing_libraries(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise ValueError("unsupported hash type")

    monkeypatch.setattr(hashlib, "new", fail)
    assert hashlib_peer.find() == peers.Missing("hashlib", "the OpenSSL of this Python has no SM3")

    def gone() -> None:
        raise _libcrypto.OpenSSLMissingError("gone")

    monkeypatch.setattr(_libcrypto, "_load", gone)
    assert openssl.find() == peers.Missing("OpenSSL", "gone")


# --- gmsm ---


def test_no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    installed = gmsm.find(tmp_path)
    assert isinstance(installed, peers.Missing)
    assert "not part of the installed package" in installed.reason
    monkeypatch.setenv("PATH", str(tmp_path))
    without = gmsm.find()
    assert isinstance(without, peers.Missing)
    assert "no Go toolchain" in without.reason


@needs.unless(shutil.which("go") is not None, "a Go toolchain")
def test_a_go_program_that_does_not_compile(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module broken\n\ngo 1.20\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    looked = gmsm.find(tmp_path)
    assert isinstance(looked, peers.Missing)
    assert "does not build" in looked.reason
    assert "missing" in looked.reason


@pytest.fixture(scope="module")
def gmsm_peer() -> peers.Peer:
    return found("gmsm")


def test_gmsm_takes_the_time_itself_on_the_callers_core(gmsm_peer: peers.Peer):
    work = gmsm_peer.operations["sm2.sign"](workload("sm2.sign"))
    assert isinstance(work, peers.RemoteWork)
    assert (work.cpu_seconds, work.wall_seconds) == (0, 0)
    cores = os.sched_getaffinity(0)
    try:
        for core in cores:
            os.sched_setaffinity(0, {core})
            assert work() == 7
            threads = Path(f"/proc/{work._program._process.pid}/task").iterdir()  # type: ignore[attr-defined]
            assert {frozenset(os.sched_getaffinity(int(thread.name))) for thread in threads} == {frozenset({core})}
    finally:
        os.sched_setaffinity(0, cores)
    assert work.wall_seconds > 0
    assert peers.wall_clock(work)() == work.wall_seconds
    assert peers.cpu_clock(work)() == work.cpu_seconds


def test_a_program_that_loses_a_thread_while_it_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Between looking for its threads and pinning them, one ends, or all do; it is the program that says why."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho v1 go1\nhead -c 5 >/dev/null\necho no more >&2\n")
    program.chmod(0o755)
    running = gmsm._Program(program, "sm3.hash", workload("sm3.hash"))
    os.waitid(os.P_PID, running._process.pid, os.WEXITED | os.WNOWAIT)

    def ended(_pid: int, _cpus: set[int]) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "sched_setaffinity", ended)
    with pytest.raises(AccelError, match="gmsm: the program ended: no more"):
        running.run()


def test_gmsm_says_why_it_ended(gmsm_peer: peers.Peer):
    items = workload("sm2.verify")
    off_the_curve = replace(items, public_keys=np.ones((7, 64), np.uint8))
    with pytest.raises(AccelError, match=r"gmsm: the program ended: .*not on"):
        gmsm_peer.operations["sm2.verify"](off_the_curve)
