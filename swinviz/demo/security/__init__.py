"""Bounds on strangers: who is let in, how much they may send, and how much is computed for them."""

from swinviz.demo.security.access import may_enter
from swinviz.demo.security.addresses import GuardedBlocks
from swinviz.demo.security.hosts import AllowedHosts, HostCheck
from swinviz.demo.security.limits import MAX_PIXELS, MAX_SIDE, MAX_UPLOAD_BYTES, RequestLimits
from swinviz.demo.security.logins import LoginLimit
from swinviz.demo.security.patience import make_impatient
from swinviz.demo.security.slots import BusyError, ComputeSlots, StreamSlots
from swinviz.demo.security.unknown import UnknownNames
from swinviz.demo.security.uploads import KeptFiles, UploadQuota

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "MAX_UPLOAD_BYTES",
    "AllowedHosts",
    "BusyError",
    "ComputeSlots",
    "GuardedBlocks",
    "HostCheck",
    "KeptFiles",
    "LoginLimit",
    "RequestLimits",
    "StreamSlots",
    "UnknownNames",
    "UploadQuota",
    "make_impatient",
    "may_enter",
]
