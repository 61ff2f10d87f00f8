"""Block archives: signed transactions in a Parquet file, made and verified in one streaming pass.

A block has one row per transaction, in the order in which the Merkle tree takes them:

===============  =====================  =============================================================================
column           type                   content
===============  =====================  =============================================================================
``public_key``   fixed_size_binary[64]  the signer's public key x || y, big-endian
``signature``    fixed_size_binary[64]  the raw signature r || s, big-endian (never DER)
``message``      binary                 the transaction: what was signed (ID ``1234567812345678``) and is hashed
``key_index``    uint32, may be absent  the signer's number in the maker's list; verification never reads it
===============  =====================  =============================================================================

Keys, signatures and messages may also be binary, large_binary or fixed_size_binary of another width; whatever the type,
each key and each signature has 64 bytes. A key index could only repeat what the key says, and a wrong one must not
change a verdict: verification goes by ``public_key`` alone.

The Merkle root is over the messages in row order, rule ``rfc9162``.

A raw block (`RawBlock`) is the same as a directory of flat arrays, for programs without a Parquet library;
docs/raw-blocks.md describes it.

Needs the extra ``cli`` (pyarrow).
"""

from __future__ import annotations

try:
    import pyarrow  # noqa: F401
except ImportError as error:
    raise ImportError("accel.ledger needs pyarrow: pip install 'chainaccel[cli]'") from error

from accel.ledger.damage import DAMAGES, Damage, DamagedRow
from accel.ledger.layout import MERKLE_RULE, Block, BlockError
from accel.ledger.raw import RawBlock
from accel.ledger.signers import KnownSigners
from accel.ledger.verifier import BadRow, BlockReport, verify_block
from accel.ledger.writer import MadeBlock, Signers, make_block

__all__ = [
    "DAMAGES",
    "MERKLE_RULE",
    "BadRow",
    "Block",
    "BlockError",
    "BlockReport",
    "Damage",
    "DamagedRow",
    "KnownSigners",
    "MadeBlock",
    "RawBlock",
    "Signers",
    "make_block",
    "verify_block",
]
