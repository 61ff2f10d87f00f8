"""The command `accel`: what it prints, its JSON, its exit codes, and how it ends when it is interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

typer_testing = pytest.importorskip("typer.testing")
pytest.importorskip("pyarrow")

import accel  # noqa: E402
from accel.cli.app import app  # noqa: E402
from oracles import openssl  # noqa: E402

RUNNER = typer_testing.CliRunner()
ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"  # GB/T 32905-2016, annex A, example 1


def run(*arguments: str | Path, code: int = 0, stdin: bytes | None = None) -> str:
    """Run a command in this process; its standard output."""
    result = RUNNER.invoke(app, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return str(result.stdout)


def run_json(*arguments: str | Path, code: int = 0, stdin: bytes | None = None) -> dict[str, Any]:
    """Run a command with --json: exactly one object on standard output."""
    text = run(*arguments, "--json", code=code, stdin=stdin)
    assert text.endswith("\n")
    assert text.count("\n") == 1
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def process(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "accel.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


# --------------------------------------------------------------------------------------------- the command


def test_every_command_has_help():
    text = run("--help")
    for name in ("selftest", "info", "hash", "merkle", "certs", "make-block", "verify", "demo", "bench"):
        assert name in text
        assert "--help" in run(name, "--help")
    for name in ("root", "prove", "verify"):
        assert "Usage" in run("merkle", name, "--help")


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("verify", "--no-such-option", "x"),
        ("no-such-command",),
        ("make-block", "x"),
        ("make-block", "x", "--count", "many", "--signers", "1", "--message-size", "1"),
        ("make-block", "x", "--count", "-1", "--signers", "1", "--message-size", "1"),
        ("make-block", "x", "--count", "1", "--signers", "0", "--message-size", "1"),
        ("verify", "x", "--bad-rows-limit", "-1"),
        ("merkle", "root", "x", "--rule", "other"),
        ("merkle", "prove", "x"),
        ("certs",),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]):
    run(*arguments, code=2)


def test_wrong_usage_with_json_is_one_object_too():
    done = process("verify", "--no-such-option", "--json")
    assert done.returncode == 2
    assert list(json.loads(done.stdout)) == ["error"]
    assert "--no-such-option" in done.stderr


def test_errors_are_a_sentence_and_an_object(tmp_path: Path):
    done = process("verify", tmp_path / "nothing", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout) == {"error": f"{tmp_path / 'nothing'}: No such file or directory"}
    assert done.stderr.strip() == f"accel: {tmp_path / 'nothing'}: No such file or directory"


@pytest.mark.parametrize("module", ["typer", "rich", "pyarrow", "asn1crypto"])
def test_a_missing_extra_is_named(module: str, tmp_path: Path):
    """Without a module of the extra, the commands that need it say what to install, with exit code 2."""
    program = f"import sys; sys.modules[{module!r}] = None; sys.argv[0] = 'accel'; from accel.cli import main; main()"
    arguments = ["certs", "."] if module == "asn1crypto" else ["verify", "block"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "pip install 'chainaccel[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_core_does_without_the_extra():
    """`import accel` loads nothing of the extra."""
    program = "import accel, sys; print([m for m in ('typer', 'rich', 'pyarrow', 'asn1crypto') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_kernel_is_exit_code_2():
    done = process("info", "--json", env=os.environ | {"ACCEL_KERNEL": "abacus"})
    assert done.returncode == 2
    assert "abacus" in json.loads(done.stdout)["error"]


def test_output_that_nobody_reads():
    """`accel ... | true` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "accel.cli", "info", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 2
    assert done.stderr == ""


# --------------------------------------------------------------------------------------- selftest and info


def test_selftest():
    assert run_json("selftest")["ok"] is True
    assert "sm2.verify" in run("selftest")


def test_a_failed_selftest_is_exit_code_1(monkeypatch: pytest.MonkeyPatch):
    def fail() -> None:
        raise accel.SelfTestError("kernel x: wrong answer")

    monkeypatch.setattr(accel, "selftest", fail)
    assert run_json("selftest", code=1)["failure"] == "kernel x: wrong answer"


def test_info():
    found = run_json("info")
    assert found["threads"] == accel.num_threads()
    assert found["features"] == accel.cpu_features()
    for op in ("sm3.hash", "sm2.verify", "sm2.sign"):
        assert found["kernels"][op]["active"] == accel.active_kernel(op)
        assert found["kernels"][op]["available"] == accel.available_kernels(op)
    assert found["versions"]["accel"] == accel.__version__
    assert {"accel", "abi", "numpy", "python", "openssl"} == set(found["versions"])
    assert accel.active_kernel("sm2.verify") in run("info")


# -------------------------------------------------------------------------------------------------- hash


def test_hash_of_files_and_standard_input(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    text = run("hash", tmp_path / "abc", tmp_path / "large", "-", stdin=b"abc")
    assert text.splitlines() == [
        f"{ABC}  {tmp_path / 'abc'}",
        f"{openssl.sm3(bytes(3 << 20)).hex()}  {tmp_path / 'large'}",
        f"{ABC}  -",
    ]
    assert run("hash", stdin=b"abc") == f"{ABC}  -\n"
    found = run_json("hash", tmp_path / "abc")
    assert found == {"algorithm": "sm3", "files": [{"path": str(tmp_path / "abc"), "digest": ABC}]}


def test_hash_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert run("hash", tmp_path / "nothing", tmp_path, tmp_path / "abc", code=2) == f"{ABC}  {tmp_path / 'abc'}\n"
    entries = run_json("hash", tmp_path / "nothing", tmp_path / "abc", code=2)["files"]
    assert ["error" in entry for entry in entries] == [True, False]


def test_hash_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    names = ["plain", "with space", "back\\slash", "new\nline", "star*"]
    for name in names:
        Path(name).write_bytes(name.encode())
    listing = run("hash", *names)
    assert listing.count("\n") == len(names)  # names are escaped, so that lines stay lines
    Path("list").write_text(listing)
    assert run("hash", "--check", "list").count(": OK\n") == len(names)
    Path("plain").write_bytes(b"changed")
    Path("star*").unlink()
    statuses = {entry["path"]: entry["status"] for entry in run_json("hash", "--check", "list", code=1)["files"]}
    assert statuses == dict.fromkeys(names, "ok") | {"plain": "failed", "star*": "unreadable"}
    Path("list").write_text(f"{ABC}  with space\nnonsense\n")
    assert run_json("hash", "-c", "list", code=1)["malformed_lines"] == 1
    Path("list").write_text("nonsense\n")
    assert "no line of the form" in run_json("hash", "-c", "list", code=2)["error"]
    run("hash", "-c", "list", "plain", code=2)


def test_hash_check_reads_what_other_tools_write(tmp_path: Path):
    """The binary marker, capital digits and CRLF-free lines of coreutils' format."""
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "list").write_text(f"{ABC.upper()} *{tmp_path / 'abc'}\n")
    assert run("hash", "-c", tmp_path / "list") == f"{tmp_path / 'abc'}: OK\n"


# ------------------------------------------------------------------------------------------------- merkle


def sm3(data: bytes) -> bytes:
    return hashlib.new("sm3", data).digest()


LEAVES = [b"a", b"", b"c c", b"\xff\x00"]


def roots(leaves: list[bytes]) -> dict[str, str]:
    """The root of three leaves under each rule, written out."""
    _a, _b, _c = leaves
    prefixed = [sm3(b"\x00" + leaf) for leaf in leaves]
    bare = [sm3(leaf) for leaf in leaves]
    left = sm3(bare[0] + bare[1])
    return {
        "rfc9162": sm3(b"\x01" + sm3(b"\x01" + prefixed[0] + prefixed[1]) + prefixed[2]).hex(),
        "chainmaker": sm3(left + sm3(bare[2] + bare[2])).hex(),
        "bcos": sm3(left + sm3(bare[2])).hex(),
    }


@pytest.mark.parametrize("rule", ["rfc9162", "chainmaker", "bcos"])
def test_merkle_root_of_leaves_in_every_form(tmp_path: Path, rule: str):
    leaves = [b"a", b"", b"c c"]
    expected = roots(leaves)[rule]
    (tmp_path / "lines").write_bytes(b"a\n\nc c")
    (tmp_path / "more").write_bytes(b"a\n\nc c\n")
    (tmp_path / "hex").write_text("61\n\n632063\n")
    prefix = b"\x00" if rule == "rfc9162" else b""
    (tmp_path / "hashes").write_text("".join(sm3(prefix + leaf).hex() + "\n" for leaf in leaves))
    for number, leaf in enumerate(leaves):
        (tmp_path / f"leaf{number}").write_bytes(leaf)
    files = [tmp_path / f"leaf{number}" for number in range(3)]
    option = ("--rule", rule)
    assert run("merkle", "root", tmp_path / "lines", *option) == expected + "\n"
    assert run("merkle", "root", tmp_path / "more", *option) == expected + "\n"
    assert run("merkle", "root", "-", *option, stdin=b"a\n\nc c\n") == expected + "\n"
    assert run("merkle", "root", tmp_path / "hex", "--hex", *option) == expected + "\n"
    assert run("merkle", "root", tmp_path / "hashes", "--leaf-hashes", *option) == expected + "\n"
    found = run_json("merkle", "root", *files, "--files", *option)
    assert found == {"rule": rule, "size": 3, "root": expected}


def test_merkle_root_of_nothing(tmp_path: Path):
    (tmp_path / "empty").write_bytes(b"")
    assert run("merkle", "root", tmp_path / "empty") == sm3(b"").hex() + "\n"
    assert "there is no leaf" in run_json("merkle", "prove", tmp_path / "empty", "--index", "0", code=2)["error"]


@pytest.mark.parametrize("rule", ["rfc9162", "chainmaker", "bcos"])
def test_merkle_prove_and_verify(tmp_path: Path, rule: str):
    (tmp_path / "leaves").write_bytes(b"".join(b"leaf %d\n" % i for i in range(10_001)))
    for index in (0, 4_095, 10_000):
        proof = tmp_path / "proof"
        option = ("--rule", rule)
        proven = run_json("merkle", "prove", tmp_path / "leaves", "--index", str(index), "--out", proof, *option)
        assert proven["size"] == 10_001
        assert proof.read_bytes().hex() == proven["proof"]
        assert run("merkle", "prove", tmp_path / "leaves", "--index", str(index), *option).strip() == proven["proof"]
        verify = ("merkle", "verify", "--root", proven["root"], *option)
        (tmp_path / "leaf").write_bytes(b"leaf %d" % index)
        assert run_json(*verify, "--proof", proof, "--leaf", f"leaf {index}")["valid"] is True
        assert "valid: " in run(*verify, "--proof-hex", proven["proof"], "--leaf-file", tmp_path / "leaf")
        run(*verify, "--proof", proof, "--leaf-hash", proven["leaf_hash"], "--tree-size", "10001")
        run(*verify, "--proof", proof, "--leaf-hex", (b"leaf %d" % index).hex())
        assert run_json(*verify, "--proof", proof, "--leaf", "leaf", code=1)["valid"] is False
        assert "not valid: " in run(*verify, "--proof", proof, "--leaf", f"leaf {index}", "--tree-size", "9", code=1)
        cut = proven["proof"][:-2]
        assert run_json(*verify, "--proof-hex", cut, "--leaf", f"leaf {index}", code=1)["valid"] is False


def test_merkle_wrong_input(tmp_path: Path):
    (tmp_path / "bad").write_text("61\nxyz\n")
    assert (
        "line 2: expected hexadecimal digits" in run_json("merkle", "root", tmp_path / "bad", "--hex", code=2)["error"]
    )
    (tmp_path / "bad").write_text("61\n")
    error = run_json("merkle", "root", tmp_path / "bad", "--leaf-hashes", code=2)["error"]
    assert "line 1: expected 32 bytes in hexadecimal, got 1" in error
    run("merkle", "root", tmp_path / "bad", "--files", "--hex", code=2)
    run("merkle", "root", tmp_path / "nothing", code=2)
    run("merkle", "prove", tmp_path / "bad", "--index", "1", code=2)
    run("merkle", "verify", "--root", "00", "--proof-hex", "00", "--leaf", "a", code=2)
    run("merkle", "verify", "--root", "00" * 32, "--leaf", "a", code=2)
    run("merkle", "verify", "--root", "00" * 32, "--proof-hex", "00", code=2)
    run("merkle", "verify", "--root", "00" * 32, "--proof-hex", "00", "--leaf", "a", "--leaf-hex", "61", code=2)


# -------------------------------------------------------------------------------------------------- certs


def test_certs(certificates_directory: Path):
    found = run_json("certs", certificates_directory, code=1)
    assert found["counts"] == {
        "verified": 58,
        "bad-signature": 6,
        "issuer-not-found": 4,
        "not-sm2": 0,
        "malformed": 0,
    }
    assert found["modes"] == {"za-default-id": 55, "za-empty-id": 1, "no-za": 2}
    assert [Path(entry["path"]).name for entry in found["skipped"]] == ["manifest.json"]
    assert "no path validation" in found["scope"]
    text = run("certs", certificates_directory, code=1)
    assert "58 of 68 verified" in text
    assert "no path validation" in text
    one = run_json("certs", certificates_directory / "03fa77d214d5.pem")
    (entry,) = one["certificates"]
    assert (entry["status"], entry["mode"], entry["issuer"]) == ("verified", "za-default-id", entry["source"])
    assert entry["ca"] is True


def test_certs_without_any(tmp_path: Path):
    assert "no certificate in" in run_json("certs", tmp_path, code=2)["error"]
    run("certs", tmp_path / "nothing", code=2)
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n")
    assert run_json("certs", tmp_path, code=1)["counts"]["malformed"] == 1
    assert "malformed" in run("certs", tmp_path, code=1)


# --------------------------------------------------------------------------------------- make-block, verify


def make(path: Path, *options: str, count: int = 400, signers: int = 4, size: int = 40) -> dict[str, Any]:
    numbers = ("--count", str(count), "--signers", str(signers), "--message-size", str(size))
    return run_json("make-block", path, *numbers, *options)


def test_a_block_with_known_damage(tmp_path: Path):
    path = tmp_path / "block"
    made = make(path, "--damaged", "30", "--seed", "5")
    assert (made["rows"], made["signers"], made["message_size"], made["seed"]) == (400, 4, 40, 5)
    assert made["bytes"] == path.stat().st_size
    found = run_json("verify", path, code=1)
    expected = [{"row": entry["row"], "status": entry["status"]} for entry in made["damaged"]]
    assert found["bad"] == expected
    assert found["bad_total"] == 30
    assert found["valid"] is False
    assert found["counts"] == made["expected_counts"]
    assert re.fullmatch("[0-9a-f]{64}", found["merkle_root"])
    assert found["rate"] == pytest.approx(400 / found["seconds"])
    assert found["threads"] == accel.num_threads()
    assert found["kernels"]["sm2.verify"] == accel.active_kernel("sm2.verify")
    assert len(run_json("verify", path, "--bad-rows-limit", "3", code=1)["bad"]) == 3
    text = run("verify", path, "--bad-rows-limit", "3", code=1)
    assert found["merkle_root"] in text
    assert "30 bad rows, the first 3" in text


def test_a_valid_block_is_exit_code_0(tmp_path: Path):
    make(tmp_path / "block")
    assert run_json("verify", tmp_path / "block")["counts"]["OK"] == 400
    assert "400" in run("verify", tmp_path / "block")
    make(tmp_path / "block", count=0)  # overwritten
    empty = run_json("verify", tmp_path / "block")
    assert (empty["rows"], empty["merkle_root"]) == (0, sm3(b"").hex())


def test_a_block_that_cannot_be_made(tmp_path: Path):
    numbers = ("--signers", "1", "--message-size", "1")
    assert (
        "damaged" in run_json("make-block", tmp_path / "b", "--count", "1", "--damaged", "2", *numbers, code=2)["error"]
    )
    run("make-block", tmp_path, "--count", "1", *numbers, code=2)
    run("make-block", tmp_path / "no" / "b", "--count", "1", *numbers, code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_exit_code_2(tmp_path: Path):
    path = tmp_path / "block"
    make(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    assert "damaged" in run_json("verify", path, code=2)["error"]
    path.write_bytes(data[: len(data) // 2])
    assert "not a readable Parquet file" in run_json("verify", path, code=2)["error"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_make_block_leaves_no_half_file(tmp_path: Path, number: signal.Signals, code: int):
    path = tmp_path / "block"
    path.write_bytes(b"old")
    numbers = ["--count", "100000000", "--signers", "2", "--message-size", "8"]
    command = [sys.executable, "-m", "accel.cli", "make-block", str(path), *numbers]
    # Shells start background jobs with SIGINT ignored, and the child would inherit that.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(number, before)
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2:  # the temporary file is there: writing has begun
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        child.send_signal(number)
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()  # does nothing to a child that has ended
        child.wait()
    assert child.returncode == code
    assert b"Traceback" not in errors
    assert [entry.name for entry in tmp_path.iterdir()] == ["block"]
    assert path.read_bytes() == b"old"


@pytest.mark.long
def test_five_million_transactions_stay_below_one_gibibyte(tmp_path: Path):
    """Both making and verifying 5 million transactions of 256 bytes; peak resident memory of the processes."""
    path = tmp_path / "block"
    program = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'accel.cli', *sys.argv[1:]])\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
        "sys.exit(done.returncode)\n"
    )
    commands = (
        (
            "make-block",
            path,
            "--count",
            "5000000",
            "--signers",
            "64",
            "--message-size",
            "256",
            "--damaged",
            "50",
            "--json",
        ),
        ("verify", path, "--json"),
    )
    counts = []
    for arguments, code in zip(commands, (0, 1), strict=True):
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert int(done.stderr.split()[-1]) < 1 << 20, "KiB resident"
        found = json.loads(done.stdout)
        counts.append(found.get("expected_counts") or found["counts"])
    assert counts[0] == counts[1]
    assert counts[0]["OK"] == 5_000_000 - 50
