"""Command-line clients, unmodified: pymobiledevice3's own, Debian's libimobiledevice, go-ios."""

from __future__ import annotations

import json
import plistlib
import time

import pytest

from phones.ios.packages import make_ipa


def test_pymobiledevice3_lists_and_reads(farm, cli, home_is_empty):
    phone = farm("iphone8-ios15").phones[0]
    (listed,) = json.loads(cli("usbmux", "list").stdout)
    assert (listed["Identifier"], listed["ProductVersion"]) == (phone.udid, "15.8.3")
    battery = json.loads(cli("diagnostics", "battery", "single").stdout)
    assert battery["DesignCapacity"] == phone.profile.design_capacity_mah


def test_pymobiledevice3_launches(farm, cli, home_is_empty):
    phone = farm("iphone15-ios18").phones[0]
    variable = "BENCHFARM_TOKEN=x"
    cli("developer", "dvt", "launch", "org.benchfarm.runner a", "--env", variable)
    process = phone.apps["org.benchfarm.runner"].process
    assert (process.arguments, process.environment["BENCHFARM_TOKEN"]) == (["a"], "x")


def test_libimobiledevice_reads(farm, tool, home_is_empty):
    one, two = farm("iphone15-ios18", "iphone8-ios15").phones
    assert tool("idevice_id", "-l").stdout.split() == [one.udid, two.udid]
    assert tool("ideviceinfo", "-u", two.udid, "-k", "ProductType").stdout == "iPhone10,1\n"
    tool("idevicepair", "-u", one.udid, "validate")
    entry = tool("idevicediagnostics", "-u", one.udid, "ioregentry", "AppleSmartBattery").stdout
    assert plistlib.loads(entry.encode())["IORegistry"]["CycleCount"] == 120
    domain = tool("ideviceinfo", "-u", one.udid, "-q", "com.apple.mobile.battery").stdout
    assert "BatteryCurrentCapacity: 80" in domain


def test_libimobiledevice_is_told_who_is_not_trusted(farm, tool, home_is_empty):
    simulated = farm(paired=False)
    simulated.fault(0, "unauthorized@now")
    udid = simulated.phones[0].udid
    asked = tool("idevicepair", "-u", udid, "pair", check=False)
    assert asked.returncode != 0
    assert "trust dialog" in asked.stdout.lower()


def test_libimobiledevice_pairs(farm, tool, home_is_empty):
    udid = farm(paired=False).phones[0].udid
    assert "SUCCESS" in tool("idevicepair", "-u", udid, "pair").stdout
    assert "SUCCESS" in tool("idevicepair", "-u", udid, "validate").stdout


def test_libimobiledevice_fetches_reports(farm, tool, tmp_path):
    simulated = farm("iphone12-ios16")
    phone = simulated.phones[0]
    (phone.apps["org.benchfarm.runner"].documents / "benchfarm.token").write_text("t")
    simulated.open_app(0)
    while phone.apps["org.benchfarm.runner"].process is None:
        time.sleep(0.02)
    simulated.fault(0, "crash@now")
    target = tmp_path / "reports"
    target.mkdir()
    tool("idevicecrashreport", "-u", phone.udid, "-k", str(target))
    (report,) = target.iterdir()
    assert '"signal": "SIGSEGV"' in report.read_text()


def test_libimobiledevice_follows_the_log(farm, followed):
    simulated = farm("iphone12-ios16")
    simulated.call(lambda: simulated.phones[0].log("here[1]", "the line"))
    with followed("idevicesyslog", "-u", simulated.phones[0].udid) as lines:
        assert any("the line" in line for line in lines)


def test_ideviceinstaller(farm, tool, tmp_path, home_is_empty):
    simulated = farm("iphone12-ios16")
    phone = simulated.phones[0]
    assert "org.benchfarm.runner" in tool("ideviceinstaller", "-u", phone.udid, "-l").stdout
    ipa = make_ipa(tmp_path / "new.ipa", bundle_id="org.benchfarm.runner.new")
    tool("ideviceinstaller", "-u", phone.udid, "-i", str(ipa))
    assert "org.benchfarm.runner.new" in phone.apps
    tool("ideviceinstaller", "-u", phone.udid, "-U", "org.benchfarm.runner.new")
    assert "org.benchfarm.runner.new" not in phone.apps


@pytest.fixture
def go_ios(tool):
    """Runs go-ios (``ios`` on the PATH); gives the last line of JSON."""

    def run(*arguments):
        lines = tool("ios", *arguments).stdout.splitlines()
        return json.loads(lines[-1]) if lines else None

    return run


def test_go_ios_before_17(farm, go_ios):
    phone = farm("iphone12-ios16").phones[0]
    assert go_ios("list")["deviceList"] == [phone.udid]
    assert go_ios("info")["ProductVersion"] == phone.profile.ios
    assert go_ios("batteryregistry")["CycleCount"] == 120
    assert go_ios("batterycheck")["BatteryCurrentCapacity"] == 80
    go_ios("launch", "org.benchfarm.runner", "--env=A=B")
    assert phone.apps["org.benchfarm.runner"].process.environment["A"] == "B"
    go_ios("kill", "org.benchfarm.runner")
    assert phone.apps["org.benchfarm.runner"].process is None
