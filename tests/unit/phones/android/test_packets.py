"""The bytes of adb's transport, of shell v2, of questions and of APK manifests."""

from __future__ import annotations

import subprocess
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.android.answers import Answer, Question, quoted
from phones.android.apk import BadApk, Manifest, read_manifest
from phones.android.packets import (
    HEADER,
    BadPacket,
    Command,
    Packet,
    Shell,
    ShellDecoder,
    banner,
    read_header,
    shell_packet,
)
from phones.android.shell import Request


@given(st.sampled_from(Command), st.integers(0, 2**32 - 1), st.binary(max_size=100))
def test_packets_survive(command, argument, data):
    encoded = Packet(command, argument, 7, data).encode()
    assert read_header(encoded[: HEADER.size]) == (command, argument, 7, len(data))
    assert encoded[HEADER.size :] == data


def test_the_words_are_adbs():
    assert Packet(Command.CNXN).encode()[:4] == b"CNXN"
    assert HEADER.unpack(Packet(Command.OKAY).encode())[5] == Command.OKAY ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    "header",
    [
        HEADER.pack(Command.OPEN, 0, 0, 0, 0, 0),
        HEADER.pack(1, 0, 0, 0, 0, 1 ^ 0xFFFFFFFF),
        HEADER.pack(Command.WRTE, 0, 0, 2**21, 0, Command.WRTE ^ 0xFFFFFFFF),
    ],
    ids=["magic", "command", "length"],
)
def test_bytes_that_are_no_packet(header):
    with pytest.raises(BadPacket):
        read_header(header)


def test_the_banner():
    assert banner("device", {"a": "b"}, ("x", "y")) == b"device::a=b;features=x,y"


@given(st.lists(st.tuples(st.sampled_from(Shell), st.binary(max_size=20))), st.integers(1, 9))
def test_shell_packets_in_any_pieces(packets, size):
    data = b"".join(shell_packet(*packet) for packet in packets)
    decoder, found = ShellDecoder(), []
    for start in range(0, len(data), size):
        found += decoder.feed(data[start : start + size])
    assert found == packets


def test_an_unknown_shell_packet():
    with pytest.raises(BadPacket):
        list(ShellDecoder().feed(b"\x09\0\0\0\0"))


@pytest.mark.parametrize(
    ("destination", "request_"),
    [
        ("shell,v2,TERM=xterm,raw:ls -l", Request("ls -l", True, False, {"TERM": "xterm"})),
        ("shell,v2,pty:", Request("", True, True, {})),
        ("shell:echo a:b", Request("echo a:b", False, False, {})),
        ("shell:", Request("", False, True, {})),
        ("exec:cat", Request("cat", False, False, {})),
    ],
)
def test_shell_destinations(destination, request_):
    assert Request.parse(destination) == request_


@given(st.lists(st.text(st.characters(blacklist_characters="\0", codec="utf-8"))))
def test_questions_survive_any_words(words):
    text = [f"{len(words) + 2} getprop", "12", *words]
    data = "\0".join(text).encode() + b"\0"
    assert Question.read(data) == Question("getprop", 12, words)
    assert all(Question.read(data[:cut]) is None for cut in range(len(data)))


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_answers_are_shell_words(text):
    assert quoted(text).replace("'\\''", "")[1:-1].count("'") == 0


def test_an_answer_is_a_script():
    answer = Answer(out="it's\n$HOME\n", err="no\n", code=3)
    script = answer.script().decode().replace("print -rn --", "printf %s")
    script = script.replace("print -rnu2 --", "printf >&2 %s")
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"it's\n$HOME\n", b"no\n")


def test_a_plain_manifest(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.apk", "w") as archive:
        archive.writestr(
            "AndroidManifest.xml",
            '<manifest package="a.b" xmlns:android="http://schemas.android.com/apk/res/android" '
            'android:versionCode="12" android:versionName="1.2"/>',
        )
    assert read_manifest(tmp_path / "a.apk") == Manifest("a.b", 12, "1.2")


@pytest.mark.parametrize("data", [b"", b"\x03\0\x08\0\x08\0\0\0", b"\x03\0" * 50, b"<a/>", b"<"])
def test_what_is_no_manifest(tmp_path, data):
    with zipfile.ZipFile(tmp_path / "a.apk", "w") as archive:
        archive.writestr("AndroidManifest.xml", data)
    with pytest.raises(BadApk):
        read_manifest(tmp_path / "a.apk")


def test_what_is_no_apk(tmp_path):
    (tmp_path / "a.apk").write_bytes(b"x")
    with pytest.raises(BadApk):
        read_manifest(tmp_path / "a.apk")
