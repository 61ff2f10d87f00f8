"""``accel/driver.h`` for cffi: read from the installed header, so that there is one text of the contract."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

try:
    import cffi
except ImportError as error:
    raise ImportError("accel.driver needs cffi: pip install 'chainaccel[drivers]'") from error

from accel import _native, config

# The functions of accel.h by which drivers are found and added; a test has a C compiler compare them with the header.
_LIBRARY = """
typedef struct accel_driver_handle accel_driver_handle;
int accel_driver_find(accel_driver_handle** handle_out, const accel_driver** driver_out, const char** options_out,
                      const char* device);
void accel_driver_free(accel_driver_handle* handle);
int accel_driver_add(const char* name, const accel_driver* driver);
int accel_driver_remove(const char* name);
int accel_driver_names(char* names_out, uint64_t capacity, uint64_t* length_out);
const char* accel_driver_faults(void);
const char* accel_last_error(void);
"""
_OK = 1  # ACCEL_OK
_BAD_DEVICE = 19  # ACCEL_BAD_DEVICE


def definitions() -> str:
    """What cffi takes for ``accel/driver.h``: its types and constants, with the log levels of ``accel.h``, bare."""
    headers = [(config.include_dir() / "accel" / name).read_text(encoding="utf-8") for name in ("driver.h", "accel.h")]
    code, library = (re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL) for header in headers)
    levels = re.search(r"^typedef enum accel_log_level \{.*?;$", library, flags=re.MULTILINE | re.DOTALL)
    assert levels, "accel/accel.h does not define accel_log_level"
    sizes = dict(re.findall(r"^#define (ACCEL_DEVICE_NAME_SIZE) (\d+)u$", code, flags=re.MULTILINE))
    code = re.sub(r'^(#.*|extern "C" \{|\})$', "", code, flags=re.MULTILINE)
    code = re.sub(r"^__attribute__.*?;$", "", code, flags=re.MULTILINE | re.DOTALL)
    for name, size in sizes.items():
        code = code.replace(name, size)
    return levels[0] + re.sub(r"\b(\d+)u\b", r"\1", code) + _LIBRARY


def abi_version() -> int:
    """``ACCEL_DRIVER_ABI_VERSION`` of the installed header."""
    header = (config.include_dir() / "accel/driver.h").read_text(encoding="utf-8")
    found = re.search(r"^#define ACCEL_DRIVER_ABI_VERSION (\d+)u$", header, flags=re.MULTILINE)
    assert found, "accel/driver.h does not define ACCEL_DRIVER_ABI_VERSION"
    return int(found[1])


@cache
def load() -> tuple[Any, Any]:
    """``(ffi, library)``: cffi's types of the contract, and libaccel's functions and the contract's constants."""
    ffi = cffi.FFI()
    ffi.cdef(definitions())
    return ffi, ffi.dlopen(_native.library_path())
