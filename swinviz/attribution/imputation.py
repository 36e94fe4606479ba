"""Linear imputation: removed pixels become the weighted mean of their neighbors, so that no hole shows.

Pixels painted black or gray are a shape that the model sees, and a measure that paints so measures the shape
too. ROAD (Rong et al. 2022, section 4) therefore makes each removed pixel the mean of its eight neighbors,
direct ones counted twice as much as diagonal ones: one sparse linear system for all of them. Here it is
solved by conjugate gradients, for many masks at once, without a sparse matrix.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["linear_imputation"]

_DIAGONAL = 1 / 12  # of a diagonal neighbor; a direct one counts twice
_MOST_ITERATIONS = 2000


def linear_imputation(images: Tensor, known: Tensor, *, tolerance: float = 1e-3) -> Tensor:
    """Fill removed pixels so that each is the weighted mean of its neighbors.

    Args:
        images: (B, C, H, W); what stands at removed pixels does not matter.
        known: (B, H, W) bool, False where a pixel was removed.
        tolerance: largest amount by which a filled pixel may differ from its neighbors' mean, in the units of
            the images, at least 0.

    Returns:
        (B, C, H, W), the known pixels as they were.

    Raises:
        ValueError: a mask keeps no pixel at all, or has another size than the images.

    Source:
        Rong et al. 2022, section 4.2, without the noise; weights of tleemann/road_evaluation, imputations.py.

    >>> row = torch.tensor([[0.0, 9.0, 9.0, 3.0]]).view(1, 1, 1, 4)
    >>> known = torch.tensor([[[True, False, False, True]]])
    >>> [round(value, 2) for value in linear_imputation(row, known, tolerance=1e-6).flatten().tolist()]
    [0.0, 1.0, 2.0, 3.0]
    """
    if known.shape != (images.shape[0], *images.shape[-2:]):
        raise ValueError(
            f"the masks are {tuple(known.shape)} for images {tuple(images.shape)}: give one each."
        )
    if not bool(known.flatten(1).any(dim=1).all()):
        raise ValueError("a mask removes every pixel: leave at least one to fill the others from.")
    return _solve(images, known[:, None], tolerance)


def _solve(images: Tensor, known: Tensor, tolerance: float) -> Tensor:
    """Fill (B, C, H, W) where (B, 1, H, W) is not known.

    Solved at half the size first: that start is right in the large, which conjugate gradients mend slowly.
    """
    if bool(known.all()):
        return images
    weights = known.to(images)
    share = F.avg_pool2d(weights, 2, ceil_mode=True)
    means = F.avg_pool2d(images * weights, 2, ceil_mode=True) / share.clamp(min=1e-6)
    coarse = _solve(means, share > 0, tolerance)
    size = (images.shape[-2], images.shape[-1])
    start = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return _conjugate_gradients(torch.where(known, images, start), ~known, tolerance)


def _conjugate_gradients(x: Tensor, missing: Tensor, tolerance: float) -> Tensor:
    """Improve a start (B, C, H, W) at the missing pixels until each is its neighbors' mean."""
    degree = _neighbors(torch.ones_like(x[:1, :1]))  # 1 1 H W: less at the border
    inside = missing.to(x)

    def laplacian(x: Tensor) -> Tensor:
        """At the missing pixels, 0 elsewhere; symmetric, so that conjugate gradients apply."""
        return (degree * x).sub_(_neighbors(x)).mul_(inside)

    residual = laplacian(x).neg_()
    direction = residual.clone()
    squared = residual.square().sum(dim=(2, 3), keepdim=True)  # B C 1 1
    for _ in range(_MOST_ITERATIONS):
        if float(residual.abs().max()) <= tolerance * _DIAGONAL:
            break
        changed = laplacian(direction)
        curvature = (direction * changed).sum(dim=(2, 3), keepdim=True)
        step = squared / curvature.where(curvature > 0, torch.ones_like(curvature))
        x = torch.addcmul(x, step, direction)
        residual.addcmul_(step, changed, value=-1)
        after = residual.square().sum(dim=(2, 3), keepdim=True)
        direction.mul_(after / squared.where(squared > 0, torch.ones_like(squared))).add_(residual)
        squared = after
    return x


def _neighbors(x: Tensor) -> Tensor:
    """Weighted sum of the eight neighbors inside the image: (B, C, H, W) -> the same.

    Along rows, then columns, with 1 2 1, less the middle; slices, as convolutions of one channel are slow.
    """
    rows = 2 * x
    rows[:, :, 1:] += x[:, :, :-1]
    rows[:, :, :-1] += x[:, :, 1:]
    both = 2 * rows
    both[:, :, :, 1:] += rows[:, :, :, :-1]
    both[:, :, :, :-1] += rows[:, :, :, 1:]
    return both.sub_(x, alpha=4.0).mul_(_DIAGONAL)
