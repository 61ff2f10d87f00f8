"""A certificate authority and its members, made with the OpenSSL command line, and OpenSSL's verdicts on them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from accel._libcrypto import DEFAULT_ID, OpenSSLMissingError
from accel.errors import AccelError

_DISTID = f"distid:{DEFAULT_ID.decode()}"
_TIMEOUT_SECONDS = 60  # for one command; each takes milliseconds

# A configuration of its own, so that the machine's does not matter.
_CONFIG = """\
[req]
distinguished_name = name
x509_extensions = authority
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[member]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""

Progress = Callable[[int, int], None]


class OpenSSLFailedError(AccelError):
    """The OpenSSL command line refused a command."""


@dataclass(frozen=True)
class Authority:
    """Files of an authority and its members.

    Attributes:
        certificate: the authority's own certificate (PEM).
        members: the members' certificates (PEM).
        member_keys: their private keys (PEM), in the same order.
    """

    certificate: Path
    members: list[Path]
    member_keys: list[Path]


def make(directory: Path, members: int, progress: Progress | None = None) -> Authority:
    """Make an SM2 authority and `members` certificates signed by it, in `directory`.

    Raises:
        OpenSSLMissingError: there is no `openssl` command.
        OpenSSLFailedError: it refused.
    """
    config = directory / "openssl.cnf"
    config.write_text(_CONFIG)
    key, certificate = directory / "authority.key", directory / "authority.pem"
    new_key = ("ecparam", "-name", "SM2", "-genkey", "-noout", "-out")
    request_of: tuple[str | Path, ...] = ("req", "-new", "-config", config, "-sm3", "-sigopt", _DISTID)
    _openssl(*new_key, key)
    _openssl(*request_of, "-x509", "-key", key, "-days", "30", *_name("Root"), "-out", certificate)
    issue: tuple[str | Path, ...] = ("-CA", certificate, "-CAkey", key, "-sm3", "-sigopt", _DISTID, "-days", "30")
    issue += ("-extfile", config, "-extensions", "member")
    authority = Authority(certificate, [], [])
    for number in range(1, members + 1):
        member = directory / f"member-{number}.pem"
        member_key, request = member.with_suffix(".key"), member.with_suffix(".csr")
        _openssl(*new_key, member_key)
        _openssl(*request_of, "-key", member_key, *_name(f"Member {number}"), "-out", request)
        _openssl("x509", "-req", "-in", request, "-vfyopt", _DISTID, *issue, "-set_serial", str(number), "-out", member)
        authority.members.append(member)
        authority.member_keys.append(member_key)
        if progress is not None:
            progress(number, members)
    return authority


def accepted(authority: Authority, certificates: list[Path]) -> list[bool]:
    """Which certificates `openssl verify` accepts under the authority."""
    command: tuple[str | Path, ...] = ("verify", "-vfyopt", _DISTID, "-CAfile", authority.certificate, *certificates)
    output = _run(command).stdout.splitlines()
    return [f"{certificate}: OK" in output for certificate in certificates]


def _name(common_name: str) -> tuple[str, str]:
    return "-subj", f"/C=CN/O=Demonstration Alliance/CN={common_name}"


def _openssl(*arguments: str | Path) -> None:
    done = _run(arguments)
    if done.returncode != 0:
        raise OpenSSLFailedError(f"openssl {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


def _run(arguments: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
    program = shutil.which("openssl")
    if program is None:
        raise OpenSSLMissingError("the openssl command was not found: install it with `apt-get install openssl`")
    try:
        return subprocess.run(
            [program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise OpenSSLFailedError(f"openssl {arguments[0]} took longer than {_TIMEOUT_SECONDS} s") from None
