"""A graph of ONNX nodes that is being written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

ML = "ai.onnx.ml"
OPSET = 18
ML_OPSET = 3
IR_VERSION = 8
"""Those that belong together (ONNX 1.13), and that onnxruntime has taken since 1.14."""


class Graph:
    """Nodes and constants; names are by number, so that the same model is the same bytes."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._taken = set(taken)

    def name(self, hint: str) -> str:
        """Return a name that nothing else in the graph has."""
        name, number = hint, 1
        while name in self._taken:
            number += 1
            name = f"{hint}_{number}"
        self._taken.add(name)
        return name

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node of one output; return the output's name."""
        output = self.name(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [output], domain=domain, **attributes))
        return output

    def add_long(self, op: str, source: str, domain: str, **attributes: Any) -> str:
        """Add a node of one output with lists of numbers and bytes as long as a model is large.

        ``helper.make_node`` looks at each item several times, which takes seconds for a forest.
        """
        short = {name: v for name, v in attributes.items() if not isinstance(v, np.ndarray | list)}
        output = self.add(op, source, domain=domain, **short)
        for name, values in attributes.items():
            if name not in short:
                made = self.nodes[-1].attribute.add(name=name)
                if isinstance(values, list):
                    made.type = AttributeProto.STRINGS
                    made.strings.extend(values)
                elif values.dtype == np.float32:
                    made.type = AttributeProto.FLOATS
                    made.floats.extend(values.tolist())
                else:
                    made.type = AttributeProto.INTS
                    made.ints.extend(values.tolist())
        return output

    def add_two(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> list[str]:
        """Add a node of two outputs; return their names."""
        outputs = [self.name(op.lower()), self.name(op.lower())]
        self.nodes.append(helper.make_node(op, inputs, outputs, domain=domain, **attributes))
        return outputs

    def rename(self, source: str, output: str) -> None:
        """Give what a node makes the name of one of the graph's outputs."""
        for node in self.nodes:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name == source:
                        names[i] = output

    def constant(self, values: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        name = self.name("constant")
        if values.dtype == object:
            texts = [str(v).encode() for v in values.ravel()]
            held = helper.make_tensor(name, TensorProto.STRING, values.shape, texts)
        else:
            held = numpy_helper.from_array(np.ascontiguousarray(values), name)
        self.constants.append(held)
        return name

    def cast(self, source: str, kind: int) -> str:
        """Add a cast to a type of TensorProto."""
        return self.add("Cast", source, to=kind)

    def single(self, source: str) -> str:
        """Add a cast to FP32."""
        return self.cast(source, TensorProto.FLOAT)

    def used_constants(self) -> list[TensorProto]:
        """Return the constants that a node takes; a converter may leave others."""
        taken = {name for node in self.nodes for name in node.input}
        return [constant for constant in self.constants if constant.name in taken]
