"""The smallest mix of methods within a loss: cheapest damage first, as far as it is allowed.

Each layer starts in float and may move step by step to settings of fewer bits. All moves are
ordered by the noise they add for each byte they save, as measured one layer at a time, and the
longest run of moves is found whose file keeps within the limit. Noise of several layers adds up
only roughly, so every candidate is built and measured; the answer is one that was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.errors import CatalogueError
from harness.models.methods import KEEP
from harness.models.policy import Policy, Rule, Setting
from harness.models.sensitivity import Bench, LayerLoss, Tried, exactly

_FLOAT = Setting(KEEP, {})
_TINY = 1e-15  #: noise of a move that changes nothing measurable


@dataclass(frozen=True, slots=True)
class Limit:
    """What is still good enough: a loss of the metric, or a signal-to-noise ratio; or both."""

    max_score_loss: float | None = None
    min_sqnr_db: float | None = None

    def allows(self, tried: Tried, float_score: float | None) -> bool:
        """Whether a file is within the limit."""
        if self.min_sqnr_db is not None and tried.noise > 10 ** (-self.min_sqnr_db / 10):
            return False
        if self.max_score_loss is None:
            return True
        if tried.score is None or float_score is None:
            raise CatalogueError("a loss of accuracy needs labelled data; use --min-sqnr instead")
        return float_score - tried.score <= self.max_score_loss


@dataclass(frozen=True, slots=True)
class Move:
    """One layer goes to a setting of fewer bits."""

    layer: str
    setting: Setting
    cost: float  #: noise added for each byte saved


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, and how many files were built to find it."""

    policy: Policy
    tried: Tried
    builds: int
    moves: int


def search(
    bench: Bench,
    losses: Sequence[LayerLoss],
    limit: Limit,
    progress: Callable[[str], None],
) -> Found:
    """The smallest file within ``limit``; CatalogueError when not even one layer may move."""
    moves = ordered_moves(losses)
    best: tuple[int, Tried] | None = None
    low, high, builds = 0, len(moves), 0
    while low < high:
        middle = high if builds == 0 else (low + high + 1) // 2  # everything might be fine
        (tried,) = bench.try_policies([policy_after(bench, moves[:middle])])
        builds += 1
        good = limit.allows(tried, bench.float_score)
        verdict = "within the limit" if good else "too lossy"
        progress(f"{middle} of {len(moves)} moves: {tried.size_bytes} bytes, {verdict}")
        if good:
            best, low = (middle, tried), middle
        else:
            high = middle - 1
    if best is None:
        raise CatalogueError("no layer can be quantized within the limit; allow a larger loss")
    return Found(policy_after(bench, moves[: best[0]]), best[1], builds, best[0])


def ordered_moves(losses: Sequence[LayerLoss]) -> list[Move]:
    """All moves, cheapest first; a layer's own moves keep their order."""
    steps: dict[str, list[LayerLoss]] = {}
    for loss in losses:
        if not loss.refused:
            steps.setdefault(loss.layer, []).append(loss)
    moves = []
    for layer, options in steps.items():
        noise, saved, floor = 0.0, 0, 0.0
        for option in sorted(options, key=lambda item: item.saved_bytes):
            gain = option.saved_bytes - saved
            if gain <= 0:
                continue
            cost = max(option.noise - noise, _TINY) / gain
            floor = max(floor, cost)  # a later step never comes before an earlier one
            moves.append(Move(layer, option.setting, floor))
            noise, saved = option.noise, option.saved_bytes
    return sorted(moves, key=lambda move: move.cost)


def policy_after(bench: Bench, moves: Sequence[Move]) -> Policy:
    """The policy once these moves are made: the commonest setting is the default."""
    settings = {name: _FLOAT for name, _ in bench.layers}
    for move in moves:
        settings[move.layer] = move.setting
    common = Counter(map(repr, settings.values())).most_common(1)[0][0]
    default = next(setting for setting in settings.values() if repr(setting) == common)
    others = {name: setting for name, setting in settings.items() if setting != default}
    return Policy(
        default,
        keep=tuple(exactly(name) for name, setting in others.items() if setting == _FLOAT),
        layers=tuple(
            Rule(exactly(name), setting) for name, setting in others.items() if setting != _FLOAT
        ),
    )
