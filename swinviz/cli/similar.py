"""`python -m swinviz similar PICTURE [FOLDER ...] --at X,Y -o DIR`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from swinviz.attention import attention_to_image
from swinviz.checkpoints import load
from swinviz.cli.common import add_model_arguments, output_folder
from swinviz.cli.pictures import (
    Inputs,
    add_at_argument,
    add_hook_arguments,
    default_hook,
    find_pictures,
    look_at,
    save_figure,
)
from swinviz.devices import parse_device
from swinviz.features import FeatureIndex, build_index, load_index, token_map, token_similarity
from swinviz.model.hooks import BlockId, capture
from swinviz.segmenter import SwinUPerNet

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("picture", type=Path, metavar="PICTURE")
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="pictures and folders that are searched for like tokens"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results"
    )
    add_at_argument(parser)
    add_hook_arguments(parser)
    parser.add_argument("--count", type=int, default=14, help="matches to show (default 14)")
    parser.add_argument(
        "--every", action="store_true", help="every token counts, not the best of each picture only"
    )
    parser.add_argument(
        "--index",
        type=Path,
        metavar="FILE",
        help="file of the folders' vectors: read where it is there, else written, to be quick the next time",
    )
    add_model_arguments(parser, precision=False)


def run(arguments: argparse.Namespace) -> int:
    """Draw which tokens of the picture, and of all pictures of the folders, look like the one asked about.

    Raises:
        ValueError: a count below 1, a pixel outside, or an index that was made otherwise.
    """
    from swinviz.plots import plot_neighbors, plot_similarity  # matplotlib takes a while to import

    if arguments.count < 1:
        raise ValueError(f"--count is {arguments.count}: give at least 1.")
    model = load(arguments.model, device=parse_device(arguments.device)).for_inference()
    picture = look_at(model, arguments.picture)
    place, words = picture.place(arguments.at)
    hook = default_hook(model, arguments.hook)
    block = _block_before(model, hook)
    names = [hook, block.hook("attn.pattern")]
    with torch.no_grad(), capture(model, [*names, "stages.*.out"]) as seen:
        features = model.features(picture.input)
        if hook.startswith("head."):
            model.decode(features)
    tokens = token_map(seen, hook, head=arguments.head)
    looked = attention_to_image(seen[names[1]], seen.geometries[names[1]], query=place, block=block)
    alike = token_similarity(tokens, place, center=True)
    index = _index(model, arguments, hook) if arguments.folders or arguments.index else None
    folder = output_folder(arguments.output)
    stem = Path(picture.name).stem
    figure = plot_similarity(picture.shown, alike, attention=looked, picture=picture.name)
    print(f"{save_figure(figure, folder / f'{stem}_similarity.png')}: {words}, {tokens.place}")
    if index is None:
        return 0
    own = arguments.picture.resolve()
    others = index.without([name for name in index.pictures if Path(name).resolve() == own])
    matches = others.nearest(tokens.at(place), arguments.count, each_picture_once=not arguments.every)
    shown = [
        (replace(match, picture=Path(match.picture).name), look_at(model, match.picture).shown)
        for match in matches
    ]
    what = f"{tokens.place}, mean vector of {len(others.pictures)} pictures taken off"
    figure = plot_neighbors(picture.shown, place, shown, what=what)
    print(f"{save_figure(figure, folder / f'{stem}_similar.png')}:")
    for match in matches:
        print(f"  {match.similarity:.3f}  {match.picture} (y={match.y}, x={match.x} of the input)")
    return 0


def _index(model: SwinUPerNet, arguments: argparse.Namespace, hook: str) -> FeatureIndex:
    """Vectors of the folders' pictures, from the file or computed.

    Raises:
        ValueError: the file has been made otherwise.
    """
    file = arguments.index
    if file is not None and (file.exists() or not arguments.folders):
        index = load_index(file)
        if (index.name, index.head, index.model) != (hook, arguments.head, arguments.model):
            raise ValueError(
                f"{file} holds {index.name} of the model {index.model}: ask for these, or name another file."
            )
        if arguments.folders and set(index.pictures) != set(
            find_pictures(arguments.folders, 0, arguments.output)
        ):
            raise ValueError(f"{file} holds other pictures than are named: name another file, or no folder.")
        return index
    inputs = Inputs(
        model, find_pictures(arguments.folders, 0, arguments.output), "similar", lambda name, x: (name, x)
    )
    index = build_index(model, inputs, hook, head=arguments.head, model_name=arguments.model, progress=True)
    if file is not None:
        index.save(file)
    return index


def _block_before(model: SwinUPerNet, hook: str) -> BlockId:
    """The block whose attention is drawn beside: the hook's own, else the last of its stage, or of all."""
    depths = model.config.backbone.depths
    parts = hook.split(".")
    if parts[0] != "stages" or not (len(parts) > 1 and parts[1].isdigit() and int(parts[1]) < len(depths)):
        return BlockId(len(depths) - 1, depths[-1] - 1)
    return BlockId.of(hook) if parts[2] == "blocks" else BlockId(int(parts[1]), depths[int(parts[1])] - 1)
