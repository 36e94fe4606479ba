"""Window geometry inside a graph: the tables of `WindowGeometry`, computed from the size of the map.

A graph that is to serve every height and width cannot hold tables of one size, and cannot branch ("pad if
the height is no multiple of 7"). So each move of tokens is one Gather whose table the graph makes for itself,
with a row of zeros behind the last token for whatever is padding. Tables as inputs would serve every size
too, but whoever runs the graph, in whatever language, would have to rebuild Swin's geometry first.
"""

from __future__ import annotations

import numpy as np

from swinviz.exporting.graph import Graph, Size

__all__ = ["GraphGeometry", "merging_table", "take_tokens"]

_INT64 = 7  # the number of the type in ONNX


class GraphGeometry:
    """Windows of a block, as values of a graph.

    Args:
        graph: where its nodes are added.
        height: rows of the map, in tokens.
        width: columns of the map, in tokens.
        window_size: side M of a window, in tokens.
        shift: tokens the padded map is rolled up and left by: a number, or the name of a value () of int64.

    Attributes:
        token_index: (nW, N) index of the token at each place of each window; height * width for padding.
        window_index: (height * width,) index window * N + place of each token.
        across: (nW, N, N) true where query and key lie in different regions; "" without a shift.
        padding: (nW, N) true at padding.
    """

    def __init__(self, graph: Graph, height: Size, width: Size, window_size: int, shift: Size) -> None:
        self.graph, self.side, self.shift = graph, window_size, shift
        self.height, self.width = height, width
        self.rows, self.columns = (graph.divide_up(length, window_size) for length in (height, width))
        self.padded = tuple(graph.multiply(count, window_size) for count in (self.rows, self.columns))
        self.token_index, self.padding = self._token_index()
        self.window_index = self._window_index()
        self.across = "" if shift == 0 else self._across()

    def _rolled(self) -> tuple[str, str]:
        """Row and column, on the rolled map, of each place of each window: (nW, N) each."""
        g, place = self.graph, np.arange(self.side**2)
        window = g.op("Unsqueeze", g.arange(g.multiply(self.rows, self.columns)), np.array([1]))  # nW 1
        down = g.op("Div", window, g.scalar(self.columns))
        right = g.op("Sub", window, g.op("Mul", down, g.scalar(self.columns)))
        side = np.array(self.side)
        return (
            g.op("Add", g.op("Mul", down, side), place // self.side),
            g.op("Add", g.op("Mul", right, side), place % self.side),
        )

    def _token_index(self) -> tuple[str, str]:
        g = self.graph
        rows, columns = (
            self._wrapped(g.op("Add", at, g.scalar(self.shift)), length)
            for at, length in zip(self._rolled(), self.padded, strict=True)
        )
        inside = g.op(
            "And", g.op("Less", rows, g.scalar(self.height)), g.op("Less", columns, g.scalar(self.width))
        )
        token = g.op("Add", g.op("Mul", rows, g.scalar(self.width)), columns)
        behind = g.scalar(g.multiply(self.height, self.width))
        return g.op("Where", inside, token, behind, name="token_index"), g.op("Not", inside, name="padding")

    def _window_index(self) -> str:
        g, side = self.graph, np.array(self.side)
        windows, places = [], []
        for length, padded in zip((self.height, self.width), self.padded, strict=True):
            # Rolled by the rest of the length, as a remainder of a negative number is no remainder.
            back = g.scalar(g.subtract(padded, self.shift))
            at = self._wrapped(g.op("Add", g.arange(length), back), padded)
            windows.append(g.op("Div", at, side))
            places.append(g.op("Sub", at, g.op("Mul", windows[-1], side)))
        (down, right), (row, column) = windows, places
        window = g.op("Add", _upright(g, g.op("Mul", down, g.scalar(self.columns))), right)
        place = g.op("Add", _upright(g, g.op("Mul", row, side)), column)
        index = g.op("Add", g.op("Mul", window, np.array(self.side**2)), place)
        return g.op("Reshape", index, np.array([-1]), name="window_index")

    def _across(self) -> str:
        g = self.graph
        down, right = (
            self._regions(at, length) for at, length in zip(self._rolled(), self.padded, strict=True)
        )
        region = g.op("Add", g.op("Mul", down, np.array(3)), right)  # nW N
        query, key = (g.op("Unsqueeze", region, np.array([axis])) for axis in (2, 1))
        return g.op("Not", g.op("Equal", query, key), name="across")

    def _regions(self, at: str, length: Size) -> str:
        """0, 1, 2 along one axis, as `region_labels`; all 0 where a shift that is given is 0."""
        g = self.graph
        last, wrapped = g.subtract(length, self.side), g.subtract(length, self.shift)
        in_last = g.op("GreaterOrEqual", at, g.scalar(last))
        if isinstance(self.shift, str):
            in_last = g.op("And", in_last, g.op("Greater", self.shift, np.array(0)))
        came_round = g.op("GreaterOrEqual", at, g.scalar(wrapped))
        return g.op("Add", g.op("Cast", in_last, to=_INT64), g.op("Cast", came_round, to=_INT64))

    def _wrapped(self, at: str, length: Size) -> str:
        """Positions below twice a length, as positions below it."""
        g, once = self.graph, self.graph.scalar(length)
        return g.op("Where", g.op("GreaterOrEqual", at, once), g.op("Sub", at, once), at)


def merging_table(graph: Graph, height: Size, width: Size) -> str:
    """Index of the four tokens that patch merging joins: (tokens after, 4), in the order 00 10 01 11."""
    g = graph
    rows, columns = (g.op("Mul", g.arange(g.divide_up(length, 2)), np.array(2)) for length in (height, width))
    down = g.op("Add", g.op("Unsqueeze", rows, np.array([1, 2])), np.array([0, 1, 0, 1]))  # h 1 4
    right = g.op("Add", g.op("Unsqueeze", columns, np.array([1])), np.array([0, 0, 1, 1]))  # w 4
    inside = g.op("And", g.op("Less", down, g.scalar(height)), g.op("Less", right, g.scalar(width)))
    token = g.op("Add", g.op("Mul", down, g.scalar(width)), right)
    table = g.op("Where", inside, token, g.scalar(g.multiply(height, width)))
    return g.op("Reshape", table, np.array([-1, 4]), name="merging_table")


def take_tokens(graph: Graph, tokens: str, table: str) -> str:
    """Gather (B, T, C) by a table of any shape into (B, *shape, C); index T gives zeros."""
    with_padding = graph.op("Pad", tokens, np.array([0, 0, 0, 0, 1, 0]))
    return graph.op("Gather", with_padding, table, axis=1)


def _upright(graph: Graph, values: str) -> str:
    return graph.op("Unsqueeze", values, np.array([1]))
