"""A small writer of ONNX graphs: one call a node, weights by name, and arithmetic on sizes.

Where everything that a node reads is known while the graph is written, as all sizes are in a graph for one
fixed size, the node is computed at once and only its result is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

__all__ = ["Graph", "Size"]

Size = str | int
"""A number of rows, columns or the like: known, or the name of a value () in the graph."""

_LARGEST_CONSTANT = 2**17
"""Elements of a result that is stored; what is larger, such as a mask, is computed when the graph runs."""


class Graph:
    """Nodes and weights in the order in which they are added.

    Args:
        opset: version of ONNX's operators.
        dtype: floating-point type of weights and arithmetic, float32 or float16.
        reserved: names of inputs and outputs, which no node may take.
    """

    def __init__(self, opset: int, dtype: type[np.floating[Any]], reserved: Iterable[str] = ()) -> None:
        self.opset, self.dtype = opset, dtype
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self.known: dict[str, NDArray[Any]] = {}
        self._names = set(reserved)
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def op(self, kind: str, *inputs: str | NDArray[Any], name: str = "", **attributes: Any) -> str:
        """Add a node with one output.

        Args:
            kind: ONNX operator.
            inputs: names of values, "" for one left out, or arrays, which become constants.
            name: name of the output; by default one that says what it is.
            attributes: of the operator.

        Returns:
            The name of the output.
        """
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        output = self._fresh(name or kind.lower())
        node = helper.make_node(kind, names, [output], name=output, **attributes)
        result = self._computed(node)
        if result is not None and result.size <= _LARGEST_CONSTANT:
            self.known[output] = result
        else:
            self.nodes.append(node)
        return output

    def _computed(self, node: onnx.NodeProto) -> NDArray[Any] | None:
        """Result of a node, if all that it reads is known."""
        given = [name for name in node.input if name]
        if not all(name in self.known for name in given):
            return None
        graph = helper.make_graph(
            [node],
            node.op_type,
            [helper.make_value_info(name, _type_of(self.known[name])) for name in given],
            [helper.make_value_info(node.output[0], onnx.TypeProto())],
        )
        single = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        (result,) = ReferenceEvaluator(single).run(None, {name: self.known[name] for name in given})
        return np.asarray(result)

    def split(self, value: str, parts: int, axis: int) -> list[str]:
        """Cut a value into equal parts along an axis."""
        outputs = [self._fresh("part") for _ in range(parts)]
        self.nodes.append(helper.make_node("Split", [value], outputs, axis=axis, num_outputs=parts))
        return outputs

    def cast(self, value: str) -> str:
        """Convert to the graph's floating-point type."""
        return self.op("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))

    def constant(self, value: NDArray[Any] | int | Sequence[int]) -> str:
        """Add a constant, once; it is stored if something that is computed when the graph runs reads it.

        Args:
            value: of any shape (...); float64 becomes the graph's type.
        """
        array = np.asarray(value)
        if array.dtype == np.float64:
            array = array.astype(self.dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = self._fresh("constant")
            self.known[name] = array
        return self._constants[key]

    def weight(self, name: str, value: NDArray[Any]) -> str:
        """Add a weight under its own name, in the graph's floating-point type; value: any shape (...)."""
        if name not in self.weights:
            array = np.ascontiguousarray(value.astype(self.dtype))
            self.weights[name] = numpy_helper.from_array(array, self._fresh(name))
        return name

    def output(self, value: str, name: str, *, cast: bool = False) -> None:
        """Make a value an output of the file under a name of its own; `cast` to float32."""
        kind = "Cast" if cast else "Identity"
        attributes: dict[str, Any] = {"to": TensorProto.FLOAT} if cast else {}
        self.nodes.append(helper.make_node(kind, [value], [name], name=f"{name}.output", **attributes))

    # --- sizes -------------------------------------------------------------------------------------------

    def size(self, value: str, axis: int) -> Size:
        """Length of an axis."""
        shape = self.op("Shape", value, start=axis, end=axis + 1)
        return self.op("Squeeze", shape, np.array([0]), name="size")

    def add(self, a: Size, b: Size) -> Size:
        """Sum of two sizes."""
        return a + b if isinstance(a, int) and isinstance(b, int) else self._scalar("Add", a, b)

    def subtract(self, a: Size, b: Size) -> Size:
        """Difference of two sizes."""
        return a - b if isinstance(a, int) and isinstance(b, int) else self._scalar("Sub", a, b)

    def multiply(self, a: Size, b: Size) -> Size:
        """Product of two sizes."""
        return a * b if isinstance(a, int) and isinstance(b, int) else self._scalar("Mul", a, b)

    def divide_up(self, a: Size, by: int) -> Size:
        """Quotient of a size, rounded up."""
        return -(-a // by) if isinstance(a, int) else self._scalar("Div", self.add(a, by - 1), by)

    def scalar(self, size: Size) -> str:
        """A size as a value () of int64."""
        return size if isinstance(size, str) else self.constant(np.array(size, np.int64))

    def shape(self, *sizes: Size) -> str:
        """Sizes as one vector, for reshaping and resizing."""
        parts = [self.op("Unsqueeze", self.scalar(size), np.array([0])) for size in sizes]
        return self.op("Concat", *parts, axis=0, name="shape")

    def arange(self, length: Size) -> str:
        """0, 1, ... length - 1."""
        return self.op("Range", self.scalar(0), self.scalar(length), self.scalar(1))

    def _scalar(self, kind: str, a: Size, b: Size) -> str:
        return self.op(kind, self.scalar(a), self.scalar(b), name="size")

    # --- the file ----------------------------------------------------------------------------------------

    def model(
        self,
        inputs: Iterable[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        defaults: Iterable[TensorProto] = (),
    ) -> onnx.ModelProto:
        """Make the file's contents.

        Args:
            inputs: what must be given when it runs.
            outputs: what it gives.
            defaults: values of inputs that need not be given.
        """
        read = {name for node in self.nodes for name in node.input} | {value.name for value in outputs}
        constants = [
            numpy_helper.from_array(array, name) for name, array in self.known.items() if name in read
        ]
        graph = helper.make_graph(
            self.nodes,
            "swinviz",
            list(inputs),
            list(outputs),
            [*self.weights.values(), *constants, *defaults],
        )
        domain = helper.make_opsetid("", self.opset)
        # The oldest version of the container that knows these operators, for the oldest readers.
        container = helper.find_min_ir_version_for([domain])
        return helper.make_model(graph, opset_imports=[domain], ir_version=container, producer_name="swinviz")

    def _fresh(self, name: str) -> str:
        fresh, count = name, 1
        while fresh in self._names:
            fresh, count = f"{name}_{count}", count + 1
        self._names.add(fresh)
        return fresh


def _type_of(array: NDArray[Any]) -> onnx.TypeProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_type_proto(kind, array.shape)
