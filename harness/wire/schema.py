"""The JSON part of the wire: one message to and from the bytes of its JSON frame.

The rules come from the dataclasses of :mod:`harness.wire.messages`: their fields are the keys, a
field without a default is required, and nothing else is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from harness.wire import messages as m
from harness.wire.format import (
    INT64_MAX,
    INT64_MIN,
    MAX_DEPTH,
    MAX_JSON_BYTES,
    MAX_STRING_BYTES,
    WireFormatError,
)

#: The ``type`` of every message on the wire.
TYPES: dict[str, type[Any]] = {
    "hello": m.Hello,
    "ping": m.Ping,
    "load": m.LoadModel,
    "run": m.Run,
    "append": m.Append,
    "ack": m.Ack,
    "infer": m.Infer,
    "profile": m.ProfileRequest,
    "telemetry": m.TelemetryRequest,
    "unload": m.Unload,
    "cancel": m.Cancel,
    "bye": m.Bye,
    "ready": m.Ready,
    "pong": m.Pong,
    "loaded": m.Loaded,
    "block": m.BlockDone,
    "trace": m.Trace,
    "outputs": m.Outputs,
    "profiled": m.Profiled,
    "done": m.Done,
    "error": m.Error,
}
_NAMES = {cls: name for name, cls in TYPES.items()}


def read_message(payload: bytes) -> tuple[m.Message, int]:
    """The message in ``payload`` and the number of binary frames that follow it."""
    plain = _parse(payload)
    if not isinstance(plain, dict):
        raise WireFormatError("not-an-object", "a message is a JSON object")
    name = plain.pop("type", None)
    if name is None:
        raise WireFormatError("missing-key", "type")
    cls = TYPES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise WireFormatError("unknown-type", repr(name)[:80])
    expected = _integer(plain.pop("frames", 0))
    message: m.Message = _read_object(cls, plain)
    _check_values(message)
    return message, expected


def write_message(message: m.Message, frames: int) -> bytes:
    """The canonical JSON of a message followed by ``frames`` binary frames.

    Every field is written, keys are sorted by code point, there are no spaces.
    """
    plain = _plain(message)
    _read_object(type(message), plain)
    _check_values(message)
    plain["type"] = _NAMES[type(message)]
    if frames:
        plain["frames"] = frames
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    payload = text.encode()
    if len(payload) > MAX_JSON_BYTES:
        raise WireFormatError("too-long", f"a {plain['type']} message of {len(payload)} bytes")
    return payload


def _parse(payload: bytes) -> object:
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise WireFormatError("bad-utf8", f"byte {error.start}") from None
    try:
        plain = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_parse_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except json.JSONDecodeError as error:
        raise WireFormatError("bad-json", str(error)) from None
    except RecursionError:
        raise WireFormatError("too-deep", f"more than {MAX_DEPTH} levels") from None
    _check_depth(plain)
    return plain


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    plain = dict(pairs)
    if len(plain) < len(pairs):
        raise WireFormatError("duplicate-key", "an object has the same key twice")
    return plain


def _parse_integer(digits: str) -> int:
    if digits == "-0":
        raise WireFormatError("not-an-integer", "-0")
    longest = len(str(INT64_MIN))
    value = int(digits) if len(digits) <= longest else INT64_MAX + 1
    if not INT64_MIN <= value <= INT64_MAX:
        raise WireFormatError("out-of-range", f"{digits[:longest]}... does not fit 64 bits")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise WireFormatError("not-an-integer", text[:40])


def _check_depth(plain: object) -> None:
    level: list[object] = [plain]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return
        level = [
            child
            for item in containers
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    raise WireFormatError("too-deep", f"more than {MAX_DEPTH} levels")


# --- fields -------------------------------------------------------------------------------------

_Reader = Callable[[object], Any]


_schemas: dict[str, dict[str, tuple[_Reader, bool]]] = {}


def _schema(cls: type[Any]) -> dict[str, tuple[_Reader, bool]]:
    """For each field of a message class: how to read it, and whether it must be there.

    Made on first use: a runner needs few of them, and start-up counts into a cold start.
    """
    known = _schemas.get(cls.__name__)
    if known is None:
        hints = get_type_hints(cls)
        known = _schemas[cls.__name__] = {
            item.name: (
                _reader(hints[item.name]),
                item.default is MISSING and item.default_factory is MISSING,
            )
            for item in fields(cls)
        }
    return known


def _read_object(cls: type[Any], plain: object) -> Any:
    if not isinstance(plain, dict):
        raise WireFormatError("wrong-type", f"{cls.__name__} is an object")
    schema = _schema(cls)
    for key in plain:
        if key not in schema:
            raise WireFormatError("unknown-key", repr(key)[:80])
    values: dict[str, object] = {}
    for key, (read, required) in schema.items():
        if key in plain:
            values[key] = read(plain[key])
        elif required:
            raise WireFormatError("missing-key", f"{cls.__name__}.{key}")
    return cls(**values)


def _reader(hint: Any) -> _Reader:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: _read_object(hint, value)
    if get_origin(hint) is tuple:
        item = _reader(get_args(hint)[0])
        return lambda value: tuple(item(each) for each in _container(value, list))
    item = _reader(get_args(hint)[1])
    return lambda value: {_string(key): item(each) for key, each in _container(value, dict).items()}


def _container(value: object, kind: type[Any]) -> Any:
    if type(value) is not kind:
        wanted = "an array" if kind is list else "an object"
        raise WireFormatError("wrong-type", f"{type(value).__name__} where {wanted} belongs")
    return value


def _integer(value: object) -> int:
    if type(value) is not int:
        raise WireFormatError("wrong-type", f"{type(value).__name__} where an integer belongs")
    if not INT64_MIN <= value <= INT64_MAX:
        raise WireFormatError("out-of-range", "an integer does not fit 64 bits")
    return value


def _boolean(value: object) -> bool:
    if type(value) is not bool:
        raise WireFormatError("wrong-type", f"{type(value).__name__} where a boolean belongs")
    return value


def _string(value: object) -> str:
    if type(value) is not str:
        raise WireFormatError("wrong-type", f"{type(value).__name__} where a string belongs")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise WireFormatError("bad-text", "a string holds a lone surrogate") from None
    if size > MAX_STRING_BYTES:
        raise WireFormatError("string-too-long", f"{size} bytes")
    return value


def _scalar(value: object) -> m.Scalar:
    if type(value) is bool:
        return value
    return _string(value) if type(value) is str else _integer(value)


_SCALARS: dict[Any, _Reader] = {
    int: _integer,
    str: _string,
    bool: _boolean,
    m.Scalar: _scalar,
}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


# --- what belongs together ----------------------------------------------------------------------

_COLUMNS = (m.SAMPLE_COLUMNS, (*m.SAMPLE_COLUMNS, m.INTENDED_COLUMN))


def _check_values(message: m.Message) -> None:
    match message:
        case m.Error(code=code) if code not in m.ERROR_CODES:
            raise WireFormatError("bad-value", f"error code {code!r}"[:80])
        case m.BlockDone(columns=columns) if columns not in _COLUMNS:
            raise WireFormatError("bad-value", f"columns {columns!r}"[:80])
        case m.Trace(channels=channels, values=values) if len(channels) != len(values):
            raise WireFormatError("bad-value", f"{len(channels)} channels, {len(values)} values")
        case _:
            return
