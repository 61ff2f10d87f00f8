"""`accel merkle root|prove|verify`: trees and inclusion proofs over lines or files."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer
from rich.text import Text

from accel import merkle
from accel.cli.output import INVALID, VALID, JsonOption, emit, job, out
from accel.errors import ArgumentError, EncodingError, InvalidProof

_CHUNK_LEAVES = 4_096
_CHUNK_BYTES = 16 << 20

app = typer.Typer(
    help=(
        "Merkle trees and inclusion proofs. Leaves are the lines of a file (without their newline), in order; "
        "--hex: each line is a leaf in hexadecimal; --leaf-hashes: each line is the hash of a leaf in hexadecimal; "
        "--files: each FILE is one leaf. - is standard input."
    ),
    no_args_is_help=True,
)


class Rule(StrEnum):
    """How a tree is made; see `accel.merkle`."""

    rfc9162 = "rfc9162"
    chainmaker = "chainmaker"
    bcos = "bcos"


FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Where the leaves are.")]
RuleOption = Annotated[Rule, typer.Option("--rule", help="The chain's way of making a tree.")]
HexOption = Annotated[bool, typer.Option("--hex", help="Lines are leaves in hexadecimal.")]
HashesOption = Annotated[bool, typer.Option("--leaf-hashes", help="Lines are hashes of leaves in hexadecimal.")]
WholeOption = Annotated[bool, typer.Option("--files", help="Each FILE is one leaf.")]
IndexOption = Annotated[int, typer.Option("--index", min=0, help="The leaf to prove, from 0.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Write the proof here, in binary.")]
RootOption = Annotated[str, typer.Option("--root", help="The root in hexadecimal.")]
ProofOption = Annotated[Path | None, typer.Option("--proof", help="The proof's file, as prove --out wrote it.")]
ProofHexOption = Annotated[str | None, typer.Option("--proof-hex", help="The proof in hexadecimal.")]
TreeSizeOption = Annotated[
    int | None, typer.Option("--tree-size", min=1, help="Leaves in the tree, when known with the root; else a claim.")
]
LeafOption = Annotated[str | None, typer.Option("--leaf", help="The leaf as text (UTF-8).")]
LeafHexOption = Annotated[str | None, typer.Option("--leaf-hex", help="The leaf in hexadecimal.")]
LeafFileOption = Annotated[Path | None, typer.Option("--leaf-file", help="A file that is the leaf.")]
LeafHashOption = Annotated[str | None, typer.Option("--leaf-hash", help="The leaf's hash in hexadecimal.")]


@app.command("root")
@job
def root(
    files: FilesArgument,
    rule: RuleOption = Rule.rfc9162,
    hex_lines: HexOption = False,
    leaf_hashes: HashesOption = False,
    whole_files: WholeOption = False,
    as_json: JsonOption = False,
) -> int:
    """Print the root of the tree over all leaves."""
    tree = _tree(files, rule, "root", _form(hex_lines, leaf_hashes, whole_files))
    if as_json:
        emit({"rule": rule.value, "size": tree.size, "root": tree.root.hex()})
    else:
        out.print(tree.root.hex(), soft_wrap=True)
    return VALID


@app.command("prove")
@job
def prove(
    files: FilesArgument,
    index: IndexOption,
    out_file: OutOption = None,
    rule: RuleOption = Rule.rfc9162,
    hex_lines: HexOption = False,
    leaf_hashes: HashesOption = False,
    whole_files: WholeOption = False,
    as_json: JsonOption = False,
) -> int:
    """Prove that a leaf is in the tree: the proof in hexadecimal, or in a file."""
    tree = _tree(files, rule, "all", _form(hex_lines, leaf_hashes, whole_files))
    if index >= tree.size:
        raise ArgumentError(f"--index: expected 0 to {tree.size - 1}, got {index}" if tree.size else "there is no leaf")
    proof = tree.prove(index).to_bytes()
    if out_file is not None:
        out_file.write_bytes(proof)
    if as_json:
        emit(
            {
                "rule": rule.value,
                "size": tree.size,
                "index": index,
                "root": tree.root.hex(),
                "leaf_hash": tree.leaf_hash(index).hex(),
                "proof": proof.hex(),
            }
        )
    elif out_file is None:
        out.print(proof.hex(), soft_wrap=True)
    return VALID


@app.command("verify")
@job
def verify(
    expected_root: RootOption,
    proof_file: ProofOption = None,
    proof_hex: ProofHexOption = None,
    leaf: LeafOption = None,
    leaf_hex: LeafHexOption = None,
    leaf_file: LeafFileOption = None,
    leaf_hash: LeafHashOption = None,
    rule: RuleOption = Rule.rfc9162,
    tree_size: TreeSizeOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check a proof: exit code 0 when the leaf is in the tree with this root, 1 when the proof does not show it.

    Give the proof once (--proof or --proof-hex) and the leaf once (--leaf, --leaf-hex, --leaf-file or --leaf-hash).
    The rule is yours to choose: a proof made under another is not valid.
    """
    if (proof_file is None) == (proof_hex is None):
        raise ArgumentError("expected one of --proof and --proof-hex")
    if sum(given is not None for given in (leaf, leaf_hex, leaf_file, leaf_hash)) != 1:
        raise ArgumentError("expected one of --leaf, --leaf-hex, --leaf-file and --leaf-hash")
    root_bytes = _unhex(expected_root, "--root", 32)
    encoded = proof_file.read_bytes() if proof_file is not None else _unhex(proof_hex or "", "--proof-hex")
    expected_hash = None if leaf_hash is None else _unhex(leaf_hash, "--leaf-hash", 32)
    data: bytes | None = None
    if leaf_file is not None:
        data = leaf_file.read_bytes()
    elif leaf_hex is not None:
        data = _unhex(leaf_hex, "--leaf-hex")
    elif leaf is not None:
        data = leaf.encode()
    try:
        proof = merkle.Proof.from_bytes(encoded, rule=rule.value)
        proof.verify(root_bytes, data, leaf_hash=expected_hash, tree_size=tree_size)
    except (EncodingError, InvalidProof) as error:
        return _verdict(False, str(error), as_json)
    return _verdict(True, f"leaf {proof.index} of {proof.tree_size}, rule {rule.value}", as_json)


def _verdict(valid: bool, reason: str, as_json: bool) -> int:
    if as_json:
        emit({"valid": valid, "reason": reason})
    else:
        out.print(Text.assemble(("valid", "green") if valid else ("not valid", "red"), f": {reason}"), soft_wrap=True)
    return VALID if valid else INVALID


def _form(hex_lines: bool, leaf_hashes: bool, whole_files: bool) -> str:
    if whole_files and (hex_lines or leaf_hashes):
        raise ArgumentError("--files: cannot be combined with --hex or --leaf-hashes")
    return "files" if whole_files else "hashes" if leaf_hashes else "hex" if hex_lines else "lines"


def _tree(files: list[Path], rule: Rule, keep: Literal["all", "root"], form: str) -> merkle.Tree:
    """The tree over the leaves in `files`, read in pieces."""
    tree = merkle.Tree([], rule=rule.value, keep=keep)
    for leaves in _chunks(_leaves(files, form)):
        if form == "hashes":
            tree.append_leaf_hashes(leaves)
        else:
            tree.append(leaves)
    return tree


def _leaves(files: list[Path], form: str) -> Iterator[bytes]:
    for path in files:
        with _opened(path) as stream:
            if form == "files":
                yield stream.read()
                continue
            for number, line in enumerate(stream, start=1):
                leaf = line.removesuffix(b"\n")
                if form == "lines":
                    yield leaf
                else:
                    where = f"{path}: line {number}"
                    yield _unhex(leaf.decode("ascii", "replace"), where, 32 if form == "hashes" else None)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        yield sys.stdin.buffer
    else:
        with path.open("rb") as stream:
            yield stream


def _chunks(leaves: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lists of leaves, bounded in number and, a single large leaf aside, in bytes."""
    chunk: list[bytes] = []
    size = 0
    for leaf in leaves:
        chunk.append(leaf)
        size += len(leaf)
        if len(chunk) == _CHUNK_LEAVES or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _unhex(text: str, name: str, size: int | None = None) -> bytes:
    """Bytes of hexadecimal digits, `size` of them when given.

    Raises:
        ArgumentError: not hexadecimal, or another size.
    """
    try:
        value = bytes.fromhex(text.strip())
    except ValueError:
        raise ArgumentError(f"{name}: expected hexadecimal digits, got {text[:80]!r}") from None
    if size is not None and len(value) != size:
        raise ArgumentError(f"{name}: expected {size} bytes in hexadecimal, got {len(value)}")
    return value
