"""What adb itself does with a simulated phone: shell, files, installation, forwards, restart."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.wire import messages as m
from harness.wire.codec import Decoder, encode
from phones.android.lab import Lab, missing

HELLO = encode(m.Hello(m.WIRE_VERSION, "secret"))


def test_it_is_listed_with_its_model(bench):
    listed = bench.lab.adb("devices", "-l").stdout.decode()
    row = next(line for line in listed.splitlines() if line.startswith(bench.phone.address))
    assert "device product:shiba model:Pixel_8 device:shiba" in row


def test_identity_and_simulation_are_told(bench):
    assert bench.shell("getprop ro.serialno").strip() == bench.phone.serial
    assert bench.shell("getprop ro.benchfarm.simulated").strip() == "1"
    assert bench.shell("id").startswith("uid=2000(shell)")


@pytest.mark.parametrize(
    ("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("false", 1), ("nosuch", 127)]
)
def test_exit_codes(bench, command, code):
    assert bench.adb("shell", command).returncode == code


def test_streams_are_apart(bench):
    done = bench.adb("shell", "cat; echo wrong >&2", data=b"in\n" * 100_000)
    assert (done.stdout, done.stderr) == (b"in\n" * 100_000, b"wrong\n")


def test_the_old_protocol_has_neither_codes_nor_streams(bench):
    done = bench.adb("shell", "-x", "echo a; echo b >&2; exit 3")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split() == [b"a", b"b"]


def test_binary_output(bench):
    assert bench.adb("exec-out", "screencap -p").stdout.startswith(b"\x89PNG")


def test_a_terminal(bench):
    done = bench.adb("shell", "-tt", "[ -t 0 ] && [ -t 1 ] && echo terminal")
    assert done.stdout.strip() == b"terminal"


def test_many_shells_at_once(bench):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: bench.shell(f"echo {n}").strip(), range(24)))
    assert found == [str(n) for n in range(24)]


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_001])
def test_files_come_back_as_they_went(bench, tmp_path, size):
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes((b"0123456789abcdef" * (size // 16 + 1))[:size])
    assert bench.adb("push", str(sent), "/data/local/tmp/deep/er/file").returncode == 0
    assert bench.shell("stat -c '%s %U' /data/local/tmp/deep/er/file").split() == [
        str(size),
        "shell",
    ]
    assert bench.adb("pull", "/data/local/tmp/deep/er/file", str(back)).returncode == 0
    assert back.read_bytes() == sent.read_bytes()


def test_folders(bench, tmp_path):
    for number in range(12):
        (tmp_path / "folder" / f"part {number % 3}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / f"part {number % 3}" / str(number)).write_text(str(number))
    assert bench.adb("push", str(tmp_path / "folder"), "/sdcard/Download").returncode == 0
    done = bench.adb("pull", "/sdcard/Download/folder", str(tmp_path / "back"))
    assert done.returncode == 0
    assert {p.read_text() for p in (tmp_path / "back").rglob("*") if p.is_file()} == {
        str(n) for n in range(12)
    }


@pytest.mark.parametrize("target", ["/data/file", "/system/file", "/sys/file"])
def test_pushing_where_nobody_may(bench, tmp_path, target):
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    done = bench.adb("push", str(tmp_path / "file"), target)
    assert done.returncode == 1
    assert b"Permission denied" in done.stderr + done.stdout


def test_pulling_what_is_not_there(bench, tmp_path):
    done = bench.adb("pull", "/data/local/tmp/nothing", str(tmp_path))
    assert done.returncode == 1
    assert b"No such file" in done.stderr + done.stdout


def test_hardware_cannot_be_written(bench):
    node = "/sys/class/thermal/thermal_zone0/temp"
    assert bench.adb("shell", f"echo 1 > {node}").returncode != 0
    assert int(bench.shell(f"cat {node}")) > 20_000


def test_install_upgrade_downgrade_uninstall(bench, apk, package):
    other = package + ".other"
    assert bench.adb("install", "-r", str(apk(3, other))).returncode == 0
    assert f"package:{other} versionCode:3" in bench.shell("pm list packages --show-versioncode")
    assert bench.adb("install", str(apk(4, other))).returncode == 0
    done = bench.adb("install", str(apk(2, other)))
    assert b"INSTALL_FAILED_VERSION_DOWNGRADE" in done.stderr
    assert bench.shell("ls -a /data/local/tmp").count(".streamed") == 0
    assert bench.adb("uninstall", other).returncode == 0
    assert bench.adb("shell", f"pm path {other}").returncode == 1


def test_what_is_no_apk_is_not_installed(bench, tmp_path):
    (tmp_path / "x.apk").write_bytes(b"nothing")
    done = bench.adb("install", "--no-streaming", str(tmp_path / "x.apk"))
    assert b"INSTALL_PARSE_FAILED_NOT_APK" in done.stderr + done.stdout


def _greet(port):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        link.sendall(HELLO)
        decoder, packets = Decoder(), []
        while not packets:
            data = link.recv(65536)
            if not data:
                return None
            packets = decoder.feed(data)
        return packets[0].message


def test_a_runner_behind_a_forward(bench, package):
    pid = bench.start_runner()
    port = int(bench.adb("forward", "tcp:0", "localabstract:bench").stdout)
    ready = _greet(port)
    assert (ready.facts["pid"], ready.facts["start"]) == (pid, "activity")
    assert package in bench.shell("dumpsys window | grep mCurrentFocus")
    bench.shell(f"am force-stop {package}")
    assert bench.adb("shell", f"pidof {package}").returncode == 1
    bench.adb("forward", "--remove", f"tcp:{port}")


def test_reverse_reaches_the_host(bench):
    listener = socket.create_server(("127.0.0.1", 0))

    def echo():
        link, _ = listener.accept()
        with link:
            link.sendall(link.recv(100).upper())

    serving = threading.Thread(target=echo)
    serving.start()
    port = listener.getsockname()[1]
    bound = int(bench.adb("reverse", "tcp:0", f"tcp:{port}").stdout)
    assert f"tcp:{bound} tcp:{port}" in bench.adb("reverse", "--list").stdout.decode()
    with socket.create_connection(("127.0.0.1", bound), timeout=60) as link:
        link.sendall(b"hello")
        assert link.recv(100) == b"HELLO"
    serving.join()
    listener.close()
    assert bench.adb("reverse", "--remove-all").returncode == 0


def test_a_restart_forgets_what_phones_forget(bench, until, package):
    before = bench.shell("cat /proc/sys/kernel/random/boot_id").encode()
    bench.shell("echo kept > /data/local/tmp/kept; settings put global a kept; setprop debug.a b")
    bench.shell("dumpsys battery unplug")
    bench.start_runner()
    bench.adb("forward", "tcp:0", "localabstract:bench")
    bench.adb("reboot")
    boot = "cat /proc/sys/kernel/random/boot_id"
    until(lambda: bench.adb("shell", boot).stdout not in (b"", before), "another start")
    assert bench.shell("cat /data/local/tmp/kept; settings get global a") == "kept\nkept\n"
    assert bench.shell("getprop debug.a") == "\n"
    assert "USB powered: true" in bench.shell("dumpsys battery")
    assert bench.adb("shell", f"pidof {package}").returncode == 1
    assert bench.phone.address not in bench.lab.adb("forward", "--list").stdout.decode()


def test_a_guard_survives_its_host_and_a_plain_loop_does_not(bench, until):
    bench.shell(
        "setsid nohup sh -c 'while true; do date > /data/local/tmp/guard; sleep 0.05; done' "
        "</dev/null >/dev/null 2>&1 &"
    )
    bench.phone.fault("drop-link@now")
    bench.await_state("device")
    bench.shell("rm -f /data/local/tmp/guard")
    until(lambda: bench.adb("shell", "[ -f /data/local/tmp/guard ]").returncode == 0, "a sign")
    bench.shell("pkill -f '[l]ocal/tmp/guard'")


@pytest.mark.skipif(bool(missing("system")), reason=missing("system") or "it is there")
def test_a_loop_ends_with_its_link_even_where_the_phones_were_started_by_nohup(until):
    lab = Lab("denies-everything")
    lab._command.insert(0, "nohup")
    with lab:
        phone = lab.phones[0]
        loop = subprocess.Popen(
            [lab._adb, "-s", phone.address, "shell", "while echo beat; do sleep 0.05; done"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, **lab.environment},
        )
        assert loop.stdout.readline() == b"beat\n"
        loop.kill()
        loop.communicate()
        look = ("shell", "pgrep -f '[e]cho beat'")
        until(lambda: lab.adb(*look, phone=phone).returncode == 1, "the loop's end")


def test_what_is_not_known_is_refused_and_recorded(bench):
    assert bench.adb("shell", "dumpsys nosuch").stderr == b"Can't find service: nosuch\n"
    assert bench.adb("shell", "cmd nosuch").returncode != 0
    assert bench.phone.report()["unexpected"] == ["dumpsys nosuch", "cmd nosuch"]


def test_a_phone_that_denies_everything(locked):
    denied = (
        "/sys/class/thermal/thermal_zone0/temp",
        "/sys/class/power_supply/battery/current_now",
        "/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq",
        "/proc/stat",
    )
    for node in denied:
        done = locked.adb("shell", f"cat {node}")
        assert b"Permission denied" in done.stderr, node
    assert b"SecurityException" in locked.adb("shell", "settings put global a b").stderr
    assert b"Can't find service" in locked.adb("shell", "dumpsys thermalservice").stderr


def test_the_runner_without_installation(bench, until):
    bench.shell("mkdir -p /data/local/tmp/s; echo jar > /data/local/tmp/x.jar")
    pid = int(
        bench.shell(
            "BENCHFARM_TOKEN=secret CLASSPATH=/data/local/tmp/x.jar setsid app_process / "
            "org.benchfarm.runner.app.ShellMain bench /data/local/tmp/s /data/local/tmp/s "
            "</dev/null >/data/local/tmp/log 2>&1 & echo $!"
        )
    )
    until(lambda: pid in bench.phone.report()["runners"].values(), "the runner")
    port = int(bench.adb("forward", "tcp:0", "localabstract:bench").stdout)
    assert _greet(port).facts["pid"] == pid
    bench.shell(f"kill -9 {pid}")
    until(lambda: not bench.phone.report()["runners"], "its end")
    bench.adb("forward", "--remove", f"tcp:{port}")


def test_the_real_core_on_a_jvm(java, until, package):
    pid = java.start_runner()
    port = int(java.adb("forward", "tcp:0", "localabstract:bench").stdout)
    ready = until(lambda: _greet(port), "the core listens")
    assert (ready.facts["runner"], ready.facts["pid"]) == ("jvm", pid)
    assert int(java.shell(f"cat /proc/{pid}/status | grep VmRSS | tr -dc 0-9")) > 10_000
    java.shell(f"am force-stop {package}")
    assert java.adb("shell", f"pidof {package}").returncode == 1


def test_shapes_differ_by_maker(modern):
    samsung, xiaomi, tablet, old = modern
    assert "[EventLogBuffer]" in samsung.shell("dumpsys battery")
    assert xiaomi.shell("cat /sys/class/thermal/thermal_zone7/temp").strip() == "-40000"
    assert tablet.adb("shell", "ls /sys/class/thermal").returncode != 0
    assert tablet.shell("cat /sys/class/thermal/thermal_zone0/type").strip() == "soc_max"
    assert old.shell("getprop ro.soc.model") == "\n"
    assert old.shell("dumpsys battery").startswith("Current OPLUS Battery Service state:")
    assert "Temperature{" not in old.shell("dumpsys thermalservice")
