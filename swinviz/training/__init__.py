"""Training: the published recipe, on one laptop or many GPUs, that survives being killed.

    result = train(build("nano", SCENE_CLASSES, SCENE_PALETTE), Scenes("train"), transform, RECIPES["nano"])

`recipe` says what is learned, `losses` and `optimizer` have its formulas, `stream` the order of the data,
`step` one step, `loop` what happens between steps, `state` how a run is resumed, `callbacks` what watches it.
"""

from swinviz.distributed import DistributedContext, distributed_context
from swinviz.training.callbacks import Callback, JsonLines, ProgressBar, StepReport, TensorBoard
from swinviz.training.loop import RunOptions, TrainResult, train
from swinviz.training.recipe import RECIPES, Recipe
from swinviz.training.step import NotANumberError

__all__ = [
    "RECIPES",
    "Callback",
    "DistributedContext",
    "JsonLines",
    "NotANumberError",
    "ProgressBar",
    "Recipe",
    "RunOptions",
    "StepReport",
    "TensorBoard",
    "TrainResult",
    "distributed_context",
    "train",
]
