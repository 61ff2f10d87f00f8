"""Opening, and what a device says about itself."""

from __future__ import annotations

from accel.driver import CommandFlag
from accel.validate._device import CheckFailed
from accel.validate._suite import Suite, check

_LAST_OPCODE = 63
_LARGEST_ALIGNMENT = 2 << 20


@check("open", "The device opens, and takes memory")
def opens(suite: Suite) -> None:
    """Without it nothing else can run."""
    suite.device.open()


@check("capabilities", "What the device says about itself is possible, and the same each time")
def capabilities(suite: Suite) -> None:
    """Limits of 1 or more, a known kind of time, names that end."""
    device = suite.device
    caps, ffi = device.caps, device.ffi

    def require(holds: bool, what: str) -> None:
        if not holds:
            raise CheckFailed(f"caps: {what}")

    require(caps.queues >= 1 and caps.queue_depth >= 1, "expected one queue and a depth of 1 at least")
    require(caps.max_items >= 1, "max_items: expected 1 or more")
    require(caps.time_kind in (1, 2, 3), f"time_kind: expected 1, 2 or 3, got {caps.time_kind}")
    require(caps.opcodes != 0 and not caps.opcodes & 1, "opcodes: expected some bits, and not bit 0")
    alignment = caps.buffer_alignment
    require(alignment & (alignment - 1) == 0 and alignment <= _LARGEST_ALIGNMENT,
            f"buffer_alignment: expected a power of two up to 2 MiB, got {alignment}")  # fmt: skip
    require(caps.max_buffers >= 1, "max_buffers: expected 1 or more")
    for name in ("name", "version"):
        text = bytes(ffi.buffer(getattr(caps, name)))
        require(0 in text and text[0] != 0, f"{name}: expected text that ends in a zero byte")
    if caps.max_keys:
        require(bool(device.driver.load_keys and device.driver.unload_keys), "max_keys: there is no load_keys")
    require(bool(caps.max_keys) or not caps.flags & CommandFlag.HANDLES, "HANDLES: max_keys is 0")
    again = ffi.new("accel_device_caps*")
    again.struct_size = ffi.sizeof("accel_device_caps")
    device.call("caps", device._device, again)
    require(bytes(ffi.buffer(again)) == bytes(ffi.buffer(caps)), "two calls give different answers")
    if device.driver.struct_size < ffi.sizeof("accel_driver"):
        raise CheckFailed(f"struct_size of the table: {device.driver.struct_size}")
