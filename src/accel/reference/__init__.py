"""SM3, SM2 and the Merkle rules in plain Python integers: the oracle of every test.

Written to be read beside the standards. Nothing here is fast, constant-time or meant for secrets in production, and
nothing here calls the native library, so a fault there cannot hide here.
"""
