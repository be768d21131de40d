"""Streams that mean something: everything that a host and a runner may say."""

from __future__ import annotations

from collections.abc import Iterator

from golden.wire.streams import (
    BLOCK,
    COLUMNS,
    DIGEST,
    INT64_MAX,
    INT64_MIN,
    TENSOR,
    Line,
    accept,
    numbers,
    text,
)


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
