"""Fixtures for all tests.

`kernel`: a test that takes it, marked `@pytest.mark.op("sm2.verify")`, runs once for every kernel of that operation
which this CPU can run, with that kernel forced, and fails unless `accel.kernel_items` shows that this kernel computed
something and that no other kernel of the operation did.

Every run of pytest includes the tests marked `long` unless `-m "not long"` leaves them out, as `make test` does.
`HYPOTHESIS_PROFILE` is `ci` (the default) or `long`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import pytest

import accel
import needs
from accel import config as accel_config
from needs import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks
from oracles import openssl, samples

CERTIFICATES = "certs"  # directory of the test data

hypothesis.settings.register_profile(
    "ci",
    max_examples=50,
    deadline=None,  # the first example waits for tables and self-tests
    derandomize=True,  # a failure in CI has to fail again on a desk
    # The kernel fixture is set up once for all examples of a test, which is what is wanted.
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("ci"), max_examples=5000, derandomize=False, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@dataclass
class ForcedKernel:
    """A kernel in force, and what the kernels of its operation have computed since it is."""

    op: str
    name: str
    _before: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remember where the counters stand."""
        self._before = {name: accel.kernel_items(self.op, name) for name in accel.available_kernels(self.op)}

    def items(self) -> int:
        """How many items this kernel has computed since it was forced."""
        return accel.kernel_items(self.op, self.name) - self._before[self.name]

    def others(self) -> dict[str, int]:
        """The other kernels of the operation that computed anything meanwhile, and how much."""
        grown = {name: accel.kernel_items(self.op, name) - count for name, count in self._before.items()}
        return {name: count for name, count in grown.items() if count and name != self.name}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "op(name): the operation whose kernels the fixture `kernel` goes through")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kernel" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("op")
    if marker is None:
        raise pytest.UsageError(f"{metafunc.definition.nodeid} takes `kernel` and has no @pytest.mark.op(...)")
    (op,) = marker.args
    names = accel.available_kernels(op)
    metafunc.parametrize("kernel", [(op, name) for name in names], ids=names, indirect=True)


@contextmanager
def forced(op: str, name: str) -> Iterator[ForcedKernel]:
    """Force a kernel, and hold it to the module's promise: it computed something, and no other kernel did."""
    accel.set_kernels(f"{op.partition('.')[0]}={name}")
    try:
        assert accel.active_kernel(op) == name
        forced_kernel = ForcedKernel(op, name)
        yield forced_kernel
        assert forced_kernel.items() > 0, f"{name} was forced for {op} but computed nothing"
        assert not forced_kernel.others(), f"{name} was forced for {op} but others computed: {forced_kernel.others()}"
    finally:
        accel.set_kernels(os.environ.get("ACCEL_KERNEL"))


@pytest.fixture
def kernel(request: pytest.FixtureRequest) -> Iterator[ForcedKernel]:
    """The forced kernel; see the module's docstring."""
    op, name = request.param
    with forced(op, name) as forced_kernel:
        yield forced_kernel


@pytest.fixture(params=["sm2.verify"])
def each_kernel(request: pytest.FixtureRequest) -> Callable[[], Iterator[ForcedKernel]]:
    """Goes through the kernels of an operation inside one test, where making the input takes longer than judging it."""

    def kernels() -> Iterator[ForcedKernel]:
        for name in accel.available_kernels(request.param):
            with forced(request.param, name) as forced_kernel:
                yield forced_kernel

    return kernels


@pytest.fixture(scope="session")
def signed() -> list[samples.Sample]:
    """10,000 signatures by OpenSSL with 10,000 keys: under the default ID, under others, without ZA."""
    ids: dict[bytes | None, int] = {
        accel.sm2.DEFAULT_ID: 8000,
        b"": 500,
        b"A": 500,
        b"x" * openssl.MAX_ID_LENGTH: 500,
        None: 500,
    }
    return [samples.sign(seed, count, count, user_id) for seed, (user_id, count) in enumerate(ids.items())]


@pytest.fixture(scope="session")
def signed_by_members() -> samples.Sample:
    """10,000 signatures by OpenSSL with 64 keys, under the default ID."""
    return samples.sign(100, 10_000, 64, accel.sm2.DEFAULT_ID)


@pytest.fixture(scope="session")
def damaged(signed: list[samples.Sample]) -> list[samples.Sample]:
    """`signed` with a known change to each item."""
    return [samples.damage(sample, 200 + i, keys=True) for i, sample in enumerate(signed)]


@pytest.fixture(scope="session")
def damaged_by_members(signed_by_members: samples.Sample) -> samples.Sample:
    """`signed_by_members` with a known change to each item but its key."""
    return samples.damage(signed_by_members, 300, keys=False)


@pytest.fixture(scope="session")
def certificates_directory() -> Path:
    """Real SM2 certificates with a manifest: `certs` in ACCEL_TEST_DATA, or in ../shared/data beside the repository."""
    root = Path(__file__).parent.parent
    data = os.environ.get("ACCEL_TEST_DATA")
    directory = (Path(data) if data else root.parent / "shared" / "data") / CERTIFICATES
    if not (directory / "manifest.json").is_file():
        needs.lacking(f"no certificates at {directory}: set ACCEL_TEST_DATA to the directory that holds `certs`")
    return directory


@pytest.fixture(scope="session")
def example_driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`examples/driver`, built against the installed accel as its page says."""
    source, build = Path(__file__).parent.parent / "examples" / "driver", tmp_path_factory.mktemp("driver")
    for command in (
        ["cmake", "-S", source, "-B", build, f"-Daccel_DIR={accel_config.cmake_dir()}",
         "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=-Werror"],
        ["cmake", "--build", build],
    ):  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return build / "example_driver.so"
