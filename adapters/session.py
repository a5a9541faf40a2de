"""The network behind `core.scoring.Network`: an onnxruntime session on one thread."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.features import Inputs

_BLOCK = 8
"""onnxruntime multiplies a last odd row by another kernel, which rounds differently. Batches are filled up to this
many rows, so that a declaration gets the same digits alone and among others."""


class OnnxNetwork:
    """Runs a network of `training.export` on the CPU. One thread: workers and requests are what runs in parallel."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.shapes = {each.name: each.shape for each in self._session.get_inputs()}
        self.read = frozenset(self.shapes)

    def energies(self, inputs: Inputs) -> NDArray[np.float32]:
        """Field energies, (n, fields)."""
        n = len(inputs.mask)
        if n == 0:
            return np.zeros(inputs.mask.shape, dtype=np.float32)
        missing = -n % _BLOCK
        feeds = {name: value for name, value in inputs._asdict().items() if name in self.read}
        if missing:
            feeds = {name: np.concatenate([value, np.repeat(value[-1:], missing, axis=0)]) for name, value in feeds.items()}
        energies: NDArray[np.float32] = self._session.run(["energies"], feeds)[0]
        return energies[:n]
