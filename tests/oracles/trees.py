"""Merkle trees by the plain reference, with OpenSSL's SM3 for speed."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from accel.reference import merkle as reference
from oracles import openssl

RULE_NAMES = tuple(reference.RULES)
LEAVES = [b"leaf %d" % i for i in range(400)]


@functools.cache
def leaf_hashes(rule_name: str) -> list[bytes]:
    """The hashes of `LEAVES`."""
    return [reference.leaf_hash(leaf, reference.RULES[rule_name], openssl.sm3) for leaf in LEAVES]


@dataclass(frozen=True)
class OracleTree:
    """A tree over the first `size` of `LEAVES`."""

    rule: reference.Rule
    size: int

    @functools.cached_property
    def hashes(self) -> list[bytes]:
        """The leaf hashes."""
        return leaf_hashes(self.rule.name)[: self.size]

    @functools.cached_property
    def levels(self) -> list[list[bytes]]:
        """All levels, leaves first."""
        return reference.levels_of(self.hashes, self.rule, openssl.sm3)

    @property
    def root(self) -> bytes:
        """The root."""
        return self.levels[-1][0] if self.size else reference.empty_root(self.rule, openssl.sm3)

    def prove(self, index: int) -> bytes:
        """The encoded inclusion proof of one leaf."""
        nodes = [self.levels[level][position] for level, position in reference.sibling_positions(self.size, index)]
        return self._encode(reference.INCLUSION, 0, (index,), nodes)

    def multiproof(self, indices: Sequence[int]) -> bytes:
        """The encoded multiproof of several leaves, given in increasing order."""
        positions = reference.multiproof_positions(self.size, indices)
        nodes = [self.levels[level][position] for level, position in positions]
        return self._encode(reference.MULTI, 0, tuple(indices), nodes)

    def consistency(self, first_size: int) -> bytes:
        """The encoded proof that the tree over the first leaves is a beginning of this one."""
        nodes = reference.consistency_proof(self.hashes, first_size, openssl.sm3)
        return self._encode(reference.CONSISTENCY, first_size, (), nodes)

    def _encode(self, kind: int, first: int, indices: tuple[int, ...], nodes: Sequence[bytes]) -> bytes:
        return reference.encode(reference.EncodedProof(kind, self.rule, self.size, first, indices, tuple(nodes)))


@functools.cache
def tree(rule_name: str, size: int) -> OracleTree:
    """The tree over the first `size` of `LEAVES`."""
    return OracleTree(reference.RULES[rule_name], size)
