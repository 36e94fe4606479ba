"""Bounds on strangers: who is let in, how much they may send, and how much is computed for them."""

from swinviz.demo.security.access import may_enter
from swinviz.demo.security.addresses import GuardedBlocks
from swinviz.demo.security.limits import MAX_PIXELS, MAX_SIDE, MAX_UPLOAD_BYTES, RequestLimits
from swinviz.demo.security.slots import BusyError, ComputeSlots, StreamSlots

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "MAX_UPLOAD_BYTES",
    "BusyError",
    "ComputeSlots",
    "GuardedBlocks",
    "RequestLimits",
    "StreamSlots",
    "may_enter",
]
