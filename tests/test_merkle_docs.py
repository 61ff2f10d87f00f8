"""docs/proofs.md: its worked example is what the library and the reference make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accel import merkle
from accel.reference import merkle as reference

PAGE = (Path(__file__).parent.parent / "docs" / "proofs.md").read_text()
EXAMPLE = PAGE[PAGE.index("## Worked example") :]
LEAVES = [bytes.fromhex(digits) for digits in re.findall(r"`([0-9a-f]{2})`", EXAMPLE.split("(the letters")[0])]
RULE = reference.RULES["rfc9162"]
TREE = merkle.Tree(LEAVES)


def block_after(sentence: str) -> list[tuple[str, str]]:
    """(hexadecimal digits, comment) of each line of the block that follows a sentence."""
    block = EXAMPLE.split(f"\n{sentence}\n\n```\n", 1)[1].split("```", 1)[0]
    return [(digits, comment.strip()) for digits, comment in (line.split(" ", 1) for line in block.splitlines())]


def encoding_after(sentence: str) -> bytes:
    return bytes.fromhex("".join(digits for digits, _ in block_after(sentence)))


def test_the_leaves_are_read():
    assert LEAVES == [b"a", b"b", b"c", b"d", b"e"]


def test_hashes():
    block = EXAMPLE.split("\nHashes:\n\n```\n", 1)[1].split("```", 1)[0]
    hashes = {name: bytes.fromhex(digits) for name, digits in map(str.split, block.splitlines())}
    for name, leaf in zip("abcde", LEAVES, strict=True):
        assert hashes[name] == reference.leaf_hash(leaf, RULE) == merkle.leaf_hashes([leaf]).tobytes()
    assert hashes["ab"] == reference.node_hash(hashes["a"], hashes["b"], RULE)
    assert hashes["cd"] == reference.node_hash(hashes["c"], hashes["d"], RULE)
    assert hashes["abcd"] == reference.node_hash(hashes["ab"], hashes["cd"], RULE)
    assert hashes["root"] == reference.node_hash(hashes["abcd"], hashes["e"], RULE) == TREE.root
    # every hash in the encodings carries the name of its node
    named = re.findall(r"^([0-9a-f]{64})  (\w+)$", EXAMPLE, re.MULTILINE)
    assert len(named) == 11
    assert all(bytes.fromhex(digits) == hashes[name] for digits, name in named)


@pytest.mark.parametrize(
    ("sentence", "proof", "kind", "indices", "first"),
    [
        ("Inclusion proof of c, index 2:", TREE.prove(2), reference.INCLUSION, (2,), 0),
        (
            "Inclusion proof of e, index 4, whose only sibling stands below the root:",
            TREE.prove(4),
            reference.INCLUSION,
            (4,),
            0,
        ),
        ("Multiproof of a and d:", TREE.multiproof([0, 3]), reference.MULTI, (0, 3), 0),
        (
            "Consistency proof from the tree over a, b, c to the tree over all five:",
            TREE.consistency(3),
            reference.CONSISTENCY,
            (),
            3,
        ),
    ],
)
def test_encodings(sentence, proof, kind, indices, first):
    encoded = encoding_after(sentence)
    assert proof.to_bytes() == encoded
    decoded = reference.decode(encoded)
    assert (decoded.kind, decoded.rule, decoded.size) == (kind, RULE, 5)
    assert (decoded.indices, decoded.first) == (indices, first)
    assert reference.encode(decoded) == encoded


def test_the_lengths_of_the_tables():
    """The tables' fixed fields end where the reference's encodings put the first variable one."""
    assert len(TREE.prove(4).to_bytes()) == 20 + 32 * 1
    assert len(TREE.multiproof([0, 3]).to_bytes()) == 28 + 8 * 2 + 32 * 3
    assert len(TREE.consistency(3).to_bytes()) == 20 + 32 * 4
