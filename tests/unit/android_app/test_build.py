"""The APK as Android's own tools see it."""

from __future__ import annotations

import hashlib
import shutil
import struct
import zipfile

import pytest

from android_app.build import apk, artefacts, dex, tools
from android_app.build.__main__ import main
from android_app.build.layout import FLAVOURS

APK = "benchfarm-runner-tflite-arm64-v8a.apk"
JAR = "benchfarm-runner.jar"


def test_two_builds_are_the_same_bytes(built, tmp_path, capsys):
    assert main(["apk", "--abi", "arm64-v8a", "--output", str(tmp_path)]) == 0
    for name in (APK, JAR):
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes()
    assert hashlib.sha256((built / APK).read_bytes()).hexdigest() in capsys.readouterr().out


def test_the_badging(built):
    badging = tools.run(["aapt2", "dump", "badging", built / APK])
    assert "package: name='org.benchfarm.runner.tflite.b" in badging
    assert "sdkVersion:'26'" in badging
    assert "targetSdkVersion:'30'" in badging
    assert "native-code: 'arm64-v8a'" in badging
    assert "uses-permission" not in badging


def test_the_manifest_keeps_class_names_when_the_package_is_renamed(built):
    tree = tools.run(["aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", built / APK])
    assert '"org.benchfarm.runner.app.RunnerActivity"' in tree
    assert '"org.benchfarm.runner.app.RunnerInstrumentation"' in tree
    assert "targetPackage" in tree
    package = tree.split('targetPackage(0x01010021)="')[1].split('"')[0]
    assert package.startswith("org.benchfarm.runner.tflite.b")


def test_the_signature(built):
    said = tools.run(["apksigner", "verify", "--verbose", built / APK])
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in said
    assert "Verified using v3 scheme (APK Signature Scheme v3): true" in said


def test_a_changed_apk_is_refused(built, tmp_path):
    data = bytearray((built / APK).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / APK).write_bytes(data)
    with pytest.raises(tools.BuildError, match="apksigner failed"):
        apk.signing.verify(tmp_path / APK)


def test_the_dex_has_our_classes_and_nothing_android_cannot_link(built):
    listing = tools.run(["dexdump", built / JAR])
    for name in ("app/RunnerActivity", "app/ShellMain", "work/Service", "tflite/TfliteEngine"):
        assert f"'Lorg/benchfarm/runner/{name};'" in listing
    assert "Lorg/tensorflow/lite/Interpreter;" in listing
    assert dex.invoke_custom_methods(tools.run(["dexdump", "-d", built / JAR])) == set()
    with zipfile.ZipFile(built / JAR) as jar, zipfile.ZipFile(built / APK) as package:
        assert jar.read("classes.dex") == package.read("classes.dex")


def test_the_dex_survives_a_round_trip(built, tmp_path):
    if shutil.which("baksmali") is None:
        pytest.skip("the round trip needs the Debian package libsmali-java")
    tools.run(["baksmali", "disassemble", "-o", tmp_path / "smali", built / JAR])
    again = tmp_path / "again.dex"
    tools.run(["smali", "assemble", "--api", "26", "-o", again, tmp_path / "smali"])
    with zipfile.ZipFile(built / JAR) as jar:
        assert _class_count(again.read_bytes()) == _class_count(jar.read("classes.dex"))


def _class_count(content: bytes) -> int:
    """``class_defs_size`` of a dex header."""
    (count,) = struct.unpack_from("<I", content, 96)
    return int(count)


def test_notices_are_inside(built):
    with zipfile.ZipFile(built / APK) as package:
        notices = package.read("assets/NOTICES.txt").decode()
    assert "benchfarm" in notices
    assert "Apache License" in notices


def test_both_engines_fit_one_apk(android_artefacts, monkeypatch, tmp_path, make_elf, make_jar):
    """ONNX Runtime's Java classes are the desktop artefact's; its native part is a stand-in."""
    with zipfile.ZipFile(android_artefacts["onnxruntime"]) as given:
        names = [name for name in given.namelist() if name.endswith(".class")]
        classes = make_jar("classes.jar", {name: given.read(name) for name in names})
    native = {"jni/arm64-v8a/libonnxruntime.so": make_elf(0x4000), "LICENSE": b"MIT License"}
    archive = make_jar("ort.aar", {"classes.jar": classes.read_bytes(), **native})
    found = {name: path for name, path in android_artefacts.items() if name != "onnxruntime"}
    monkeypatch.setattr(artefacts, "fetch", lambda _: found | {"onnxruntime-android": archive})
    with apk.compiled(FLAVOURS["all"]) as code:
        path = apk.write_apk(code, "arm64-v8a", tmp_path)
    listing = tools.run(["dexdump", path])
    for name in ("onnxruntime/OrtEngine", "tflite/TfliteEngine"):
        assert f"'Lorg/benchfarm/runner/{name};'" in listing
    with zipfile.ZipFile(path) as package:
        assert "lib/arm64-v8a/libonnxruntime.so" in package.namelist()
        assert "MIT License" in package.read("assets/NOTICES.txt").decode()


def test_a_flavour_that_cannot_be_fetched_says_why(capsys, monkeypatch):
    def refuse(_):
        raise artefacts.ArtefactUnavailable("Maven: Could not find artifact x")

    monkeypatch.setattr(tools, "require", lambda _: None)
    monkeypatch.setattr(artefacts, "fetch", refuse)
    assert main(["apk", "--flavour", "onnxruntime"]) == 1
    assert capsys.readouterr().err == "Maven: Could not find artifact x\n"
