"""The main job, shown: certificates made by OpenSSL, a block verified, every verdict known before and cross-checked.

The command `accel demo` runs it and prints what it finds. Needs the extra `cli` and the OpenSSL command line.
"""
