"""What users are told is written down: errors in the tree of errors.py, findings in findings.md."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from harness import errors
from harness.errors import HarnessError
from harness.findings import KINDS, FindingKind, Severity

FINDINGS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "findings.md"
#: What every section tells, besides the meaning.
ASKED = ("**Severity:**", "**How it is decided.**", "**What to do.**")


def drawn(tree: str) -> dict[str, str]:
    """Parents by class as the tree draws them; the root has none. Each line says what it is for."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in tree.splitlines():
        match = re.match(r"[ │├└─]*(?P<name>[A-Z]\w+)(\(\w+\))?\s{2,}\S", line)
        if match:
            column = match.start("name")
            above = [(place, name) for place, name in above if place < column]
            parents[match["name"]] = above[-1][1] if above else ""
            above.append((column, match["name"]))
    return parents


def tree_of(documentation: str) -> str:
    """The indented block that holds the drawing."""
    return documentation.split("::\n\n", 1)[1].split("\n\n", 1)[0]


def written(classes: Iterable[type]) -> dict[str, str]:
    """Parents by class as the code has them."""
    return {
        item.__name__: "" if item is HarnessError else item.__bases__[0].__name__
        for item in classes
    }


def error_classes() -> Iterator[type]:
    for _, item in inspect.getmembers(errors, inspect.isclass):
        if issubclass(item, HarnessError):
            yield item


def sections(page: str) -> dict[str, str]:
    """Texts below ``## ID`` headings, by ID."""
    parts = re.split(r"^## +(.+?) *$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def gaps_in_findings(page: str, kinds: Iterable[FindingKind]) -> Iterator[str]:
    told, known = sections(page), {kind.id: kind for kind in kinds}
    yield from (f"{kind_id} has no section" for kind_id in known.keys() - told.keys())
    yield from (f"{heading} is no finding" for heading in told.keys() - known.keys())
    for kind_id in known.keys() & told.keys():
        text = told[kind_id]
        yield from (f"{kind_id} lacks {asked}" for asked in ASKED if asked not in text)
        if f"**Severity:** {known[kind_id].severity}" not in text:
            yield f"{kind_id} is {known[kind_id].severity} in the code"


def test_the_tree_draws_every_error_below_its_parent():
    assert drawn(tree_of(errors.__doc__ or "")) == written(error_classes())


@pytest.mark.parametrize(
    "drawing",
    [
        "HarnessError   root",
        "HarnessError   root\n├── Child   moved\n└── Other   here",
        "HarnessError   root\n├── Other   here\n│   └── Child",
    ],
    ids=["missing", "wrong parent", "no explanation"],
)
def test_a_tree_that_is_wrong_is_seen(drawing):
    class Other(HarnessError):
        pass

    class Child(Other):
        pass

    assert drawn(drawing) != written([HarnessError, Other, Child])
    right = "HarnessError   root\n├── Other(x)   here\n│   └── Child   there"
    assert drawn(right) == written([HarnessError, Other, Child])


def test_every_error_is_explained_in_its_docstring():
    assert [item.__name__ for item in error_classes() if "__doc__" not in vars(item)] == []
    assert [item.__name__ for item in error_classes() if not item.__doc__] == []


def test_every_finding_has_its_section():
    assert sorted(gaps_in_findings(FINDINGS_PAGE.read_text(), KINDS.values())) == []


@pytest.mark.parametrize(
    ("page", "gap"),
    [
        ("# Findings\n", "COLD has no section"),
        ("## COLD\n**Severity:** doubt\n**What to do.**", "COLD lacks **How it is decided.**"),
        ("## COLD\n**Severity:** invalid\n", "COLD is doubt in the code"),
        ("## HOT\n", "HOT is no finding"),
    ],
)
def test_a_page_that_is_wrong_is_seen(page, gap):
    kind = FindingKind("COLD", Severity.DOUBT, "It was cold.", "Wait.")
    assert gap in list(gaps_in_findings(page, [kind]))
