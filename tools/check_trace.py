"""Follow what avx512ifma does with secrets, instruction by instruction, and compare runs with different secrets.

    tools/check_trace.py build/trace/csrc/tests/trace_sm2

valgrind knows no AVX-512, so memcheck sees that kernel only over emulated vectors. Here the real instructions run, one
step at a time (ptrace): every run must take the same instructions in the same order and read and write the same
addresses, whatever the secrets are, and none of them may gather, scatter or divide, whose time depends on operands.
Two programs that leak on purpose must be caught, or the instrument is blind and the check fails. Skipped, with a line
that says so, where the CPU lacks AVX-512 IFMA or the system forbids ptrace.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
from array import array
from dataclasses import dataclass, field
from pathlib import Path

PTRACE_TRACEME, PTRACE_POKETEXT, PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS = 0, 4, 7, 9, 12, 13
PTRACE_PEEKTEXT = 1
ADDR_NO_RANDOMIZE = 0x0040000
INT3 = 0xCC
CANNOT_RUN = 77  # the exit status of trace_sm2 on a CPU without the kernel

SEEDS = (0, 1)
# Two groups of lanes; so few items that scalar code takes them; one group; keys that share an inversion.
RUNS = (("sign", 11), ("sign", 1), ("public_keys", 3), ("derive_sign_keys", 2))
CONTROLS = ("leak_branch", "leak_address")

NAMES = [
    "r15",
    "r14",
    "r13",
    "r12",
    "rbp",
    "rbx",
    "r11",
    "r10",
    "r9",
    "r8",
    "rax",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "orig_rax",
    "rip",
    "cs",
    "eflags",
    "rsp",
    "ss",
]
FORBIDDEN = re.compile(r"v?p?(gather|scatter)|i?div")
INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\t(.+)")
FUNCTION = re.compile(r"([0-9a-f]+) <(.+)>:$")
MEMORY = re.compile(r"(-?0x[0-9a-f]+)?\((%\w+)?(?:,(%\w+),([1248]))?\)")
NO_ACCESS = ("lea", "nop", "prefetch", "data16", "cs nop")

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    """user_regs_struct of x86-64."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in [*NAMES, "fs_base", "gs_base", "ds", "es", "fs", "gs"]]


class TracingError(Exception):
    """The system does not let us trace."""


@dataclass
class Operand:
    """A memory operand: displacement, and the indices of its registers in `Registers`."""

    displacement: int
    base: int | None
    index: int | None
    scale: int

    def address(self, registers: memoryview) -> int:
        """Where it points."""
        address = self.displacement
        if self.base is not None:
            address += registers[self.base]
        if self.index is not None:
            address += registers[self.index] * self.scale
        return address & (2**64 - 1)


@dataclass
class Program:
    """The disassembly of an executable, by address in the file."""

    path: Path
    text: dict[int, str] = field(default_factory=dict)
    operands: dict[int, Operand] = field(default_factory=dict)
    functions: dict[int, str] = field(default_factory=dict)  # of each instruction

    @classmethod
    def read(cls, path: Path) -> Program:
        """Disassemble `path`."""
        program = cls(path)
        listing = subprocess.run(
            ["objdump", "-d", "-C", "--no-show-raw-insn", str(path)], check=True, capture_output=True, text=True
        ).stdout
        function = ""
        for line in listing.splitlines():
            if found := FUNCTION.match(line):
                function = found[2]
            elif found := INSTRUCTION.match(line):
                program._add(int(found[1], 16), found[2].split("#")[0].strip(), function)
        return program

    def _add(self, address: int, text: str, function: str) -> None:
        self.text[address] = text
        self.functions[address] = function
        found = MEMORY.search(text)
        if found is None or text.startswith(NO_ACCESS) or found[2] == "%rip":
            return
        base, index = (NAMES.index(name[1:]) if name and name[1:] in NAMES else None for name in (found[2], found[3]))
        self.operands[address] = Operand(int(found[1] or "0", 16), base, index, int(found[4] or "1"))

    def address_of(self, symbol: str) -> int:
        """Where a function starts."""
        return next(address for address, name in self.functions.items() if name == symbol)


@dataclass
class Trace:
    """What a run did: addresses of instructions, and for each the address of its operand, or 0."""

    instructions: array[int]
    accesses: array[int]
    base: int  # where the executable was loaded


def _ptrace(request: int, pid: int, address: int = 0, data: object = None) -> int:
    ctypes.set_errno(0)
    result = int(libc.ptrace(request, pid, address, data))
    if result == -1 and ctypes.get_errno() != 0:
        raise TracingError(os.strerror(ctypes.get_errno()))
    return result


def _start(command: list[str]) -> int:
    """Start `command`, stopped at its first instruction, with the same addresses every time."""
    pid = os.fork()
    if pid == 0:
        libc.personality(ADDR_NO_RANDOMIZE)
        if libc.ptrace(PTRACE_TRACEME, 0, None, None) == -1:
            os._exit(CANNOT_RUN + 1)
        os.execve(command[0], command, {})
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        raise TracingError("ptrace is not permitted")
    return pid


def _load_address(pid: int, path: Path) -> int:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith(str(path)):
            return int(line.split("-")[0], 16)
    raise RuntimeError(f"{path} is not mapped")


def _run_to(pid: int, address: int, registers: Registers) -> bool:
    """Let the program run until it gets to `address`; False when it cannot run the kernel."""
    word = _ptrace(PTRACE_PEEKTEXT, pid, address)
    _ptrace(PTRACE_POKETEXT, pid, address, (word & ~0xFF) | INT3)
    _ptrace(PTRACE_CONT, pid)
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        if os.WEXITSTATUS(status) == CANNOT_RUN:
            return False
        raise RuntimeError(f"trace_sm2 ended with status {os.WEXITSTATUS(status)}")
    _ptrace(PTRACE_POKETEXT, pid, address, word)
    _ptrace(PTRACE_GETREGS, pid, 0, ctypes.byref(registers))
    if registers.rip != address + 1:
        raise RuntimeError(f"trace_sm2 stopped at {registers.rip:x}")
    registers.rip = address
    _ptrace(PTRACE_SETREGS, pid, 0, ctypes.byref(registers))
    return True


def follow(program: Program, what: str, seed: int, count: int) -> Trace | None:
    """Run trace_sm2 and return what it did between its marks; None when this CPU cannot run the kernel."""
    pid = _start([str(program.path), what, str(seed), str(count)])
    try:
        registers = Registers()
        values = memoryview(registers).cast("B").cast("Q")
        base = _load_address(pid, program.path)
        mark = base + program.address_of("trace_mark")
        if not _run_to(pid, mark, registers):
            return None
        trace = Trace(array("Q"), array("Q"), base)
        step, get, pointer = PTRACE_SINGLESTEP, PTRACE_GETREGS, ctypes.byref(registers)
        rip, operands, ptrace, waitpid = NAMES.index("rip"), program.operands, libc.ptrace, os.waitpid
        while True:
            ptrace(step, pid, None, None)
            _, status = waitpid(pid, 0)
            if not os.WIFSTOPPED(status) or os.WSTOPSIG(status) != signal.SIGTRAP:
                raise RuntimeError(f"{what}: stopped with status {status:#x}")
            ptrace(get, pid, None, pointer)
            at = values[rip]
            if at == mark:
                return trace
            operand = operands.get(at - base)
            trace.instructions.append(at)
            trace.accesses.append(operand.address(values) if operand is not None else 0)
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended


def difference(program: Program, a: Trace, b: Trace) -> str | None:
    """Say where two traces part; None when they are the same."""
    for values_a, values_b, what in (
        (a.instructions, b.instructions, "another way is taken after"),
        (a.accesses, b.accesses, "another address is used by"),
    ):
        if values_a == values_b:
            continue
        pairs = zip(values_a, values_b, strict=False)
        i = next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(values_a), len(values_b)))
        at = a.instructions[i - 1 if values_a is a.instructions else i] - a.base
        where = f"{program.functions.get(at, 'a library')}: {program.text.get(at, '')}"
        return f"step {i}: {what} {at:x} in {where}"
    return None


def check(program: Program, what: str, count: int) -> tuple[str | None, int] | None:
    """Compare runs over all seeds: what is wrong, and the number of steps. None when the kernel cannot run."""
    first: Trace | None = None
    for seed in SEEDS:
        trace = follow(program, what, seed, count)
        if trace is None:
            return None
        if first is None:
            first = trace
        elif problem := difference(program, first, trace):
            return f"seeds {SEEDS[0]} and {seed}, {problem}", len(trace.instructions)
    assert first is not None
    for at in {instruction - first.base for instruction in first.instructions}:
        if FORBIDDEN.match(program.text.get(at, "")):
            return f"{program.functions[at]} runs {program.text[at]}", len(first.instructions)
    return None, len(first.instructions)


def main() -> int:
    """Run the check."""
    program = Program.read(Path(sys.argv[1]).resolve())
    failed = 0
    try:
        for what in CONTROLS:
            result = check(program, what, 1)
            if result is None:
                print("check_trace: SKIPPED: this CPU has no AVX-512 IFMA")
                return 0
            if result[0] is None:
                failed += 1
            print(f"{what}: {f'its leak was seen, as it must be ({result[0]})' if result[0] else 'NOT SEEN'}")
        for what, count in RUNS:
            problem, steps = check(program, what, count) or (None, 0)
            failed += problem is not None
            outcome = problem or f"the same {steps:,} steps and addresses for {len(SEEDS)} sets of secrets"
            print(f"{what}, {count} items: {outcome}", flush=True)
    except TracingError as error:
        print(f"check_trace: SKIPPED: this system does not allow ptrace: {error}")
        return 0
    print(f"check_trace: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
