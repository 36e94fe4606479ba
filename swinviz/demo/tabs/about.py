"""About tab: what is loaded, where it comes from, what was published about it, and what it cannot do."""

from __future__ import annotations

import html

import gradio as gr

from swinviz.demo.state import DemoState
from swinviz.presets import PRESETS, Preset
from swinviz.segmenter import SwinUPerNet

__all__ = ["about_tab", "describe_model"]

_PRIVACY = """
### Your pictures

Pictures are sent to the machine this page comes from, segmented there, and deleted within an hour; frames of
the Live tab are never written to its disk. The page asks no other machine for anything.
"""

_PLAYGROUND = """
### In your own browser

[The playground](playground/) is a page in which the model itself runs: pictures and camera frames stay on
your machine.
"""

_NO_PLAYGROUND = """
### In your own browser

A page in which the model itself runs, so that pictures stay on the visitor's machine:
`python -m swinviz site --playground -o site` builds it, and `--playground site` lets this demo serve it.
"""

_NANO = """
**It knows only scenes of its own making.** It was trained on landscapes and streets that a program draws, to
be small enough to come with the package and to show how attention works. On photographs its answers are
guesses; for those, load one of the published models.
"""

_OUTDOOR = """
**It knows the outdoors.** It learned from about 1,400 labeled photographs of streets, facades and landscapes.
Rooms, close-ups and things seldom seen outdoors it does not know; where its confidence is low, pixels are
hatched as unsure. Its weights are for non-commercial research, as the photographs are. Do not decide about
people by what it says.
"""

_PUBLISHED = """
It was trained on ADE20K (indoor and outdoor scenes, 150 classes). What ADE20K does not name it cannot name
either; people, places and styles that are rare in it are recognized less well. Do not decide about people by
what it says.
"""


def about_tab(state: DemoState, active: gr.State) -> None:
    """Lay out the tab inside the current `gr.Tab`; it follows the visitor's model."""

    def describe(name: str) -> str:
        return describe_model(name, state.model(name))

    text = gr.Markdown(describe(state.first), elem_id="about", elem_classes="sv-about")
    gr.Markdown(_PRIVACY, elem_classes="sv-about")
    gr.Markdown(_PLAYGROUND if state.options.playground else _NO_PLAYGROUND, elem_classes="sv-about")
    active.change(describe, active, text, api_visibility="private", queue=False)


def describe_model(name: str, model: SwinUPerNet) -> str:
    """Describe a model as Markdown.

    Args:
        name: as on the menu; names and classes may come from strangers' files and are escaped.
        model: the model.
    """
    backbone = model.config.backbone
    preset = PRESETS.get(name)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    rows = [
        ("Parameters", f"{parameters / 1e6:.1f} million, {str(model.dtype).removeprefix('torch.')}"),
        ("Device", str(model.device)),
        ("Backbone", f"Swin, {backbone.embed_dim} channels, blocks {_numbers(backbone.depths)}"),
        (
            "Attention",
            f"heads {_numbers(backbone.num_heads)}, windows of {backbone.window_size}×{backbone.window_size}",
        ),
        ("Pictures", "resized to at most {} × {} pixels".format(*model.config.scale)),
        *(
            _published(preset)
            if preset
            else [("Source", "a file or hub id given when this demo was started")]
        ),
    ]
    table = "\n".join(f"| {label} | {value} |" for label, value in rows)
    classes = ", ".join(_escaped(label) for label in model.config.classes)
    remark = {"nano": _NANO, "outdoor": _OUTDOOR}.get(name, _PUBLISHED if preset else "")
    return (
        f"## {_escaped(preset.title if preset else name)}\n{remark}\n"
        f"| Model | {_escaped(name)} |\n| --- | --- |\n{table}\n\n"
        f"**{model.config.num_classes} classes:** {classes}\n"
    )


def _published(preset: Preset) -> list[tuple[str, str]]:
    rows = [("License of the weights", preset.license)]
    if preset.file or preset.hub_id:
        rows.append(("Source", f"`{preset.file}`" if preset.file else f"hub: `{preset.hub_id}`"))
    if preset.miou is not None:
        ms_flip = (
            "" if preset.miou_ms_flip is None else f", {preset.miou_ms_flip} with six scales and mirroring"
        )
        rows.append(("Published mIoU (ADE20K)", f"{preset.miou} %{ms_flip}"))
    if preset.fps is not None:
        rows.append(("Published speed (V100, 512×512)", f"{preset.fps} images/s"))
    if not rows[1:]:
        rows.append(("Source", "comes with swinviz"))
    return rows


def _numbers(values: tuple[int, ...]) -> str:
    return "–".join(str(value) for value in values)


def _escaped(text: str) -> str:
    """Neither HTML nor Markdown in a name takes effect."""
    return "".join(
        f"\\{letter}" if letter in "\\`*_[]|#" else letter for letter in html.escape(text, quote=False)
    )
