"""How models are named on the command line."""

from __future__ import annotations


def split_model_name(name: str) -> tuple[str, str | None]:
    """``family/variant`` or ``family`` alone."""
    family, _, variant = name.partition("/")
    return family, variant or None
