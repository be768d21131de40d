"""The key ``accuracy``: which dataset, and which figures."""

from __future__ import annotations

from pathlib import Path

from harness.scenario import ACCURACY_METRICS, AccuracyPass
from harness.scenario_file.kinds import Choice, FilePath, Schema, Text
from harness.scenario_file.nodes import Node
from harness.scenario_file.structures import Key, Many, Record


class DatasetName:
    """A built-in dataset, or the user's own: an ``.npz`` file, or a folder (with a slash)."""

    def read(self, node: Node) -> str | Path:
        """The name or the absolute path. Whether a name is known is the planner's business."""
        name = Text(limit=4096).read(node)
        if name.lower().endswith(".npz"):
            return FilePath().read(node)
        return FilePath(folder=True).read(node) if "/" in name else name

    def schema(self) -> Schema:
        """A string."""
        return Text(limit=4096).schema()


ACCURACY = Record(
    AccuracyPass,
    {
        "dataset": Key(
            DatasetName(),
            "digits; your own .npz with labels or folder of images (with a slash); or random, to "
            "compare models with each other only",
            required=True,
        ),
        "metrics": Key(Many(Choice(ACCURACY_METRICS)), "the figures; all that the data allow"),
    },
    shorthand="dataset",
)
