"""FSDP2: every process keeps a share of weights, gradients and moments, and gathers a block's when it runs.

What is saved is whole, tensor by tensor what one process would write, so a run may go on with more or fewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from swinviz.model.swin import SwinBlock
from swinviz.model.upernet import FCNHead, UPerHead

__all__ = ["WholeState", "gather_into", "shard"]


def shard(module: nn.Module, device: torch.device) -> None:
    """Divide a module's parameters among the processes: block by block, head by head, and the rest.

    Args:
        module: changed in place; only its own `forward` gathers the rest, so that is what must be called.
        device: of this process.

    Raises:
        ValueError: no processes were joined.
    """
    if not dist.is_initialized():
        raise ValueError(
            "sharding divides a model among processes: start them with torchrun, or leave it out."
        )
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for part in list(module.modules()):
        if isinstance(part, SwinBlock | UPerHead | FCNHead):
            fully_shard(part, mesh=mesh)
    fully_shard(module, mesh=mesh)


@torch.no_grad()
def gather_into(whole: nn.Module, sharded: nn.Module) -> None:
    """Copy a sharded module's weights and statistics into a whole one; all processes must come here."""
    for kept, value in zip(whole.state_dict().values(), sharded.state_dict().values(), strict=True):
        kept.copy_(value.full_tensor() if isinstance(value, DTensor) else value)


class WholeState:
    """State of a sharded module, or of its optimizer, as one process would write and read it.

    Args:
        part: the module or its optimizer.
        keep: whether this process needs what is gathered; all of them must take part.
    """

    def __init__(self, part: nn.Module | torch.optim.Optimizer, *, keep: bool) -> None:
        self.part, self.keep = part, keep

    def state_dict(self) -> dict[str, Any]:
        """Gather the state, on the CPU; all must come here. Where it is not kept, tensors are empty."""
        state: dict[str, Any] = self._gather(self.part.state_dict())
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take this process's share of a whole state.

        Raises:
            RuntimeError, ValueError, LookupError: it is another module's.
        """
        if isinstance(self.part, nn.Module):
            own = self.part.state_dict()
            self.part.load_state_dict(
                {name: _share(value, own[name]) if name in own else value for name, value in state.items()}
            )
            return
        parameters = [parameter for group in self.part.param_groups for parameter in group["params"]]
        moments = {
            number: {name: _share(value, parameters[number]) for name, value in entries.items()}
            for number, entries in state["state"].items()
        }
        self.part.load_state_dict({**state, "state": moments})

    def _gather(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._gather(inside) for name, inside in value.items()}
        if not isinstance(value, DTensor):
            return value
        whole = value.full_tensor().detach()
        return whole.cpu() if self.keep else whole.new_empty(0)


def _share(value: Any, like: Tensor) -> Any:
    """This process's share of a tensor, divided like another of its shape; other values stay as they are."""
    if not isinstance(value, Tensor) or not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    # Every process has read the whole tensor, so nobody needs to send it: src_data_rank=None.
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
