"""Writes the golden vectors of preprocessing: ``python tests/golden/preprocess/make.py [FOLDER]``.

Each file holds one raw 8-bit image (rows of pixels, channels last) and the tensor that a runner or
app must make of it for one input of the catalogue. The values are computed here pixel by pixel from
the definition, in exact fractions, and not by the reference implementation, so that it is checked
against something. ``tolerance`` is absolute, in the tensor's own unit; integers must be exact.
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

Case = dict[str, Any]
Image = list[list[list[Fraction]]]

MOBILENET = {"resize": "bilinear", "divide": "127.5", "mean": ["1"], "std": ["1"]}
IMAGENET = {
    "resize": "bilinear",
    "divide": "255",
    "mean": ["0.485", "0.456", "0.406"],
    "std": ["0.229", "0.224", "0.225"],
}
DIGITS = {"resize": "none", "divide": "16", "mean": ["0"], "std": ["1"]}
NEAREST = {"resize": "nearest", "divide": "1", "mean": ["0"], "std": ["1"]}
FLOAT = {"dtype": "float32", "layout": "NHWC"}
CHANNELS_FIRST = {"dtype": "float32", "layout": "NCHW"}
#: With this scale the sixteenths of a digit's pixels fall on halves and beyond the type's end.
INT8 = {"dtype": "int8", "layout": "NHWC", "scale": "0.03125", "zero_point": -128}
INT8_TIES = {"dtype": "int8", "layout": "NHWC", "scale": "0.125", "zero_point": -3}
UINT8 = {"dtype": "uint8", "layout": "NCHW", "scale": "0.0078125", "zero_point": 128}
INT8_CLAMPED = {"dtype": "int8", "layout": "NHWC", "scale": "0.00390625", "zero_point": 0}

CASES = {
    "mobilenet_same_size": ((3, 4, 3), (3, 4), MOBILENET, FLOAT),
    "mobilenet_channels_first": ((3, 4, 3), (3, 4), MOBILENET, CHANNELS_FIRST),
    "mobilenet_smaller": ((7, 5, 3), (3, 4), MOBILENET, FLOAT),
    "mobilenet_larger": ((2, 3, 3), (5, 4), MOBILENET, CHANNELS_FIRST),
    "mobilenet_uint8": ((5, 4, 3), (3, 3), MOBILENET, UINT8),
    "resnet_same_size": ((2, 2, 3), (2, 2), IMAGENET, FLOAT),
    "resnet_smaller": ((8, 6, 3), (4, 3), IMAGENET, CHANNELS_FIRST),
    "nearest_smaller": ((7, 5, 1), (3, 2), NEAREST, FLOAT),
    "nearest_larger": ((2, 3, 3), (5, 7), NEAREST, FLOAT),
    "digits": ((8, 8, 1), (8, 8), DIGITS, FLOAT),
    "digits_int8": ((8, 8, 1), (8, 8), DIGITS, INT8),
    "digits_int8_ties": ((8, 8, 1), (8, 8), DIGITS, INT8_TIES),
    "digits_int8_clamped": ((8, 8, 1), (8, 8), DIGITS, INT8_CLAMPED),
}


def pixels(name: str, shape: tuple[int, int, int]) -> list[int]:
    """Bytes that look random and include both ends; digits stay within 0 to 16."""
    height, width, channels = shape
    top = 16 if name.startswith("digits") else 255
    values = [(37 + 101 * place + 13 * place * place) % (top + 1) for place in
              range(height * width * channels)]  # fmt: skip
    values[0], values[-1] = 0, top
    return values


def image_of(values: list[int], shape: tuple[int, int, int]) -> Image:
    """Nested lists: rows, columns, channels."""
    height, width, channels = shape
    rest = iter(Fraction(value) for value in values)
    return [[[next(rest) for _ in range(channels)] for _ in range(width)] for _ in range(height)]


def resized(image: Image, kind: str, size: tuple[int, int]) -> Image:
    """Every output pixel from its definition."""
    height, width = len(image), len(image[0])
    if (height, width) == size:
        return image
    result: Image = [[[] for _ in range(size[1])] for _ in range(size[0])]
    for row, column in product(range(size[0]), range(size[1])):
        y = (row + Fraction(1, 2)) * height / size[0]
        x = (column + Fraction(1, 2)) * width / size[1]
        if kind == "nearest":
            result[row][column] = image[int(y)][int(x)]
        else:
            result[row][column] = mixed(image, y - Fraction(1, 2), x - Fraction(1, 2))
    return result


def mixed(image: Image, y: Fraction, x: Fraction) -> list[Fraction]:
    """The four neighbours by their shares; beyond the edge the edge's pixel counts."""
    height, width, channels = len(image), len(image[0]), len(image[0][0])
    total = [Fraction(0)] * channels
    top, left = y.__floor__(), x.__floor__()
    for down, right in product((0, 1), (0, 1)):
        share = (y - top if down else 1 - (y - top)) * (x - left if right else 1 - (x - left))
        pixel = image[min(max(top + down, 0), height - 1)][min(max(left + right, 0), width - 1)]
        total = [sum_ + share * value for sum_, value in zip(total, pixel, strict=True)]
    return total


def scaled(image: Image, steps: Case) -> Image:
    """``(pixel / divide - mean) / std``."""
    channels = len(image[0][0])
    mean, std = (([*map(Fraction, steps[key])] * channels)[:channels] for key in ("mean", "std"))
    divide = Fraction(steps["divide"])
    return [
        [
            [(v / divide - m) / s for v, m, s in zip(pixel, mean, std, strict=True)]
            for pixel in row
        ]
        for row in image
    ]  # fmt: skip


def flat(image: Image, layout: str) -> list[Fraction]:
    """The values in the order in which they lie in memory."""
    if layout == "NHWC":
        return [value for row in image for pixel in row for value in pixel]
    return [pixel[c] for c in range(len(image[0][0])) for row in image for pixel in row]


def quantized(value: Fraction, tensor: Case) -> int:
    """Python rounds a fraction to the even neighbour, as ONNX QuantizeLinear does."""
    low, high = {"int8": (-128, 127), "uint8": (0, 255)}[tensor["dtype"]]
    return min(max(round(value / Fraction(tensor["scale"])) + tensor["zero_point"], low), high)


def case(name: str) -> Case:
    """One golden vector."""
    shape, size, steps, tensor = CASES[name]
    values = pixels(name, shape)
    image = scaled(resized(image_of(values, shape), steps["resize"], size), steps)
    height, width = size
    layout = tensor["layout"]
    made = flat(image, layout)
    is_float = tensor["dtype"] == "float32"
    return {
        "name": name,
        "raw": {"shape": list(shape), "bytes": bytes(values).hex()},
        "preprocessing": {
            "resize": steps["resize"],
            "divide": float(steps["divide"]),
            "mean": [float(value) for value in steps["mean"]],
            "std": [float(value) for value in steps["std"]],
        },
        "tensor": {
            "dtype": tensor["dtype"],
            "layout": layout,
            "shape": [1, height, width, shape[2]] if layout == "NHWC" else [1, shape[2], *size],
            "scale": None if is_float else float(tensor["scale"]),
            "zero_point": None if is_float else tensor["zero_point"],
        },
        "tolerance": (1e-4 if steps is NEAREST else 2e-6) if is_float else 0,
        "values": [float(f"{float(v):.8g}") if is_float else quantized(v, tensor) for v in made],
    }


def main(folder: Path) -> None:
    """Write every vector."""
    for name in CASES:
        (folder / f"{name}.json").write_text(json.dumps(case(name)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
