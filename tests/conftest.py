"""Fixtures for every test: the shared folder of real models and phone outputs, where present."""

from __future__ import annotations

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(name: str) -> Path:
    folder = _SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/{name} beside the checkout")
    return folder


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of small real models (see its MANIFEST.tsv)."""
    return _shared("models")


@pytest.fixture(scope="session")
def phone_outputs() -> Path:
    """The folder of recorded outputs of real phones (see its INDEX.tsv)."""
    return _shared("phone_outputs")
