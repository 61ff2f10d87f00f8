"""Merkle trees over SM3: roots, proofs of inclusion for one leaf or many, and append-only growth.

A level of w nodes has ceil(w / 2) nodes above it, up to the root. A rule says the rest:

============== ============= ================ =================== =============
rule           leaf          parent of L, R   parent of a lone L  no leaves
============== ============= ================ =================== =============
``rfc9162``    SM3(00 data)  SM3(01 L R)      L itself            SM3 of nothing
``chainmaker`` SM3(data)     SM3(L R)         SM3(L L)            32 zero bytes
``bcos``       SM3(data)     SM3(L R)         SM3(L)              32 zero bytes
============== ============= ================ =================== =============

One leaf is the root: its hash, under every rule. ``rfc9162`` is RFC 9162, section 2.1 (Certificate Transparency) with
SM3 as the hash, and the default. ``chainmaker`` gives ChainMaker's block roots and ``bcos`` those of FISCO BCOS v3;
there, leaves usually are hashes already (`Tree.from_leaf_hashes`), and an empty block's header carries no root, for
which 32 zero bytes stand.

What the rules fail to prevent:

- ``chainmaker``: *duplicated leaves*. [a, b, c] and [a, b, c, c] have one root, so a block can be padded with copies of
  its last transactions and still match its header.
- ``chainmaker`` and ``bcos``: *a leaf taken for a node*. Leaves and nodes are hashed alike, so the 64 bytes L R "are" a
  leaf whose hash is the node above L and R, and a smaller tree with that leaf has the same root. Under ``bcos`` the 32
  bytes L of a lone node likewise, and under ``chainmaker`` L L.
- ``rfc9162`` prevents both: its prefixes tell leaves from nodes, and a lone node is not hashed again.

Under the first two, a proof means something only together with a tree size that is known to be right, for example from
the signed header that carries the root: pass it as ``tree_size=``. Under ``rfc9162`` a root alone proves that a leaf is
in the tree; at which index, among how many, is again known only with the size. Sizes and rules inside a proof are the
prover's claims; that is why ``from_bytes`` and `verify_many` take the rule from the caller.

``docs/proofs.md`` describes the encodings of proofs byte by byte.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, SupportsIndex, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from accel import _native
from accel._calls import PLANS, Call, native_device
from accel.batch import ByteArray, Messages, Ragged, Rows, as_messages, as_output, as_rows
from accel.errors import ArgumentError, EncodingError, InvalidProof

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from accel.device import Device

__all__ = [
    "BAD_PROOF",
    "NOT_CHECKED",
    "OK",
    "RULES",
    "ConsistencyProof",
    "MultiProof",
    "Proof",
    "ProofBatch",
    "Tree",
    "leaf_hashes",
    "verify_many",
]

NOT_CHECKED = 0
"""Status of a proof that nobody has looked at; never in a finished call."""
OK = 1
"""Status of a proof that leads from its leaf to the root."""
BAD_PROOF = 5
"""Status of a proof that does not, or that does not decode."""

RuleName: TypeAlias = Literal["rfc9162", "chainmaker", "bcos"]
RULES: tuple[RuleName, ...] = ("rfc9162", "chainmaker", "bcos")
"""The names of all rules."""

Indices: TypeAlias = Sequence[SupportsIndex] | npt.NDArray[np.integer]
BytesLike: TypeAlias = Union["Buffer", ByteArray]

_HASH_SIZE = 32
_KEEP = {"all": 1, "root": 2}
_INCLUSION, _MULTI, _CONSISTENCY = 1, 2, 3
_MAX_SIZE = 2**63 - 1
_MAX_INDEX = 2**64 - 1


def leaf_hashes(
    leaves: Messages, rule: RuleName = "rfc9162", out: ByteArray | None = None, *, device: Device | None = None
) -> ByteArray:
    """Return the hashes that stand for leaves: an (N, 32) uint8 array.

    Args:
        leaves: N leaves' data in any form that `accel.batch` takes.
        rule: SM3(00 data) under ``rfc9162``, SM3(data) under the two others.
        out: None, or a writable C-contiguous (N, 32) uint8 array that shares no memory with `leaves`.
        device: Where it runs; None: what ``ACCEL_DEVICE`` names, or the CPU.

    Raises:
        TypeError: `leaves` or `out` has another type or dtype.
        ArgumentError: `leaves` or `out` has another shape or stride, or there is no such rule.
        DeviceError: The device is closed, or fails and has no fallback.
    """
    return _leaf_call(leaves, rule, out).now(device)


def _leaf_call(leaves: Messages, rule: RuleName = "rfc9162", out: ByteArray | None = None) -> Call:
    code = _rule_code(rule)
    batch = as_messages(leaves, "leaves")
    hashes = as_output(out, (len(batch), _HASH_SIZE), "out", batch)
    return Call(_native.merkle_leaf_hashes, _native.submit_merkle_leaf_hashes, (hashes, code, batch), hashes)


PLANS[leaf_hashes] = _leaf_call


class Tree:
    """A Merkle tree that grows at its right end.

    Any number of threads may use one tree, also while one of them appends: each call sees the tree before or after an
    append, and an append that fails changes nothing. A size and a root that belong together come from `head`.

    Args:
        leaves: The leaves' data in any form that `accel.batch` takes: an (N, L) uint8 array, a list of bytes-likes, a
            `accel.Ragged`, a pyarrow binary array.
        rule: ``rfc9162``, ``chainmaker`` or ``bcos``; what the last two fail to prevent stands at the head of this
            module.
        keep: ``all`` keeps all levels (about 64 bytes a leaf) and gives proofs. ``root`` keeps only the right edge
            (2 KiB, whatever the size): it appends and gives the root, and no proofs.
        device: Where leaves and levels are hashed, whatever `keep` says; None: what ``ACCEL_DEVICE`` names, or the CPU.
            Single nodes and proofs are the CPU's. The device must stay open as long as the tree grows.

    Raises:
        TypeError: `leaves` has another type or dtype.
        ArgumentError: `leaves` has another shape or stride, or there is no such `rule` or `keep`.
        DeviceError: The device is closed, or fails and has no fallback; so for `append`.
    """

    __slots__ = ("_keep", "_native", "_rule")

    def __init__(
        self,
        leaves: Messages = (),
        rule: RuleName = "rfc9162",
        keep: Literal["all", "root"] = "all",
        *,
        device: Device | None = None,
    ) -> None:
        self._open(rule, keep, device)
        self.append(leaves)

    @classmethod
    def from_leaf_hashes(
        cls,
        hashes: Rows,
        rule: RuleName = "rfc9162",
        keep: Literal["all", "root"] = "all",
        *,
        device: Device | None = None,
    ) -> Self:
        """Return a tree whose leaf hashes are given, and taken as they are.

        Args:
            hashes: An (N, 32) uint8 array (rows may lie apart), a list of 32-byte strings, or a pyarrow
                ``FixedSizeBinaryArray`` of width 32.
            rule: As for `Tree`.
            keep: As for `Tree`.
            device: As for `Tree`.

        Raises:
            TypeError: `hashes` has another type or dtype.
            ArgumentError: `hashes` has another shape or stride, or there is no such `rule` or `keep`.
            DeviceError: As for `Tree`.
        """
        tree = cls.__new__(cls)
        tree._open(rule, keep, device)
        tree.append_leaf_hashes(hashes)
        return tree

    def _open(self, rule: RuleName, keep: object, device: Device | None) -> None:
        code = _rule_code(rule)
        if not isinstance(keep, str) or keep not in _KEEP:
            raise ArgumentError(f"keep: expected 'all' or 'root', got {keep!r}")
        self._native = _native.MerkleTree(code, _KEEP[keep], native_device(device))
        self._rule: RuleName = rule
        self._keep = keep

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return self._native.head()[0]

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._native.head()[1]

    @property
    def head(self) -> tuple[bytes, int]:
        """Root and number of leaves of one moment."""
        return self._native.head()

    @property
    def rule(self) -> RuleName:
        """The rule's name."""
        return self._rule

    @property
    def keep(self) -> str:
        """``all`` or ``root``."""
        return self._keep

    def __len__(self) -> int:
        """Return the number of leaves."""
        return self.size

    def __repr__(self) -> str:
        """Tell rule, size and root."""
        root, size = self.head
        return f"Tree(rule={self._rule!r}, keep={self._keep!r}, size={size}, root={root.hex()})"

    def append(self, leaves: Messages) -> None:
        """Append leaves given by their data. Only the right edge above them is computed again.

        Raises:
            TypeError: `leaves` has another type or dtype.
            ArgumentError: `leaves` has another shape or stride.
        """
        self._native.append(as_messages(leaves, "leaves"))

    def append_leaf_hashes(self, hashes: Rows) -> None:
        """Append leaves given by their hashes, as for `from_leaf_hashes`.

        Raises:
            TypeError: `hashes` has another type or dtype.
            ArgumentError: `hashes` has another shape or stride.
        """
        self._native.append_hashes(as_rows(hashes, _HASH_SIZE, "hashes"))

    def leaf_hash(self, index: SupportsIndex) -> bytes:
        """Return the hash of leaf `index`, counted from 0; negative indices are refused.

        Raises:
            TypeError: `index` is no integer.
            ArgumentError: There is no such leaf, or the tree keeps the root only.
        """
        return self._native.leaf_hash(_integer(index, "index"))

    def prove(self, index: SupportsIndex) -> Proof:
        """Return a proof that leaf `index` is in the tree (RFC 9162, section 2.1.3.1, and alike for other rules).

        Args:
            index: Counted from 0; negative indices are refused, since a proof is about a place.

        Raises:
            TypeError: `index` is no integer.
            ArgumentError: There is no such leaf, or the tree keeps the root only.
        """
        encoded, _ = self._native.prove_many(np.array([_integer(index, "index")], np.uint64))
        return Proof.from_bytes(encoded, rule=self._rule)

    def prove_many(self, indices: Indices) -> ProofBatch:
        """Return one proof for each index, in their order, all from one moment of the tree.

        Args:
            indices: A sequence of integers or an integer array of shape (N,), in any order, repeats allowed.

        Raises:
            TypeError: `indices` has another type or dtype.
            ArgumentError: `indices` has another shape, some index is no leaf's, or the tree keeps the root only.
        """
        encoded, offsets = self._native.prove_many(_indices(indices))
        return ProofBatch(Ragged(encoded, offsets), rule=self._rule)

    def multiproof(self, indices: Indices) -> MultiProof:
        """Return one proof for several leaves together, with the least siblings.

        Args:
            indices: A set of at least one leaf: order and repeats do not matter, and the proof lists them increasing.

        Raises:
            TypeError: `indices` has another type or dtype.
            ArgumentError: `indices` has another shape or is empty, some index is no leaf's, or the tree keeps the root
                only.
        """
        return MultiProof.from_bytes(self._native.multiproof(np.unique(_indices(indices))), rule=self._rule)

    def consistency(self, first_size: SupportsIndex, second_size: SupportsIndex | None = None) -> ConsistencyProof:
        """Return a proof that the tree over the first leaves is a beginning of a later one (RFC 9162, section 2.1.4.1).

        Args:
            first_size: Leaves of the earlier tree: at least 1 (there is nothing to prove about the empty tree).
            second_size: Leaves of the later tree: at least `first_size`, at most those that there are, which is the
                default.

        Raises:
            TypeError: A size is no integer.
            ArgumentError: A size is out of range, the tree keeps the root only, or its rule is not ``rfc9162``: under
                the others lone nodes change as the tree grows.
        """
        first = _integer(first_size, "first_size")
        second = self.size if second_size is None else _integer(second_size, "second_size")
        return ConsistencyProof.from_bytes(self._native.consistency(first, second))


class _Encoded:
    """A proof: its one encoding, and the fields in it."""

    __slots__ = ("_encoded", "_first_size", "_indices", "_rule", "_siblings", "_tree_size")

    _rule: RuleName
    _kind: ClassVar[int]
    _kind_name: ClassVar[str]

    def _encode(
        self, rule: RuleName, tree_size: SupportsIndex, first_size: SupportsIndex, indices: Indices, siblings: Rows
    ) -> None:
        code = _rule_code(rule)
        sizes = _integer(tree_size, "tree_size"), _integer(first_size, "first_size")
        hashes = as_rows(siblings, _HASH_SIZE, "siblings")
        self._decode(_native.merkle_proof_encode(self._kind, code, *sizes, _indices(indices), hashes), rule)

    def _decode(self, data: BytesLike, rule: RuleName) -> None:
        _rule_code(rule)
        self._encoded = _bytes_of(data, "proof")
        kind, found, self._tree_size, self._first_size, indices, siblings = _native.merkle_proof_decode(self._encoded)
        if kind != self._kind:
            raise EncodingError(f"proof: expected {self._kind_name}, got kind {kind}")
        if found != rule:
            raise EncodingError(f"proof: expected rule {rule!r}, got {found!r}")
        self._rule = rule
        for array in (indices, siblings):
            array.flags.writeable = False
        self._indices, self._siblings = indices, siblings

    @property
    def rule(self) -> RuleName:
        """The rule's name."""
        return self._rule

    @property
    def siblings(self) -> ByteArray:
        """The hashes in the proof, from the leaves up; a read-only (M, 32) uint8 array."""
        return self._siblings

    def to_bytes(self) -> bytes:
        """Return the proof's one encoding (``docs/proofs.md``)."""
        return self._encoded

    def __eq__(self, other: object) -> bool:
        """Compare the encodings."""
        return self._encoded == other._encoded if isinstance(other, _Encoded) else NotImplemented

    def __hash__(self) -> int:
        """Hash the encoding."""
        return hash(self._encoded)


class Proof(_Encoded):
    """A proof that one leaf is in a tree.

    Args:
        index: Of the leaf, counted from 0.
        tree_size: Leaves in the tree, at most 2^63 - 1.
        siblings: (M, 32) uint8 array or list of 32-byte strings, from the leaf up; levels on which the node has no
            sibling add none.
        rule: The tree's rule.

    Raises:
        TypeError: An argument has another type or dtype.
        ArgumentError: `index` is not below `tree_size`, or they ask for another number of siblings.
    """

    __slots__ = ()

    _kind = _INCLUSION
    _kind_name = "an inclusion proof"

    def __init__(
        self, index: SupportsIndex, tree_size: SupportsIndex, siblings: Rows, rule: RuleName = "rfc9162"
    ) -> None:
        self._encode(rule, tree_size, 0, [index], siblings)

    @classmethod
    def from_bytes(cls, data: BytesLike, *, rule: RuleName = "rfc9162") -> Self:
        """Return the proof that `data` encodes.

        Args:
            data: Bytes-like; every byte counts.
            rule: The rule of the tree whose root will be proven against. It is the verifier's to choose: a proof made
                under another is refused.

        Raises:
            TypeError: `data` is not bytes-like.
            EncodingError: `data` is no encoding of an inclusion proof under `rule`.
        """
        proof = cls.__new__(cls)
        proof._decode(data, rule)
        return proof

    @property
    def index(self) -> int:
        """The leaf's index, as the proof claims."""
        return int(self._indices[0])

    @property
    def tree_size(self) -> int:
        """The number of leaves, as the proof claims."""
        return self._tree_size

    def verify(
        self,
        root: BytesLike,
        leaf: BytesLike | None = None,
        *,
        leaf_hash: BytesLike | None = None,
        tree_size: SupportsIndex | None = None,
    ) -> None:
        """Return if the proof leads from the leaf to the root, else raise (RFC 9162, section 2.1.3.2).

        Args:
            root: 32 bytes.
            leaf: The leaf's data; or else
            leaf_hash: its hash, 32 bytes.
            tree_size: The number of leaves, when it is known from where the root is; a proof that claims another
                fails. Without it index and size are only claims, and under ``chainmaker`` and ``bcos`` so is that it
                is a leaf.

        Raises:
            InvalidProof: The proof does not lead to the root, or claims another size.
            TypeError: An argument has another type, or not exactly one of `leaf` and `leaf_hash` is given.
            ArgumentError: `root` or `leaf_hash` does not have 32 bytes.
        """
        status = verify_many(
            _hash_row(root, "root"),
            [self],
            None if leaf is None else [leaf],
            leaf_hashes=None if leaf_hash is None else _hash_row(leaf_hash, "leaf_hash"),
            tree_size=tree_size,
        )
        if status[0] != OK:
            raise InvalidProof("proof: does not lead from this leaf to this root")

    def __repr__(self) -> str:
        """Tell what is claimed."""
        return f"Proof(index={self.index}, tree_size={self.tree_size}, rule={self.rule!r})"


class ProofBatch:
    """Inclusion proofs in one buffer.

    Args:
        encoded: A `accel.Ragged` of encoded inclusion proofs.
        rule: The rule of the tree whose root they will be proven against.
    """

    __slots__ = ("_encoded", "_rule")

    def __init__(self, encoded: Ragged, *, rule: RuleName = "rfc9162") -> None:
        if not isinstance(encoded, Ragged):
            raise TypeError(f"encoded: expected a Ragged, got {type(encoded).__name__}")
        _rule_code(rule)
        self._encoded = encoded
        self._rule: RuleName = rule

    @property
    def encoded(self) -> Ragged:
        """The encoded proofs (``docs/proofs.md``)."""
        return self._encoded

    @property
    def rule(self) -> RuleName:
        """The rule's name."""
        return self._rule

    def __len__(self) -> int:
        """Return the number of proofs."""
        return len(self._encoded)

    def __getitem__(self, index: int) -> Proof:
        """Return one proof.

        Raises:
            IndexError: There is no such proof.
            EncodingError: Its bytes are no encoding of an inclusion proof under the rule.
        """
        return Proof.from_bytes(self._encoded[index], rule=self._rule)

    def __iter__(self) -> Iterator[Proof]:
        """Iterate over the proofs."""
        return (self[i] for i in range(len(self)))


class MultiProof(_Encoded):
    """A proof that several leaves are in a tree.

    Args:
        indices: Of the leaves, increasing, at least one.
        tree_size: Leaves in the tree, at most 2^63 - 1.
        siblings: (M, 32) uint8 array or list of 32-byte strings: what cannot be computed from the leaves, from the
            leaves up and on each level from left to right.
        rule: The tree's rule.

    Raises:
        TypeError: An argument has another type or dtype.
        ArgumentError: The indices do not increase, do not lie in the tree, or ask for another number of siblings.
    """

    __slots__ = ()

    _kind = _MULTI
    _kind_name = "a multiproof"

    def __init__(self, indices: Indices, tree_size: SupportsIndex, siblings: Rows, rule: RuleName = "rfc9162") -> None:
        self._encode(rule, tree_size, 0, indices, siblings)

    @classmethod
    def from_bytes(cls, data: BytesLike, *, rule: RuleName = "rfc9162") -> Self:
        """Return the proof that `data` encodes; as `Proof.from_bytes`.

        Raises:
            TypeError: `data` is not bytes-like.
            EncodingError: `data` is no encoding of a multiproof under `rule`.
        """
        proof = cls.__new__(cls)
        proof._decode(data, rule)
        return proof

    @property
    def indices(self) -> npt.NDArray[np.uint64]:
        """The leaves' indices, increasing, as the proof claims; a read-only (N,) uint64 array."""
        return self._indices

    @property
    def tree_size(self) -> int:
        """The number of leaves, as the proof claims."""
        return self._tree_size

    def verify(
        self,
        root: BytesLike,
        leaves: Messages | None = None,
        *,
        leaf_hashes: Rows | None = None,
        tree_size: SupportsIndex | None = None,
    ) -> None:
        """Return if the proof leads from the leaves to the root, else raise.

        Args:
            root: 32 bytes.
            leaves: The leaves' data, one for each of `indices` in their order; or else
            leaf_hashes: their hashes: an (N, 32) uint8 array or a list of 32-byte strings.
            tree_size: The number of leaves, when it is known; see `Proof.verify`.

        Raises:
            InvalidProof: The proof does not lead to the root, is for another number of leaves, or claims another size.
            TypeError: An argument has another type, or not exactly one of `leaves` and `leaf_hashes` is given.
            ArgumentError: An argument has another shape.
        """
        code = _rule_code(self._rule)
        hashes = _hashes_of(leaves, leaf_hashes, self._rule)
        size = _known_size(tree_size, "tree_size")
        if _native.merkle_verify_multiproof(code, _hash_row(root, "root")[0], size, hashes, self._encoded) != OK:
            raise InvalidProof("proof: does not lead from these leaves to this root")

    def __repr__(self) -> str:
        """Tell what is claimed."""
        return f"MultiProof({self._indices.size} leaves, tree_size={self._tree_size}, rule={self._rule!r})"


class ConsistencyProof(_Encoded):
    """A proof that one ``rfc9162`` tree is a beginning of another (RFC 9162, section 2.1.4).

    Args:
        first_size: Leaves of the earlier tree.
        second_size: Leaves of the later tree.
        siblings: (M, 32) uint8 array or list of 32-byte strings, in the order of RFC 9162.

    Raises:
        TypeError: An argument has another type or dtype.
        ArgumentError: The sizes are out of range, or ask for another number of hashes.
    """

    __slots__ = ()

    _kind = _CONSISTENCY
    _kind_name = "a consistency proof"

    def __init__(self, first_size: SupportsIndex, second_size: SupportsIndex, siblings: Rows) -> None:
        self._encode("rfc9162", second_size, first_size, [], siblings)

    @classmethod
    def from_bytes(cls, data: BytesLike) -> Self:
        """Return the proof that `data` encodes.

        Raises:
            TypeError: `data` is not bytes-like.
            EncodingError: `data` is no encoding of a consistency proof.
        """
        proof = cls.__new__(cls)
        proof._decode(data, "rfc9162")
        return proof

    @property
    def first_size(self) -> int:
        """Leaves of the earlier tree, as the proof claims."""
        return self._first_size

    @property
    def second_size(self) -> int:
        """Leaves of the later tree, as the proof claims."""
        return self._tree_size

    def verify(
        self,
        first_root: BytesLike,
        second_root: BytesLike,
        *,
        first_size: SupportsIndex | None = None,
        second_size: SupportsIndex | None = None,
    ) -> None:
        """Return if the proof leads to both roots, else raise (RFC 9162, section 2.1.4.2).

        Args:
            first_root: Root of the earlier tree, 32 bytes.
            second_root: Root of the later tree, 32 bytes.
            first_size: The earlier tree's leaves, when they are known; a proof that claims another number fails.
            second_size: Likewise for the later tree.

        Raises:
            InvalidProof: The proof does not lead to both roots, or claims another size.
            TypeError: An argument has another type.
            ArgumentError: A root does not have 32 bytes.
        """
        first = _hash_row(first_root, "first_root")[0], _known_size(first_size, "first_size")
        second = _hash_row(second_root, "second_root")[0], _known_size(second_size, "second_size")
        if _native.merkle_verify_consistency(*first, *second, self._encoded) != OK:
            raise InvalidProof("proof: does not lead to these two roots")

    def __repr__(self) -> str:
        """Tell what is claimed."""
        return f"ConsistencyProof(first_size={self.first_size}, second_size={self.second_size})"


def verify_many(
    root: BytesLike,
    proofs: ProofBatch | Sequence[Proof] | Messages,
    leaves: Messages | None = None,
    *,
    leaf_hashes: Rows | None = None,
    rule: RuleName | None = None,
    tree_size: SupportsIndex | Indices | None = None,
    out: ByteArray | None = None,
) -> npt.NDArray[np.uint8]:
    """Verify N inclusion proofs and return N statuses: an (N,) uint8 array of `OK` and `BAD_PROOF`.

    Args:
        root: 32 bytes for all, or an (N, 32) uint8 array.
        proofs: A `ProofBatch`, a sequence of `Proof`, or encoded proofs in any form that `accel.batch` takes; among
            these, one that does not decode is `BAD_PROOF`.
        leaves: The leaves' data, one for each proof; or else
        leaf_hashes: their hashes: an (N, 32) uint8 array or a list of 32-byte strings.
        rule: The rule of the tree; a proof under another is `BAD_PROOF`. Default: that of the `ProofBatch` or of the
            `Proof` objects, which their maker chose; ``rfc9162`` for encoded proofs.
        tree_size: The number of leaves when it is known, or N numbers; a proof that claims another is `BAD_PROOF`. See
            `Proof.verify`.
        out: None, or a writable C-contiguous (N,) uint8 array that shares no memory with the inputs.

    Raises:
        TypeError: An argument has another type or dtype, or not exactly one of `leaves` and `leaf_hashes` is given.
        ArgumentError: An argument has another shape or stride, numbers of items that differ, `Proof` objects under
            several rules without a `rule`, or there is no such rule.
    """
    encoded, rule = _encoded_proofs(proofs, rule)
    code = _rule_code(rule)
    hashes = _hashes_of(leaves, leaf_hashes, rule)
    roots = root if isinstance(root, np.ndarray) and root.ndim != 1 else _hash_row(root, "root")
    roots = as_rows(roots, _HASH_SIZE, "root")
    sizes = None
    if tree_size is not None:
        several = isinstance(tree_size, Sequence) or (isinstance(tree_size, np.ndarray) and tree_size.ndim > 0)
        sizes = _indices(tree_size if several else [tree_size], "tree_size")
    status = as_output(out, (len(encoded),), "out", encoded, hashes, roots)
    _native.merkle_verify_many(status, code, roots, sizes, hashes, encoded)
    return status


def _encoded_proofs(
    proofs: ProofBatch | Sequence[Proof] | Messages, rule: RuleName | None
) -> tuple[_native.Messages, RuleName]:
    if isinstance(proofs, ProofBatch):
        return as_messages(proofs.encoded, "proofs"), rule or proofs.rule
    if isinstance(proofs, list | tuple) and proofs and all(isinstance(proof, Proof) for proof in proofs):
        rules = sorted({proof.rule for proof in proofs})
        if rule is None and len(rules) > 1:
            raise ArgumentError(f"proofs: expected proofs under one rule, got {', '.join(rules)}")
        return as_messages([proof.to_bytes() for proof in proofs], "proofs"), rule or rules[0]
    return as_messages(proofs, "proofs"), rule or "rfc9162"


def _hashes_of(leaves: Messages | None, hashes: Rows | None, rule: RuleName) -> ByteArray:
    if (leaves is None) == (hashes is None):
        raise TypeError("leaves, leaf_hashes: expected exactly one of the two")
    return leaf_hashes(leaves, rule) if hashes is None else as_rows(hashes, _HASH_SIZE, "leaf_hashes")


def _rule_code(rule: object) -> int:
    if not isinstance(rule, str):
        raise TypeError(f"rule: expected one of {', '.join(RULES)}, got {type(rule).__name__}")
    return _native.merkle_rule_from_name(rule)


def _bytes_of(value: Any, name: str) -> bytes:
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError(f"{name}: expected a bytes-like object, got {type(value).__name__}") from None


def _hash_row(value: BytesLike, name: str) -> ByteArray:
    return as_rows([value], _HASH_SIZE, name)


def _integer(value: SupportsIndex, name: str, most: int = _MAX_INDEX) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {type(value).__name__}") from None
    if not 0 <= number <= most:
        raise ArgumentError(f"{name}: expected 0 to {most}, got {number}")
    return number


def _known_size(value: SupportsIndex | None, name: str) -> int:
    return _native.MERKLE_ANY_SIZE if value is None else _integer(value, name, _MAX_SIZE)


def _indices(value: object, name: str = "indices") -> npt.NDArray[np.uint64]:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "iu":
            raise TypeError(f"{name}: expected an integer array of shape (N,), got {value.dtype} {value.shape}")
        if value.ndim != 1:
            raise ArgumentError(f"{name}: expected an integer array of shape (N,), got {value.dtype} {value.shape}")
        if value.dtype.kind == "i" and value.size and (least := int(value.min())) < 0:
            raise ArgumentError(f"{name}: expected 0 or more, got {least}")
        return np.ascontiguousarray(value, np.uint64)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        return np.array([_integer(item, f"{name}[{i}]") for i, item in enumerate(value)], np.uint64)
    raise TypeError(f"{name}: expected a sequence of integers or an integer array, got {type(value).__name__}")
