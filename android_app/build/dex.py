"""Class files to a dex file, and the gate on instructions that no phone can execute.

dx turns every lambda into ``invoke-custom``, and Android has no LambdaMetafactory to link it with.
Our own code is written without lambdas; a library's may be there where it is never called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from android_app.build import tools
from android_app.build.errors import BuildError
from android_app.build.layout import MIN_SDK

#: Methods of ONNX Runtime with a lambda inside that the runner never calls.
ALLOWED_INVOKE_CUSTOM = frozenset(
    {
        "ai.onnxruntime.TensorInfo.toString",
        "ai.onnxruntime.providers.StringConfigProviderOptions.getOptionsString",
        "ai.onnxruntime.providers.OrtCUDAProviderOptions.<init>",
        "ai.onnxruntime.providers.OrtTensorRTProviderOptions.<init>",
    }
)
_METHOD = re.compile(r"^[0-9a-f]+: +\|\[[0-9a-f]+\] (\S+):\(")
_HEAP = "-Xmx1g"


def make_dex(dx: Path, inputs: Sequence[Path], output: Path) -> None:
    """Write the classes of ``inputs`` (folders and jars) into one dex file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    dexer: list[str | Path] = ["java", _HEAP, "-cp", dx, "com.android.dx.command.Main", "--dex"]
    tools.run([*dexer, f"--min-sdk-version={MIN_SDK}", f"--output={output}", *inputs])


def check_dex(path: Path) -> None:
    """Refuse a dex file with ``invoke-custom`` in a method that is not on the allowed list."""
    refused = invoke_custom_methods(tools.run(["dexdump", "-d", path])) - ALLOWED_INVOKE_CUSTOM
    if refused:
        raise BuildError(
            f"{path.name} holds invoke-custom, which Android cannot link, in "
            f"{', '.join(sorted(refused))}; write it without a lambda"
        )


def invoke_custom_methods(listing: str) -> set[str]:
    """The methods with an ``invoke-custom`` in the output of ``dexdump -d``."""
    found: set[str] = set()
    method = ""
    for line in listing.splitlines():
        begins = _METHOD.match(line)
        if begins:
            method = begins.group(1)
        elif "invoke-custom" in line:
            found.add(method)
    return found
