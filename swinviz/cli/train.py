"""`python -m swinviz train DATA -o DIR`: the same command again goes on; under torchrun, devices share it."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Set
from dataclasses import replace
from pathlib import Path

from swinviz.checkpoints import load, load_backbone
from swinviz.cli.common import output_folder
from swinviz.cli.run_file import read_run, write_run
from swinviz.data import ADE20K, open_parts
from swinviz.devices import PRECISIONS, parse_device
from swinviz.evaluation import evaluate, evaluate_photos
from swinviz.presets import PRESETS, Preset, build
from swinviz.segmenter import SwinUPerNet
from swinviz.training import (
    Callback,
    JsonLines,
    ProgressBar,
    Recipe,
    RunOptions,
    TensorBoard,
    distributed_context,
    train,
)
from swinviz.training.class_weights import WEIGHTINGS, class_weights, count_classes
from swinviz.training.classes import with_classes
from swinviz.training.losses import LOSSES
from swinviz.training.lr_finder import find_lr
from swinviz.training.recipe import SCHEDULES
from swinviz.training.tasks import UNPADDED, Task, ade20k_task, finetuning_task, photos_task, scenes_task
from swinviz.training.trackers import MLflow, WeightsAndBiases

__all__ = ["add_arguments", "run"]

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "data",
        nargs="?",
        help="scenes, to train from random weights; photos, with --root, to go on from nano; ADE20K's root, "
        "for the published recipe; or a folder with images/ and masks/ (in each training/ and validation/, "
        "if some are held out), to fine-tune",
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="for photos: what holds camvid/, stanford/ and labelmefacade/, each with train/ and val/",
    )
    parser.add_argument(
        "--hold-out",
        type=float,
        metavar="SHARE",
        help="of the pictures, by the hash of their names, to measure with where the data has no such part: "
        "0.1 of COCO, YOLO, Label Studio and the like, 0 of images/ and masks/",
    )
    parser.add_argument(
        "--background",
        nargs="?",
        const="background",
        metavar="NAME",
        help="learn pixels that no annotated area covers as a class (background) instead of ignoring them",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="model, states, log")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a run.toml, as every run writes one into its folder: data, model and recipe are its own where "
        "nothing else is said here",
    )
    parser.add_argument(
        "--model",
        help="what a folder's training starts from: preset, path or hub id (nano); for scenes and ADE20K the "
        "preset whose shape is trained (nano, swin-t), or a path of weights to go on from",
    )
    parser.add_argument(
        "--backbone",
        help="ImageNet weights that ADE20K's training starts from: path or hub id; by default the preset's "
        "published ones; none for random weights",
    )
    shape = parser.add_argument_group("shape", "for ablations on scenes, from random weights")
    shape.add_argument("--no-shift", action="store_true", help="never shift the windows")
    shape.add_argument("--window", type=int, metavar="M", help="side of the windows, in tokens")
    recipe = parser.add_argument_group("recipe", "by default the one that belongs to the data")
    recipe.add_argument("--iterations", type=int, dest="max_iters", metavar="N", help="steps in all")
    recipe.add_argument("--warmup", type=int, dest="warmup_iters", metavar="N", help="steps of warm-up")
    recipe.add_argument("--batch", type=int, dest="batch_size", metavar="N", help="images a step, in all")
    recipe.add_argument("--lr", type=float, dest="learning_rate", metavar="RATE", help="learning rate")
    recipe.add_argument("--schedule", choices=SCHEDULES, help="fall of the rate after the warm-up")
    recipe.add_argument("--power", type=float, metavar="P", help="exponent of the schedule poly (0.9)")
    recipe.add_argument(
        "--loss",
        metavar="SUM",
        help=f'one or a sum, such as "cross_entropy + 0.5*dice", of {", ".join(LOSSES)}',
    )
    recipe.add_argument(
        "--class-weights",
        metavar="W",
        help="of cross entropy: inverse (frequency), effective (number of images), or numbers with commas",
    )
    recipe.add_argument("--label-smoothing", type=float, metavar="SHARE", help="of cross entropy's target")
    recipe.add_argument("--clip", type=float, dest="clip_norm", metavar="NORM", help="largest gradient norm")
    recipe.add_argument(
        "--layer-decay", type=float, metavar="F", help="of the rate, from a block to the one before"
    )
    recipe.add_argument(
        "--freeze", type=int, dest="frozen_stages", metavar="N", help="stages that are not trained; 0: stem"
    )
    recipe.add_argument("--fused", action="store_true", default=None, help="AdamW as one kernel")
    recipe.add_argument(
        "--gradient-accumulation-steps", type=int, metavar="N", help="parts a batch is cut into"
    )
    recipe.add_argument("--precision", choices=PRECISIONS, help="of the matrix products")
    recipe.add_argument(
        "--ema", type=float, dest="ema_decay", metavar="SHARE", help="moving average, 0 for none"
    )
    recipe.add_argument("--seed", type=int, help="of weights, order, augmentation and dropout")
    recipe.add_argument("--crop", type=int, metavar="PIXELS", help="side of the crops")
    carried = parser.add_argument_group("how it is carried out", "without effect on what is learned")
    carried.add_argument("--device", help="cpu, cuda, mps; by default a GPU, if there is one")
    carried.add_argument("--workers", type=int, default=2, metavar="N", help="processes that load (2)")
    carried.add_argument("--save-every", type=int, default=500, metavar="N", help="steps (500)")
    carried.add_argument(
        "--validate-every", type=int, default=0, metavar="N", help="steps (0: only at the end)"
    )
    carried.add_argument(
        "--best-by",
        default="",
        metavar="FIGURE",
        help='keep the best model by this figure of the validation, such as "held-out mIoU"',
    )
    carried.add_argument(
        "--patience", type=int, default=0, metavar="N", help="stop after N validations without a better one"
    )
    carried.add_argument(
        "--find-lr", action="store_true", help="only try growing rates, and draw the losses: DIR/lr.png"
    )
    carried.add_argument(
        "--track", choices=("mlflow", "wandb"), action="append", default=[], help="send the figures there too"
    )
    carried.add_argument("--activation-checkpointing", action="store_true", help="less memory, more time")
    carried.add_argument("--compile", action="store_true", help="torch.compile: slow start, faster steps")
    carried.add_argument(
        "--fsdp",
        action="store_true",
        help="under torchrun: each process keeps a share of weights, gradients and moments, for large models",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train.

    Returns:
        0; 130 if a signal stopped the run, which the same command continues.

    Raises:
        ValueError: there is nothing to train on, or what was asked for cannot be trained.
    """
    if arguments.device:
        parse_device(arguments.device)  # before anything is loaded or written
    filled = read_run(arguments.config, arguments) if arguments.config else set()
    if arguments.data is None:
        raise ValueError("give the data to train on, or --config with the run.toml of an earlier run.")
    task = _with_changes(_plan(arguments), arguments, filled)
    folder = output_folder(arguments.output)
    if arguments.find_lr:
        return _find_lr(task, folder, arguments.device)
    options = RunOptions(
        folder=folder,
        save_every=arguments.save_every,
        validate_every=arguments.validate_every,
        workers=arguments.workers,
        activation_checkpointing=arguments.activation_checkpointing,
        compiled=arguments.compile,
        sharded=arguments.fsdp,
        best_by=arguments.best_by,
        patience=arguments.patience,
    )

    def measure(model: SwinUPerNet) -> dict[str, float]:
        if task.photos:
            return _measure_photos(model, task)
        if task.held_out is None:
            return {}
        return {"held-out mIoU": evaluate(model, task.held_out, boundary=False, progress=False).metrics.miou}

    with distributed_context(arguments.device) as context:
        model = task.seeded_model()
        if context.is_main:
            write_run(folder / "run.toml", arguments, task.recipe)
        result = train(
            model,
            task.dataset,
            task.transform,
            task.recipe,
            options,
            callbacks=_callbacks(folder, task.recipe, arguments.track),
            validation=measure,
            context=context,
            loss=task.loss,
        )
        scores = measure(result.model) if result.finished else {}
        if not context.is_main:
            return 0
    if not result.finished:
        print(f"stopped and saved after step {result.steps}; the same command goes on from there.")
        return 130
    print(folder / "model.safetensors", *(f"{name} {value:.4f}" for name, value in scores.items()))
    if result.best is not None and result.best.step >= 0:
        best = result.best
        print(folder / "best.safetensors", f"{best.name} {best.value:.4f} at step {best.step}")
    return 0


def _find_lr(task: Task, folder: Path, device: str | None) -> int:
    """Draw the loss at growing rates, and print the rate at which it falls most steeply."""
    from swinviz.plots import plot_lr_curve  # matplotlib, which training does without

    with distributed_context(device) as context:
        curve = find_lr(
            task.seeded_model(), task.dataset, task.transform, task.recipe, context=context, loss=task.loss
        )
        if context.is_main:
            plot_lr_curve(curve).savefig(folder / "lr.png")
            print(folder / "lr.png", f"steepest at --lr {curve.suggestion:.1e}")
    return 0


def _measure_photos(model: SwinUPerNet, task: Task) -> dict[str, float]:
    """Share of pixels and mIoU on each data set's held-out photographs."""
    scores: dict[str, float] = {}
    for name, dataset in task.photos.items():
        report = evaluate_photos(model, dataset, progress=False)
        scores |= {f"{name} pixels": report.accuracy, f"{name} mIoU": report.miou}
    return scores


def _plan(arguments: argparse.Namespace) -> Task:
    """Choose what to train on what."""
    reshaped = arguments.no_shift or arguments.window is not None
    if reshaped and (arguments.data != "scenes" or (arguments.model or "nano") not in PRESETS):
        raise ValueError(
            "--no-shift and --window change a shape trained from random weights: use them with scenes."
        )
    if arguments.data == "scenes":
        return scenes_task(_start(arguments), arguments.crop or UNPADDED)
    if arguments.data == "photos":
        if arguments.root is None:
            raise ValueError("train photos needs --root, the folder that holds the data sets.")
        return photos_task(load(arguments.model or "nano"), arguments.root, arguments.crop or 2 * UNPADDED)
    dataset, held_out = open_parts(
        arguments.data, share=arguments.hold_out, background=arguments.background or ""
    )
    if isinstance(dataset, ADE20K):
        preset = arguments.model or "swin-t"

        def from_imagenet() -> SwinUPerNet:
            if preset not in PRESETS:
                return with_classes(load(preset), dataset.classes, dataset.palette)
            model = build(preset, dataset.classes, dataset.palette)
            source = arguments.backbone or PRESETS[preset].pretrained or "none"
            return model if source == "none" else load_backbone(model, source)

        return ade20k_task(from_imagenet, dataset, held_out)
    return finetuning_task(load(arguments.model or "nano"), dataset, held_out)


def _start(arguments: argparse.Namespace) -> SwinUPerNet | Preset:
    """Return the weights to go on from, or the preset to train, of another shape if that was asked for."""
    name = arguments.model or "nano"
    if name not in PRESETS:
        return load(name)
    preset = PRESETS[name]
    window = arguments.window or preset.backbone.window_size
    return replace(
        preset, backbone=replace(preset.backbone, window_size=window, shifted=not arguments.no_shift)
    )


def _with_changes(task: Task, arguments: argparse.Namespace, filled: Set[str]) -> Task:
    """Put the recipe's numbers that were given, or filled in from a file, in place of its own."""
    names = Recipe.__dataclass_fields__
    changes = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    if isinstance(arguments.class_weights, str):
        changes["class_weights"] = _class_weights(arguments.class_weights, task)
    steps = changes.get("max_iters", task.recipe.max_iters)
    warmup = changes.get("warmup_iters", task.recipe.warmup_iters)
    if warmup >= steps:
        if arguments.warmup_iters is not None and "warmup_iters" not in filled:
            raise ValueError(f"--warmup is {warmup}, but there are {steps} steps in all: choose fewer.")
        changes["warmup_iters"] = steps // 10
    side = arguments.crop
    transform = replace(task.transform, crop=(side, side)) if side else task.transform
    return replace(task, recipe=replace(task.recipe, **changes), transform=transform)


def _class_weights(text: str, task: Task) -> tuple[float, ...]:
    """Read weights of classes, or count the data's.

    Raises:
        ValueError: neither a way to weigh nor one number a class.
    """
    classes = len(task.dataset.classes)
    if text in WEIGHTINGS:
        return class_weights(text, *count_classes(task.dataset, classes))
    try:
        weights = tuple(float(part) for part in text.split(","))
    except ValueError:
        weights = ()
    if len(weights) != classes:
        raise ValueError(
            f"--class-weights {text!r:.60}: give {classes} numbers joined by commas, one a class, or one of "
            f"{', '.join(WEIGHTINGS)}."
        )
    return weights


def _callbacks(folder: Path, recipe: Recipe, trackers: list[str]) -> list[Callback]:
    callbacks: list[Callback] = [ProgressBar(), JsonLines(folder / "log.jsonl")]
    made: dict[str, Callable[[Path, Recipe], Callback]] = {"mlflow": MLflow, "wandb": WeightsAndBiases}
    callbacks += [made[name](folder, recipe) for name in dict.fromkeys(trackers)]
    try:
        callbacks.append(TensorBoard(folder / "tensorboard"))
    except ImportError:
        log.debug("TensorBoard is not installed; %s has the same figures.", folder / "log.jsonl")
    return callbacks
