"""Each gate of the build refuses what it is there for."""

from __future__ import annotations

import struct

import pytest

from android_app.build import checks, dex, java
from android_app.build.aligned_zip import Entry, write_zip
from android_app.build.errors import BuildError
from android_app.build.layout import Flavour

SMALL = Flavour("small", (), (), 50_000)
PAGE = 16384


def class_file(major: int) -> bytes:
    return struct.pack(">IHH", 0xCAFEBABE, 0, major) + bytes(20)


def test_class_files_up_to_java_8_pass(make_jar):
    java.check_class_files([make_jar("old.jar", {"a/B.class": class_file(52), "c.txt": b"x"})])


def test_a_class_file_too_new_is_named(make_jar):
    jar = make_jar("new.jar", {"a/B.class": class_file(52), "a/C.class": class_file(61)})
    with pytest.raises(BuildError, match=r"new.jar: a/C.class is a class file of version 61"):
        java.check_class_files([jar])


def test_what_is_no_class_file_is_refused(make_jar):
    with pytest.raises(BuildError):
        java.check_class_files([make_jar("odd.jar", {"a/B.class": b"12345678"})])


LISTING = """
0134bc:                    |[0134bc] org.example.Good.run:()V
0134cc: 7110 c703 0100     |0000: invoke-static {v1}, Ljava/util/Arrays;.stream:([J)V // method@03c7
013500:                    |[013500] org.example.Bad.<init>:(Ljava/lang/String;)V
013510: fc00 0000 0000     |0052: invoke-custom {}, call_site@0000
013520: fc00 0000 0000     |0055: invoke-custom {}, call_site@0001
013600:                    |[013600] ai.onnxruntime.TensorInfo.toString:()Ljava/lang/String;
013610: fc00 0000 0000     |0001: invoke-custom {}, call_site@0002
"""


def test_methods_with_invoke_custom_are_found():
    allowed = "ai.onnxruntime.TensorInfo.toString"
    assert dex.invoke_custom_methods(LISTING) == {"org.example.Bad.<init>", allowed}


@pytest.mark.parametrize("body", ["Runnable r = () -> {}; r.run();", "Runnable r = null;"])
def test_a_lambda_does_not_pass(android_artefacts, tmp_path, body):
    source = tmp_path / "Some.java"
    source.write_text(f"class Some {{ static void go() {{ {body} }} }}\n")
    java.compile_java([source], tmp_path / "classes", [])
    dex.make_dex(android_artefacts["dalvik-dx"], [tmp_path / "classes"], tmp_path / "some.dex")
    if "->" not in body:
        dex.check_dex(tmp_path / "some.dex")
        return
    with pytest.raises(BuildError, match=r"some.dex holds invoke-custom.*Some.go"):
        dex.check_dex(tmp_path / "some.dex")


def apk(tmp_path, *entries: Entry):
    path = tmp_path / "x.apk"
    write_zip(path, entries)
    return path


@pytest.fixture
def check(monkeypatch):
    """All checks but the signature's."""
    monkeypatch.setattr(checks.signing, "verify", lambda _: None)
    return lambda path: checks.check_apk(path, SMALL)


def test_a_good_library_passes(check, tmp_path, make_elf):
    library = Entry("lib/arm64-v8a/libx.so", make_elf(0x4000), PAGE)
    check(apk(tmp_path, Entry("resources.arsc", b"table", 4), library))


def test_a_library_for_small_pages_is_refused(check, tmp_path, make_elf):
    library = Entry("lib/arm64-v8a/libx.so", make_elf(0x1000), PAGE)
    with pytest.raises(BuildError, match=r"libx.so is linked for pages of 4096 bytes"):
        check(apk(tmp_path, library))


def test_32_bit_has_small_pages(check, tmp_path, make_elf):
    check(apk(tmp_path, Entry("lib/armeabi-v7a/libx.so", make_elf(0x1000, bits=32), PAGE)))


def test_known_libraries_for_small_pages_pass(check, tmp_path, make_elf):
    name = "lib/arm64-v8a/libtensorflowlite_jni.so"
    check(apk(tmp_path, Entry(name, make_elf(0x1000), PAGE)))


@pytest.mark.parametrize("alignment", [0, 4])
def test_a_library_off_its_boundary_is_refused(check, tmp_path, make_elf, alignment):
    library = Entry("lib/arm64-v8a/libx.so", make_elf(0x4000), alignment)
    with pytest.raises(BuildError, match=r"libx.so is not stored at a multiple of 16384"):
        check(apk(tmp_path, Entry("a", b"odd"), library))


def test_a_compressed_resource_table_is_refused(check, tmp_path):
    with pytest.raises(BuildError, match=r"resources.arsc is not stored"):
        check(apk(tmp_path, Entry("resources.arsc", b"table" * 100)))


def test_what_is_no_library_is_refused(check, tmp_path):
    with pytest.raises(BuildError, match=r"libx.so: not a little-endian ELF"):
        check(apk(tmp_path, Entry("lib/x86_64/libx.so", b"text", PAGE)))


def test_a_size_beyond_the_budget_is_refused(check, tmp_path):
    with pytest.raises(BuildError, match=r"more than its budget of 50,000"):
        check(apk(tmp_path, Entry("assets/x", bytes(50_000), 4)))
