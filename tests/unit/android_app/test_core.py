"""The core's own JUnit tests, on this machine's JVM."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from harness.wire.codec import Decoder, WireFormatError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "wire"
MODELS = ("vww_96_float.tflite", "ad01_int8.tflite", "pretrainedResnet.tflite")
MUTANTS = 20_000
HEADER_BYTES = 5
#: Pieces of JSON that parsers disagree about.
ODD = (
    *(b"-0", b"01", b"1.0", b"1e3", b"1.", b"-", b"NaN", b"-Infinity", b"null", b"+1", b"1_0"),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"\xd9\xa1"),
    *(b'"\\ud800"', b'"\\u00e9"', b'"\\uD83D\\uDE00"', b'"\\x41"', b'"\t"', b'"\x7f"', b"'a'"),
    *(b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xc2\xa0", b"\x0c"),
    *(b"[[[[[[[[[]]]]]]]]]", b"{}", b"[]", b"[1,]", b'{"a":1,"a":2}', b"true", b"tru", b"/**/"),
)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_vectors_and_what_both_codecs_judge(junit, tmp_path):
    judged = tmp_path / "judged.txt"
    judged.write_text("".join(f"{verdict(each)} {each.hex()}\n" for each in mutants()))
    assert "OK (" in run(junit({"golden": str(GOLDEN), "judged": str(judged)}))


def test_operations_of_real_models(junit, shared_models):
    flatbuffer_utils = pytest.importorskip("ai_edge_litert.tools.flatbuffer_utils")
    counts = []
    for name in MODELS:
        model = flatbuffer_utils.read_model(str(shared_models / name))
        counts.append(f"{name}={len(model.subgraphs[0].operators)}")
    properties = {"golden": str(GOLDEN), "models": str(shared_models), "ops": ",".join(counts)}
    assert "OK (" in run(junit(properties))


def verdict(stream: bytes) -> str:
    """What the reference codec says."""
    decoder = Decoder()
    try:
        found = decoder.feed(stream)
        decoder.end()
    except WireFormatError:
        return "refused"
    return str(len(found))


def mutants():
    """Valid one-frame messages, changed a little; lengths in headers stay right."""
    lines = "".join((GOLDEN / f"{side}.jsonl").read_text() for side in ("host", "runner"))
    streams = [bytes.fromhex(json.loads(line)["bytes"]) for line in lines.splitlines()]
    short = [each for each in streams if len(each) < 1000 and _frames(each) == 1]
    texts = [each[HEADER_BYTES:] for each in short]
    chance = random.Random(11)
    for _ in range(MUTANTS):
        text = bytearray(chance.choice(texts))
        for _ in range(chance.randrange(3)):
            begin = chance.randrange(len(text) + 1)
            end = min(len(text), begin + chance.randrange(4))
            text[begin:end] = chance.choice([*ODD, text[end : end + 9], b'"', b",", b" ", b"0"])
        yield len(text).to_bytes(4, "big") + b"J" + bytes(text)


def _frames(stream: bytes) -> int:
    count = 0
    while stream:
        stream = stream[HEADER_BYTES + int.from_bytes(stream[:4], "big") :]
        count += 1
    return count
