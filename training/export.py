"""The trained network as ONNX, node by node: one file, no Python in it.

Written by hand, since the graph is small: torch's exporter takes ten seconds for it and pins the file to its own
choices. A test holds both to the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.autoencoder import HIDDEN, LIMIT, Autoencoder

OPSET = 18
_IR_VERSION = 10  # what runtimes of the same age as the opset read


class _Graph:
    """Nodes and weights under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Adds a node and returns the name of its output."""
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def weight(self, value: torch.Tensor | NDArray[Any], name: str = "") -> str:
        """Adds a constant and returns its name."""
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
        name = name or f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def layers(self, module: nn.Module, x: str) -> str:
        """Linear layers and rectifiers, in order."""
        for layer in module if isinstance(module, nn.Sequential) else [module]:
            if isinstance(layer, nn.Linear):
                x = self.add("Gemm", x, self.weight(layer.weight), self.weight(layer.bias), transB=1)
            elif isinstance(layer, nn.ReLU):
                x = self.add("Relu", x)
            else:
                raise TypeError(f"the export knows no {type(layer).__name__}")
        return x


def to_onnx(network: Autoencoder) -> bytes:
    """numbers (n, D), tokens (n, C), mask (n, F) -> energies (n, F), for any n. Follows `Autoencoder.forward`."""
    graph = _Graph()
    fields, numbers = network.needs.shape
    met = graph.add("MatMul", "mask", graph.weight(network.needs))
    visible = graph.add("Cast", graph.add("Greater", met, graph.weight(network.needed)), to=TensorProto.FLOAT)
    shown = graph.add("Mul", "numbers", visible)
    given = graph.add("Clip", shown, *(graph.weight(np.array(limit, dtype=np.float32)) for limit in (-LIMIT, LIMIT)))
    parts = [given, "mask"]
    inputs = [("numbers", TensorProto.FLOAT, numbers), ("mask", TensorProto.FLOAT, fields)]
    if network.token_fields:
        inputs.append(("tokens", TensorProto.INT64, len(network.token_fields)))
        known = graph.add("Gather", "mask", graph.weight(np.array(network.token_fields)), axis=1)
        tokens = graph.add("Mul", "tokens", graph.add("Cast", known, to=TensorProto.INT64))
        for c, table in enumerate(network.embeddings):
            column = graph.add("Gather", tokens, graph.weight(np.array(c)), axis=1)
            parts.append(graph.add("Gather", graph.weight(next(table.parameters())), column, axis=0))
    trunk = graph.layers(network.trunk, graph.add("Concat", *parts, axis=1))
    narrow = graph.layers(network.narrow, trunk)
    restored = graph.layers(network.restore, graph.add("Concat", narrow, "mask", axis=1))
    residual = graph.add("Mul", graph.add("Sub", given, restored), visible)
    compared = graph.layers(network.compare, graph.add("Concat", trunk, residual, axis=1))
    one, lowered = (graph.weight(np.array(value, dtype=np.float32)) for value in (1, HIDDEN))
    hidden = graph.add("Mul", graph.add("Sub", one, "mask"), lowered)
    logits = graph.add("Sub", compared, hidden)
    replaced = graph.add("ReduceLogSumExp", logits, graph.weight(np.array([1])), keepdims=1)
    told = graph.add("Mul", graph.add("Mul", graph.add("Softplus", replaced), graph.add("Softmax", logits, axis=1)), "mask")
    excess = graph.add("Relu", graph.add("Sub", graph.add("Abs", shown), graph.weight(network.bound)))
    graph.add("Add", told, graph.add("MatMul", excess, graph.weight(network.blame)), name="energies")
    described = helper.make_graph(
        graph.nodes,
        "vigia",
        [helper.make_tensor_value_info(name, kind, ["n", width]) for name, kind, width in inputs],
        [helper.make_tensor_value_info("energies", TensorProto.FLOAT, ["n", fields])],
        graph.weights,
    )
    model = helper.make_model(
        described,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="vigia",
        producer_version=f"torch {torch.__version__}",
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
