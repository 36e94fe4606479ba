"""Reading the next images while the model works on this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from swinviz.data.dataset import LabeledDataset, Sample

__all__ = ["prefetched"]


def prefetched(
    dataset: LabeledDataset, indices: Sequence[int], threads: int = 2
) -> Iterator[tuple[int, Sample]]:
    """Give (index, item) in the order of `indices`, read ahead by threads.

    Threads suffice: decoding and the model's arithmetic both leave Python's lock alone, and nothing has to be
    copied between processes.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="reading") as pool:
        waiting: deque[tuple[int, Future[Sample]]] = deque()
        try:
            for index in indices:
                waiting.append((index, pool.submit(dataset.__getitem__, index)))
                if len(waiting) > 2 * threads:
                    earliest, sample = waiting.popleft()
                    yield earliest, sample.result()
            while waiting:
                earliest, sample = waiting.popleft()
                yield earliest, sample.result()
        finally:
            pool.shutdown(cancel_futures=True)  # whoever stops early waits for no more than is being read
