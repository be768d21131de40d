"""Parts of simulated iPhones that need no client: battery, reports, packages, profiles, script."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import sys
from contextlib import suppress

import pytest

from phones.faults import Fault
from phones.ios import __main__ as program
from phones.ios.afc import Afc
from phones.ios.afc_codes import Code, Op
from phones.ios.apps import App
from phones.ios.battery import battery_registry
from phones.ios.channel import Channel, LinkLost
from phones.ios.farm import Farm
from phones.ios.phone import Phone
from phones.ios.profiles import PROFILES
from phones.ios.recording import Recording
from phones.ios.reports import jetsam_report
from phones.ios.values import values


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def phone(tmp_path, now):
    made = Phone(PROFILES["iphone14pro-ios17.6"], 3, tmp_path, seconds=lambda: now[0])
    made.install(App("a.b", "An app", executable="Exe"))
    return made


@pytest.mark.parametrize(
    ("profile", "bits"),
    [("iphone8-ios15", 32), ("iphone14pro-ios17.6", 16), ("iphone15-ios18", 64)],
)
def test_a_negative_current_wraps_around(profile, bits, tmp_path, now):
    made = Phone(PROFILES[profile], 0, tmp_path, seconds=lambda: now[0])
    made.physics.set_plugged(False)
    now[0] += 60
    current = battery_registry(made)["InstantAmperage"]
    assert 2 ** (bits - 1) < current < 2**bits
    assert -2000 < current - 2**bits < 0


def test_the_newest_phone_tells_the_sign(tmp_path, now):
    made = Phone(PROFILES["iphone17pro-ios26"], 0, tmp_path, seconds=lambda: now[0])
    made.physics.set_plugged(False)
    now[0] += 60
    assert -2000 < battery_registry(made)["InstantAmperage"] < 0


def test_identifiers_are_those_of_the_chips_time():
    forms = {name: Phone.udid_of(profile, 1) for name, profile in PROFILES.items()}
    assert len(forms["iphone8-ios15"]) == 40
    assert all(len(udid) == 25 for name, udid in forms.items() if name != "iphone8-ios15")
    assert forms["iphone15-ios18"] != Phone.udid_of(PROFILES["iphone15-ios18"], 2)


def test_a_jetsam_report_names_its_victim(phone):
    jetsam_report(phone, phone.apps["a.b"], 77)
    (path,) = (phone.folder / "crashes").iterdir()
    header, body = path.read_text().split("\n", 1)
    assert json.loads(header)["bug_type"] == "298"
    (victim,) = [each for each in json.loads(body)["processes"] if "reason" in each]
    assert (victim["name"], victim["pid"], victim["reason"]) == ("Exe", 77, "per-process-limit")


def test_faults_that_only_other_phones_have_are_refused(phone):
    with pytest.raises(ValueError, match="cannot do"):
        phone.apply(Fault.parse("popup@now"))


class Pipe:
    """A reader with everything in it, and a writer that keeps what it is given."""

    def __init__(self, data):
        self.data, self.written = data, b""

    async def read(self, n):
        data, self.data = self.data[:n], self.data[n:]
        return data

    def write(self, data):
        self.written += data

    async def drain(self):
        pass

    def is_closing(self):
        return False


def afc_packet(op, arguments=b"", payload=b"", number=7):
    size = 40 + len(arguments)
    return struct.pack("<8sQQQQ", b"CFA6LPAA", size + len(payload), size, number, op) + (
        arguments + payload
    )


def afc(phone, *packets, shown="Documents"):
    """The operations and first words of the answers."""
    (phone.folder / "Documents").mkdir(exist_ok=True)
    pipe = Pipe(b"".join(packets))

    async def work():
        with pytest.raises(LinkLost):
            await Afc(phone, phone.folder, shown).serve(Channel(pipe, pipe))

    asyncio.run(work())
    answers, data = [], pipe.written
    while data:
        _, size, _, number, op = struct.unpack_from("<8sQQQQ", data)
        assert number == 7
        answers.append((op, data[40:size]))
        data = data[size:]
    return answers


@pytest.mark.parametrize(
    "name", [b"/", b"", b"/Documents/../media", b"/media", b"..", b"/Documents/link/x"]
)
def test_nothing_outside_documents_is_shown(phone, name):
    (phone.folder / "Documents").mkdir()
    (phone.folder / "Documents" / "link").symlink_to("/tmp")
    ((op, code),) = afc(phone, afc_packet(Op.STAT, name + b"\0"))
    assert (op, int.from_bytes(code, "little")) == (Op.STATUS, Code.NO_PERMISSION)


def test_documents_itself_cannot_be_removed(phone):
    ((op, code),) = afc(phone, afc_packet(Op.REMOVE_ALL, b"/Documents\0"))
    assert (op, int.from_bytes(code, "little")) == (Op.STATUS, Code.NO_PERMISSION)
    assert (phone.folder / "Documents").is_dir()


def test_a_file_is_written_whether_the_bytes_are_payload_or_arguments(phone):
    opening = afc_packet(Op.OPEN, struct.pack("<Q", 3) + b"/Documents/f\0")
    handle = struct.pack("<Q", 1)
    answers = afc(
        phone,
        opening,
        afc_packet(Op.WRITE, handle, b"one"),
        afc_packet(Op.WRITE, handle + b"two"),
        afc_packet(Op.TELL, handle),
        afc_packet(Op.CLOSE, handle),
        afc_packet(Op.WRITE, handle, b"closed"),
    )
    assert [op for op, _ in answers] == [
        *(Op.OPENED, Op.STATUS, Op.STATUS, Op.TOLD, Op.STATUS, Op.STATUS),
    ]
    assert (phone.folder / "Documents" / "f").read_bytes() == b"onetwo"
    assert int.from_bytes(answers[-1][1], "little") == Code.INVALID_ARGUMENT


def test_an_unknown_operation_is_refused_and_noted(phone):
    ((op, code),) = afc(phone, afc_packet(0x77))
    assert (op, int.from_bytes(code, "little")) == (Op.STATUS, Code.NOT_SUPPORTED)
    assert phone.unexpected == ["AFC operation 0x77"]


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n" * 5, bytes(40), afc_packet(3)[:20]])
def test_what_is_no_afc_ends_the_link(phone, data):
    assert afc(phone, data) == []


def test_the_program_says_what_clients_need(monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "stdin", io.StringIO("fault 0 reboot@phase:load\nfault 9 x\nasked 0\n")
    )
    monkeypatch.setattr("signal.pause", lambda: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    program.main(["--profile", "iphone15-ios18", "--count", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("export USBMUXD_SOCKET_ADDRESS=127.0.0.1:")
    assert sum("iPhone 15, iOS 18.5" in line for line in lines) == 2
    assert not any("HOME=" in line and "XDG" not in line for line in lines)
    assert "done" in lines
    assert any(line.startswith("error: ") for line in lines)


def test_a_farm_stops_with_everything_it_started(tmp_path):
    farm = Farm(tmp_path, ["iphone13-ios17.0", "iphone12-ios16"])
    farm.start()
    host, port = farm.rsd(0)
    app = farm.phones[1].apps["org.benchfarm.runner"]
    (app.documents / "benchfarm.token").write_text("t")
    farm.open_app(1)
    farm.stop()
    for closed in (port, farm.usbmuxd.port, farm.tunneld.port):

        async def connect(closed=closed):
            with pytest.raises(OSError, match="Connect"):
                await asyncio.open_connection(host, closed)

        asyncio.run(connect())
    assert app.process is None


def test_a_recording_is_replayed_but_the_phone_stays_itself(tmp_path, now):
    recorded = {
        "platform": "ios",
        "values": {
            "": {"ProductType": "iPhone99,1", "ProductVersion": "17.2", "SerialNumber": "x"}
        },
        "battery": {"Temperature": 2540, "Odd": {"$hex": "00ff"}, "UpdateTime": 5},
    }
    path = tmp_path / "real.json"
    path.write_text(json.dumps(recorded))
    (phone,) = Farm(tmp_path / "farm", [path], seconds=lambda: now[0]).phones
    told = values(phone, "")
    assert (told["ProductType"], told["BenchfarmSimulated"]) == ("iPhone99,1", True)
    assert told["SerialNumber"] != "x"
    assert "BuildVersion" not in told
    assert phone.profile.tunnel == "privileged"
    battery = battery_registry(phone)
    assert (battery["Temperature"], battery["Odd"]) == (2540, b"\0\xff")
    assert battery["UpdateTime"] > 5
    assert values(phone, "com.apple.mobile.battery")["HasBattery"] is True


@pytest.mark.parametrize("text", ["[]", "{}", '{"platform": "android"}', "no JSON"])
def test_what_is_no_recording_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError):
        Recording.read(path)


@pytest.mark.parametrize("data", [b"\xff" * 64, struct.pack("<IIII", 40, 1, 8, 1) + b"<" * 24])
def test_nonsense_ends_a_link_and_nothing_else(tmp_path, data):
    with Farm(tmp_path, ["iphone12-ios16"]) as farm:

        async def say():
            reader, writer = await asyncio.open_connection("127.0.0.1", farm.usbmuxd.port)
            writer.write(data)
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

        asyncio.run(say())
        listing = b"<plist><dict><key>MessageType</key><string>ListDevices</string></dict></plist>"
        data = struct.pack("<IIII", 16 + len(listing), 1, 8, 9) + listing

        async def list_devices():
            reader, writer = await asyncio.open_connection("127.0.0.1", farm.usbmuxd.port)
            writer.write(data)
            answer = await reader.read(4096)
            writer.close()
            return answer

        assert farm.phones[0].udid.encode() in asyncio.run(list_devices())
