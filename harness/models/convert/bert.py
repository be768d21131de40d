"""A small BERT (Devlin et al. 2019): token ids and mask to the logits of a text's class."""

from __future__ import annotations

from harness.models.convert.layers import Input, Network
from harness.models.convert.seeded import NetworkSpec
from harness.models.convert.transformer import Transformer

_MASK = "mask"


def build(spec: NetworkSpec) -> Network:
    """The network; its second input is ``mask``, 1 for tokens and 0 for padding.

    Token types are left out, and the positions' embedding is added as the table that it is. The
    class is read from the first token, through a layer with tanh.
    """
    net = Transformer(spec)
    ids = Input(spec.input_name, (net.window,), "int32")
    mask = Input(_MASK, (net.window,), "int32")
    bias = net.mask_bias("mask_bias", mask.name, net.window)
    tokens = net.embedding("tokens", ids.name, net.vocabulary)
    placed = net.shifted("placed", tokens, net.window)
    tensor = net.norm("embedded", placed)
    for number in range(1, net.layers + 1):
        tensor = _block(net, f"layer{number}", tensor, bias)
    first = net.take("first_token", tensor, 0)
    pooled = net.tanh("pooled", net.dense("pooler", first, net.width, net.width))
    net.dense(spec.output_name, pooled, net.width, spec.outputs)
    return net.finish(ids, (mask,))


def _block(net: Transformer, name: str, source: str, bias: str) -> str:
    """Attention and feed-forward, each followed by its sum and normalisation."""
    query = net.query(f"{name}_query", source, net.window)
    keys = net.heads_of(f"{name}_key", source, net.window)
    values = net.heads_of(f"{name}_value", source, net.window)
    attended = net.attention(f"{name}_attention", query, keys, values, bias, net.window)
    tensor = net.norm(f"{name}_norm1", net.add(f"{name}_add1", source, attended))
    found = net.feed_forward(name, tensor)
    return net.norm(f"{name}_norm2", net.add(f"{name}_add2", tensor, found))
