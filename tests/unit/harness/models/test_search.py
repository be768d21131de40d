"""The search on a model that is a formula: noise of the layers adds up, sizes too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest

from harness.errors import CatalogueError
from harness.models.inspection import Inspection
from harness.models.methods import complete
from harness.models.policy import Policy, Setting
from harness.models.search import Limit, ordered_moves, search
from harness.models.sensitivity import LayerLoss, Tried

EIGHT = Setting("int8-static", complete("int8-static", {}))
FOUR = Setting("int4-weights", complete("int4-weights", {}))
#: Layers by name: noise in 8 bits, noise in 4 bits, weights.
LAYERS = {"a": (1e-4, 1e-2, 1000), "b": (1e-5, 1e-4, 4000), "c": (1e-3, 1e-1, 100)}
NOTHING = Inspection((), (), (), (), ())


class Formula:
    """Stands for a Bench."""

    def __init__(self) -> None:
        self.layers = [(name, "Conv") for name in LAYERS]
        self.float_score = 0.95
        self.subject = SimpleNamespace()
        self.built: list[Policy] = []

    def try_policies(self, policies: Sequence[Policy]) -> Iterator[Tried]:
        for policy in policies:
            self.built.append(policy)
            noise = size = 0.0
            for name, (eight, four, count) in LAYERS.items():
                bits = {"keep": 32, "int8-static": 8, "int4-weights": 4}[method_of(policy, name)]
                noise += {32: 0.0, 8: eight, 4: four}[bits]
                size += count * bits / 8
            yield Tried(noise, 0.95 - noise, int(size), NOTHING)


def method_of(policy: Policy, layer: str) -> str:
    if layer in policy.keep:
        return "keep"
    rules = {rule.match: rule.setting.method for rule in policy.layers}
    return rules.get(layer, policy.default.method)


def losses() -> list[LayerLoss]:
    return [
        LayerLoss(name, "Conv", setting, noise, saved)
        for name, (eight, four, count) in LAYERS.items()
        for setting, noise, saved in ((EIGHT, eight, 3 * count), (FOUR, four, int(3.5 * count)))
    ]


def test_moves_are_ordered_by_damage_for_each_byte() -> None:
    moves = [(move.layer, move.setting.method) for move in ordered_moves(losses())]
    assert moves[0] == ("b", "int8-static")
    assert moves[-1] == ("c", "int4-weights")
    for layer in LAYERS:
        own = [method for name, method in moves if name == layer]
        assert own == ["int8-static", "int4-weights"]


@pytest.mark.parametrize(
    ("limit", "methods"),
    [
        (Limit(min_sqnr_db=0), {"a": "int4-weights", "b": "int4-weights", "c": "int4-weights"}),
        (Limit(min_sqnr_db=25), {"a": "int8-static", "b": "int4-weights", "c": "int8-static"}),
        (Limit(max_score_loss=0.0005), {"a": "int8-static", "b": "int4-weights", "c": "keep"}),
    ],
)
def test_the_smallest_mix_within_the_limit(limit: Limit, methods: dict[str, str]) -> None:
    bench, said = Formula(), []
    found = search(bench, losses(), limit, said.append)
    assert {name: method_of(found.policy, name) for name in LAYERS} == methods
    assert limit.allows(found.tried, bench.float_score)
    assert found.builds == len(bench.built) == len(said) <= 4


def test_nothing_within_the_limit_is_told() -> None:
    with pytest.raises(CatalogueError, match="allow a larger loss"):
        search(Formula(), losses(), Limit(min_sqnr_db=90), str)


def test_a_loss_needs_labels() -> None:
    bench = Formula()
    bench.float_score = None
    with pytest.raises(CatalogueError, match="needs labelled data"):
        search(bench, losses(), Limit(max_score_loss=0.01), str)


def test_what_the_tool_refuses_is_no_move() -> None:
    refused = [LayerLoss("a", "Conv", FOUR, refused="no kernel")]
    assert ordered_moves(refused) == []
