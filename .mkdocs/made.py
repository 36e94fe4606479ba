"""The published table, made from the package's own constants."""

from __future__ import annotations

from swinviz import PRESETS

__all__ = ["published_table"]

_HEADER = """# Published models

What `swinviz.load(NAME)` takes, with the figures that its authors published: UPerNet, ADE20K, crops of
512×512, batches of 16, 160k iterations; memory of one GPU in training and images a second on a V100.
`python -m swinviz evaluate` prints yours beside them. Nothing is downloaded unasked, and every file is held
to the hash in its name.

| name | backbone | parameters | memory, GB | images a second | mIoU | mIoU ms+flip | file |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def published_table() -> str:
    """Markdown page with a row for each model that others published."""
    rows = []
    for name, preset in PRESETS.items():
        if preset.shipped:
            continue
        source = preset.url or f"https://huggingface.co/{preset.hub_id}"
        figures = [preset.memory_gb, preset.fps, preset.miou, preset.miou_ms_flip]
        cells = [
            f"`{name}`",
            preset.title,
            f"{preset.parameters / 1e6:.0f} M",
            *("" if figure is None else figure for figure in figures),
            f"[{preset.sha256_start or preset.hub_id}]({source})",
        ]
        rows.append(f"| {' | '.join(map(str, cells))} |\n")
    return _HEADER + "".join(rows)
