"""Named models: the shape of each, its weights, and its published figures.

The table is that of mmsegmentation's `configs/swin` (UPerNet, ADE20K, 512x512 crops, batch 16, 160k
iterations), with the large model that only the hub has, and this project's own, which need no
network: `nano` and `outdoor`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from swinviz.model.config import Color, HeadConfig, ModelConfig, SwinConfig
from swinviz.model.fast import accelerate
from swinviz.segmenter import SwinUPerNet

__all__ = ["PRESETS", "Preset", "build"]

_PUBLISHED = "https://download.openmmlab.com/mmsegmentation/v0.5/swin"


@dataclass(frozen=True)
class Preset:
    """One row of the table.

    Attributes:
        name: what `load` is called with.
        title: what a menu shows.
        backbone: shape of the backbone.
        parameters: number of weights, auxiliary head included.
        head: shape of the heads.
        num_classes: 150 of ADE20K, or the own classes of a shipped model.
        scale: (long, short) side in pixels that images are resized to.
        file: name of the published file; its last 8 hex digits are the first of its sha256.
        hub_id: where the hub has the same weights, if it does.
        pretrained: where the hub has the ImageNet backbone that its training starts from.
        memory_gb: published training memory of one GPU (V100), in gigabytes.
        fps: published images a second at 512x512, batch 1 (V100).
        miou: published mean intersection over union on ADE20K's validation set, in percent.
        miou_ms_flip: the same, in percent, averaged over six scales and flipping.
        license: license of the weights.
        shipped: whether the package carries the weights.
        knows: one line on what the model has seen.
    """

    name: str
    title: str
    backbone: SwinConfig
    parameters: int
    head: HeadConfig = field(default_factory=HeadConfig)
    num_classes: int = 150
    scale: tuple[int, int] = (2048, 512)
    file: str = ""
    hub_id: str = ""
    pretrained: str = ""
    memory_gb: float | None = None
    fps: float | None = None
    miou: float | None = None
    miou_ms_flip: float | None = None
    license: str = "Apache-2.0"
    shipped: bool = False
    knows: str = "Indoor and outdoor photographs, 150 classes (ADE20K)."

    @property
    def url(self) -> str:
        """Address of the published file; empty where there is none.

        >>> PRESETS["swin-t"].url.removeprefix(_PUBLISHED)[:47]
        '/upernet_swin_tiny_patch4_window7_512x512_160k_'
        """
        folder = self.file.rsplit("_", 2)[0]  # the name without its _YYYYMMDD_HHMMSS-hash.pth
        return f"{_PUBLISHED}/{folder}/{self.file}" if self.file else ""

    @property
    def sha256_start(self) -> str:
        """First 8 hex digits of the published file's sha256; empty where there is none.

        >>> PRESETS["swin-t"].sha256_start
        'e380ad3e'
        """
        return self.file.removesuffix(".pth").rpartition("-")[2]

    @property
    def download_bytes(self) -> int:
        """About how large the file is: four bytes a weight; what else it holds is below 2 percent."""
        return 4 * self.parameters

    def config(self, classes: Sequence[str] = (), palette: Sequence[Color] = ()) -> ModelConfig:
        """Make the configuration of a model of this shape.

        Args:
            classes: class names, one for each logit; weights bring their own, so that a model made without
                weights names its classes class_0, class_1, ... unless it is told.
            palette: one RGB color (0..255) a class.

        >>> PRESETS["swin-t"].config(("sky", "sea")).num_classes
        2
        """
        names = tuple(classes) or tuple(f"class_{index}" for index in range(self.num_classes))
        return ModelConfig(names, tuple(palette), self.backbone, self.head, self.scale)


def build(preset: Preset | str, classes: Sequence[str] = (), palette: Sequence[Color] = ()) -> SwinUPerNet:
    """Make a model of a preset's shape with random weights, for training.

    Args:
        preset: a row of `PRESETS`, or its name.
        classes: class names, as for `Preset.config`.
        palette: one RGB color (0..255) a class.

    Raises:
        KeyError: no preset has this name.
    """
    row = PRESETS[preset] if isinstance(preset, str) else preset
    return accelerate(SwinUPerNet(row.config(classes, palette)))


_TINY = SwinConfig(96, (2, 2, 6, 2), (3, 6, 12, 24), 7)
_SMALL = SwinConfig(96, (2, 2, 18, 2), (3, 6, 12, 24), 7)
_BASE = SwinConfig(128, (2, 2, 18, 2), (4, 8, 16, 32), 7)
_BASE_12 = SwinConfig(128, (2, 2, 18, 2), (4, 8, 16, 32), 12)
_LARGE_12 = SwinConfig(192, (2, 2, 18, 2), (6, 12, 24, 48), 12)

_ROWS = (
    Preset(
        name="nano",
        title="nano, trained on this project's own scenes",
        backbone=SwinConfig(32, (2, 2, 4, 2), (2, 4, 8, 16), 7, drop_path_rate=0.1),
        parameters=3_360_304,
        head=HeadConfig(channels=64, aux_channels=32),
        num_classes=18,
        scale=(512, 224),
        license="MIT",
        shipped=True,
        knows="Drawn scenes only.",
    ),
    Preset(
        name="outdoor",
        title="outdoor, trained on photographs of streets and landscapes",
        backbone=SwinConfig(32, (2, 2, 4, 2), (2, 4, 8, 16), 7, drop_path_rate=0.1),
        parameters=3_360_304,
        head=HeadConfig(channels=64, aux_channels=32),
        num_classes=18,
        scale=(768, 288),
        license="non-commercial research",
        shipped=True,
        knows="Outdoor photographs: streets, buildings, landscapes. Rooms and close-ups it does not know.",
    ),
    Preset(
        name="swin-t",
        title="Swin-T, ImageNet-1K 224, window 7",
        backbone=_TINY,
        parameters=59_941_862,
        file="upernet_swin_tiny_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K_20210531_112542-e380ad3e.pth",
        hub_id="openmmlab/upernet-swin-tiny",
        pretrained="microsoft/swin-tiny-patch4-window7-224",
        memory_gb=5.02,
        fps=21.06,
        miou=44.41,
        miou_ms_flip=45.79,
    ),
    Preset(
        name="swin-s",
        title="Swin-S, ImageNet-1K 224, window 7",
        backbone=_SMALL,
        parameters=81_259_766,
        file="upernet_swin_small_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K_20210526_192015-ee2fff1c.pth",
        hub_id="openmmlab/upernet-swin-small",
        pretrained="microsoft/swin-small-patch4-window7-224",
        memory_gb=6.17,
        fps=14.72,
        miou=47.72,
        miou_ms_flip=49.24,
    ),
    Preset(
        name="swin-b",
        title="Swin-B, ImageNet-1K 224, window 7",
        backbone=_BASE,
        parameters=121_279_716,
        file="upernet_swin_base_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K_20210526_192340-593b0e13.pth",
        pretrained="microsoft/swin-base-patch4-window7-224",
        memory_gb=7.61,
        fps=12.65,
        miou=47.99,
        miou_ms_flip=49.57,
    ),
    Preset(
        name="swin-b-22k",
        title="Swin-B, ImageNet-22K 224, window 7",
        backbone=_BASE,
        parameters=121_279_716,
        file="upernet_swin_base_patch4_window7_512x512_160k_ade20k_pretrain_224x224_22K_20210526_211650-762e2178.pth",
        pretrained="microsoft/swin-base-patch4-window7-224-in22k",
        miou=50.31,
        miou_ms_flip=51.9,
    ),
    Preset(
        name="swin-b-384",
        title="Swin-B, ImageNet-1K 384, window 12",
        backbone=_BASE_12,
        parameters=121_415_076,
        file="upernet_swin_base_patch4_window12_512x512_160k_ade20k_pretrain_384x384_1K_20210531_132020-05b22ea4.pth",
        pretrained="microsoft/swin-base-patch4-window12-384",
        memory_gb=8.52,
        fps=12.10,
        miou=48.35,
        miou_ms_flip=49.65,
    ),
    Preset(
        name="swin-b-384-22k",
        title="Swin-B, ImageNet-22K 384, window 12",
        backbone=_BASE_12,
        parameters=121_415_076,
        file="upernet_swin_base_patch4_window12_512x512_160k_ade20k_pretrain_384x384_22K_20210531_125459-429057bf.pth",
        hub_id="openmmlab/upernet-swin-base",
        pretrained="microsoft/swin-base-patch4-window12-384-in22k",
        miou=50.76,
        miou_ms_flip=52.4,
    ),
    Preset(
        name="swin-l",
        title="Swin-L, ImageNet-22K 384, window 12",
        backbone=_LARGE_12,
        parameters=233_962_976,
        hub_id="openmmlab/upernet-swin-large",
        pretrained="microsoft/swin-large-patch4-window12-384-in22k",
        license="MIT",
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({row.name: row for row in _ROWS})
"""Every named model, the shipped ones first, then in the order of the published table."""
