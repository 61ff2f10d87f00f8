"""Arguments that accel.merkle refuses, and what it says about them."""

from __future__ import annotations

import numpy as np
import pytest

import accel
from accel import merkle
from oracles.trees import LEAVES

TREE = merkle.Tree(LEAVES[:8])
PROOF = TREE.prove(3)
HASHES = merkle.leaf_hashes(LEAVES[:8])


def refuses(error: type[Exception], sentence: str, call, *args, **kwargs) -> None:
    with pytest.raises(error) as raised:
        call(*args, **kwargs)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("leaves", "error", "sentence"),
    [
        (
            np.zeros((3, 4), np.float64),
            TypeError,
            "leaves: expected a C-contiguous uint8 array of shape (N, L), got float64 (3, 4)",
        ),
        (
            np.zeros(4, np.uint8),
            accel.ArgumentError,
            "leaves: expected a C-contiguous uint8 array of shape (N, L), got uint8 (4,)",
        ),
        (np.zeros((4, 8), np.uint8)[:, ::2], accel.ArgumentError, "leaves: expected a uint8 array"),
        (b"bytes", TypeError, "leaves: expected an (N, L) uint8 array"),
        ("text", TypeError, "leaves: expected an (N, L) uint8 array"),
        (["text"], TypeError, "leaves[0]: expected a bytes-like object, got str"),
        ([b"", None], TypeError, "leaves[1]: expected a bytes-like object, got NoneType"),
        (5, TypeError, "leaves: expected an (N, L) uint8 array"),
    ],
)
def test_leaves(leaves, error, sentence):
    refuses(error, sentence, merkle.Tree, leaves)
    refuses(error, sentence, merkle.leaf_hashes, leaves)
    refuses(error, sentence, merkle.Tree(LEAVES[:3]).append, leaves)


@pytest.mark.parametrize(
    ("hashes", "error", "sentence"),
    [
        (
            np.zeros((3, 32), np.int8),
            TypeError,
            "hashes: expected a C-contiguous uint8 array of shape (N, 32), got int8 (3, 32)",
        ),
        (
            np.zeros((3, 31), np.uint8),
            accel.ArgumentError,
            "hashes: expected a C-contiguous uint8 array of shape (N, 32), got uint8 (3, 31)",
        ),
        ([bytes(32), bytes(31)], accel.ArgumentError, "hashes[1]: expected 32 bytes, got 31"),
        (bytes(32), TypeError, "hashes: expected a C-contiguous uint8 array of shape (N, 32) or a list"),
    ],
)
def test_given_leaf_hashes(hashes, error, sentence):
    refuses(error, sentence, merkle.Tree.from_leaf_hashes, hashes)
    refuses(error, sentence, merkle.Tree().append_leaf_hashes, hashes)


@pytest.mark.parametrize("rule", ["", "RFC9162", "bitcoin", "x" * 500])
def test_unknown_rules_are_refused_with_a_list(rule):
    wanted = "rule: expected one of rfc9162 (1), chainmaker (2), bcos (3), got '"
    refuses(accel.ArgumentError, wanted, merkle.Tree, [b"a"], rule=rule)
    refuses(accel.ArgumentError, wanted, merkle.Tree.from_leaf_hashes, HASHES, rule=rule)
    refuses(accel.ArgumentError, wanted, merkle.leaf_hashes, [b"a"], rule)
    refuses(accel.ArgumentError, wanted, merkle.Proof.from_bytes, PROOF.to_bytes(), rule=rule)
    refuses(accel.ArgumentError, wanted, merkle.Proof, 3, 8, PROOF.siblings, rule)
    refuses(
        accel.ArgumentError, wanted, merkle.verify_many, TREE.root, [PROOF.to_bytes()], LEAVES[3:4], rule=rule or "?"
    )


def test_rules_of_another_type():
    refuses(TypeError, "rule: expected one of rfc9162, chainmaker, bcos, got int", merkle.Tree, [b"a"], rule=1)
    refuses(TypeError, "rule: expected one of", merkle.Tree, [b"a"], rule=None)


def test_all_rules_are_listed():
    assert {merkle.Tree([], rule=rule).rule for rule in merkle.RULES} == {"rfc9162", "chainmaker", "bcos"}


@pytest.mark.parametrize("keep", ["some", None, 1, ""])
def test_unknown_keep(keep):
    refuses(accel.ArgumentError, f"keep: expected 'all' or 'root', got {keep!r}", merkle.Tree, [b"a"], keep=keep)


def test_a_tree_that_keeps_the_root_gives_no_proofs():
    tree = merkle.Tree(LEAVES[:8], keep="root")
    sentence = "need a tree that keeps all levels, and this one keeps the root only"
    for call, argument in ((tree.prove, 0), (tree.prove_many, [0]), (tree.multiproof, [0]), (tree.consistency, 1)):
        refuses(accel.ArgumentError, "tree: proofs " + sentence, call, argument)
    refuses(accel.ArgumentError, "tree: leaf hashes " + sentence, tree.leaf_hash, 0)


@pytest.mark.parametrize("index", [8, 9, 2**63, 2**64 - 1])
def test_index_beyond_the_leaves(index):
    sentence = f"expected below the tree's size of 8 leaves, got {index}"
    for call, argument in ((TREE.prove, index), (TREE.prove_many, [0, index]), (TREE.multiproof, [0, index])):
        refuses(accel.ArgumentError, "indices: " + sentence, call, argument)
    refuses(accel.ArgumentError, "index: " + sentence, TREE.leaf_hash, index)


def test_negative_index():
    for call, argument, name in (
        (TREE.prove, -1, "index"),
        (TREE.leaf_hash, -1, "index"),
        (TREE.prove_many, [0, -1], "indices[1]"),
        (TREE.multiproof, [-1], "indices[0]"),
        (TREE.prove_many, np.array([3, -1]), "indices"),
    ):
        refuses(accel.ArgumentError, f"{name}: expected 0 ", call, argument)
        refuses(accel.ArgumentError, "got -1", call, argument)


@pytest.mark.parametrize("index", [1.0, "1", None, [1]])
def test_index_of_another_type(index):
    refuses(TypeError, "index: expected an integer, got ", TREE.prove, index)
    refuses(TypeError, "index: expected an integer, got ", TREE.leaf_hash, index)
    refuses(TypeError, "indices[0]: expected an integer, got ", TREE.prove_many, [index])
    refuses(TypeError, "first_size: expected an integer, got ", TREE.consistency, index)


def test_indices_of_another_type_or_shape():
    for value in (5, None, "01", b"01", {1}):
        refuses(TypeError, "indices: expected a sequence of integers or an integer array", TREE.prove_many, value)
    refuses(
        TypeError, "indices: expected an integer array of shape (N,), got float64 (2,)", TREE.prove_many, np.zeros(2)
    )
    refuses(
        accel.ArgumentError,
        "indices: expected an integer array of shape (N,), got int64 (1, 2)",
        TREE.multiproof,
        np.zeros((1, 2), int),
    )
    refuses(accel.ArgumentError, "indices: expected at least one, got none", TREE.multiproof, [])
    refuses(accel.ArgumentError, "indices[0]: expected 0 to", TREE.prove_many, [2**64])


def test_the_empty_tree_proves_nothing():
    tree = merkle.Tree()
    for call, argument in ((tree.prove, 0), (tree.prove_many, [0]), (tree.multiproof, [0])):
        refuses(accel.ArgumentError, "expected below the tree's size of 0 leaves, got 0", call, argument)
    refuses(accel.ArgumentError, "second_size: expected 1 to the tree's size of 0 leaves, got 0", tree.consistency, 0)
    assert len(tree.prove_many([])) == 0


def test_sizes_of_consistency_proofs():
    refuses(accel.ArgumentError, "first_size: expected 1 to second_size, 8, got 0", TREE.consistency, 0)
    refuses(accel.ArgumentError, "first_size: expected 1 to second_size, 8, got 9", TREE.consistency, 9)
    refuses(accel.ArgumentError, "first_size: expected 1 to second_size, 5, got 6", TREE.consistency, 6, 5)
    refuses(
        accel.ArgumentError, "second_size: expected 1 to the tree's size of 8 leaves, got 9", TREE.consistency, 1, 9
    )
    refuses(accel.ArgumentError, "first_size: expected 0 to ", TREE.consistency, -1)


def test_proof_fields_that_do_not_fit():
    siblings = PROOF.siblings
    refuses(accel.ArgumentError, "sibling count: expected 3, got 2", merkle.Proof, 3, 8, siblings[:2])
    refuses(accel.ArgumentError, "sibling count: expected 3, got 4", merkle.Proof, 3, 8, np.zeros((4, 32), np.uint8))
    refuses(
        accel.ArgumentError,
        "sibling_count: expected at most 64, got 259",
        merkle.Proof,
        3,
        8,
        np.zeros((259, 32), np.uint8),
    )
    refuses(accel.ArgumentError, "index: expected less than the tree size of 3, got 3", merkle.Proof, 3, 3, siblings)
    refuses(accel.ArgumentError, "tree size: expected 1 to 2^63 - 1, got 0", merkle.Proof, 0, 0, [])
    refuses(accel.ArgumentError, "siblings[0]: expected 32 bytes, got 31", merkle.Proof, 0, 2, [bytes(31)])
    refuses(
        accel.ArgumentError,
        "index: expected more than the one before it, 3, got 3",
        merkle.MultiProof,
        [3, 3],
        8,
        siblings,
    )
    refuses(accel.ArgumentError, "index count: expected 1 to", merkle.MultiProof, [], 8, siblings)
    refuses(
        accel.ArgumentError, "index: expected less than the tree size of 8, got 8", merkle.MultiProof, [8], 8, siblings
    )
    refuses(accel.ArgumentError, "first size: expected 1 to 8, got 9", merkle.ConsistencyProof, 9, 8, [])
    refuses(accel.ArgumentError, "first size: expected 1 to 8, got 0", merkle.ConsistencyProof, 0, 8, [])


@pytest.mark.parametrize("data", ["text", None, 5, [b""]])
def test_encoded_proofs_of_another_type(data):
    for kind in (merkle.Proof, merkle.MultiProof, merkle.ConsistencyProof):
        refuses(TypeError, "proof: expected a bytes-like object, got ", kind.from_bytes, data)


def test_roots_of_another_type_or_length():
    leaf = LEAVES[3]
    for root in (TREE.root[:31], b"", TREE.root + b"\0"):
        sentence = f"root[0]: expected 32 bytes, got {len(root)}"
        refuses(accel.ArgumentError, sentence, PROOF.verify, root, leaf)
        refuses(accel.ArgumentError, sentence, merkle.verify_many, root, [PROOF], [leaf])
        refuses(accel.ArgumentError, sentence, TREE.multiproof([3]).verify, root, [leaf])
    for root in (TREE.root.hex(), None, 0):
        refuses(TypeError, "root[0]: expected a bytes-like object", PROOF.verify, root, leaf)
    refuses(accel.ArgumentError, "second_root[0]: expected 32 bytes, got 0", TREE.consistency(3).verify, TREE.root, b"")
    refuses(accel.ArgumentError, "leaf_hash[0]: expected 32 bytes, got 1", PROOF.verify, TREE.root, leaf_hash=b"x")


def test_leaves_or_hashes_but_not_both():
    sentence = "leaves, leaf_hashes: expected exactly one of the two"
    refuses(TypeError, sentence, PROOF.verify, TREE.root)
    refuses(TypeError, sentence, PROOF.verify, TREE.root, b"", leaf_hash=bytes(32))
    refuses(TypeError, sentence, merkle.verify_many, TREE.root, [PROOF])
    refuses(TypeError, sentence, TREE.multiproof([3]).verify, TREE.root)


def test_batches_of_different_lengths():
    refuses(
        accel.ArgumentError,
        "leaf_hashes: expected 1, one for each proof, got 2",
        merkle.verify_many,
        TREE.root,
        [PROOF],
        LEAVES[:2],
    )
    refuses(
        accel.ArgumentError,
        "root: expected one for each of 1, got 2",
        merkle.verify_many,
        HASHES[:2],
        [PROOF],
        LEAVES[:1],
    )
    refuses(
        accel.ArgumentError,
        "tree_size: expected one, or one for each of 1, got 3",
        merkle.verify_many,
        TREE.root,
        [PROOF],
        LEAVES[:1],
        tree_size=[8, 8, 8],
    )
    refuses(
        accel.ArgumentError,
        "tree_size[0]: expected 0 to",
        merkle.verify_many,
        TREE.root,
        [PROOF],
        LEAVES[:1],
        tree_size=-1,
    )


def test_outputs():
    for out, error, sentence in (
        (np.zeros(2, np.uint8), accel.ArgumentError, "out: expected a writable C-contiguous uint8 array of shape (1,)"),
        (np.zeros(1, np.int8), TypeError, "out: expected a writable C-contiguous uint8 array of shape (1,)"),
        (np.frombuffer(b"x", np.uint8), accel.ArgumentError, "got a read-only one"),
    ):
        refuses(error, sentence, merkle.verify_many, TREE.root, [PROOF], LEAVES[3:4], out=out)
    hashes = HASHES.copy()
    refuses(
        accel.ArgumentError,
        "overlaps an input",
        merkle.verify_many,
        TREE.root,
        [PROOF] * 8,
        leaf_hashes=hashes,
        out=hashes.reshape(-1)[:8],
    )
    rows = np.zeros((8, 32), np.uint8)
    refuses(accel.ArgumentError, "overlaps an input", merkle.leaf_hashes, rows, out=rows)


def test_proofs_of_several_rules_need_one():
    other = merkle.Tree(LEAVES[:8], rule="bcos").prove(3)
    refuses(
        accel.ArgumentError,
        "proofs: expected proofs under one rule, got bcos, rfc9162",
        merkle.verify_many,
        TREE.root,
        [PROOF, other],
        LEAVES[3:4] * 2,
    )
    statuses = merkle.verify_many(TREE.root, [PROOF, other], LEAVES[3:4] * 2, rule="rfc9162")
    assert statuses.tolist() == [merkle.OK, merkle.BAD_PROOF]


def test_offsets_that_overrun():
    encoded = accel.Ragged(PROOF.to_bytes(), np.array([0, 2000], np.int64))
    refuses(
        accel.ArgumentError,
        "proofs: offsets must stay within the buffer",
        merkle.verify_many,
        TREE.root,
        encoded,
        LEAVES[3:4],
    )
    refuses(TypeError, "encoded: expected a Ragged, got list", merkle.ProofBatch, [PROOF.to_bytes()])
