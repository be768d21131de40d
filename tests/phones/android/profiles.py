"""What kinds of phone there are: shapes met on real ones, with values of our own.

The shapes (vendor blocks, sensors that are not temperatures, units, what is denied) are those of
the collected outputs described in docs/simulated-phones.md; no text of theirs is in here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from phones.android.recording import Recording
from phones.physics import Battery, Cluster, Heat, Power, Spec


@dataclass(frozen=True)
class Zone:
    """A thermal zone: what it follows (``skin``, ``battery``, ``cpu``) or a constant.

    ``scale`` is its unit: 1000 for millidegrees, 10 for tenths, 1 for whole degrees.
    """

    type: str
    follows: str = ""
    offset_k: float = 0.0
    scale: int = 1000
    constant: int = 0


@dataclass(frozen=True)
class HalSensor:
    """A row of ``dumpsys thermalservice``; ``kind`` is Android's TemperatureType."""

    name: str
    kind: int
    follows: str = ""
    constant: float = 0.0


@dataclass(frozen=True)
class Profile:
    """One model of phone."""

    name: str
    manufacturer: str
    model: str
    device: str
    release: str
    sdk: int
    soc_maker: str
    soc: str  #: empty where ``ro.soc.model`` does not exist
    hardware: str
    ram_kib: int
    spec: Spec
    zones: tuple[Zone, ...]
    hal: tuple[HalSensor, ...]
    parts: tuple[int, ...]  #: CPU part by cluster, as in ``/proc/cpuinfo``
    supply: str = "battery"
    stale_supply: str = ""
    gpu: str = ""  #: ``kgsl``, ``mali``, or nothing readable
    gpu_name: str = "unknown"
    rails: tuple[tuple[str, str], ...] = ()
    battery_style: str = "aosp"
    refresh_hz: tuple[float, ...] = (60.0,)
    fixed_performance: bool = False
    airplane_command: bool = True
    asks_before_install: bool = False
    vendor_files: tuple[str, ...] = ()
    denied: frozenset[str] = frozenset()  #: parts of ``/sys`` and ``/proc``, and commands
    properties: dict[str, str] = field(default_factory=dict)
    storage_kib: int = 112_000_000
    recording: Recording | None = None


def _cluster(first: int, count: int, *steps_mhz: int) -> Cluster:
    return Cluster(tuple(range(first, first + count)), tuple(step * 1000 for step in steps_mhz))


PIXEL_8 = Profile(
    name="pixel8",
    manufacturer="Google",
    model="Pixel 8",
    device="shiba",
    release="15",
    sdk=35,
    soc_maker="Google",
    soc="Tensor G3",
    hardware="shiba",
    ram_kib=7_788_844,
    spec=Spec(
        clusters=(
            _cluster(0, 4, 324, 610, 820, 1098, 1401, 1704),
            _cluster(4, 4, 402, 697, 1197, 1622, 1999, 2367),
            _cluster(8, 1, 500, 984, 1557, 2049, 2507, 2914),
        ),
        battery=Battery(capacity_ah=4.575, refresh_s=0.25),
        power=Power(charger_w=4.5),
    ),
    zones=(
        *(Zone("BIG", "cpu", 2.0), Zone("MID", "cpu"), Zone("LITTLE", "cpu", -3.0)),
        *(Zone("G3D", "cpu", -6.0), Zone("TPU", "cpu", -8.0), Zone("quiet_therm", "skin", -1.2)),
        *(Zone("battery", "battery"), Zone("VIRTUAL-SKIN", "skin"), Zone("soc", constant=78)),
        *(Zone("battery_cycle", constant=114), Zone("ocp_cpu1", constant=6900)),
    ),
    hal=(
        *(HalSensor("BIG", 0, "cpu"), HalSensor("LITTLE", 0, "cpu"), HalSensor("G3D", 1, "cpu")),
        *(HalSensor("TPU", 9, "cpu"), HalSensor("battery", 2, "battery")),
        *(HalSensor("VIRTUAL-SKIN", 3, "skin"), HalSensor("quiet_therm", -1, "skin")),
        *(HalSensor("soft_ocp_cpu1", 7, constant=7100.0), HalSensor("vdroop1", 6, constant=1050.0)),
        *(HalSensor("battery_cycle", 6), HalSensor("USB2-MINUS-USB", -1, constant=-0.07)),
    ),
    parts=(0xD46, 0xD4D, 0xD4E),
    supply="maxfg",
    stale_supply="battery",
    gpu="mali",
    gpu_name="Mali-G715",
    rails=(
        *(("S2M_VDD_CPUCL2", "CPU"), ("S3M_VDD_CPUCL1", "CPU"), ("S4M_VDD_CPUCL0", "CPU")),
        *(("S1M_VDD_MIF", "Memory"), ("S2S_VDD_G3D", "GPU"), ("S10M_VDD_TPU", "Tensor")),
        ("VSYS_PWR_DISPLAY", "Display"),
    ),
    refresh_hz=(60.0, 120.0),
    fixed_performance=True,
    vendor_files=("lib64/libedgetpu_util.so", "lib64/egl/libGLES_mali.so"),
)

GALAXY_S24 = Profile(
    name="galaxy-s24",
    manufacturer="samsung",
    model="SM-S921B",
    device="e1s",
    release="14",
    sdk=34,
    soc_maker="Samsung",
    soc="s5e9945",
    hardware="s5e9945",
    ram_kib=7_514_332,
    spec=Spec(
        clusters=(
            _cluster(0, 4, 400, 864, 1344, 1824, 1959),
            _cluster(4, 2, 576, 1152, 1728, 2304, 2592),
            _cluster(6, 3, 576, 1248, 1920, 2592, 2899),
            _cluster(9, 1, 672, 1440, 2112, 2784, 3207),
        ),
        # Milliamperes where Android says microamperes.
        battery=Battery(capacity_ah=4.0, refresh_s=10.0, unit_per_a=1e3),
        power=Power(charger_w=5.5, busy_w=6.5),
    ),
    zones=(
        *(Zone("BIG", "cpu", 4.0), Zone("MIDH", "cpu", 2.0), Zone("MIDL", "cpu")),
        *(Zone("LITTLE", "cpu", -4.0), Zone("G3D", "cpu", -5.0), Zone("NPU", "cpu", -9.0)),
        *(Zone("ac", "skin", scale=10), Zone("battery", "battery", scale=10)),
    ),
    hal=(
        *(HalSensor("SUBBAT", 2), HalSensor("AP", 0, "cpu"), HalSensor("PA", 5, "skin")),
        *(HalSensor("BAT", 2, "battery"), HalSensor("SKIN", 3, "skin"), HalSensor("USB", 4)),
    ),
    parts=(0xD80, 0xD81, 0xD81, 0xD82),
    gpu_name="Samsung Xclipse 940",
    battery_style="samsung",
    refresh_hz=(24.0, 60.0, 120.0),
    vendor_files=("lib64/libOpenCL.so", "lib64/libeden_nn_on_system.so"),
    denied=frozenset({"gpu"}),
)

XIAOMI_14 = Profile(
    name="xiaomi-14",
    manufacturer="Xiaomi",
    model="23127PN0CG",
    device="houji",
    release="14",
    sdk=34,
    soc_maker="QTI",
    soc="SM8650",
    hardware="qcom",
    ram_kib=11_652_620,
    spec=Spec(
        clusters=(
            _cluster(0, 2, 364, 787, 1344, 1804, 2265),
            _cluster(2, 3, 499, 1190, 1977, 2572, 3148),
            _cluster(5, 2, 499, 1152, 1881, 2476, 2956),
            _cluster(7, 1, 480, 1363, 2169, 2803, 3302),
        ),
        battery=Battery(capacity_ah=4.61, refresh_s=1.0, charging_sign=-1),
        power=Power(charger_w=5.0, busy_w=7.0),
    ),
    zones=(
        *(Zone("cpu-0-0-0", "cpu", -2.0), Zone("cpu-1-2-0", "cpu", 5.0)),
        *(Zone("gpuss-0", "cpu", -6.0), Zone("nsphvx-0", "cpu", -8.0)),
        *(Zone("skin-msm-therm", "skin"), Zone("battery", "battery"), Zone("bms", "battery")),
        *(Zone("pa-therm1", constant=-40000), Zone("pm8550-ibat-lvl0", constant=-274000)),
        *(Zone("lmh-dcvs-00", constant=95000), Zone("socd", constant=21)),
    ),
    hal=(
        *(HalSensor("CPU0", 0, "cpu"), HalSensor("GPU0", 1, "cpu"), HalSensor("nsp0", 9, "cpu")),
        *(HalSensor("battery", 2, "battery"), HalSensor("skin", 3, "skin")),
        *(HalSensor("ibat", 6, constant=1612.0), HalSensor("socd", 6, constant=21.0)),
    ),
    parts=(0xD80, 0xD81, 0xD81, 0xD82),
    supply="bms",
    gpu="kgsl",
    gpu_name="Adreno (TM) 750",
    refresh_hz=(60.0, 90.0, 120.0),
    asks_before_install=True,
    vendor_files=("lib64/libOpenCL.so", "lib64/libcdsprpc.so"),
    properties={"ro.miui.ui.version.name": "V816", "ro.mi.os.version.name": "OS1.0"},
)

TABLET_MTK = Profile(
    name="mtk-tablet",
    manufacturer="LENOVO",
    model="TB-X999F",
    device="TB-X999F",
    release="13",
    sdk=33,
    soc_maker="Mediatek",
    soc="MT8781V/NA",
    hardware="mt6789",
    ram_kib=3_868_232,
    spec=Spec(
        clusters=(
            _cluster(0, 6, 500, 950, 1400, 1800, 2000),
            _cluster(6, 2, 725, 1200, 1700, 2100, 2200),
        ),
        battery=Battery(capacity_ah=7.5, refresh_s=5.0, unit_per_a=1e4),
        heat=Heat(skin_j_per_k=240.0, battery_j_per_k=140.0, skin_to_air_k_per_w=4.0),
        power=Power(charger_w=2.5, busy_w=4.0, screen_w=1.6),
    ),
    zones=(
        *(Zone("soc_max", "cpu", 3.0), Zone("cpu_little0", "cpu"), Zone("cpu_big0", "cpu", 2.0)),
        *(Zone("ap_ntc", "skin", scale=1000), Zone("ltepa_ntc", constant=-127000)),
        *(Zone("charger_therm", "skin", 1.0, scale=1), Zone("battery", "battery", scale=1)),
        Zone("consys", constant=-274000),
    ),
    hal=(HalSensor("mtktscpu", 0, "cpu"), HalSensor("mtktsAP", 3, "skin")),
    parts=(0xD05, 0xD41),
    gpu_name="Mali-G57",
    refresh_hz=(60.0, 90.0),
    vendor_files=("lib64/libOpenCL.so", "lib64/libneuron_adapter.so"),
    denied=frozenset({"gpu", "list-thermal"}),
)

OLD_ANDROID_10 = Profile(
    name="android-10",
    manufacturer="OnePlus",
    model="GM1913",
    device="OnePlus7Pro",
    release="10",
    sdk=29,
    soc_maker="",
    soc="",
    hardware="qcom",
    ram_kib=7_838_720,
    spec=Spec(
        clusters=(
            _cluster(0, 4, 300, 768, 1228, 1785),
            _cluster(4, 3, 710, 1286, 1920, 2419),
            _cluster(7, 1, 825, 1497, 2227, 2841),
        ),
        battery=Battery(capacity_ah=4.0, refresh_s=10.0, unit_per_a=1e3, charging_sign=-1),
        power=Power(charger_w=7.0),
    ),
    zones=(
        *(Zone("cpu-0-0-usr", "cpu", -2.0), Zone("cpu-1-7-usr", "cpu", 4.0)),
        *(Zone("gpuss-0-usr", "cpu", -5.0), Zone("skin-therm", "skin"), Zone("bms", "battery")),
        *(Zone("lmh-dcvs-01", constant=75000), Zone("xo-therm-adc", "skin", scale=10)),
    ),
    hal=(),  # an empty list: fall back to the zones
    parts=(0xD05, 0xD0D, 0xD0D),
    supply="battery",
    stale_supply="bms",
    gpu="kgsl",
    gpu_name="Adreno (TM) 640",
    battery_style="oplus",
    refresh_hz=(60.0, 90.0),
    airplane_command=False,
    vendor_files=("lib64/libOpenCL.so", "lib64/libcdsprpc.so"),
    properties={"ro.board.platform": "msmnile"},
)

LOCKED_DOWN = Profile(
    name="denies-everything",
    manufacturer="HONOR",
    model="LGE-AN10",
    device="HNLGE-Q",
    release="12",
    sdk=31,
    soc_maker="QTI",
    soc="SM8350",
    hardware="qcom",
    ram_kib=7_720_104,
    spec=XIAOMI_14.spec,
    zones=XIAOMI_14.zones,
    hal=(HalSensor("shell_front", 3), HalSensor("battery", 2)),
    parts=XIAOMI_14.parts,
    gpu="kgsl",
    gpu_name="Adreno (TM) 660",
    denied=frozenset(
        {
            *("thermal", "power_supply", "cpufreq", "gpu", "proc-stat", "processes"),
            *("settings", "input", "pm-grant", "power-hal"),
        }
    ),
    asks_before_install=True,
)

PIXEL_6_WITHOUT_RAILS = replace(
    PIXEL_8, name="pixel6", model="Pixel 6", device="oriole", soc="Tensor", hardware="oriole",
    release="14", sdk=34, denied=frozenset({"power-hal"}),
)  # fmt: skip

PROFILES = {
    profile.name: profile
    for profile in (
        *(PIXEL_8, GALAXY_S24, XIAOMI_14, TABLET_MTK, OLD_ANDROID_10, LOCKED_DOWN),
        PIXEL_6_WITHOUT_RAILS,
    )
}


def recorded(path: Path) -> Profile:
    """A phone that answers as a recorded one did; raises BadRecording."""
    recording = Recording.read(path)
    told = recording.properties
    sdk = told.get("ro.build.version.sdk", "")
    return replace(
        PIXEL_8,
        name="recorded",
        manufacturer=told.get("ro.product.manufacturer", "unknown"),
        model=told.get("ro.product.model", "unknown"),
        device=told.get("ro.product.device", "unknown"),
        release=told.get("ro.build.version.release", ""),
        sdk=int(sdk) if sdk.isdecimal() else PIXEL_8.sdk,
        recording=recording,
    )


def properties(profile: Profile, serial: str) -> dict[str, str]:
    """What ``getprop`` tells after a start."""
    own = {
        "ro.benchfarm.simulated": "1",
        "ro.serialno": serial,
        "ro.boot.serialno": serial,
        "sys.boot_completed": "1",
    }
    if profile.recording is not None:
        return {**profile.recording.properties, **own}
    product = profile.device
    fingerprint = "/".join(
        [
            *(profile.manufacturer, product),
            *(f"{profile.device}:{profile.release}", "SIM.1", "1:user", "release-keys"),
        ]
    )
    found = {
        **own,
        "ro.product.manufacturer": profile.manufacturer,
        "ro.product.brand": profile.manufacturer.lower(),
        "ro.product.model": profile.model,
        "ro.product.name": product,
        "ro.product.device": profile.device,
        "ro.product.board": profile.hardware,
        "ro.product.cpu.abi": "arm64-v8a",
        "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
        "ro.hardware": profile.hardware,
        "ro.build.version.release": profile.release,
        "ro.build.version.sdk": str(profile.sdk),
        "ro.build.version.security_patch": "2025-09-05",
        "ro.build.version.incremental": "1",
        "ro.build.id": "SIM.1",
        "ro.build.display.id": "SIM.1",
        "ro.build.type": "user",
        "ro.build.fingerprint": fingerprint,
        "ro.debuggable": "0",
        "ro.secure": "1",
        "dev.bootcomplete": "1",
        "init.svc.adbd": "running",
        "persist.sys.locale": "en-GB",
        "persist.sys.timezone": "Europe/Berlin",
        "dalvik.vm.heapsize": "512m",
        **profile.properties,
    }
    if profile.soc:
        found |= {"ro.soc.manufacturer": profile.soc_maker, "ro.soc.model": profile.soc}
    return found
