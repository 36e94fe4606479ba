"""Training: the published recipe, on one laptop or many GPUs, that survives being killed.

    outcome = train(build("nano", SCENE_CLASSES, SCENE_PALETTE), Scenes("train"), transform, RECIPES["nano"])

`recipe` says what is learned, `stream` from which data, `learner` how one step is taken, `loop` what happens
between steps, `state` how a run is resumed, `watch` how it is watched, `distributed` how devices share it.
"""

from swinviz.training.distributed import Team, join_team
from swinviz.training.learner import NotANumberError
from swinviz.training.loop import Outcome, RunOptions, train
from swinviz.training.recipe import RECIPES, Recipe
from swinviz.training.watch import JsonLines, Moment, ProgressBar, TensorBoard, Watcher

__all__ = [
    "RECIPES",
    "JsonLines",
    "Moment",
    "NotANumberError",
    "Outcome",
    "ProgressBar",
    "Recipe",
    "RunOptions",
    "Team",
    "TensorBoard",
    "Watcher",
    "join_team",
    "train",
]
