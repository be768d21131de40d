import pytest

from harness.cli.keyword import parse_keyword
from harness.errors import UserError

TEXT = "mobilenet_v2/int8-static tflite cpu t1 b1 single_stream #1"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("int8", True),
        ("INT8 and TFLITE", True),
        ("int8 and onnxruntime", False),
        ("onnxruntime or tflite", True),
        ("not tflite", False),
        ("not (onnxruntime or fp32)", True),
        ("fp32 or int8 and not tflite", False),
        ("int8-static and t1", True),
    ],
)
def test_expressions(expression: str, expected: bool) -> None:
    assert parse_keyword(expression)(TEXT) is expected


@pytest.mark.parametrize("expression", ["", "and", "a and", "(a", "a)", "not", "a b", "()"])
def test_broken_expressions_are_the_users_mistake(expression: str) -> None:
    with pytest.raises(UserError, match="-k"):
        parse_keyword(expression)
