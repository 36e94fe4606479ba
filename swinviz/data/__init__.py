"""Data sets of images and labels, drawn or read, and the transforms that training applies to them.

    dataset = open_dataset("path/to/ADEChallengeData2016", "validation")
    image, labels = dataset[0]          # (H, W, 3) and (H, W), uint8; 255 counts for nothing

`dataset` says what a labeled data set is, `pairs` reads images and masks in two folders, `ade20k` and
`folder` decode their masks, `scenes` draws, `photos` joins data sets of photographs, `transforms` augments.
"""

from swinviz.data.ade20k import ADE20K
from swinviz.data.annotated import AnnotatedImages
from swinviz.data.dataset import IGNORE_INDEX, LabeledDataset, Sample
from swinviz.data.folder import Folder
from swinviz.data.labels import ADE20K_CLASSES, ADE20K_PALETTE
from swinviz.data.opening import open_dataset
from swinviz.data.pairs import DatasetCheck, FileDataset, LabeledImages
from swinviz.data.scenes import SCENE_CLASSES, SCENE_PALETTE, Scenes
from swinviz.data.splitting import hold_out, open_parts
from swinviz.data.transforms import TrainTransform

__all__ = [
    "ADE20K",
    "ADE20K_CLASSES",
    "ADE20K_PALETTE",
    "IGNORE_INDEX",
    "SCENE_CLASSES",
    "SCENE_PALETTE",
    "AnnotatedImages",
    "DatasetCheck",
    "FileDataset",
    "Folder",
    "LabeledDataset",
    "LabeledImages",
    "Sample",
    "Scenes",
    "TrainTransform",
    "hold_out",
    "open_dataset",
    "open_parts",
]
