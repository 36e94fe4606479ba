"""Speed and memory beside transformers: the same weights and images, in one process, turn by turn."""

from swinviz.benchmark.inference import benchmark_capture, benchmark_head, benchmark_model
from swinviz.benchmark.measurement import Benchmark, Measurement, peak_gflops
from swinviz.benchmark.scaling import scaling
from swinviz.benchmark.settings import Setting, SettingsBenchmark, benchmark_settings
from swinviz.benchmark.start import Start, benchmark_start
from swinviz.benchmark.training import benchmark_training

__all__ = [
    "Benchmark",
    "Measurement",
    "Setting",
    "SettingsBenchmark",
    "Start",
    "benchmark_capture",
    "benchmark_head",
    "benchmark_model",
    "benchmark_settings",
    "benchmark_start",
    "benchmark_training",
    "peak_gflops",
    "scaling",
]
