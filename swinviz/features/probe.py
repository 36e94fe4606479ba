"""Linear probes: least squares from feature vectors to classes, in closed form, from sums over the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from swinviz.errors import SwinvizError
from swinviz.features.tokens import TokenMap
from swinviz.files import replacing

__all__ = ["LinearProbe", "ProbeSums", "load_probe", "save_probe"]


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier of feature vectors: a head of one 1x1 convolution.

    Attributes:
        weight: (K, C) float64.
        bias: (K,) float64.
        name: hook point that the vectors come from.
        classes: names of the K classes.
    """

    weight: Tensor
    bias: Tensor
    name: str
    classes: tuple[str, ...]

    def scores(self, tokens: TokenMap) -> Tensor:
        """Score every token for every class: (B, K, H, W) float32; least squares' estimates of 0 or 1.

        Args:
            tokens: vectors at the probe's hook point.

        Raises:
            ValueError: the vectors come from another hook point.
        """
        if tokens.name != self.name:
            raise ValueError(f"the probe reads {self.name}, not {tokens.name}: read that hook point.")
        weight, bias = self.weight.to(tokens.vectors), self.bias.to(tokens.vectors)
        return torch.einsum("bhwc,kc->bkhw", tokens.vectors, weight).float() + bias.float()[:, None, None]

    def probabilities(self, tokens: TokenMap) -> Tensor:
        """Raise the scores to at least 0 and make them sum to 1: (B, K, H, W), 0 to 1.

        Least squares estimates the mean of an indicator, which is a probability, but may overshoot.

        Args:
            tokens: vectors at the probe's hook point.
        """
        scores = self.scores(tokens).clamp(min=0.0)
        return scores / scores.sum(dim=1, keepdim=True).clamp(min=1e-6)


class ProbeSums:
    """Sums over feature vectors and their classes, all that least squares needs to know of the data.

    >>> sums = ProbeSums(channels=1, classes=2)
    >>> sums.add(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0, 0, 1]))
    >>> probe = sums.solve("stages.0.out", ("low", "high"), ridge=0.0)
    >>> [round(value, 3) for value in (*probe.weight[1].tolist(), float(probe.bias[1]))]
    [0.5, -0.167]
    """

    def __init__(self, channels: int, classes: int) -> None:
        self._count = torch.zeros(classes, dtype=torch.float64)
        self._by_class = torch.zeros(classes, channels, dtype=torch.float64)
        self._squares = torch.zeros(channels, channels, dtype=torch.float64)

    def add(self, vectors: Tensor, labels: Tensor) -> None:
        """Count vectors in.

        Args:
            vectors: (n, C).
            labels: (n,) classes; those outside 0 to K - 1, such as the ignored 255, are left out.
        """
        known = (labels >= 0) & (labels < len(self._count))
        values = vectors[known.to(vectors.device)].cpu().double()
        classes = labels[known].cpu().long()
        self._count += torch.bincount(classes, minlength=len(self._count)).double()
        self._by_class.index_add_(0, classes, values)
        self._squares += values.T @ values

    def solve(self, name: str, classes: tuple[str, ...], *, ridge: float = 1e-3) -> LinearProbe:
        """Fit class indicators by ridge regression with a free constant.

        Args:
            name: hook point of the vectors.
            classes: names of the classes.
            ridge: penalty on the weights, as a share of the features' mean variance, at least 0.

        Returns:
            The probe that minimizes the mean squared error plus the penalty.

        Raises:
            ValueError: no vector was counted in.
        """
        total = float(self._count.sum())
        if not total:
            raise ValueError("there is nothing to fit: add vectors with labels first.")
        mean = self._by_class.sum(dim=0) / total
        share = self._count / total
        covariance = self._squares / total - torch.outer(mean, mean)
        cross = self._by_class / total - torch.outer(share, mean)  # K C
        penalty = ridge * covariance.diagonal().mean().clamp(min=1e-12)
        damped = covariance + penalty * torch.eye(len(mean), dtype=torch.float64)
        # Least squares even where features are dependent, as channels that are always 0 make them.
        weight = torch.linalg.lstsq(damped, cross.T, driver="gelsd").solution.T
        return LinearProbe(weight, share - weight @ mean, name, classes)


def save_probe(probe: LinearProbe, path: Path | str) -> None:
    """Write a probe as .safetensors, its hook point and classes in the file's metadata.

    Args:
        probe: the probe.
        path: the file, which appears whole or not at all.
    """
    metadata = {"name": probe.name, "classes": "\n".join(probe.classes)}
    tensors = {"weight": probe.weight.contiguous(), "bias": probe.bias.contiguous()}
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def load_probe(path: Path | str) -> LinearProbe:
    """Read a probe that `save_probe` wrote.

    Raises:
        SwinvizError: the file is none, or is damaged.
        FileNotFoundError: there is no such file.

    >>> import tempfile
    >>> probe = LinearProbe(torch.eye(2).double(), torch.zeros(2).double(), "stages.0.out", ("a", "b"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_probe(probe, f"{folder}/probe.safetensors")
    ...     load_probe(f"{folder}/probe.safetensors").classes
    ('a', 'b')
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} does not exist: name a file that save_probe wrote.")
    try:
        with safe_open(str(path), "pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # no mapping
        classes = tuple(metadata["classes"].split("\n"))
        probe = LinearProbe(tensors["weight"], tensors["bias"], metadata["name"], classes)
    except Exception as error:  # safetensors raises its own kind beside KeyError and OSError
        raise SwinvizError(f"{path} holds no probe: name a file that save_probe wrote.") from error
    if probe.weight.ndim != 2 or probe.weight.shape[0] != len(classes) or probe.bias.shape != (len(classes),):
        raise SwinvizError(f"{path} holds no probe: its tensors do not fit its {len(classes)} classes.")
    return probe
