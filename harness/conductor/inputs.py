"""Inputs are bytes made by the host: the same for every runner, language and repeat."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CatalogueError
from harness.variant import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Integers wider than a byte are drawn from 0 and 1: valid as token ids, masks and lengths alike.
_INDEX_LIMIT = 2


class InputFactory:
    """Makes the input files of models and remembers them by content.

    ``folder`` receives one file per distinct input, named by its SHA-256.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self._folder, self._seed = folder, seed
        self._made: dict[tuple[TensorSpec, int, Path | None], tuple[str, Path]] = {}

    def make(
        self, specs: tuple[TensorSpec, ...], source: Path | None = None
    ) -> list[tuple[str, Path]]:
        """Digest and file of every input, in the model's order.

        ``source`` is None for seeded random values, or a folder of ``<input name>.npy`` arrays
        whose dtype and shape must be the model's (CatalogueError otherwise).
        """
        return [self._one(spec, index, source) for index, spec in enumerate(specs)]

    def _one(self, spec: TensorSpec, index: int, source: Path | None) -> tuple[str, Path]:
        key = (spec, index, source)
        if key not in self._made:
            array = self._random(spec, index) if source is None else _read(spec, source)
            self._made[key] = self.keep(array)
        return self._made[key]

    def keep(self, array: NDArray[Any]) -> tuple[str, Path]:
        """Digest and file of an array's bytes, as the wire has them."""
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder / digest
        self._folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return digest, path

    def _random(self, spec: TensorSpec, index: int) -> NDArray[np.generic]:
        import numpy as np

        try:
            dtype = np.dtype(spec.dtype)
        except TypeError as error:
            raise CatalogueError(
                f"input {spec.name!r} holds {spec.dtype}, for which no random values can be made; "
                "give arrays with 'inputs: FOLDER'"
            ) from error
        generator = np.random.default_rng([self._seed, index])
        if dtype.kind == "f":
            return generator.random(spec.shape, dtype=np.float32).astype(dtype)
        if dtype.kind == "b":
            return generator.integers(0, 2, spec.shape).astype(dtype)
        if dtype.itemsize == 1:
            limits = np.iinfo(dtype)
            return generator.integers(limits.min, int(limits.max) + 1, spec.shape).astype(dtype)
        return generator.integers(0, _INDEX_LIMIT, spec.shape).astype(dtype)


def _read(spec: TensorSpec, folder: Path) -> NDArray[np.generic]:
    import numpy as np

    path = folder / (spec.name.replace("/", "_").replace(":", "_") + ".npy")
    try:
        array: NDArray[np.generic] = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise CatalogueError(f"no file {path} for input {spec.name!r}") from error
    except (ValueError, OSError, EOFError) as error:
        raise CatalogueError(f"{path} is no .npy array: {error}") from error
    if array.dtype != np.dtype(spec.dtype) or array.shape != spec.shape:
        raise CatalogueError(
            f"{path} holds {array.dtype} {list(array.shape)}, but input {spec.name!r} "
            f"takes {spec.dtype} {list(spec.shape)}"
        )
    return array
