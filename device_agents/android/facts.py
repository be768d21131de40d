"""Facts of a phone, which stay the same during a run: one script on it, read by pure parsers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device_agents.android.parse import battery, processor, properties
from device_agents.android.parse.text import integer, printable
from device_agents.android.phone import Phone
from harness.clock import CancelToken, Deadline
from harness.record import DeviceFacts

Value = str | int | float | bool

#: Exact paths are probed: many phones let nobody list these folders, and yet open what is in them.
_SCRIPT = """
echo @@properties; getprop
echo @@cpuinfo; cat /proc/cpuinfo
echo @@meminfo; cat /proc/meminfo
echo @@boot; read b </proc/sys/kernel/random/boot_id && echo $b
echo @@kernel; uname -r
echo @@page; getconf PAGE_SIZE
echo @@present; read c </sys/devices/system/cpu/present && echo $c
echo @@policies
for n in 0 1 2 3 4 5 6 7 8 9 10 11; do
  p=/sys/devices/system/cpu/cpufreq/policy$n
  read m <$p/cpuinfo_max_freq && read r <$p/related_cpus && read g <$p/scaling_governor \
    && echo "$n|$m|$r|$g"
done
echo @@gpu; read g </sys/class/kgsl/kgsl-3d0/gpu_model && echo $g
echo @@battery; dumpsys battery
"""
_PROPERTY_FACTS = {
    "os": ("ro.build.version.release",),
    "abi": ("ro.product.cpu.abi",),
    "security_patch": ("ro.build.version.security_patch",),
    "brand": ("ro.product.brand",),
    "device": ("ro.product.device",),
}
_GPU_DRIVER = ("ro.hardware.egl", "ro.hardware.vulkan")
#: What is usually on the chip; a guess by its name, and called one.
_NPU_BY_SOC = (
    (("SM8", "SM7", "SM6", "QCS", "msmnile", "kona", "lahaina", "taro", "kalama"), "Hexagon"),
    (("GS1", "GS2", "Tensor", "zuma", "laguna"), "Google TPU"),
    (("MT6", "MT8", "Dimensity"), "MediaTek APU"),
    (("exynos", "s5e"), "Exynos NPU"),
    (("kirin",), "Kirin NPU"),
)


def sections(text: str) -> dict[str, str]:
    """Outputs by the name in the ``@@name`` line before them."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("@@"):
            lines = found[line[2:].strip()] = []
        else:
            lines.append(line + "\n")
    found.pop("", None)
    return {name: "".join(lines) for name, lines in found.items()}


def read_facts(phone: Phone, deadline: Deadline, cancel: CancelToken) -> DeviceFacts:
    """Everything the phone tells about itself, and the reasons for what it does not."""
    answer = phone.run(_SCRIPT, deadline, cancel, check=False)
    return facts_from(phone.device_id, answer.text, networked=":" in phone.address)


def facts_from(device_id: str, output: str, *, networked: bool = False) -> DeviceFacts:
    """The facts in the script's output."""
    found = sections(output)
    props = properties.read_properties(found.get("properties", ""))
    values: dict[str, Value] = {
        "platform": "android",
        "simulated": props.get("ro.benchfarm.simulated") == "1",
        "connection": "network" if networked else "usb",
    }
    unavailable: dict[str, str] = {}

    def put(name: str, value: Value | None, missing: str) -> None:
        if value is None:
            unavailable[name] = missing
        else:
            values[name] = value

    put("model", properties.model_name(props), "no ro.product.model")
    put("soc", properties.soc_name(props), "no ro.soc.model and nothing that stands for it")
    put("os_build", properties.build_name(props), "no ro.build.fingerprint")
    for name, names in _PROPERTY_FACTS.items():
        put(name, properties.first(props, names), f"no {names[0]}")
    put("sdk", integer(props.get("ro.build.version.sdk", "")), "no ro.build.version.sdk")
    _memory(found, put)
    _processor(found, props, put)
    _graphics(found, props, put)
    _battery(found, put)
    put("kernel", printable(found.get("kernel", "")) or None, "uname says nothing")
    put("boot_id", printable(found.get("boot", "")) or None, "boot_id cannot be read")
    return DeviceFacts(device_id, values, unavailable)


Put = Callable[[str, Value | None, str], None]


def abis(props: Mapping[str, str]) -> tuple[str, ...]:
    """The processor types a phone runs programs of, the best first."""
    listed = props.get("ro.product.cpu.abilist") or props.get("ro.product.cpu.abi", "")
    return tuple(abi.strip() for abi in listed.split(",") if abi.strip())


def _memory(found: Mapping[str, str], put: Put) -> None:
    memory = processor.read_kilobytes(found.get("meminfo", ""))
    put("ram_bytes", memory.get("MemTotal"), "no MemTotal in /proc/meminfo")
    page = integer(found.get("page", ""))
    put("page_bytes", page, "getconf PAGE_SIZE gives no number")


def _processor(found: Mapping[str, str], props: Mapping[str, str], put: Put) -> None:
    cores = processor.core_list(found.get("present", ""))
    put("cores", len(cores) or None, "/sys/devices/system/cpu/present cannot be read")
    put("cpu", processor.core_names(found.get("cpuinfo", "")), "no CPU part in /proc/cpuinfo")
    rows = [line.split("|") for line in found.get("policies", "").splitlines()]
    policies = {
        f"policy{number:02d}": (len(processor.core_list(row[2])), khz)
        for row in rows
        if len(row) == 4
        and (number := integer(row[0])) is not None
        and (khz := integer(row[1])) is not None
    }
    denied = "/sys/devices/system/cpu/cpufreq cannot be read"
    put("clusters", processor.clusters_text(policies), denied)
    highest = max((khz for _, khz in policies.values()), default=None)
    put("frequency_max_khz", highest, denied)
    governors = sorted({printable(row[3], 40) for row in rows if len(row) == 4})
    put("governor", ", ".join(governors) or None, denied)
    soc = properties.soc_name(props) or ""
    npu = next(
        (n for names, n in _NPU_BY_SOC if any(x.lower() in soc.lower() for x in names)), None
    )
    put("npu_guess", npu, "the chip's name tells nothing")


def _graphics(found: Mapping[str, str], props: Mapping[str, str], put: Put) -> None:
    gpu = printable(found.get("gpu", "")) or properties.first(props, _GPU_DRIVER)
    put("gpu", gpu, "neither the driver nor ro.hardware.egl tells")


def _battery(found: Mapping[str, str], put: Put) -> None:
    read = battery.read_battery(found.get("battery", ""))
    put("battery_health", read.health, "dumpsys battery has no 'health'")
    put("battery_technology", read.technology, "dumpsys battery has no 'technology'")
