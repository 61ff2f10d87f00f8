"""Does an installed accel work? Published vectors through each module, on every kernel that this CPU has."""

import os
from importlib import metadata, resources

import numpy as np

import accel
from accel import merkle, sm2, sm3

# GB/T 32905-2016, annex A, example 1
ABC = bytes.fromhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
# GB/T 32918.5-2017, annex A: public key, message, signature under the default ID
KEY = bytes.fromhex(
    "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
MESSAGE = b"message digest"
SIGNATURE = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


def rows(*items: bytes) -> np.ndarray:
    """An (N, width) array."""
    return np.frombuffer(b"".join(items), np.uint8).reshape(len(items), -1)


def check_kernel(kernel: str) -> None:
    """Digest, verdicts of a good and of a damaged signature, a signature of our own."""
    accel.set_kernels(f"sm2={kernel}")
    damaged = SIGNATURE[:-1] + bytes([SIGNATURE[-1] ^ 1])
    status = sm2.verify_many(rows(KEY, KEY), rows(SIGNATURE, damaged), [MESSAGE, MESSAGE])
    assert status.tolist() == [sm2.OK, sm2.BAD_SIGNATURE], status
    key = sm2.PrivateKey.generate()
    key.public_key.verify(key.sign(MESSAGE), MESSAGE)
    assert accel.active_kernel("sm2.verify") == kernel
    assert accel.kernel_items("sm2.verify", kernel) >= 2


def main() -> None:
    """Fail loudly, or print what was tried."""
    accel.selftest()
    assert sm3.digest(b"abc") == ABC
    assert sm3.hash_many([b"abc", b"abc"]).tobytes() == ABC + ABC
    assert merkle.Tree([b"abc"]).root == sm3.digest(b"\x00abc")
    kernels = accel.available_kernels("sm2.verify")
    for kernel in kernels:
        check_kernel(kernel)
    package = resources.files("accel")
    files = ("py.typed", "_native.pyi", "include/accel/accel.h", "lib/libaccel.so", "lib/libaccel.a")
    golden = ("include/accel/golden.h", "include/accel/accel_golden_pkg.sv", "lib/libaccel_golden.so")
    drivers = ("include/accel/driver.h", "lib/accel/accel-driverhost")
    for name in (*files, *golden, *drivers):
        assert package.joinpath(name).is_file(), name
    with resources.as_file(package.joinpath("lib/accel/accel-driverhost")) as program:
        assert os.access(program, os.X_OK), program
    assert metadata.version("chainaccel") == accel.__version__
    print(f"accel {accel.__version__} works: kernels {', '.join(kernels)}")


if __name__ == "__main__":
    main()
