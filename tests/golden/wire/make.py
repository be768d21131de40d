"""Writes the golden vectors of the runner wire: ``python tests/golden/wire/make.py [FOLDER]``.

Every line is one stream of bytes. ``accept`` streams hold one packet whose ``meaning`` is given
with every field; where ``canonical`` is true, encoding the meaning gives the same bytes. The others
are refused with the code ``why``, before or at the end of the stream. The bytes are put together
here by hand, not by the codec, so that the codec is checked against something.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)
COLUMNS = ["start_ns", "input_ns", "invoke_ns", "output_ns"]
BLOCK = {"seq": 0, "count": 1, "duration_ns": 0, "interval_ns": 0, "pause_ns": 0, "timed": True}
TENSOR = {"name": "x", "dtype": "int8", "shape": [1, 4], "scale": "0.5", "zero_point": -3}
MIB = 1024 * 1024


def frame(kind: bytes, payload: bytes) -> bytes:
    """Length, kind, payload."""
    return len(payload).to_bytes(4, "big") + kind + payload


def text(plain: object, **options: Any) -> bytes:
    """Canonical JSON unless ``options`` say otherwise."""
    settings = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False} | options
    return json.dumps(plain, **settings).encode()


def numbers(*values: int) -> bytes:
    """Little-endian int64s."""
    return b"".join(value.to_bytes(8, "little", signed=True) for value in values)


def accept(name: str, meaning: Line, *frames: bytes, said: bytes | None = None) -> Line:
    """A stream that means ``meaning``; ``said`` is its JSON where that is not canonical."""
    plain = dict(meaning) | ({"frames": len(frames)} if frames else {})
    canonical = said is None
    stream = frame(b"J", text(plain) if said is None else said)
    stream += b"".join(frame(b"B", each) for each in frames)
    full = dict(meaning) | {"frames": [each.hex() for each in frames]}
    return {
        "name": name,
        "bytes": stream.hex(),
        "accept": True,
        "canonical": canonical,
        "meaning": full,
    }


def reject(name: str, why: str, stream: bytes) -> Line:
    """A stream that is refused."""
    return {"name": name, "bytes": stream.hex(), "accept": False, "why": why}


def said(name: str, why: str, payload: bytes) -> Line:
    """One JSON frame that is refused."""
    return reject(name, why, frame(b"J", payload))


def host_messages() -> Iterator[Line]:
    """Everything a host may say, with its edges."""
    hello = {"type": "hello", "version": 1, "token": "t0k3n", "session": "", "last_seq": 0}
    yield accept("hello", hello)
    yield accept("hello-reattach", hello | {"session": "0123456789abcdef", "last_seq": 41})
    yield accept("hello-defaults", hello, said=b'{"token":"t0k3n","type":"hello","version":1}')
    yield accept(
        "hello-other-order-and-spaces",
        hello,
        said=b' {\n\t"version" : 1, "type": "hello", "token": "t0k3n"\r\n} ',
    )
    yield accept("ping", {"type": "ping", "host_ns": 123456789})
    yield accept("ping-largest", {"type": "ping", "host_ns": INT64_MAX})
    yield accept("ping-smallest", {"type": "ping", "host_ns": INT64_MIN})
    yield accept(
        "ping-frames-0",
        {"type": "ping", "host_ns": 1},
        said=b'{"frames":0,"host_ns":1,"type":"ping"}',
    )
    load = {
        "type": "load",
        "model": DIGEST,
        "engine": "tflite",
        "delegate": "cpu",
        "threads": 4,
        "batch": 1,
        "shapes": {},
        "page_cache": "keep",
        "options": {},
    }
    yield accept("load", load)
    yield accept(
        "load-full",
        load
        | {
            "batch": 8,
            "shapes": {"ids": [1, 128], "mask": [], "épée": [2]},
            "page_cache": "drop",
            "options": {"xnnpack": False, "load": "buffer", "level": 3},
        },
    )
    yield accept(
        "load-defaults",
        load,
        said=text({key: load[key] for key in ("type", "model", "engine", "delegate", "threads")}),
    )
    # Sorted by code point: in UTF-16 order the second key would come first.
    yield accept("load-keys-by-code-point", load | {"options": {"\uffee": 1, "\U0001f600": 2}})
    run = {"type": "run", "inputs": [DIGEST], "blocks": [BLOCK], "final": False}
    yield accept("run", run)
    yield accept(
        "run-block-defaults",
        run,
        said=text({"type": "run", "inputs": [DIGEST], "blocks": [{"seq": 0, "count": 1}]}),
    )
    yield accept("run-nothing", {"type": "run", "inputs": [], "blocks": [], "final": True})
    periodic = BLOCK | {
        "seq": 1,
        "count": 1_000_000,
        "duration_ns": 10**9,
        "interval_ns": 33_333_333,
        "pause_ns": 5 * 10**9,
        "timed": False,
    }
    yield accept("append", {"type": "append", "blocks": [BLOCK, periodic], "final": False})
    yield accept("append-final", {"type": "append", "blocks": [], "final": True})
    yield accept("ack", {"type": "ack", "seq": 7})
    yield accept("infer", {"type": "infer", "inputs": [DIGEST, DIGEST], "first": 0, "last": 100})
    profile = {"type": "profile", "inputs": [DIGEST], "count": 20, "warmup": 3}
    yield accept("profile", profile)
    yield accept(
        "profile-defaults",
        profile | {"inputs": [], "count": 1, "warmup": 0},
        said=b'{"count":1,"inputs":[],"type":"profile"}',
    )
    yield accept("telemetry", {"type": "telemetry", "interval_ns": 10**9})
    for name in ("unload", "cancel", "bye"):
        yield accept(name, {"type": name})


def runner_messages() -> Iterator[Line]:
    """Everything a runner may say, with its edges."""
    ready = {"type": "ready", "session": "0123456789abcdef", "facts": {}, "received": 0}
    yield accept("ready", ready)
    yield accept(
        "ready-facts",
        ready | {"facts": {"pid": 4711, "runner": "local", "debug": False}, "received": 12},
    )
    yield accept("pong", {"type": "pong", "host_ns": 1, "runner_ns": -1})
    loaded = {
        "type": "loaded",
        "import_ns": 1,
        "load_ns": 2,
        "prepare_ns": 3,
        "inputs": [TENSOR],
        "outputs": [TENSOR | {"scale": "", "zero_point": 0, "shape": [], "name": ""}],
        "cache_state": "page cache keep, 3 of 3 pages in memory",
        "engine": {"engine": "tflite", "threads": 1, "xnnpack": True},
        "placement": {"ops": 31},
        "seq": 1,
    }
    yield accept("loaded", loaded)
    yield accept("loaded-settled-later", loaded | {"outputs": [TENSOR | {"shape": [-1, 4]}]})
    block = {
        "type": "block",
        "seq": 2,
        "block": 0,
        "timed": True,
        "count": 2,
        "columns": COLUMNS,
        "started_ns": 100,
        "ended_ns": 200,
        "cpu_ns": 90,
        "dropped": 0,
        "process_start_ns": 5,
    }
    yield accept("block", block, numbers(100, 150, 1, 2, 40, 41, 3, 4))
    intended = [*COLUMNS, "intended_ns"]
    yield accept(
        "block-periodic",
        block | {"count": 1, "columns": intended, "dropped": 3},
        numbers(100, 1, 40, 3, 99),
    )
    yield accept("block-extremes", block | {"count": 1}, numbers(INT64_MIN, INT64_MAX, 0, -1))
    yield accept("block-empty", block | {"count": 0}, b"")
    trace = {
        "type": "trace",
        "seq": 3,
        "at_ns": 10,
        "channels": ["self.rss_bytes"],
        "values": [1024],
    }
    yield accept("trace", trace)
    yield accept("trace-empty", trace | {"channels": [], "values": []})
    outputs = {"type": "outputs", "seq": 4, "index": 0, "shapes": [[1, 2], [3]]}
    yield accept("outputs", outputs, b"\x00\x01\xfe\xff", b"abc")
    yield accept("outputs-empty-frame", outputs | {"shapes": [[0]]}, b"")
    yield accept("outputs-64-frames", outputs | {"shapes": [[1]] * 64}, *[b"x"] * 64)
    yield accept("outputs-none", outputs | {"shapes": []})
    profiled = {
        "type": "profiled",
        "seq": 5,
        "format": "onnxruntime",
        "count": 20,
        "warmup": 3,
        "facts": {"threads": 1},
    }
    yield accept("profiled", profiled, b"[]")
    yield accept(
        "profiled-defaults",
        profiled | {"warmup": 0, "facts": {}},
        b"{}",
        said=b'{"count":20,"format":"onnxruntime","frames":1,"seq":5,"type":"profiled"}',
    )
    yield accept("done", {"type": "done", "seq": 5, "cancelled": False})
    yield accept("done-cancelled", {"type": "done", "seq": 6, "cancelled": True})
    error = {"type": "error", "code": "model-rejected", "text": "", "fatal": False, "seq": 7}
    yield accept("error", error)
    yield accept(
        "error-fatal", error | {"code": "bad-version", "text": "2", "fatal": True, "seq": 0}
    )
    words = 'quote " backslash \\ slash / tab \t newline \n nul \0 bell \a delete \x7f é 漢 😀'
    yield accept("error-text", error | {"text": words})
    yield accept(
        "error-text-escaped",
        error | {"text": words},
        said=text(error | {"text": words}, ensure_ascii=True),
    )
    yield accept("error-longest-text", error | {"text": "x" * 65536})
    for code in ERROR_CODES:
        yield accept(f"error-{code}", error | {"code": code})


ERROR_CODES = (
    "bad-message",
    "bad-token",
    "bad-version",
    "busy",
    "no-session",
    "no-file",
    "model-rejected",
    "delegate-rejected",
    "option-rejected",
    "unsupported",
    "input-rejected",
    "inference-failed",
    "out-of-memory",
    "spool-full",
)


def rejects() -> Iterator[Line]:
    """One fault each."""
    bye = frame(b"J", b'{"type":"bye"}')
    yield reject("kind-lower-case", "unknown-kind", frame(b"j", b'{"type":"bye"}'))
    yield reject("kind-zero", "unknown-kind", bytes(5))
    yield reject("http", "unknown-kind", b"GET / HTTP/1.1\r\n\r\n")
    yield reject("binary-first", "unexpected-kind", frame(b"B", b"x"))
    yield reject("binary-after-bye", "unexpected-kind", bye + frame(b"B", b""))
    yield reject("json-header-too-long", "too-long", (MIB + 1).to_bytes(4, "big") + b"J")
    yield reject("json-header-largest", "too-long", b"\xff\xff\xff\xffJ")
    outputs = {"type": "outputs", "seq": 1, "index": 0, "shapes": [[1]], "frames": 1}
    opening = frame(b"J", text(outputs))
    yield reject(
        "binary-header-too-long", "too-long", opening + (64 * MIB + 1).to_bytes(4, "big") + b"B"
    )
    yield reject("json-instead-of-frame", "unexpected-kind", opening + bye)
    for name, stream in {
        "header": bye[:4],
        "payload": bye[:-1],
        "frame": opening,
        "frame-payload": opening + frame(b"B", b"xy")[:-1],
    }.items():
        yield reject(f"truncated-{name}", "truncated", stream)
    yield from json_rejects()
    yield from shape_rejects()
    yield from value_rejects()


def json_rejects() -> Iterator[Line]:
    """What is no JSON of ours."""
    yield said("utf8-invalid", "bad-utf8", b'{"type":"\xff"}')
    yield said("utf8-overlong", "bad-utf8", b'{"type":"\xc0\xaf"}')
    yield said("utf8-surrogate", "bad-utf8", b'{"type":"\xed\xa0\x80"}')
    for name, payload in {
        "empty": b"",
        "space": b" ",
        "half": b'{"type":"bye"',
        "garbage-after": b'{"type":"bye"}x',
        "two-values": b'{"type":"bye"}{}',
        "comma-after": b'{"type":"bye",}',
        "single-quotes": b"{'type':'bye'}",
        "comment": b'{"type":"bye"}//',
        "nul": b'{"type":"bye"}\0',
        "byte-order-mark": b'\xef\xbb\xbf{"type":"bye"}',
        "raw-newline": b'{"type":"by\ne"}',
        "bad-escape": b'{"type":"\\x62ye"}',
        "leading-zero": b'{"type":"ack","seq":01}',
        "plus": b'{"type":"ack","seq":+1}',
        "hex": b'{"type":"ack","seq":0x1}',
        "bare-key": b'{type:"bye"}',
        "bare-word": b"bye",
    }.items():
        yield said(f"json-{name}", "bad-json", payload)
    for name, payload in {
        "array": b"[]",
        "string": b'"bye"',
        "number": b"1",
        "null": b"null",
        "true": b"true",
    }.items():
        yield said(f"json-{name}", "not-an-object", payload)
    yield said("too-deep", "too-deep", b'{"type":' + b"[" * 8 + b"]" * 8 + b"}")
    yield said("far-too-deep", "too-deep", b"[" * 5_000 + b"]" * 5_000)
    yield said("duplicate-key", "duplicate-key", b'{"seq":1,"seq":1,"type":"ack"}')
    yield said("duplicate-type", "duplicate-key", b'{"type":"bye","type":"bye"}')
    yield said("duplicate-key-escaped", "duplicate-key", b'{"seq":1,"s\\u0065q":1,"type":"ack"}')
    inner = text({"type": "run", "inputs": [], "blocks": [{"count": 1}]})
    yield said(
        "duplicate-key-inside",
        "duplicate-key",
        inner.replace(b'"count":1', b'"count":1,"seq":0,"seq":0'),
    )
    for number in ("1.0", "1.5", "1e3", "1E+2", "-0", "-0.0", "NaN", "Infinity", "-Infinity"):
        yield said(
            f"number-{number}", "not-an-integer", b'{"seq":%s,"type":"ack"}' % number.encode()
        )
    for number in (INT64_MAX + 1, INT64_MIN - 1, 10**400):
        name = str(number) if number < 10**30 else "401-digits"
        yield said(f"number-{name}", "out-of-range", b'{"seq":%d,"type":"ack"}' % number)


def shape_rejects() -> Iterator[Line]:
    """Keys and types."""
    yield said("type-missing", "missing-key", b"{}")
    yield said("type-unknown", "unknown-type", b'{"type":"goodbye"}')
    yield said("type-upper-case", "unknown-type", b'{"type":"Bye"}')
    yield said("type-number", "unknown-type", b'{"type":1}')
    yield said("key-unknown", "unknown-key", b'{"type":"bye","now":true}')
    yield said("key-case", "unknown-key", b'{"Seq":1,"seq":1,"type":"ack"}')
    yield said("key-empty", "unknown-key", b'{"":1,"type":"bye"}')
    yield said("key-missing", "missing-key", b'{"type":"ack"}')
    block = {key: value for key, value in BLOCK.items() if key != "count"}
    yield said("key-missing-inside", "missing-key", text({"type": "append", "blocks": [block]}))
    yield said(
        "key-unknown-inside",
        "unknown-key",
        text({"type": "append", "blocks": [BLOCK | {"repeat": 1}]}),
    )
    for name, value in {
        "string": "1",
        "true": True,
        "null": None,
        "array": [1],
        "object": {},
    }.items():
        yield said(f"integer-{name}", "wrong-type", text({"type": "ack", "seq": value}))
    for name, value in {"number": 1, "true": True, "null": None, "array": ["t"]}.items():
        yield said(
            f"string-{name}", "wrong-type", text({"type": "hello", "version": 1, "token": value})
        )
    for name, value in {"number": 1, "string": "true", "null": None}.items():
        yield said(
            f"boolean-{name}", "wrong-type", text({"type": "done", "seq": 1, "cancelled": value})
        )
    run = {"type": "run", "inputs": [], "blocks": []}
    yield said("array-object", "wrong-type", text(run | {"blocks": {}}))
    yield said("array-string", "wrong-type", text(run | {"inputs": DIGEST}))
    yield said("array-null", "wrong-type", text(run | {"inputs": None}))
    yield said("array-of-wrong", "wrong-type", text(run | {"inputs": [1]}))
    yield said("block-array", "wrong-type", text(run | {"blocks": [[0, 1]]}))
    load = {"type": "load", "model": DIGEST, "engine": "tflite", "delegate": "cpu", "threads": 1}
    yield said("map-array", "wrong-type", text(load | {"options": []}))
    yield said("map-value-array", "wrong-type", text(load | {"options": {"a": [1]}}))
    yield said("map-value-null", "wrong-type", text(load | {"options": {"a": None}}))
    yield said("map-value-number", "wrong-type", text(load | {"shapes": {"a": 1}}))
    yield said("frames-string", "wrong-type", b'{"frames":"1","type":"bye"}')


def value_rejects() -> Iterator[Line]:
    """Right types that cannot be right."""
    yield said("lone-surrogate", "bad-text", b'{"token":"\\ud800","type":"hello","version":1}')
    yield said(
        "surrogates-swapped", "bad-text", b'{"token":"\\udc00\\ud800","type":"hello","version":1}'
    )
    yield said(
        "string-too-long",
        "string-too-long",
        text({"type": "hello", "version": 1, "token": "x" * 65537}),
    )
    yield said(
        "string-too-long-in-bytes",
        "string-too-long",
        text({"type": "hello", "version": 1, "token": "é" * 32769}),
    )
    yield said(
        "error-code-unknown", "bad-value", text({"type": "error", "code": "oops", "text": ""})
    )
    block = {
        "type": "block",
        "seq": 1,
        "block": 0,
        "timed": True,
        "count": 1,
        "columns": COLUMNS,
        "started_ns": 0,
        "ended_ns": 1,
        "cpu_ns": 1,
    }
    samples = frame(b"B", numbers(1, 2, 3, 4))
    yield said("columns-unknown", "bad-value", text(block | {"columns": ["ns"], "frames": 1}))
    yield said(
        "columns-other-order", "bad-value", text(block | {"columns": COLUMNS[::-1], "frames": 1})
    )
    trace = {"type": "trace", "seq": 1, "at_ns": 1, "channels": ["a", "b"], "values": [1]}
    yield said("trace-lengths", "bad-value", text(trace))
    yield said(
        "profiled-without-frame",
        "bad-frames",
        b'{"count":1,"format":"litert","seq":1,"type":"profiled"}',
    )
    yield said("block-without-frames", "bad-frames", text(block))
    yield said("block-two-frames", "bad-frames", text(block | {"frames": 2}))
    for count in (0, 2, -1, INT64_MAX):
        yield reject(
            f"block-of-{count}-with-1",
            "bad-frames",
            frame(b"J", text(block | {"count": count, "frames": 1})) + samples,
        )
    yield said("bye-with-frames", "bad-frames", b'{"frames":1,"type":"bye"}')
    yield said("frames-negative", "bad-frames", b'{"frames":-1,"type":"bye"}')
    outputs = {"type": "outputs", "seq": 1, "index": 0, "shapes": [[1]] * 65, "frames": 65}
    yield said("outputs-65-frames", "bad-frames", text(outputs))
    yield said("outputs-frames-and-shapes", "bad-frames", text(outputs | {"frames": 1}))


FILES = {"host.jsonl": host_messages, "runner.jsonl": runner_messages, "reject.jsonl": rejects}


def write(folder: Path) -> None:
    """Write every file."""
    for name, lines in FILES.items():
        rows = (json.dumps(line, sort_keys=True) + "\n" for line in lines())
        (folder / name).write_text("".join(rows), encoding="ascii")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
