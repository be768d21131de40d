"""adbutils, as an agent uses it, against simulated phones."""

from __future__ import annotations

import pytest

from harness.wire import messages as m
from harness.wire.codec import Decoder, encode

adbutils = pytest.importorskip("adbutils", reason="needs adbutils")


@pytest.fixture
def device(bench):
    port = int(bench.lab.environment["ANDROID_ADB_SERVER_PORT"])
    client = adbutils.AdbClient("127.0.0.1", port)
    assert bench.phone.address in [one.serial for one in client.list()]
    return client.device(bench.phone.address)


def test_shell(device):
    done = device.shell2("echo out; echo err >&2; exit 3", v2=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert device.prop.get("ro.product.model") == "Pixel 8"


def test_files(device, tmp_path):
    data = bytes(range(256)) * 1000
    (tmp_path / "a").write_bytes(data)
    device.sync.push(tmp_path / "a", "/data/local/tmp/a")
    assert device.sync.stat("/data/local/tmp/a").size == len(data)
    assert device.sync.read_bytes("/data/local/tmp/a") == data
    assert [f.path for f in device.sync.list("/data/local/tmp") if f.path == "a"] == ["a"]
    assert device.sync.pull("/data/local/tmp/a", tmp_path / "b") == len(data)
    assert (tmp_path / "b").read_bytes() == data


def test_a_stream_to_the_runner(bench, device):
    bench.start_runner()
    with device.create_connection(adbutils.Network.LOCAL_ABSTRACT, "bench") as link:
        link.sendall(encode(m.Hello(m.WIRE_VERSION, "secret")))
        assert isinstance(Decoder().feed(link.recv(65536))[0].message, m.Ready)
        bench.phone.fault("crash@phase:ping")
        link.sendall(encode(m.Ping(1)))
        while link.recv(65536):
            pass  # its last words, and then the end


def test_nobody_listens(device):
    with pytest.raises(adbutils.AdbError, match="closed"):
        device.create_connection(adbutils.Network.LOCAL_ABSTRACT, "nobody")
