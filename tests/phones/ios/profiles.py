"""Which iPhones are simulated. Identifiers and builds are those of real products.

What one model or iOS version does differently on the wire is a field here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

_GIB = 1 << 30


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


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "iphone8-ios15", "iPhone 8", "iPhone10,1", "D20AP", "t8015", 0x8015, "15.8.3", "19H386",
            2 * _GIB, 64_000_000_000, 1821, current_bits=32, power_telemetry=False,
        ),
        Profile(
            "iphone12-ios16", "iPhone 12", "iPhone13,2", "D53gAP", "t8101", 0x8101, "16.7.10",
            "20H350", 4 * _GIB, 128_000_000_000, 2815, current_bits=64, power_telemetry=False,
        ),
        Profile(
            "iphone13-ios17.0", "iPhone 13", "iPhone14,5", "D17AP", "t8110", 0x8110, "17.0.3",
            "21A360", 4 * _GIB, 128_000_000_000, 3227, current_bits=64, power_telemetry=True,
        ),
        Profile(
            "iphone14pro-ios17.6", "iPhone 14 Pro", "iPhone15,2", "D73AP", "t8120", 0x8120,
            "17.6.1", "21G93", 6 * _GIB, 256_000_000_000, 3200, current_bits=16,
            power_telemetry=True,
        ),
        Profile(
            "iphone15-ios18", "iPhone 15", "iPhone15,4", "D37AP", "t8120", 0x8120, "18.5", "22F76",
            6 * _GIB, 128_000_000_000, 3349, current_bits=64, power_telemetry=True,
        ),
        Profile(
            "iphone17pro-ios26", "iPhone 17 Pro", "iPhone18,1", "V53AP", "t8150", 0x8150, "26.0.1",
            "23A355", 12 * _GIB, 256_000_000_000, 4252, current_bits=None, power_telemetry=True,
        ),
    )
}  # fmt: skip
