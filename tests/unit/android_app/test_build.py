"""The APK as Android's own tools see it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from android_app.build import apk, artefacts, dex, tools
from android_app.build.__main__ import main
from android_app.build.layout import FLAVOURS, WHEEL_FLAVOURS

APK = "benchfarm-runner-tflite-arm64-v8a.apk"
JAR = "benchfarm-runner.jar"
ROOT = Path(__file__).parents[3]


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


def test_checkouts_with_one_key_sign_alike(built, tmp_path):
    """The key is made where it is not there, and then kept."""
    code = "from pathlib import Path; import sys; from android_app.build import signing;"
    code += "signing.sign(Path(sys.argv[1]), Path(sys.argv[2]))"
    key = {"BENCHFARM_ANDROID_KEY": str(tmp_path / "one.p12")}
    signed = [tmp_path / name for name in ("1.apk", "2.apk")]
    for path in signed:
        command = [sys.executable, "-c", code, str(built / APK), str(path)]
        subprocess.run(command, env=os.environ | key, cwd=ROOT, check=True)
        apk.signing.verify(path)
    assert signed[0].read_bytes() == signed[1].read_bytes()
    assert signed[0].read_bytes() != (built / APK).read_bytes()
    assert [path.name for path in tmp_path.iterdir() if "p12" in path.name] == ["one.p12"]


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


def notices(path):
    with zipfile.ZipFile(path) as package:
        return package.read("assets/NOTICES.txt").decode()


def test_notices_are_inside(built):
    said = notices(built / APK)
    assert "benchfarm" in said
    assert "Apache License" in said
    for held in ("TensorFlow Lite 2.16.1", "XNNPACK", "RE2", "cpuinfo", "FP16", "Takuya OOURA"):
        assert held in said
    assert "uPlot" not in said
    assert "ONNX Runtime" not in said


@pytest.mark.parametrize(
    ("flavour", "engines", "absent"),
    [("onnxruntime", {"onnxruntime"}, "tflite"), ("all", {"onnxruntime", "tflite"}, "coreml")],
)
def test_flavours_with_onnxruntime(
    android_artefacts, monkeypatch, tmp_path, ort_archive, flavour, engines, absent
):
    """Its native part is a stand-in: nothing but its checksum is missing from the build."""
    archive = ort_archive("ort.aar", {"LICENSE": b"the archive's own words"})
    tflite = {name: path for name, path in android_artefacts.items() if "tensorflow" in name}
    found = {k: v for k, v in android_artefacts.items() if k not in tflite or "tflite" in engines}
    monkeypatch.setattr(artefacts, "fetch", lambda _: found | {"onnxruntime-android": archive})
    with apk.compiled(FLAVOURS[flavour]) as code:
        paths = [apk.write_apk(code, abi, tmp_path) for abi in FLAVOURS[flavour].abis]
    listing = tools.run(["dexdump", paths[0]])
    for engine in engines:
        assert f"'Lorg/benchfarm/runner/{engine}/" in listing
    assert f"runner/{absent}/" not in listing
    assert "'Lai/onnxruntime/OrtSession;'" in listing
    for path, abi in zip(paths, FLAVOURS[flavour].abis, strict=True):
        with zipfile.ZipFile(path) as package:
            names = {name for name in package.namelist() if name.startswith("lib/")}
        assert {name.split("/")[1] for name in names} == {abi}
        assert f"lib/{abi}/libonnxruntime4j_jni.so" in names
    said = notices(paths[0])
    for words in ("Copyright (c) Microsoft Corporation", "google/XNNPACK", "archive's own words"):
        assert words in said


HEXAGON = 164


def test_the_flavour_for_qualcomm(android_artefacts, monkeypatch, tmp_path, ort_archive, make_elf):
    """Signal-processor code has pages of its own, and libraries become files on the phone."""
    skeleton = bytearray(make_elf(0x1000, bits=32))
    struct.pack_into("<H", skeleton, 18, HEXAGON)
    native = {"jni/arm64-v8a/libQnnHtp.so": make_elf(0x4000)}
    native["jni/arm64-v8a/libQnnHtpV75Skel.so"] = bytes(skeleton)
    found = {k: v for k, v in android_artefacts.items() if "tensorflow" not in k}
    found["onnxruntime-android-qnn"] = ort_archive("ort.aar", native)
    monkeypatch.setattr(artefacts, "fetch", lambda _: found)
    assert main(["apk", "--flavour", "qnn", "--accept-licence", "--output", str(tmp_path)]) == 0
    path = tmp_path / "benchfarm-runner-qnn-arm64-v8a.apk"
    with zipfile.ZipFile(path) as package:
        assert "lib/arm64-v8a/libQnnHtpV75Skel.so" in package.namelist()
    tree = tools.run(["aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", path])
    assert re.search(r"extractNativeLibs\S*=true", tree)
    assert not (tmp_path / "benchfarm-runner-qnn-x86_64.apk").exists()


def test_the_flavour_for_qualcomm_has_to_be_asked_for(capsys, monkeypatch):
    monkeypatch.setattr(artefacts, "fetch", lambda _: pytest.fail("fetched unasked"))
    assert main(["apk", "--flavour", "qnn"]) == 1
    said = capsys.readouterr().err
    assert "licence forbids passing it on" in said
    assert said.endswith("--accept-licence\n")
    assert said.count("\n") == 1
    assert not any(FLAVOURS[name].licence for name in WHEEL_FLAVOURS)


def test_a_flavour_that_cannot_be_fetched_says_why(capsys, monkeypatch, tmp_path):
    def refuse(_):
        raise artefacts.ArtefactUnavailable("Maven: Could not find artifact x")

    monkeypatch.setattr(tools, "require", lambda _: None)
    monkeypatch.setattr(artefacts, "fetch", refuse)
    place = ["--output", str(tmp_path)]
    assert main(["apk", "--flavour", "onnxruntime", *place]) == 1
    assert capsys.readouterr().err == "Maven: Could not find artifact x\n"
    assert main(["apk", "--where-possible", *place]) == 0
    assert capsys.readouterr().out == ("no Android runner here: Maven: Could not find artifact x\n")
