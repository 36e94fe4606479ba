"""Photographs with human labels: CamVid, Stanford Background, LabelMeFacade, on one set of classes.

`classes` names the classes, `sets` says which of them each label of a data set may mean, `datasets` reads the
three data sets as their authors publish them, `mixture` draws training samples from all of them.

The terms of the three allow academic, non-commercial use; the data are not part of this project.
"""

from swinviz.data.photos.classes import OUTDOOR_CLASSES, OUTDOOR_PALETTE
from swinviz.data.photos.datasets import (
    PHOTO_DATASETS,
    CamVid,
    LabelMeFacade,
    PhotoDataset,
    StanfordBackground,
)
from swinviz.data.photos.mixture import PhotoMixture
from swinviz.data.photos.sets import ClassSets

__all__ = [
    "OUTDOOR_CLASSES",
    "OUTDOOR_PALETTE",
    "PHOTO_DATASETS",
    "CamVid",
    "ClassSets",
    "LabelMeFacade",
    "PhotoDataset",
    "PhotoMixture",
    "StanfordBackground",
]
