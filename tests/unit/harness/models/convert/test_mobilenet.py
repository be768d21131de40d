"""The built-in family at full size: the figures that issue and manifest promise."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.models.convert import engines, proof
from harness.models.convert.inputs import random_images
from harness.variant import LocalVariant, ModelFormat

Built = dict[tuple[str, ModelFormat], LocalVariant]

SHAPE = (224, 224, 3)


def test_both_formats_agree(mobilenet: Built) -> None:
    images = random_images(123, 3, SHAPE)
    onnx, tflite = (
        engines.run(mobilenet["fp32", fmt].path, fmt, images)
        for fmt in (ModelFormat.ONNX, ModelFormat.TFLITE)
    )
    assert np.abs(onnx - tflite).max() <= 1e-4
    assert 0.5 < onnx.std() < 3  # so that the tolerance means something


@pytest.mark.parametrize("fmt", ModelFormat)
def test_int8_is_a_quarter_of_the_size_and_near(mobilenet: Built, fmt: ModelFormat) -> None:
    plain, quantized = mobilenet["fp32", fmt], mobilenet["int8-static", fmt]
    assert 0.25 <= quantized.variant.size_bytes / plain.variant.size_bytes <= 0.30
    images = random_images(321, 3, SHAPE)
    figures = proof.agreement(
        engines.run(quantized.path, fmt, images), engines.run(plain.path, fmt, images)
    )
    assert figures["cosine_min"] > 0.97


@pytest.mark.parametrize("fmt", ModelFormat)
def test_uniform_noise_is_no_trouble(mobilenet: Built, fmt: ModelFormat) -> None:
    """What runners are fed when the user gives no inputs must stay finite and sane."""
    noise = np.random.default_rng(0).uniform(-1, 1, (2, *SHAPE)).astype(np.float32)
    outputs = engines.run(mobilenet["fp32", fmt].path, fmt, noise)
    assert np.isfinite(outputs).all()
    assert outputs.std() < 10


def test_building_stays_cheap(mobilenet: Built) -> None:
    paths = [local.path.with_suffix(".json") for local in mobilenet.values()]
    manifests = [json.loads(path.read_text()) for path in paths]
    assert len(manifests) == 4
    assert sum(manifest["cost"]["cpu_seconds"] for manifest in manifests) < 60
    assert max(manifest["cost"]["peak_rss_bytes"] for manifest in manifests) < 1_000_000_000
