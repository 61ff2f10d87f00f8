"""Says beside whom accel was measured, and who was missing: python bench/summary.py PATH_OF_ACCEL_BENCH."""

from __future__ import annotations

import json
import subprocess
import sys

from accel.bench import peers


def native_peers(program: str) -> tuple[list[str], list[str]]:
    """The peers that the native runner was built with, and its notes about those that it was not."""
    command = [program, "--json", "--quick", "--rounds", "1", "--only", "sm3.hash 64 B"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    return report["peers"], report["notes"]


def main() -> None:
    """Print what was found and what was not."""
    found, notes = native_peers(sys.argv[1])
    print("Peers found, their answers checked before they were timed")
    for version in found:
        print(f"  {version}: from C++, in accel_bench")
    for peer in peers.find():
        print(f"  {peer.name} {peer.version}: {peer.how}")
    missing = [*notes, *(f"{peer.name}: {peer.reason}" for peer in peers.missing())]
    print("Peers missing" if missing else "None is missing")
    for sentence in missing:
        print(f"  {sentence}")


if __name__ == "__main__":
    main()
