from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.errors import CatalogueError
from harness.models.builtin import builtin_folder


def test_the_checkout_has_the_catalogue_in_scenarios() -> None:
    assert (builtin_folder() / "catalogue.yaml").is_file()
    assert builtin_folder().name == "scenarios"


def test_a_wheel_has_it_as_package_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "harness" / "data" / "scenarios"
    data.mkdir(parents=True)
    (data / "catalogue.yaml").write_text("schema: 1\n")
    monkeypatch.setattr(harness, "__file__", str(tmp_path / "harness" / "__init__.py"))
    assert builtin_folder() == data


def test_an_incomplete_installation_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "__file__", str(tmp_path / "harness" / "__init__.py"))
    with pytest.raises(CatalogueError, match="install benchfarm again"):
        builtin_folder()
