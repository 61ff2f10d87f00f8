"""Blocks: made with known damage, verified in one pass; every layout that is a block, and every file that is none."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

from accel import ArgumentError, ledger, sm2  # noqa: E402
from accel.ledger import layout, writer  # noqa: E402
from accel.ledger.damage import plan  # noqa: E402
from accel.reference import sm2 as reference  # noqa: E402
from oracles import openssl  # noqa: E402

SEED = 20_240_501


@pytest.fixture(scope="module")
def signers() -> ledger.Signers:
    return ledger.Signers.from_seed(5, SEED)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, signers: ledger.Signers) -> ledger.MadeBlock:
    """1,500 transactions with every damage three times."""
    path = tmp_path_factory.mktemp("block") / "block.parquet"
    damaged = 3 * len(ledger.DAMAGES)
    return ledger.make_block(path, count=1_500, signers=signers, message_size=100, damaged=damaged, seed=SEED)


@pytest.fixture(scope="module")
def table(made: ledger.MadeBlock) -> Any:
    return pq.read_table(made.path)


def root_of(messages: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it stands there, over OpenSSL's SM3."""
    if not messages:
        return openssl.sm3(b"")
    if len(messages) == 1:
        return openssl.sm3(b"\x00" + messages[0])
    split = 1 << (len(messages) - 1).bit_length() - 1
    return openssl.sm3(b"\x01" + root_of(messages[:split]) + root_of(messages[split:]))


def write(path: Path, table: Any, **options: Any) -> Path:
    pq.write_table(table, path, **options)
    return path


# ------------------------------------------------------------------------------------------ made, verified


def test_verdicts_are_the_damage_that_was_done(made: ledger.MadeBlock):
    report = ledger.verify_block(made.path)
    assert report.rows == 1_500
    assert [(bad.row, bad.status) for bad in report.bad] == [(d.row, d.damage.status) for d in made.damaged]
    assert report.counts == made.expected_counts
    assert report.counts == {"OK": 1_464, "BAD_SIGNATURE": 12, "BAD_KEY": 9, "BAD_RANGE": 15}
    assert report.bad_total == 36
    assert report.message_bytes == 150_000
    assert report.threads >= 1
    assert set(report.kernels) == {"sm3.hash", "sm2.verify"}
    assert report.rate == pytest.approx(1_500 / report.seconds)


def test_each_damage_has_the_status_that_the_reference_gives(made: ledger.MadeBlock, table: Any):
    """The expectation itself, checked in plain integers: key, then range, then equation."""
    curve = reference.RECOMMENDED
    for damaged in made.damaged:
        row = {name: table.column(name)[damaged.row].as_py() for name in layout.READ_COLUMNS}
        numbers = [int.from_bytes(row[name][i : i + 32], "big") for name in layout.READ_COLUMNS[:2] for i in (0, 32)]
        x, y, r, s = numbers
        if not (x < curve.p and y < curve.p and reference.is_on_curve(curve, x, y)):
            status = "BAD_KEY"
        elif not (0 < r < curve.n and 0 < s < curve.n and (r + s) % curve.n):
            status = "BAD_RANGE"
        else:
            status = (
                "OK"
                if openssl.PublicKey(row["public_key"]).verify(row["signature"], row["message"], sm2.DEFAULT_ID)
                else "BAD_SIGNATURE"
            )
        assert status == damaged.damage.status, damaged


def test_undamaged_rows_are_valid_for_openssl(made: ledger.MadeBlock, table: Any):
    bad = {damaged.row for damaged in made.damaged}
    for row in range(0, made.rows, 7):
        if row not in bad:
            key, signature, message = (table.column(name)[row].as_py() for name in layout.READ_COLUMNS)
            assert openssl.PublicKey(key).verify(signature, message, sm2.DEFAULT_ID), row


def test_merkle_root_is_rfc_9162_over_the_rows(made: ledger.MadeBlock, table: Any):
    assert ledger.verify_block(made.path).merkle_root == root_of(table.column("message").to_pylist())


def test_columns_and_metadata(made: ledger.MadeBlock, table: Any, signers: ledger.Signers):
    assert table.schema.names == ["public_key", "signature", "message", "key_index"]
    assert [str(field.type) for field in table.schema] == [
        "fixed_size_binary[64]",
        "fixed_size_binary[64]",
        "binary",
        "uint32",
    ]
    with ledger.Block(made.path) as block:
        said = json.loads(block.metadata or b"")
    assert (said["version"], said["rows"], said["signers"], said["seed"]) == (1, 1_500, 5, SEED)
    rows = {row: name for name, damage in said["damaged"].items() for row in damage["rows"]}
    assert rows == {damaged.row: damaged.damage.name for damaged in made.damaged}
    statuses = {name: damage["status"] for name, damage in said["damaged"].items()}
    assert statuses == {damage.name: damage.status for damage in ledger.DAMAGES}
    changed_keys = {d.row for d in made.damaged if d.damage.name.startswith("key ")}
    for row, (key, index) in enumerate(
        zip(table["public_key"].to_pylist(), table["key_index"].to_pylist(), strict=True)
    ):
        assert (key == signers.public_keys[index].tobytes()) == (row not in changed_keys), row


def test_messages_look_like_transactions_and_differ(table: Any, signers: ledger.Signers):
    messages = table.column("message").to_pylist()
    assert len(set(messages)) == len(messages)
    assert {len(message) for message in messages} == {100}
    addresses = {openssl.sm3(key.tobytes())[-20:] for key in signers.public_keys}
    assert {message[8:28] for message in messages[:100]} == addresses
    assert int.from_bytes(messages[7][:8], "big") == 7


def test_a_seed_repeats_all_but_the_nonces(tmp_path: Path, made: ledger.MadeBlock, table: Any, signers: ledger.Signers):
    again = ledger.make_block(
        tmp_path / "again",
        count=1_500,
        signers=ledger.Signers.from_seed(5, SEED),
        message_size=100,
        damaged=36,
        seed=SEED,
    )
    assert again.damaged == made.damaged
    second = pq.read_table(again.path)
    assert second.column("message").equals(table.column("message"))
    assert second.column("public_key").equals(table.column("public_key"))
    assert not second.column("signature").equals(table.column("signature"))
    other = ledger.make_block(tmp_path / "other", count=10, signers=signers, message_size=100)
    assert other.seed != SEED


def test_row_groups_are_bounded_and_damage_falls_into_each(
    tmp_path: Path, signers: ledger.Signers, monkeypatch: pytest.MonkeyPatch
):
    """Several row groups, the last one short: numbers, roots and damaged rows go on across them."""
    monkeypatch.setattr(writer, "ROW_GROUP_ROWS", 100)
    seen: list[tuple[int, int]] = []
    made = ledger.make_block(
        tmp_path / "b",
        count=430,
        signers=signers,
        message_size=20,
        damaged=43,
        seed=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(100, 430), (200, 430), (300, 430), (400, 430), (430, 430)]
    file = pq.ParquetFile(made.path)
    assert [file.metadata.row_group(i).num_rows for i in range(5)] == [100, 100, 100, 100, 30]
    monkeypatch.setattr(layout, "BATCH_ROWS", 64)
    done: list[tuple[int, int]] = []
    report = ledger.verify_block(made.path, progress=lambda *numbers: done.append(numbers))
    assert done[-1] == (430, 430)
    assert len(done) >= 7
    assert [(bad.row, bad.status) for bad in report.bad] == [(d.row, d.damage.status) for d in made.damaged]
    assert report.merkle_root == root_of(pq.read_table(made.path).column("message").to_pylist())


@pytest.mark.parametrize("size", [0, 1, 8, 31, 56, 57])
def test_messages_of_small_sizes(tmp_path: Path, signers: ledger.Signers, size: int):
    made = ledger.make_block(tmp_path / "b", count=60, signers=signers, message_size=size, damaged=12, seed=size)
    assert any(d.damage.needs_message for d in made.damaged) == (size > 0)
    report = ledger.verify_block(made.path)
    assert [(bad.row, bad.status) for bad in report.bad] == [(d.row, d.damage.status) for d in made.damaged]
    assert report.message_bytes == 60 * size


def test_one_signer_is_never_taken_for_another(tmp_path: Path):
    made = ledger.make_block(
        tmp_path / "b", count=60, signers=ledger.Signers.random(1), message_size=9, damaged=24, seed=3
    )
    assert not any(d.damage.needs_other_key for d in made.damaged)
    assert ledger.verify_block(made.path).counts == made.expected_counts


def test_all_rows_damaged(tmp_path: Path, signers: ledger.Signers):
    made = ledger.make_block(tmp_path / "b", count=24, signers=signers, message_size=9, damaged=24, seed=3)
    report = ledger.verify_block(made.path)
    assert report.counts == made.expected_counts
    assert report.counts["OK"] == 0


def test_an_empty_block(tmp_path: Path, signers: ledger.Signers):
    made = ledger.make_block(tmp_path / "b", count=0, signers=signers, message_size=256)
    report = ledger.verify_block(made.path)
    assert (report.rows, report.bad_total, report.bad) == (0, 0, [])
    assert report.counts == {"OK": 0, "BAD_SIGNATURE": 0, "BAD_KEY": 0, "BAD_RANGE": 0}
    assert report.merkle_root == openssl.sm3(b"")


def test_the_list_of_bad_rows_is_bounded(made: ledger.MadeBlock):
    for limit in (0, 1, 35, 36, 37):
        report = ledger.verify_block(made.path, bad_rows_limit=limit)
        assert len(report.bad) == min(limit, 36)
        assert report.bad_total == 36
        assert [bad.row for bad in report.bad] == [d.row for d in made.damaged][:limit]


def test_the_plan_spreads_damage_evenly():
    random = np.random.default_rng(1)
    rows = [d.row for d in plan(1_000, 50, message_size=1, signers=2, random=random)]
    assert [row // 20 for row in rows] == list(range(50))
    kinds = Counter(d.damage.name for d in plan(1_000, 120, message_size=1, signers=2, random=random))
    assert set(kinds.values()) == {10}
    assert plan(0, 0, message_size=1, signers=1, random=random) == []


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"count": -1}, "count: expected 0 or more, got -1"),
        ({"damaged": 11}, r"damaged: expected 0 to 10 \(all rows\), got 11"),
        ({"damaged": -1}, "damaged: expected"),
        ({"message_size": -1}, "message_size: expected"),
        ({"message_size": 1 << 30}, "message_size: expected"),
    ],
)
def test_numbers_out_of_range(tmp_path: Path, signers: ledger.Signers, numbers: dict[str, int], message: str):
    arguments = {"count": 10, "message_size": 10, "damaged": 0} | numbers
    with pytest.raises(ArgumentError, match=message):
        ledger.make_block(tmp_path / "b", signers=signers, **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [0, -1, 1 << 21])
def test_numbers_of_signers_out_of_range(count: int):
    with pytest.raises(ArgumentError, match="signers: expected 1 to"):
        ledger.Signers.random(count)


# ------------------------------------------------------------------------------------------ replacing files


def test_a_block_replaces_what_was_there_only_when_complete(tmp_path: Path, signers: ledger.Signers):
    path = tmp_path / "b"
    path.write_bytes(b"old")

    def interrupt(done: int, total: int) -> None:
        assert path.read_bytes() == b"old"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.make_block(path, count=10, signers=signers, message_size=10, progress=interrupt)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["b"]
    ledger.make_block(path, count=10, signers=signers, message_size=10)
    assert ledger.verify_block(path).rows == 10


def test_a_link_is_followed(tmp_path: Path, signers: ledger.Signers):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    ledger.make_block(tmp_path / "link", count=1, signers=signers, message_size=1)
    assert (tmp_path / "link").is_symlink()
    assert ledger.verify_block(tmp_path / "target").rows == 1


@pytest.mark.parametrize("name", ["/dev/null", "."])
def test_devices_and_directories_are_not_replaced(name: str, signers: ledger.Signers):
    with pytest.raises(ledger.BlockError, match="expected a file or nothing"):
        ledger.make_block(name, count=1, signers=signers, message_size=1)
    assert Path("/dev/null").is_char_device()


def test_a_directory_that_is_not_there(tmp_path: Path, signers: ledger.Signers):
    with pytest.raises(ledger.BlockError, match="cannot be written"):
        ledger.make_block(tmp_path / "no" / "b", count=1, signers=signers, message_size=1)


# --------------------------------------------------------------------------------------- layouts that are blocks


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()], ids=str)
@pytest.mark.parametrize("compression", ["NONE", "ZSTD"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_variable_width_columns(
    tmp_path: Path, made: ledger.MadeBlock, table: Any, kind: Any, compression: str, dictionary: bool
):
    columns = {name: table.column(name).cast(kind) for name in layout.READ_COLUMNS}
    options = {"compression": compression, "use_dictionary": dictionary, "row_group_size": 700}
    path = write(tmp_path / "b", pa.table(columns), **options)
    assert_same_report(path, made)


def assert_same_report(path: Path, made: ledger.MadeBlock) -> None:
    report, expected = ledger.verify_block(path), ledger.verify_block(made.path)
    assert report.merkle_root == expected.merkle_root
    assert report.bad == expected.bad
    assert report.counts == expected.counts
    assert report.message_bytes == expected.message_bytes


def test_fixed_width_messages(tmp_path: Path, made: ledger.MadeBlock, table: Any):
    index = table.schema.get_field_index("message")
    fixed = table.set_column(index, "message", table.column("message").cast(pa.binary(100)))
    assert_same_report(write(tmp_path / "b", fixed), made)


def test_other_columns_and_another_order(tmp_path: Path, made: ledger.MadeBlock, table: Any):
    columns = {
        "height": pa.array(range(1_500)),
        "first": pa.array([{"a": 1, "b": 2, "c": 3}] * 1_500),
        "message": table.column("message"),
        "key_index": table.column("key_index"),
        "signature": table.column("signature"),
        "nested": pa.array([{"a": 1, "b": "two leaves"}] * 1_500),
        "public_key": table.column("public_key"),
    }
    assert_same_report(write(tmp_path / "b", pa.table(columns)), made)


@pytest.mark.parametrize(
    "hint",
    [
        pytest.param(None, id="absent"),
        pytest.param(pa.array([4_294_967_295] * 1_500, pa.uint32()), id="beyond all keys"),
        pytest.param(pa.array([0] * 1_500, pa.uint32()), id="always the first"),
        pytest.param(pa.array(["no number"] * 1_500), id="text"),
    ],
)
def test_the_key_index_changes_no_verdict(tmp_path: Path, made: ledger.MadeBlock, table: Any, hint: Any):
    other = table.drop_columns(["key_index"])
    if hint is not None:
        other = other.append_column("key_index", hint)
    assert_same_report(write(tmp_path / "b", other), made)


@pytest.mark.parametrize("batch_rows", [1, 63, 64, 65, 1_499, 1_500, 10_000])
def test_the_size_of_batches_changes_nothing(made: ledger.MadeBlock, monkeypatch: pytest.MonkeyPatch, batch_rows: int):
    expected = ledger.verify_block(made.path)
    monkeypatch.setattr(layout, "BATCH_ROWS", batch_rows)
    report = ledger.verify_block(made.path)
    assert (report.merkle_root, report.bad, report.counts) == (expected.merkle_root, expected.bad, expected.counts)


def test_large_messages_make_small_batches(tmp_path: Path):
    messages = pa.array([bytes([i]) * (3 << 20) for i in range(20)], pa.binary())
    zeros = pa.array([bytes(64)] * 20, pa.binary(64))
    path = write(
        tmp_path / "b",
        pa.table({"public_key": zeros, "signature": zeros, "message": messages}),
        compression="NONE",
        use_dictionary=False,
    )
    with ledger.Block(path) as block:
        sizes = [len(batch) for batch in block.batches()]
    assert sizes == [5, 5, 5, 5]
    report = ledger.verify_block(path)
    assert report.counts["BAD_KEY"] == 20
    assert report.merkle_root == root_of(messages.to_pylist())


# ------------------------------------------------------------------------------------------ files that are no blocks


def replaced(table: Any, name: str, values: Any) -> Any:
    return table.set_column(table.schema.get_field_index(name), name, values)


def refused(path: Path) -> str:
    with pytest.raises(ledger.BlockError) as caught:
        ledger.verify_block(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", layout.READ_COLUMNS)
def test_a_missing_column(tmp_path: Path, table: Any, name: str):
    message = refused(write(tmp_path / "b", table.drop_columns([name])))
    assert f"no column {name}; a block has public_key, signature, message" in message


@pytest.mark.parametrize("name", layout.READ_COLUMNS)
@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.list_(pa.uint8())], ids=str)
def test_a_column_of_another_type(tmp_path: Path, table: Any, name: str, kind: Any):
    values = pa.array([None] * table.num_rows, kind)
    message = refused(write(tmp_path / "b", replaced(table, name, values)))
    assert f"column {name}: expected" in message
    assert "binary" in message


@pytest.mark.parametrize("name", ["public_key", "signature"])
@pytest.mark.parametrize("width", [1, 32, 63, 65, 128])
def test_keys_and_signatures_of_another_width(tmp_path: Path, table: Any, name: str, width: int):
    values = pa.array([bytes(width)] * table.num_rows, pa.binary(width))
    message = refused(write(tmp_path / "b", replaced(table, name, values)))
    assert f"column {name}: expected fixed_size_binary[64] or binary, got fixed_size_binary[{width}]" in message


@pytest.mark.parametrize("name", ["public_key", "signature"])
@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()], ids=str)
@pytest.mark.parametrize("length", [0, 63, 65, 70])
def test_one_value_of_another_length(
    tmp_path: Path, table: Any, name: str, kind: Any, length: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(layout, "BATCH_ROWS", 500)
    values = table.column(name).to_pylist()
    values[1_234] = bytes(length)
    message = refused(write(tmp_path / "b", replaced(table, name, pa.array(values, kind))))
    assert f"column {name}: row 1234 has {length} bytes, expected 64" in message


@pytest.mark.parametrize("name", layout.READ_COLUMNS)
def test_a_null(tmp_path: Path, table: Any, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layout, "BATCH_ROWS", 500)
    values = table.column(name).to_pylist()
    values[777] = None
    nullable = replaced(table, name, pa.array(values, table.schema.field(name).type))
    assert f"column {name}: row 777 is null" in refused(write(tmp_path / "b", nullable))


def test_a_column_twice(tmp_path: Path, table: Any):
    double = table.append_column("message", table.column("message"))
    assert "column message occurs more than once" in refused(write(tmp_path / "b", double))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a Parquet file at all", b"PAR1" + bytes(100) + b"PAR1"])
def test_no_parquet_file(tmp_path: Path, content: bytes):
    path = tmp_path / "b"
    path.write_bytes(content)
    assert "not a readable Parquet file" in refused(path)


def test_no_file(tmp_path: Path):
    assert "No such file or directory" in refused(tmp_path / "nothing")
    assert "expected a Parquet file or a raw block, got a directory without" in refused(tmp_path)
    assert "expected a Parquet file, got a directory or a device" in refused(Path("/dev/zero"))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path: Path, made: ledger.MadeBlock, share: float):
    data = made.path.read_bytes()
    path = tmp_path / "b"
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)


def test_a_flipped_bit_is_a_damaged_file_and_not_a_bad_signature(tmp_path: Path, made: ledger.MadeBlock):
    """Pages carry checksums: a bit that flips on a disk is told apart from a transaction that was never valid."""
    data = made.path.read_bytes()
    expected = ledger.verify_block(made.path)
    path = tmp_path / "b"
    found = 0
    for number in range(60):
        position = (len(data) * number) // 60 + 17
        changed = bytearray(data)
        changed[position % len(data)] ^= 1 << number % 8
        path.write_bytes(changed)
        try:
            report = ledger.verify_block(path)
        except ledger.BlockError:
            found += 1
        else:  # the bit meant nothing: the maker's notes, for example
            assert (report.merkle_root, report.counts) == (expected.merkle_root, expected.counts)
    assert found > 50
