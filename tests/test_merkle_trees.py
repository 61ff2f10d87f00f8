"""Native Merkle trees against the plain reference: roots, growth, memory, threads, and what each rule lets through."""

from __future__ import annotations

import os
import random
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accel
from accel import merkle, sm3
from accel.reference import merkle as reference
from oracles import openssl, trees
from oracles.trees import LEAVES, RULE_NAMES

every_rule = pytest.mark.parametrize("rule", RULE_NAMES)
SIZES = [*range(301), 400]


@pytest.mark.op("sm3.hash")
@every_rule
def test_roots_of_all_small_trees(rule, kernel):
    for size in SIZES:
        expected = trees.tree(rule, size).root
        assert merkle.Tree(LEAVES[:size], rule=rule).root == expected, size
        assert merkle.Tree(LEAVES[:size], rule=rule, keep="root").root == expected, size


@every_rule
def test_large_tree(rule):
    count = (1 << 17) + 12345
    hashes = np.frombuffer(random.Random(5).randbytes(32 * count), np.uint8).reshape(-1, 32)
    nodes = [row.tobytes() for row in hashes]
    expected = reference.root(nodes, reference.RULES[rule], openssl.sm3) if rule != "rfc9162" else None
    if expected is None:  # the recursive definition copies its list at every step
        (expected,) = reference.levels_of(nodes, reference.RULES[rule], openssl.sm3)[-1]
    assert merkle.Tree.from_leaf_hashes(hashes, rule=rule).root == expected
    assert merkle.Tree.from_leaf_hashes(hashes, rule=rule, keep="root").root == expected


def test_no_leaves():
    assert merkle.Tree([]).root == sm3.digest(b"")
    assert merkle.Tree().root == openssl.sm3(b"")
    assert merkle.Tree(np.empty((0, 7), np.uint8)).size == 0
    for rule in ("chainmaker", "bcos"):
        for keep in ("all", "root"):
            assert merkle.Tree([], rule=rule, keep=keep).root == bytes(32)
            assert merkle.Tree.from_leaf_hashes(np.empty((0, 32), np.uint8), rule=rule, keep=keep).root == bytes(32)


def test_one_leaf_is_the_root():
    for leaf in (b"", b"one", bytes(1000)):
        assert merkle.Tree([leaf]).root == openssl.sm3(b"\x00" + leaf)
        for rule in ("chainmaker", "bcos"):
            assert merkle.Tree([leaf], rule=rule).root == openssl.sm3(leaf)
            assert merkle.Tree.from_leaf_hashes([openssl.sm3(leaf)], rule=rule).root == openssl.sm3(leaf)


@every_rule
def test_leaf_hashes(rule):
    expected = trees.leaf_hashes(rule)
    assert [row.tobytes() for row in merkle.leaf_hashes(LEAVES, rule)] == expected
    out = np.zeros((len(LEAVES), 32), np.uint8)
    assert merkle.leaf_hashes(accel.Ragged.from_list(LEAVES), rule, out=out) is out
    assert [row.tobytes() for row in out] == expected
    tree = merkle.Tree(LEAVES, rule=rule)
    assert [tree.leaf_hash(i) for i in range(len(LEAVES))] == expected


def test_default_rule_is_rfc9162():
    assert merkle.Tree(LEAVES).rule == "rfc9162"
    assert merkle.Tree(LEAVES).root == merkle.Tree(LEAVES, rule="rfc9162").root == trees.tree("rfc9162", 400).root
    assert merkle.leaf_hashes([b"x"]).tobytes() == openssl.sm3(b"\x00x")


@every_rule
def test_all_forms_of_leaves_make_one_tree(rule):
    pa = pytest.importorskip("pyarrow")
    rows = np.frombuffer(random.Random(2).randbytes(50 * 40), np.uint8).reshape(50, 40)
    items = [row.tobytes() for row in rows]
    expected = merkle.Tree(items, rule=rule).root
    spread = np.zeros((50, 64), np.uint8)
    spread[:, :40] = rows
    forms = [
        rows,
        spread[:, :40],
        tuple(map(bytearray, items)),
        accel.Ragged.from_list(items),
        pa.array(items, pa.binary()),
        pa.array(items, pa.large_binary()),
        pa.array(items, pa.binary(40)),
        pa.array([b"before", *items, b"after"], pa.binary()).slice(1, 50),
        pa.chunked_array([items[:20], items[20:]], pa.binary()),
    ]
    for leaves in forms:
        assert merkle.Tree(leaves, rule=rule).root == expected
    hashes = merkle.leaf_hashes(items, rule)
    wide = np.zeros((50, 40), np.uint8)
    wide[:, 4:36] = hashes
    read_only = hashes.copy()
    read_only.flags.writeable = False
    for form in (
        hashes,
        wide[:, 4:36],
        read_only,
        [row.tobytes() for row in hashes],
        pa.array(map(bytes, hashes), pa.binary(32)),
    ):
        assert merkle.Tree.from_leaf_hashes(form, rule=rule).root == expected


# ----------------------------------------------------------------------------------------------------------- growth


@every_rule
@pytest.mark.parametrize("keep", ["all", "root"])
@given(sizes=st.lists(st.integers(0, 70), max_size=12), by_hash=st.booleans())
def test_any_sequence_of_appends_makes_the_tree_of_all_leaves(rule, keep, sizes, by_hash):
    tree, size = merkle.Tree([], rule=rule, keep=keep), 0
    for count in sizes:
        new = slice(size, min(size + count, len(LEAVES)))
        if by_hash:
            tree.append_leaf_hashes(trees.leaf_hashes(rule)[new])
        else:
            tree.append(LEAVES[new])
        size = new.stop
        assert tree.head == (trees.tree(rule, size).root, size)
    assert len(tree) == tree.size == size
    if keep == "all" and size:
        index = sum(sizes) * 7 % size
        assert tree.prove(index).to_bytes() == trees.tree(rule, size).prove(index)


@every_rule
def test_an_append_that_fails_changes_nothing(rule):
    offsets = np.array([0, 5, 3], np.int64)
    for keep in ("all", "root"):
        tree = merkle.Tree(LEAVES[:21], rule=rule, keep=keep)
        with pytest.raises(accel.ArgumentError, match="leaves: offsets"):
            tree.append(accel.Ragged(b"12345", offsets))
        with pytest.raises(accel.ArgumentError, match="hashes"):
            tree.append_leaf_hashes(np.zeros((3, 31), np.uint8))
        assert tree.head == (trees.tree(rule, 21).root, 21)


def test_a_tree_that_keeps_the_root_stays_small():
    tree = merkle.Tree.from_leaf_hashes(np.zeros((1 << 16, 32), np.uint8), keep="root")  # the pool's threads are up
    leaves = np.broadcast_to(np.arange(32, dtype=np.uint8), (1 << 21, 32))  # 64 MiB if somebody kept them
    before = resident_bytes()
    tree.append_leaf_hashes(leaves)
    assert resident_bytes() - before < 8 << 20
    assert tree.size == (1 << 16) + (1 << 21)


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_reading_while_another_thread_appends():
    """Each answer fits the tree before or after an append: root and size, and a proof under that root."""
    roots = {size: trees.tree("rfc9162", size).root for size in range(401)}
    tree, problems, done = merkle.Tree(LEAVES[:1]), [], threading.Event()

    def read(seed: int) -> None:
        rng = random.Random(seed)
        while not done.is_set():
            root, size = tree.head
            proof = tree.prove(rng.randrange(size))
            try:
                proof.verify(roots[proof.tree_size], LEAVES[proof.index])
            except accel.InvalidProof:
                problems.append((proof.index, proof.tree_size))
            if root != roots[size] or proof.tree_size < size:
                problems.append((size, proof.tree_size))

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for reader in readers:
        reader.start()
    for i in range(1, 400):
        tree.append([LEAVES[i]])
    done.set()
    for reader in readers:
        reader.join()
    assert not problems
    assert tree.root == roots[400]


# ------------------------------------------------------------------------------------ what the rules let through


def test_chainmaker_cannot_tell_duplicated_leaves():
    a, b, c = LEAVES[:3]
    assert merkle.Tree([a, b, c], rule="chainmaker").root == merkle.Tree([a, b, c, c], rule="chainmaker").root
    six, eight = LEAVES[:6], [*LEAVES[:6], *LEAVES[4:6]]
    assert merkle.Tree(six, rule="chainmaker").root == merkle.Tree(eight, rule="chainmaker").root
    for rule in ("rfc9162", "bcos"):
        assert merkle.Tree([a, b, c], rule=rule).root != merkle.Tree([a, b, c, c], rule=rule).root
        assert merkle.Tree(six, rule=rule).root != merkle.Tree(eight, rule=rule).root


def inner_nodes(rule: str) -> tuple[bytes, list[bytes]]:
    """The root of the tree over four leaves, and the two pairs of leaf hashes as data of 64 bytes."""
    hashes = [row.tobytes() for row in merkle.leaf_hashes(LEAVES[:4], rule)]
    return merkle.Tree(LEAVES[:4], rule=rule).root, [hashes[0] + hashes[1], hashes[2] + hashes[3]]


@pytest.mark.parametrize("rule", ["chainmaker", "bcos"])
def test_a_leaf_is_taken_for_a_node_without_prefixes(rule):
    root, pairs = inner_nodes(rule)
    forged = merkle.Tree(pairs, rule=rule)
    assert forged.root == root  # a second preimage: other data, another size, the same root
    forged.prove(0).verify(root, pairs[0])
    # Whoever knows the size is not fooled.
    with pytest.raises(accel.InvalidProof):
        forged.prove(0).verify(root, pairs[0], tree_size=4)
    assert list(merkle.verify_many(root, forged.prove_many([0, 1]), pairs, tree_size=4)) == [merkle.BAD_PROOF] * 2


def test_rfc9162_does_not_take_a_leaf_for_a_node():
    root, pairs = inner_nodes("rfc9162")
    for leaves in (pairs, [b"\x01" + pair for pair in pairs], [b"\x00" + pair for pair in pairs]):
        forged = merkle.Tree(leaves)
        assert forged.root != root
        with pytest.raises(accel.InvalidProof):
            forged.prove(0).verify(root, leaves[0])


def test_bcos_takes_a_leaf_for_the_parent_of_a_lone_node():
    a, b, c = LEAVES[:3]
    hashes = [row.tobytes() for row in merkle.leaf_hashes([a, b, c], "bcos")]
    forged = [hashes[0] + hashes[1], hashes[2]]  # data: the nodes above a and b, and the lone node's own hash
    assert merkle.Tree(forged, rule="bcos").root == merkle.Tree([a, b, c], rule="bcos").root
    # chainmaker's lone node is hashed twice over, and falls likewise; under rfc9162 it is not hashed at all
    hashes = [row.tobytes() for row in merkle.leaf_hashes([a, b, c], "chainmaker")]
    forged = [hashes[0] + hashes[1], hashes[2] * 2]
    assert merkle.Tree(forged, rule="chainmaker").root == merkle.Tree([a, b, c], rule="chainmaker").root
    hashes = [row.tobytes() for row in merkle.leaf_hashes([a, b, c])]
    assert merkle.Tree([hashes[0] + hashes[1], hashes[2]]).root != merkle.Tree([a, b, c]).root


def test_a_root_alone_does_not_say_at_which_place_a_leaf_is():
    """Under rfc9162 too: the third of three leaves has the proof that the second of two would have."""
    tree = merkle.Tree(LEAVES[:3])
    elsewhere = merkle.Proof(1, 2, tree.prove(2).siblings)
    elsewhere.verify(tree.root, LEAVES[2])
    with pytest.raises(accel.InvalidProof):
        elsewhere.verify(tree.root, LEAVES[2], tree_size=3)
