"""Which iPhones are simulated. Identifiers and builds are those of real products.

What one model or iOS version does differently on the wire is a field here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

_GIB, _GB = 1 << 30, 10**9


@dataclass(frozen=True)
class Profile:
    """One model of phone with one version of iOS."""

    name: str
    marketing_name: str
    product_type: str
    hardware_model: str
    chip: str
    chip_id: int
    ios: str
    build: str
    memory_bytes: int
    storage_bytes: int
    design_capacity_mah: int
    #: How long the scripted runner takes for one inference on the cool phone.
    inference_s: float
    #: Bits in which a negative current arrives as an unsigned number; None where it has its sign.
    current_bits: int | None
    #: Whether the gauge reports PowerTelemetryData.
    power_telemetry: bool

    @property
    def version(self) -> tuple[int, ...]:
        """The iOS version as numbers."""
        return tuple(int(part) for part in self.ios.split("."))

    @property
    def tunnel(self) -> str:
        """How developer services are reached: ``lockdown``, ``privileged`` or ``userspace``."""
        if self.version < (17,):
            return "lockdown"
        return "privileged" if self.version < (17, 4) else "userspace"


_ALL = (
    Profile(
        "iphone8-ios15",
        marketing_name="iPhone 8",
        product_type="iPhone10,1",
        hardware_model="D20AP",
        chip="t8015",
        chip_id=0x8015,
        ios="15.8.3",
        build="19H386",
        memory_bytes=2 * _GIB,
        storage_bytes=64 * _GB,
        design_capacity_mah=1821,
        inference_s=0.012,
        current_bits=32,
        power_telemetry=False,
    ),
    Profile(
        "iphone12-ios16",
        marketing_name="iPhone 12",
        product_type="iPhone13,2",
        hardware_model="D53gAP",
        chip="t8101",
        chip_id=0x8101,
        ios="16.7.10",
        build="20H350",
        memory_bytes=4 * _GIB,
        storage_bytes=128 * _GB,
        design_capacity_mah=2815,
        inference_s=0.006,
        current_bits=64,
        power_telemetry=False,
    ),
    Profile(
        "iphone13-ios17.0",
        marketing_name="iPhone 13",
        product_type="iPhone14,5",
        hardware_model="D17AP",
        chip="t8110",
        chip_id=0x8110,
        ios="17.0.3",
        build="21A360",
        memory_bytes=4 * _GIB,
        storage_bytes=128 * _GB,
        design_capacity_mah=3227,
        inference_s=0.005,
        current_bits=64,
        power_telemetry=True,
    ),
    Profile(
        "iphone14pro-ios17.6",
        marketing_name="iPhone 14 Pro",
        product_type="iPhone15,2",
        hardware_model="D73AP",
        chip="t8120",
        chip_id=0x8120,
        ios="17.6.1",
        build="21G93",
        memory_bytes=6 * _GIB,
        storage_bytes=256 * _GB,
        design_capacity_mah=3200,
        inference_s=0.004,
        current_bits=16,
        power_telemetry=True,
    ),
    Profile(
        "iphone15-ios18",
        marketing_name="iPhone 15",
        product_type="iPhone15,4",
        hardware_model="D37AP",
        chip="t8120",
        chip_id=0x8120,
        ios="18.5",
        build="22F76",
        memory_bytes=6 * _GIB,
        storage_bytes=128 * _GB,
        design_capacity_mah=3349,
        inference_s=0.004,
        current_bits=64,
        power_telemetry=True,
    ),
    Profile(
        "iphone17pro-ios26",
        marketing_name="iPhone 17 Pro",
        product_type="iPhone18,1",
        hardware_model="V53AP",
        chip="t8150",
        chip_id=0x8150,
        ios="26.0.1",
        build="23A355",
        memory_bytes=12 * _GIB,
        storage_bytes=256 * _GB,
        design_capacity_mah=4252,
        inference_s=0.0025,
        current_bits=None,
        power_telemetry=True,
    ),
)
PROFILES = {profile.name: profile for profile in _ALL}
