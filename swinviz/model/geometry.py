"""Window geometry: padding, cyclic shift, partition, mask and relative positions, computed in one place.

Everything confusing about Swin is geometry. `WindowGeometry` is the one object that knows it: the model's
forward pass moves tokens with it, and every picture is drawn from it, so what is drawn cannot differ from
what was computed.

Words: a *token* is one position of a stage's feature map (it covers `stride` x `stride` input pixels); a
*window* holds N = M x M tokens; a *region* is one of the 3 x 3 parts of the shifted map whose tokens may not
attend to one another because they only became neighbors by the cyclic shift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "MASK_VALUE",
    "Box",
    "WindowGeometry",
    "region_labels",
    "relative_position_index",
    "window_geometry",
    "window_partition",
    "window_reverse",
]

MASK_VALUE = -100.0
"""Added to the score of a pair that may not attend. Not -inf: the published models were trained with this."""


class Box(NamedTuple):
    """A half-open rectangle [top, bottom) x [left, right): input pixels, unless other places are named."""

    top: int
    left: int
    bottom: int
    right: int


def window_partition(x: Tensor, window_size: int) -> Tensor:
    """Cut a map into windows, row by row.

    Args:
        x: (B, H, W, C), H and W multiples of `window_size` M.
        window_size: side M of a window, in tokens.

    Returns:
        (B, nW, N, C), N = M * M; windows and the tokens inside them in row-major order.

    Raises:
        ValueError: H or W is no multiple of M.

    >>> window_partition(torch.arange(16).view(1, 4, 4, 1), 2)[0, 1, :, 0].tolist()
    [2, 3, 6, 7]
    """
    batch, height, width, channels = x.shape
    if height % window_size or width % window_size:
        raise ValueError(
            f"a {height}x{width} map does not divide into windows of {window_size}: pad it first."
        )
    rows, columns = height // window_size, width // window_size
    x = x.view(batch, rows, window_size, columns, window_size, channels)
    x = x.permute(0, 1, 3, 2, 4, 5)  # B rows columns M M C
    return x.reshape(batch, rows * columns, window_size * window_size, channels)  # B nW N C


def window_reverse(windows: Tensor, height: int, width: int) -> Tensor:
    """Put windows back into a map: the inverse of `window_partition`.

    Args:
        windows: (B, nW, N, C).
        height: H of the map, in tokens.
        width: W of the map, in tokens.

    Returns:
        (B, H, W, C).
    """
    batch, _, area, channels = windows.shape
    side = round(area**0.5)
    x = windows.view(batch, height // side, width // side, side, side, channels)
    x = x.permute(0, 1, 3, 2, 4, 5)  # B rows M columns M C
    return x.reshape(batch, height, width, channels)  # B H W C


def relative_position_index(window_size: int) -> Tensor:
    """Row of the relative position bias table that each (query, key) pair of a window reads.

    The table has (2M-1)**2 rows: the vertical offset query - key, plus M-1, times 2M-1, plus the same for the
    horizontal offset (Liu et al. 2021, eq. 4).

    Args:
        window_size: side M of a window, in tokens.

    Returns:
        (N, N) integers in 0 .. (2M-1)**2 - 1; axis 0 is the query.

    >>> relative_position_index(2).tolist()
    [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    """
    side = torch.arange(window_size)
    rows, columns = (axis.flatten() for axis in torch.meshgrid(side, side, indexing="ij"))
    down = rows[:, None] - rows[None, :] + window_size - 1
    right = columns[:, None] - columns[None, :] + window_size - 1
    return down * (2 * window_size - 1) + right  # N N


def region_labels(
    length: int, window_size: int, shift_size: int, device: torch.device | None = None
) -> Tensor:
    """Label, along one axis of the shifted map, which parts were neighbors before the shift.

    Args:
        length: padded length of the axis, in tokens.
        window_size: side M of a window.
        shift_size: tokens the map was rolled by; 0 gives one region.
        device: where the labels are made.

    Returns:
        (length,) of 0, 1, 2: everything before the last window, the rest of the last window, and the
        `shift_size` tokens that the roll brought round from the other side.

    >>> region_labels(8, 4, 2).tolist()
    [0, 0, 0, 0, 1, 1, 2, 2]
    """
    position = torch.arange(length, device=device)
    if not shift_size:
        return torch.zeros_like(position)
    return (position >= length - window_size).long() + (position >= length - shift_size).long()


@dataclass(frozen=True)
class WindowGeometry:
    """Windows of one block on its map.

    Attributes:
        height: rows of the map, in tokens.
        width: columns of the map, in tokens.
        window_size: side M of a window, in tokens.
        shift_size: tokens the padded map is rolled up and left by before it is cut; 0 for W-MSA.
        stride: input pixels per token.

    Raises:
        ValueError: an empty map, or a shift that is not smaller than the window.

    >>> geometry = WindowGeometry(height=5, width=9, window_size=4, shift_size=2, stride=4)
    >>> geometry.padded_height, geometry.padded_width, geometry.num_windows
    (8, 12, 6)
    >>> geometry.rectangles(5)  # the last window: the roll wrapped it around both borders
    (Box(top=24, left=40, bottom=32, right=48), Box(top=24, left=0, bottom=32, right=8), \
Box(top=0, left=40, bottom=8, right=48), Box(top=0, left=0, bottom=8, right=8))
    """

    height: int
    width: int
    window_size: int
    shift_size: int
    stride: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a map of {self.height}x{self.width} tokens is empty: give at least one token.")
        if not 0 <= self.shift_size < self.window_size:
            raise ValueError(
                f"shift_size is {self.shift_size}: choose it from 0 to {self.window_size - 1}, "
                "below the window's side."
            )

    # --- sizes -------------------------------------------------------------------------------------------

    @property
    def padded_height(self) -> int:
        """Rows after zero padding at the bottom to a multiple of the window."""
        return -(-self.height // self.window_size) * self.window_size

    @property
    def padded_width(self) -> int:
        """Columns after zero padding at the right to a multiple of the window."""
        return -(-self.width // self.window_size) * self.window_size

    @property
    def columns(self) -> int:
        """Windows in one row of windows."""
        return self.padded_width // self.window_size

    @property
    def num_windows(self) -> int:
        """Number nW of windows."""
        return self.padded_height // self.window_size * self.columns

    @property
    def window_area(self) -> int:
        """Number N of tokens in a window."""
        return self.window_size * self.window_size

    def with_shift(self, shift_size: int) -> WindowGeometry:
        """Return the same map cut with another shift."""
        return replace(self, shift_size=shift_size)

    # --- moving tokens (the forward pass) ----------------------------------------------------------------

    def to_windows(self, x: Tensor) -> Tensor:
        """Pad, roll and cut a map into windows, in this order (rolling first gives other numbers).

        Args:
            x: (B, H, W, C).

        Returns:
            (B, nW, N, C); padding is zeros.
        """
        down, right = self.padded_height - self.height, self.padded_width - self.width
        if down or right:
            x = F.pad(x, (0, 0, 0, right, 0, down))  # B Hp Wp C
        if self.shift_size:
            x = x.roll((-self.shift_size, -self.shift_size), dims=(1, 2))
        return window_partition(x, self.window_size)  # B nW N C

    def to_map(self, windows: Tensor) -> Tensor:
        """Undo `to_windows`: put windows together, roll back, and drop the padding.

        Args:
            windows: (B, nW, N, C).

        Returns:
            (B, H, W, C).
        """
        x = window_reverse(windows, self.padded_height, self.padded_width)  # B Hp Wp C
        if self.shift_size:
            x = x.roll((self.shift_size, self.shift_size), dims=(1, 2))
        return x[:, : self.height, : self.width]  # B H W C

    # --- what a window holds -----------------------------------------------------------------------------

    @property
    def token_index(self) -> Tensor:
        """(nW, N) index row * width + column of the token at each place of each window; -1 for padding."""
        return _cached(_token_index, self, torch.device("cpu"))

    @property
    def region_index(self) -> Tensor:
        """(nW, N) region 0..8 of each place of each window; pairs of different regions are masked."""
        return _cached(_region_index, self, torch.device("cpu"))

    def mask(self, device: torch.device | None = None) -> Tensor:
        """Additive attention mask: 0 where a pair may attend, `MASK_VALUE` where it may not.

        Padding is not masked: it is attended, as in the published models.

        Args:
            device: where the mask should be; the CPU by default.

        Returns:
            (nW, N, N) float32; axis 1 is the query.
        """
        return _cached(_mask, self, device or torch.device("cpu"))

    # --- between tokens, windows and pixels --------------------------------------------------------------

    def token_box(self, token: int) -> Box:
        """Return the input pixels that a token covers.

        Raises:
            ValueError: `token` is not in 0 .. height * width - 1 (padding, -1, covers no pixel).
        """
        if not 0 <= token < self.height * self.width:
            raise ValueError(f"token {token} is not on the {self.height}x{self.width} map.")
        row, column = divmod(token, self.width)
        top, left = row * self.stride, column * self.stride
        return Box(top, left, top + self.stride, left + self.stride)

    def locate(self, y: int, x: int) -> tuple[int, int]:
        """Find the window, and the place inside it, of the token that covers an input pixel.

        Args:
            y: row of the pixel.
            x: column of the pixel.

        Returns:
            (window, query): indices into the axes nW and N of the block's tensors.

        Raises:
            ValueError: the pixel lies outside the map.

        >>> WindowGeometry(8, 8, 4, 2, stride=4).locate(y=0, x=0)  # rolled to the far corner
        (3, 10)
        """
        row, column = y // self.stride, x // self.stride
        if not (0 <= row < self.height and 0 <= column < self.width):
            raise ValueError(
                f"pixel (y={y}, x={x}) is outside the image: y is 0 to {self.height * self.stride - 1}, "
                f"x is 0 to {self.width * self.stride - 1}."
            )
        row, column = (
            (row - self.shift_size) % self.padded_height,
            (column - self.shift_size) % self.padded_width,
        )
        side = self.window_size
        return row // side * self.columns + column // side, row % side * side + column % side

    def rectangles(self, window: int) -> tuple[Box, ...]:
        """Return where a window truly lies: one rectangle, or up to four when the shift wrapped it.

        Args:
            window: index in 0 .. nW - 1.

        Returns:
            Rectangles in input pixels, in the order of the window's rows and columns. Parts on padding
            reach past the map's right and bottom borders, where the padding is.

        Raises:
            ValueError: there is no such window.
        """
        if not 0 <= window < self.num_windows:
            raise ValueError(f"window {window} does not exist: there are {self.num_windows}, counted from 0.")
        row, column = divmod(window, self.columns)
        vertical = self._intervals(row, self.padded_height)
        horizontal = self._intervals(column, self.padded_width)
        return tuple(Box(top, left, bottom, right) for top, bottom in vertical for left, right in horizontal)

    def _intervals(self, index: int, length: int) -> list[tuple[int, int]]:
        """One axis of a window, in pixels: [start, stop), cut in two where it passes the border."""
        start = index * self.window_size + self.shift_size
        stop = start + self.window_size
        pieces = [(start, stop)] if stop <= length else [(start, length), (0, stop - length)]
        return [(a * self.stride, b * self.stride) for a, b in pieces]


_remembered_geometry = lru_cache(maxsize=256)(WindowGeometry)


def window_geometry(
    height: int, width: int, window_size: int, shift_size: int, stride: int
) -> WindowGeometry:
    """Return the one `WindowGeometry` of a size: the same object each time, except inside a compiler."""
    make = WindowGeometry if torch.compiler.is_compiling() else _remembered_geometry
    return make(height, width, window_size, shift_size, stride)


def _token_index(geometry: WindowGeometry, device: torch.device) -> Tensor:
    # Counted from 1, so that the zeros of the padding become -1.
    tokens = torch.arange(1, geometry.height * geometry.width + 1, device=device)
    windows = geometry.to_windows(tokens.view(1, geometry.height, geometry.width, 1))
    return windows[0, :, :, 0] - 1  # nW N


def _region_index(geometry: WindowGeometry, device: torch.device) -> Tensor:
    side, shift = geometry.window_size, geometry.shift_size
    rows = region_labels(geometry.padded_height, side, shift, device)
    columns = region_labels(geometry.padded_width, side, shift, device)
    regions = 3 * rows[:, None] + columns[None, :]  # Hp Wp
    return window_partition(regions[None, :, :, None], side)[0, :, :, 0]  # nW N


def _mask(geometry: WindowGeometry, device: torch.device) -> Tensor:
    regions = _region_index(geometry, device)
    return (regions[:, :, None] != regions[:, None, :]).float() * MASK_VALUE  # nW N N


_Table = Callable[[WindowGeometry, torch.device], Tensor]


@lru_cache(maxsize=64)
def _remember(table: _Table, geometry: WindowGeometry, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # a table made in inference mode could not be used in training later
        return table(geometry, device)


def _cached(table: _Table, geometry: WindowGeometry, device: torch.device) -> Tensor:
    # A compiler cannot look into a cache, and need not: it folds the table into the graph.
    if torch.compiler.is_compiling() or device.type == "meta":
        return table(geometry, device)
    return _remember(table, geometry, device)
