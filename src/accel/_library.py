"""The native library: loaded here, before anything else, and refused if it is not this package's own."""

from __future__ import annotations

from accel.errors import LibraryError

_HINT = "does LD_LIBRARY_PATH or LD_PRELOAD lead to another libaccel.so, or did an installation end halfway?"

try:
    from accel import _native
except ImportError as error:
    raise LibraryError(f"libaccel does not load: {error}; {_HINT}") from error


def version() -> str:
    """Return the version of libaccel, which is the package's.

    Raises:
        LibraryError: The library that was loaded has another version or another ABI.
    """
    wanted_abi, wanted = _native.built_for()
    abi, found = _native.abi_version(), _native.version()
    if (abi, found) != (wanted_abi, wanted):
        raise LibraryError(
            f"libaccel: expected version {wanted} (ABI {wanted_abi}), which came with this package, "
            f"got version {found} (ABI {abi}) from {_native.library_path()}; {_HINT}"
        )
    return found
