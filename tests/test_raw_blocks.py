"""Raw blocks: flat arrays as docs/raw-blocks.md describes them, made, read back, and refused when they are not that."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
typer_testing = pytest.importorskip("typer.testing")
import pyarrow.parquet as pq  # noqa: E402

from accel import ArgumentError, ledger, merkle, sm2  # noqa: E402
from accel.cli.app import app  # noqa: E402
from accel.ledger import raw, writer  # noqa: E402
from oracles import openssl  # noqa: E402

PAGE = (Path(__file__).parent.parent / "docs" / "raw-blocks.md").read_text(encoding="utf-8")
SEED = 20_261_126
ROWS, SIGNERS, SIZE, DAMAGED = 1_500, 5, 100, 36
WIDTHS = {"`int64`": 8, "`uint8`": 1, "`uint32`": 4, "`uint64`": 8}


def table_of_page(first: str) -> list[list[str]]:
    """Rows of the page's table whose first heading is `first`."""
    lines = PAGE[PAGE.index(f"| {first} |") :].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return cells[: next(i for i, line in enumerate(lines[2:]) if not line.startswith("|"))]


def width(text: str) -> int:
    return WIDTHS.get(text) or int(re.fullmatch(r"(\d+) bytes?", text)[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def signers() -> ledger.Signers:
    return ledger.Signers.from_seed(SIGNERS, SEED)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, signers: ledger.Signers) -> ledger.MadeBlock:
    """One block in both forms, with every damage three times."""
    place = tmp_path_factory.mktemp("raw")
    return ledger.make_block(
        place / "file",
        raw=place / "directory",
        count=ROWS,
        signers=signers,
        message_size=SIZE,
        damaged=DAMAGED,
        seed=SEED,
    )


@pytest.fixture
def block(made: ledger.MadeBlock, tmp_path: Path) -> Path:
    """A copy to change."""
    assert made.raw is not None
    return Path(shutil.copytree(made.raw, tmp_path / "block"))


def change(block: Path, name: str, at: int, value: bytes) -> None:
    content = bytearray((block / name).read_bytes())
    content[at : at + len(value)] = value
    (block / name).write_bytes(content)


# ---------------------------------------------------------------------------------------------- the page


def test_the_files_are_those_of_the_page(made: ledger.MadeBlock):
    assert made.raw is not None
    numbers = {"1": 1, "N": ROWS, "N + 1": ROWS + 1, "K": SIGNERS, "M": ROWS * SIZE, "L": 16}
    files = {row[0].strip("`"): row for row in table_of_page("file")}
    assert {path.name for path in made.raw.iterdir()} == set(files)
    for name, (_, items, each, _content) in files.items():
        if name != "block.json":
            assert (made.raw / name).stat().st_size == numbers[items] * width(each), name


def test_the_header_is_that_of_the_page(made: ledger.MadeBlock):
    assert made.raw is not None
    header = (made.raw / "header.bin").read_bytes()
    fields, end = {}, 0
    for start, kind, name, _content in table_of_page("byte"):
        assert int(start) == end
        end += width(kind)
        content = header[int(start) : end]
        fields[name.strip("`")] = content if kind.endswith("bytes") else int.from_bytes(content, "little")
    assert end == len(header)
    assert fields == {
        "magic": b"accelraw",
        "version": 1,
        "merkle_rule": 1,
        "rows": ROWS,
        "signers": SIGNERS,
        "message_bytes": ROWS * SIZE,
        "id_length": 16,
        "reserved": bytes(16),
    }
    assert (made.raw / "id.bin").read_bytes() == b"1234567812345678"
    assert "ACCEL_SM2_NO_ZA`): L is 0" in PAGE
    rules = dict(re.findall(r"(\d) `(rfc9162|chainmaker|bcos)`", PAGE))
    assert {int(number): name for number, name in rules.items()} == raw.RULES
    statuses = re.findall(r"(\d) `(OK|BAD_[A-Z]+)`", PAGE)
    assert len(statuses) == 4
    assert all(sm2.STATUS_NAMES[int(code)] == name for code, name in statuses)


def test_the_code_on_the_page(made: ledger.MadeBlock):
    names: dict[str, Any] = {"directory": made.raw}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for code in blocks:
        exec(compile(code, "docs/raw-blocks.md", "exec"), names)
    assert len(names["messages"]) == ROWS


# ------------------------------------------------------------------------------------------------ making


def test_both_forms_hold_the_same(made: ledger.MadeBlock, signers: ledger.Signers):
    assert made.path is not None
    assert made.raw is not None
    table = pq.read_table(made.path)
    for column in ("public_key", "signature", "message"):
        assert b"".join(table[column].to_pylist()) == (made.raw / f"{column}s.bin").read_bytes(), column
    assert np.array_equal(np.fromfile(made.raw / "offsets.bin", "<i8"), SIZE * np.arange(ROWS + 1))
    assert (made.raw / "signers.bin").read_bytes() == signers.public_keys.tobytes()
    statuses = [sm2.STATUS_NAMES[code] for code in (made.raw / "statuses.bin").read_bytes()]
    damaged = {row.row: row.damage.status for row in made.damaged}
    assert len(damaged) == DAMAGED
    assert statuses == [damaged.get(row, "OK") for row in range(ROWS)]


def test_the_root_is_rfc_9162_over_the_messages(made: ledger.MadeBlock):
    def root(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return openssl.sm3(b"\x00" + leaves[0])
        split = 1 << (len(leaves) - 1).bit_length() - 1
        return openssl.sm3(b"\x01" + root(leaves[:split]) + root(leaves[split:]))

    assert made.raw is not None
    data = (made.raw / "messages.bin").read_bytes()
    assert (made.raw / "root.bin").read_bytes() == root([data[i : i + SIZE] for i in range(0, len(data), SIZE)])


def test_block_json(made: ledger.MadeBlock):
    assert made.raw is not None
    said = json.loads((made.raw / "block.json").read_text())
    assert (said["version"], said["rows"], said["signers"], said["id"]) == (1, ROWS, SIGNERS, "1234567812345678")
    assert (said["message_size"], said["seed"], said["merkle_rule"]) == (SIZE, SEED, "rfc9162")
    assert said["merkle_root"] == (made.raw / "root.bin").read_bytes().hex()
    assert said["files"] == {path.name: path.stat().st_size for path in made.raw.iterdir() if path.name != "block.json"}
    rows = {row: entry["status"] for entry in said["damaged"].values() for row in entry["rows"]}
    assert rows == {row.row: row.damage.status for row in made.damaged}


@pytest.mark.parametrize(("count", "size"), [(0, 8), (1, 0), (700, 33), (10, 0)])
def test_row_groups_follow_each_other(
    tmp_path: Path, signers: ledger.Signers, monkeypatch: pytest.MonkeyPatch, count: int, size: int
):
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 64)
    ledger.make_block(None, raw=tmp_path / "b", count=count, signers=signers, message_size=size, damaged=min(count, 9))
    assert np.array_equal(np.fromfile(tmp_path / "b" / "offsets.bin", "<i8"), size * np.arange(count + 1))
    report = ledger.verify_block(tmp_path / "b", bad_rows_limit=count)
    statuses = (tmp_path / "b" / "statuses.bin").read_bytes()
    expected = [(row, sm2.STATUS_NAMES[code]) for row, code in enumerate(statuses) if code != sm2.OK]
    assert [(bad.row, bad.status) for bad in report.bad] == expected
    assert report.rows == count
    assert report.root_as_recorded is True


def test_an_older_raw_block_is_replaced(tmp_path: Path, signers: ledger.Signers):
    target = tmp_path / "b"
    target.mkdir()  # empty: nothing is lost
    (tmp_path / "link").symlink_to(target)
    for count in (3, 5):
        ledger.make_block(None, raw=tmp_path / "link", count=count, signers=signers, message_size=1)
        assert ledger.verify_block(target).rows == count
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "link"]


def test_other_directories_are_not(tmp_path: Path, signers: ledger.Signers, block: Path):
    target = tmp_path / "b"
    target.write_bytes(b"")
    with pytest.raises(ledger.BlockError, match="expected a directory or nothing, got a file"):
        ledger.make_block(None, raw=target, count=1, signers=signers, message_size=1)
    (block / "notes.txt").write_text("mine")
    with pytest.raises(ledger.BlockError, match=r"got a directory with notes\.txt"):
        ledger.make_block(None, raw=block, count=1, signers=signers, message_size=1)
    (block / "notes.txt").unlink()
    (block / "header.bin").unlink()  # files of these names, but no raw block
    with pytest.raises(ledger.BlockError, match=r"got a directory with block\.json"):
        ledger.make_block(None, raw=block, count=1, signers=signers, message_size=1)
    with pytest.raises(ledger.BlockError, match="cannot be written"):
        ledger.make_block(None, raw=tmp_path / "no" / "b", count=1, signers=signers, message_size=1)
    with pytest.raises(ArgumentError, match="got neither"):
        ledger.make_block(None, count=1, signers=signers, message_size=1)


def test_what_was_there_stays_until_the_end(block: Path, signers: ledger.Signers):
    before = {path.name: path.read_bytes() for path in block.iterdir()}

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.make_block(
            block.parent / "file", raw=block, count=9, signers=signers, message_size=1, progress=interrupt
        )
    assert {path.name: path.read_bytes() for path in block.iterdir()} == before
    assert [path.name for path in block.parent.iterdir()] == ["block"]


# --------------------------------------------------------------------------------------------- verifying


def test_both_forms_get_the_same_report(made: ledger.MadeBlock):
    reports = [ledger.verify_block(path, bad_rows_limit=ROWS) for path in (made.path, made.raw) if path]
    assert [report.counts for report in reports] == [made.expected_counts] * 2
    assert reports[0].bad == reports[1].bad
    assert reports[0].merkle_root == reports[1].merkle_root == reports[1].recorded_root
    assert [report.root_as_recorded for report in reports] == [None, True]
    assert reports[1].message_bytes == ROWS * SIZE


@pytest.mark.parametrize(("rows", "size"), [(7, 1 << 20), (1_000, 250)])
def test_the_size_of_batches_changes_nothing(
    made: ledger.MadeBlock, monkeypatch: pytest.MonkeyPatch, rows: int, size: int
):
    monkeypatch.setattr(raw, "BATCH_ROWS", rows)
    monkeypatch.setattr(raw, "BATCH_BYTES", size)
    assert made.raw is not None
    with ledger.RawBlock(made.raw) as block:
        lengths = [len(batch) for batch in block.batches()]
    assert sum(lengths) == ROWS
    assert max(lengths) == min(rows, size // SIZE)
    report = ledger.verify_block(made.raw)
    assert report.counts == made.expected_counts
    assert report.root_as_recorded


@pytest.mark.parametrize("user_id", [b"", b"Alice", sm2.NO_ZA])
@pytest.mark.parametrize("rule", ["rfc9162", "chainmaker", "bcos"])
def test_id_and_rule_of_the_header_hold(block: Path, signers: ledger.Signers, user_id: Any, rule: Any):
    """A block of another maker: its messages signed anew, some of other lengths."""
    messages = [bytes(i % 50) for i in range(ROWS)]
    signatures = sm2.sign_many(signers.private_keys[0], messages, id=user_id)
    (block / "messages.bin").write_bytes(b"".join(messages))
    np.cumsum([0, *map(len, messages)]).astype("<i8").tofile(block / "offsets.bin")
    signatures.tofile(block / "signatures.bin")
    (block / "public_keys.bin").write_bytes(signers.public_keys[0].tobytes() * ROWS)
    (block / "root.bin").write_bytes(merkle.Tree(messages, rule=rule).root)
    header = np.fromfile(block / "header.bin", raw.HEADER)
    header["message_bytes"] = sum(map(len, messages))
    header["merkle_rule"] = next(number for number, name in raw.RULES.items() if name == rule)
    header["id_length"] = raw.NO_ZA_LENGTH if user_id is sm2.NO_ZA else len(user_id)
    header.tofile(block / "header.bin")
    (block / "id.bin").write_bytes(b"" if user_id is sm2.NO_ZA else user_id)
    report = ledger.verify_block(block)
    assert (report.bad_total, report.merkle_rule, report.root_as_recorded) == (0, rule, True)
    assert report.known_signers == 1


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda b: change(b, "header.bin", 0, b"X"), "does not begin with accelraw"),
        (lambda b: change(b, "header.bin", 8, b"\x02"), "expected version 1, got 2"),
        (lambda b: change(b, "header.bin", 12, b"\x09"), "unknown Merkle rule 9"),
        (lambda b: change(b, "header.bin", 16, u64(ROWS + 1)), "public_keys.bin: expected a file of 96064 bytes"),
        (lambda b: change(b, "header.bin", 16, u64(1 << 63)), "public_keys.bin: expected a file of"),
        (lambda b: change(b, "header.bin", 24, u64(1)), r"signers\.bin: expected a file of 64 bytes, got 320"),
        (lambda b: change(b, "header.bin", 40, u64(3)), r"id\.bin: expected a file of 3 bytes, got 16"),
        (lambda b: (b / "root.bin").unlink(), r"root\.bin: No such file"),
        (lambda b: (b / "header.bin").write_bytes(b""), r"header\.bin: expected a file of 64 bytes, got 0"),
        (lambda b: change(b, "offsets.bin", 0, u64(1)), "expected 0 first, got 1"),
        (lambda b: change(b, "offsets.bin", 8 * 700, u64(1)), "offsets decrease after row 699"),
        (lambda b: change(b, "offsets.bin", 8 * 700, u64(1 << 62)), "offsets decrease after row 700"),
        (lambda b: change(b, "offsets.bin", 8 * ROWS, u64(ROWS * SIZE + 1)), "row 1499 ends at 150001, and messages"),
        (lambda b: change(b, "offsets.bin", 8 * ROWS, u64(ROWS * SIZE - 1)), "row 1499 ends at 149999, and messages"),
        (lambda b: change(b, "offsets.bin", 8 * ROWS, u64((1 << 64) - 1)), "offsets decrease after row 1499"),
    ],
)
def test_directories_that_are_no_block(block: Path, damage: Callable[[Path], None], words: str):
    damage(block)
    with pytest.raises(ledger.BlockError, match=words):
        ledger.verify_block(block)


def test_a_file_that_gets_shorter_meanwhile(block: Path):
    with ledger.RawBlock(block) as opened:
        (block / "messages.bin").write_bytes(b"")
        with pytest.raises(ledger.BlockError, match=r"messages\.bin: ended while it was read"):
            list(opened.batches())


# ------------------------------------------------------------------------------------------- the command


def run(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    result = typer_testing.CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


NUMBERS = ("--count", "60", "--signers", "3", "--message-size", "20")


def test_make_block_raw_alone_and_beside_a_file(tmp_path: Path):
    made = run("make-block", "--raw", tmp_path / "b", *NUMBERS, "--damaged", "5", "--seed", "4")
    assert (made["file"], made["bytes"], made["raw"]) == (None, None, str(tmp_path / "b"))
    assert made["raw_bytes"] == sum(path.stat().st_size for path in (tmp_path / "b").iterdir())
    found = run("verify", tmp_path / "b", code=1)
    assert found["bad"] == [{"row": row["row"], "status": row["status"]} for row in made["damaged"]]
    assert found["root_as_recorded"] is True
    both = run("make-block", tmp_path / "f", "--raw", tmp_path / "b2", *NUMBERS, "--damaged", "5", "--seed", "4")
    assert both["bytes"] == (tmp_path / "f").stat().st_size
    roots = {run("verify", tmp_path / name, code=1)["merkle_root"] for name in ("b", "b2", "f")}
    assert len(roots) == 1  # one seed
    assert "neither" in run("make-block", *NUMBERS, code=2)["error"]
    assert "got a directory with" in run("make-block", "--raw", tmp_path, *NUMBERS, code=2)["error"]


def test_verify_of_another_root_is_exit_code_1(tmp_path: Path):
    run("make-block", "--raw", tmp_path / "b", *NUMBERS)
    assert run("verify", tmp_path / "b")["valid"] is True
    change(tmp_path / "b", "root.bin", 0, bytes(32))
    found = run("verify", tmp_path / "b", code=1)
    assert (found["valid"], found["root_as_recorded"], found["bad_total"]) == (False, False, 0)
    text = typer_testing.CliRunner().invoke(app, ["verify", str(tmp_path / "b")]).stdout
    assert f"recorded as {'00' * 32}" in text
    assert "header.bin" in run("verify", tmp_path, code=2)["error"]
