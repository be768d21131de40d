"""Streams that are refused, for one fault each."""

from __future__ import annotations

from collections.abc import Iterator

from golden.wire.streams import (
    BLOCK,
    COLUMNS,
    DIGEST,
    INT64_MAX,
    INT64_MIN,
    MIB,
    Line,
    frame,
    numbers,
    reject,
    said,
    text,
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
