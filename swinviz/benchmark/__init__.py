"""Speed and memory beside transformers: the same weights and images, in one process, turn by turn."""

from swinviz.benchmark.inference import capture_contest, head_contest, model_contest
from swinviz.benchmark.measurement import Benchmark, Entry, roof_gflops
from swinviz.benchmark.scaling import scaling
from swinviz.benchmark.training import training_contest

__all__ = [
    "Benchmark",
    "Entry",
    "capture_contest",
    "head_contest",
    "model_contest",
    "roof_gflops",
    "scaling",
    "training_contest",
]
