"""A class added by clicking: a linear probe on frozen features from a few examples and counterexamples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from swinviz.attention import Target
from swinviz.features.probe import LinearProbe, ProbeSums
from swinviz.features.tokens import TokenMap

__all__ = ["class_from_clicks", "probe_head"]

Click = tuple[TokenMap, Target]


def class_from_clicks(
    positive: Sequence[Click], negative: Sequence[Click], *, name: str = "clicked", ridge: float = 0.1
) -> LinearProbe:
    """Fit a class to clicked places.

    Examples and counterexamples count alike in sum, however many there are of each.

    Args:
        positive: (tokens of a picture, place in it) of places that show the class; pixels or masks.
        negative: the same of places that do not.
        name: name of the class.
        ridge: penalty on the weights, as a share of the clicked features' mean variance, at least 0.

    Returns:
        A probe of two classes, ("other", name); a token shows the class where the second score is higher.

    Raises:
        ValueError: examples or counterexamples are missing, or the vectors come from several hook points.

    >>> row = torch.tensor([[5.0, 0.0], [4.0, 1.0], [0.0, 3.0], [1.0, 4.0]])
    >>> tokens = TokenMap(row[None, None], 4, "stages.0.out")
    >>> probe = class_from_clicks([(tokens, (0, 0))], [(tokens, (0, 8))], name="left")
    >>> probe.scores(tokens).argmax(dim=1)[0, 0].tolist()
    [1, 1, 0, 0]
    """
    if not positive or not negative:
        raise ValueError("click at least one place that shows the class and one that does not.")
    points = {(tokens.name, tokens.head) for tokens, _ in (*positive, *negative)}
    if len(points) > 1:
        raise ValueError("the clicks come from several hook points or heads: read one from all pictures.")
    groups = [torch.stack([tokens.at(place) for tokens, place in clicks]) for clicks in (negative, positive)]
    sums = ProbeSums(groups[0].shape[1], 2)
    for label, (vectors, others) in enumerate(zip(groups, reversed(groups), strict=True)):
        for _ in range(len(others)):  # as often as the other side has clicks, so that both weigh the same
            sums.add(vectors, torch.full((len(vectors),), label))
    return sums.solve(points.pop()[0], ("other", name), ridge=ridge)


def probe_head(probe: LinearProbe) -> nn.Conv2d:
    """Turn a probe into a segmentation head: a 1x1 convolution from (B, C, H, W) features to (B, K, H, W).

    >>> bias = torch.tensor([0.0, 1.0]).double()
    >>> probe = LinearProbe(torch.eye(2).double(), bias, "stages.0.out", ("a", "b"))
    >>> probe_head(probe)(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten().tolist()
    [3.0, 5.0]
    """
    head = nn.Conv2d(probe.weight.shape[1], probe.weight.shape[0], 1)
    with torch.no_grad():
        head.weight.copy_(probe.weight[:, :, None, None])
        assert head.bias is not None
        head.bias.copy_(probe.bias)
    return head.eval()
