"""One decoding step of a small GPT-2-like language model, with the key-value cache in and out.

Inputs are the token and its position, a mask over the window, and the keys and values of the
tokens before; outputs are the logits of the next token and the new key and value of this one, which
the caller writes into its cache. The window is fixed, in ONNX too: a TFLite file cannot hold a
cache that grows from step to step, and two files that are compared must do the same work.
"""

from __future__ import annotations

from harness.models.convert.layers import Input, Network
from harness.models.convert.seeded import NetworkSpec
from harness.models.convert.transformer import Transformer

_POSITION, _MASK, _KEYS, _VALUES = "position", "mask", "keys", "values"
_NEW_KEYS, _NEW_VALUES = "new_keys", "new_values"


def build(spec: NetworkSpec) -> Network:
    """The network of one step; the window counts the token itself, which has its last place.

    ``mask`` is 1 where the window holds a token; its last element belongs to the token itself.
    """
    net = Transformer(spec)
    past = (net.layers, net.heads, net.window - 1, net.head_width)
    token = Input(spec.input_name, (1,), "int32")
    further = (
        Input(_POSITION, (1,), "int32"),
        Input(_MASK, (net.window,), "int32"),
        Input(_KEYS, past),
        Input(_VALUES, past),
    )
    bias = net.mask_bias("mask_bias", _MASK, net.window)
    what = net.embedding("token_embedding", token.name, net.vocabulary)
    where = net.embedding("position_embedding", _POSITION, net.window)
    tensor = net.add("embedded", what, where)
    new: list[tuple[str, str]] = []
    for number in range(net.layers):
        tensor, kept = _block(net, number, tensor, bias)
        new.append(kept)
    _stack(net, _NEW_KEYS, [key for key, _ in new])
    _stack(net, _NEW_VALUES, [value for _, value in new])
    last = net.reshape("last", net.norm("final_norm", tensor), net.width)
    net.dense(spec.output_name, last, net.width, spec.outputs)
    return net.finish(token, further, (_NEW_KEYS, _NEW_VALUES))


def _block(net: Transformer, number: int, source: str, bias: str) -> tuple[str, tuple[str, str]]:
    """Normalisation before attention and before feed-forward; also the new key and value."""
    name = f"layer{number + 1}"
    normal = net.norm(f"{name}_norm1", source)
    query = net.query(f"{name}_query", normal, 1)
    key = net.heads_of(f"{name}_key", normal, 1)
    value = net.heads_of(f"{name}_value", normal, 1)
    keys = _with_past(net, f"{name}_keys", _KEYS, number, key)
    values = _with_past(net, f"{name}_values", _VALUES, number, value)
    attended = net.attention(f"{name}_attention", query, keys, values, bias, 1)
    tensor = net.add(f"{name}_add1", source, attended)
    found = net.feed_forward(name, net.norm(f"{name}_norm2", tensor))
    return net.add(f"{name}_add2", tensor, found), (key, value)


def _with_past(net: Transformer, name: str, cache: str, number: int, new: str) -> str:
    """One layer's part of the cache, followed by the new entry."""
    past = net.take(f"{name}_past", cache, number)
    return net.concat(name, (past, new), axis=1)


def _stack(net: Transformer, name: str, parts: list[str]) -> str:
    """``(heads, 1, head width)`` of each layer as ``(layers, heads, 1, head width)``."""
    rows = tuple(
        net.reshape(f"{part}_row", part, 1, net.heads, 1, net.head_width) for part in parts
    )
    return net.concat(name, rows, axis=0)
