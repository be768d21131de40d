"""The names of the built-in datasets, for who only checks them."""

from __future__ import annotations

DIGITS = "digits"
DATASET_NAMES = (DIGITS,)
