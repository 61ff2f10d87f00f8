"""`accel vectors`: what is written is what the standards print, and the same every time."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cffi")

import simulators
from accel.reference import sm2, sm3
from accel.validate import vectors
from oracles.vectors import load, recommended_example


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    directory = tmp_path_factory.mktemp("vectors")
    return directory, vectors.export(directory, 5)


def rows(directory: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((directory / f"{name}.csv").read_text().splitlines()))


def fields(directory: Path, manifest: dict[str, Any], name: str) -> list[dict[str, int]]:
    """A $readmemh file as integers, cut where the manifest says."""
    lines = (directory / f"{name}.memh").read_text().splitlines()
    words = [int(line, 16) for line in lines if not line.startswith("//")]
    layout = manifest["files"][f"{name}.memh"]["fields"]
    return [{f["name"]: word >> f["lsb"] & ((1 << f["bits"]) - 1) for f in layout} for word in words]


def test_the_manifest_says_what_is_there(exported: tuple[Path, dict[str, Any]]) -> None:
    directory, manifest = exported
    assert json.loads((directory / "manifest.json").read_text()) == manifest
    names = {path.name for path in directory.iterdir()} - {"manifest.json"}
    assert names == set(manifest["files"])
    for name, facts in manifest["files"].items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == facts["sha256"]


def test_the_same_seed_gives_the_same_bytes(exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    assert vectors.export(tmp_path, 5) == exported[1]
    other = vectors.export(tmp_path, 6)
    assert other["files"]["sm3_blocks.csv"]["sha256"] != exported[1]["files"]["sm3_blocks.csv"]["sha256"]


def test_the_published_rounds_of_sm3(exported: tuple[Path, dict[str, Any]]) -> None:
    directory, manifest = exported
    published = load("sm3.json")[0]
    rounds = [row for row in rows(directory, "sm3_rounds") if row["message"] == "0"]
    registers = [row["registers"] for row in rounds]
    states = [line.replace(" ", "") for line in published["states"]]
    assert registers[: len(states) - 1] == states[1:]
    block = rows(directory, "sm3_blocks")[0]
    assert block["w"] == "".join(published["words"]).replace(" ", "")
    assert block["w_prime"] == "".join(published["words_prime"]).replace(" ", "")
    assert rows(directory, "sm3_messages")[0]["digest"] == published["digest"]
    memory = fields(directory, manifest, "sm3_rounds")
    assert [f"{word['registers']:064x}" for word in memory[:64]] == registers


def test_ss_and_tt_lead_from_round_to_round(exported: tuple[Path, dict[str, Any]]) -> None:
    """TT1 becomes A, P0(TT2) becomes E (GB/T 32905-2016, section 5.3.3)."""
    for row in rows(exported[0], "sm3_rounds"):
        registers = [int(row["registers"][8 * i : 8 * i + 8], 16) for i in range(8)]
        assert registers[0] == int(row["tt1"], 16)
        assert registers[4] == sm3.p0(int(row["tt2"], 16))


def test_the_published_signature(exported: tuple[Path, dict[str, Any]]) -> None:
    directory, manifest = exported
    example, row = recommended_example(), fields(directory, manifest, "sm2_verify")[0]
    assert (row["key_x"], row["key_y"]) == example.public_key
    assert (row["r"], row["s"], row["e"], row["t"]) == (example.r, example.s, example.e, example.t)
    assert (row["sg_x"], row["sg_y"]) == example.sg
    assert (row["tp_x"], row["tp_y"]) == example.tp
    assert (row["sum_x"], row["computed_r"], row["status"]) == (example.point[0], example.r, 1)


def test_every_status_occurs_and_messages_lead_to_digests(exported: tuple[Path, dict[str, Any]]) -> None:
    directory, _ = exported
    assert {row["status"] for row in rows(directory, "sm2_verify")} == {"01", "02", "03", "04"}
    for row in rows(directory, "sm2_messages"):
        assert row["e"] == sm3.digest(bytes.fromhex(row["za"] + row["message"])).hex()
        key = int(row["key_x"], 16), int(row["key_y"], 16)
        signature = int(row["r"], 16), int(row["s"], 16)
        assert sm2.verify(sm2.RECOMMENDED, key, signature, int(row["e"], 16)).ok


BENCH = """
module bench;
  reg [511:0] memory [0:1];
  initial begin
    $readmemh("two.memh", memory);
    $display("%h", memory[1]);
  end
endmodule
"""


def test_a_simulator_reads_them(exported: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    simulators.require("iverilog")
    lines = (exported[0] / "merkle_nodes.memh").read_text().splitlines()[:3]
    (tmp_path / "two.memh").write_text("\n".join(lines) + "\n")
    (tmp_path / "bench.v").write_text(BENCH)
    subprocess.run(["iverilog", "-o", "bench", "bench.v"], cwd=tmp_path, check=True)
    done = subprocess.run(["vvp", "bench"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.strip().endswith(lines[2])


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "accel.cli", "vectors", str(tmp_path / "new" / "place"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["format"] == "accel vectors 1"
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [*command[:-2], str(tmp_path / "file"), "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
