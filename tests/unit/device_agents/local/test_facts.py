"""Facts of made-up hosts and of this one."""

from __future__ import annotations

import importlib.metadata

import pytest

from device_agents.local import processor
from device_agents.local.facts import ENGINE_PACKAGES, collect, engine_version, read_facts
from device_agents.local.files import HostFiles, Unreadable


def test_a_laptop(host):
    facts = read_facts(host("laptop"), "local")
    expected = {
        "platform": "local",
        "simulated": False,
        "model": "ThinkPad X1",
        "os": "Debian GNU/Linux 13 (trixie)",
        "os_build": "#1 SMP Debian 6.12.5-1",
        "kernel": "6.12.5",
        "hostname": "bench-01",
        "cpu": "11th Gen Intel(R) Core(TM) i7-1185G7",
        "cores": 4,
        "cores_online": 4,
        "governor": "powersave",
        "frequency_min_khz": 400_000,
        "frequency_max_khz": 4_800_000,
        "turbo": "off",
        "ram_bytes": 16_000_000 * 1024,
        "virtualised": False,
        "container": False,
        "boot_id": "0f0e0d0c-0000-4000-8000-000000000001",
    }
    assert {name: facts.values[name] for name in expected} == expected
    assert "clusters" not in facts.values  # all cores are alike
    assert "clusters" not in facts.unavailable
    assert set(facts.unavailable) == {"soc"}


def test_a_big_little_board(host):
    facts = read_facts(host("sbc"), "local")
    assert facts.values["model"] == "Pine64 RockPro64"
    assert facts.values["soc"] == "rockchip,rk3399"
    assert facts.values["cpu"] == "4x Cortex-A53 + 2x Cortex-A72"
    assert facts.values["clusters"] == (
        "2x Cortex-A72 (cpu4, cpu5; 1800000 kHz)"
        " + 4x Cortex-A53 (cpu0, cpu1, cpu2, cpu3; 1416000 kHz)"
    )
    assert facts.values["governor"] == "performance, schedutil"
    assert facts.values["frequency_max_khz"] == 1_800_000
    assert "no flags" in facts.unavailable["virtualised"]


def test_a_virtual_machine_says_what_it_does_not_know(host):
    facts = read_facts(host("vm"), "local")
    assert facts.values["virtualised"] is True
    assert facts.values["container"] is True
    no_policies = "no /sys/devices/system/cpu/cpufreq policies"
    assert facts.unavailable["governor"] == no_policies
    assert facts.unavailable["frequency_max_khz"] == no_policies
    assert "product_name" in facts.unavailable["model"]
    assert not set(facts.values) & set(facts.unavailable)


def test_a_host_without_proc(host, tmp_path, monkeypatch):
    sysctl = tmp_path / "bin" / "sysctl"
    sysctl.parent.mkdir()
    sysctl.write_text('#!/bin/sh\n[ "$2" = machdep.cpu.brand_string ] && echo "Apple M1"\n')
    sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(sysctl.parent), prepend=":")
    facts = read_facts(host("mac"), "local")
    assert facts.values["cpu"] == "Apple M1"
    assert facts.values["ram_bytes"] > 2**20
    assert facts.values["cores"] >= 1
    assert facts.values["os"]
    assert facts.values["kernel"]
    assert facts.values["hostname"]
    assert facts.unavailable["boot_id"] == "no /proc/sys/kernel/random/boot_id"
    assert "cores_online" in facts.unavailable


def test_this_very_host_has_the_names_every_agent_uses():
    facts = read_facts(HostFiles(), "local")
    known = facts.values.keys() | facts.unavailable.keys()
    common = {"platform", "model", "soc", "os", "os_build", "cpu", "cores", "ram_bytes"}
    assert common | {"governor", "frequency_max_khz", "simulated"} <= known
    assert facts.values["cores"] >= 1
    assert all(reason for reason in facts.unavailable.values())


def test_every_gap_has_a_reason_even_on_an_empty_tree(tmp_path):
    facts = read_facts(HostFiles(tmp_path), "local")
    assert all(facts.unavailable.values())


def test_hybrid_intel_cores_are_clusters(host):
    files = host(
        "laptop",
        {"/sys/devices/cpu_core/cpus": "0-1\n", "/sys/devices/cpu_atom/cpus": "2-3\n"},
    )
    assert processor.clusters(files) == "2x P-core (cpu0, cpu1) + 2x E-core (cpu2, cpu3)"


@pytest.mark.parametrize(
    ("allowed", "online", "cores"),
    [("0-3", "0-3", 4), ("0,2", "0-3", 2), ("0-63", "0-3", 4), ("1-3", "0,2-3", 2)],
)
def test_cores_are_those_this_process_may_use(host, allowed, online, cores):
    files = host(
        "laptop",
        {
            "/proc/self/status": f"Cpus_allowed_list:\t{allowed}\n",
            "/sys/devices/system/cpu/online": f"{online}\n",
        },
    )
    assert processor.usable_cores(files) == cores


def test_an_unknown_arm_core_is_named_by_its_numbers(host):
    files = host("sbc", {"/proc/cpuinfo": "processor: 0\nCPU implementer: 0x61\nCPU part: 0x022\n"})
    assert processor.cpu_name(files) == "Arm implementer 0x61 part 0x022"


@pytest.mark.parametrize(("boost", "expected"), [("1\n", "on"), ("0\n", "off")])
def test_turbo_of_other_drivers(host, boost, expected):
    assert processor.turbo(host("vm", {"/sys/devices/system/cpu/cpufreq/boost": boost})) == expected


@pytest.mark.parametrize(
    ("name", "text", "fact"),
    [
        ("/proc/meminfo", "nonsense", "ram_bytes"),
        ("/proc/cpuinfo", "", "cpu"),
        ("/sys/devices/system/cpu/online", "zero to three", "cores_online"),
        ("/sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "fast", "frequency_max_khz"),
        ("/sys/devices/system/cpu/intel_pstate/no_turbo", "", "turbo"),
    ],
)
def test_nonsense_is_unavailable_and_harms_nothing_else(host, name, text, fact):
    facts = read_facts(host("laptop", {name: text}), "local")
    assert fact not in facts.values
    assert facts.unavailable[fact]
    assert facts.values["kernel"] == "6.12.5"


def test_engine_versions_come_from_metadata_not_from_imports(monkeypatch):
    def only_the_old_runtime(package: str) -> str:
        if package == "tflite-runtime":
            return "2.14.0"
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", only_the_old_runtime)
    assert engine_version("tflite") == "tflite-runtime 2.14.0"
    with pytest.raises(Unreadable, match="pip install onnxruntime"):
        engine_version("onnxruntime")


def test_every_engine_is_a_fact_or_a_reason():
    facts = read_facts(HostFiles(), "local")
    for engine in ENGINE_PACKAGES:
        assert f"engine.{engine}" in facts.values.keys() | facts.unavailable.keys()


def test_collect_tells_values_gaps_and_what_does_not_apply():
    def broken() -> int:
        raise Unreadable("no such thing")

    values, gaps = collect({"a": lambda: 0, "b": broken, "c": lambda: None})
    assert values == {"a": 0}
    assert gaps == {"b": "no such thing"}
