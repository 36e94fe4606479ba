"""The figures that the course draws on every page: the architecture, label maps, and their descriptions."""

from __future__ import annotations

import base64
import io
import re
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import same_color, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from swinviz.interventions import Comparison, EditResult
from swinviz.model.config import ModelConfig
from swinviz.plots import interact, plot_architecture, plot_block, plot_comparison, plot_labels, show
from swinviz.plots.architecture import PARTS
from swinviz.plots.style import ACCENT, DIVERGING
from swinviz.presets import PRESETS

PALETTE = ((6, 230, 230), (255, 0, 0), (0, 0, 255))


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for ax in figure.axes for text in ax.texts)


def test_one_block_is_no_blocks() -> None:
    config = ModelConfig.tiny(depths=(1, 2))
    assert "1 block, " in words(plot_architecture(config))


def test_the_architecture_states_the_numbers_of_its_configuration() -> None:
    text = words(plot_architecture(PRESETS["swin-t"].config()))
    for fact in (
        "2 blocks, 3 heads",
        "6 blocks, 12 heads",
        "768 channels, 1/32",
        "512 channels",
        "150 classes",
    ):
        assert fact in text


@pytest.mark.parametrize("part", PARTS)
def test_exactly_the_named_part_is_marked(part: str) -> None:
    config = PRESETS["nano"].config()
    plain, marked = plot_architecture(config), plot_architecture(config, here=[part])

    def accents(figure: Figure) -> int:
        return sum(
            same_color(shape.get_edgecolor(), ACCENT) for ax in figure.axes for shape in ax.patches
        ) + sum(same_color(text.get_color(), ACCENT) for ax in figure.axes for text in ax.texts)

    assert accents(plain) == 0
    assert accents(marked) >= 2  # the part, and the sentence that says what orange means


def test_boxes_do_not_overlap() -> None:
    for figure in (plot_architecture(PRESETS["swin-t"].config()), plot_block(), plot_block(shifted=False)):
        boxes = [shape for shape in figure.axes[0].patches if isinstance(shape, FancyBboxPatch)]
        extents = [
            (b.get_x(), b.get_y(), b.get_x() + b.get_width(), b.get_y() + b.get_height()) for b in boxes
        ]
        for index, (x0, y0, x1, y1) in enumerate(extents):
            for u0, v0, u1, v1 in extents[:index]:
                assert x1 <= u0 or u1 <= x0 or y1 <= v0 or v1 <= y0


def test_a_part_that_is_not_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="stage 0"):
        plot_architecture(PRESETS["nano"].config(), here=["stage 9"])


def test_only_the_shifted_block_rolls() -> None:
    assert "roll" in words(plot_block())
    assert "roll" not in words(plot_block(shifted=False))


def legend_of(figure: Figure) -> dict[str, tuple[float, float, float]]:
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    return dict(zip(names, [to_rgb(patch.get_facecolor()) for patch in legend.get_patches()], strict=True))


def test_label_maps_come_with_the_names_of_their_colors() -> None:
    labels = np.array([[0, 0, 2], [0, 255, 255]])
    figure = plot_labels(np.zeros((2, 3, 3), np.uint8), {"truth": labels}, ("sky", "sea", "ship"), PALETTE)
    assert legend_of(figure) == {
        "sky": pytest.approx((6 / 255, 230 / 255, 230 / 255)),
        "no label": (1.0, 1.0, 1.0),
        "ship": (0.0, 0.0, 1.0),
    }


def test_a_legend_of_many_classes_stays_inside_a_low_figure() -> None:
    names = tuple(f"class {number}" for number in range(18))
    palette = tuple((number, 0, 0) for number in range(18))
    labels = np.arange(18).reshape(2, 9)
    figure = plot_labels(np.zeros((2, 9, 3), np.uint8), {"truth": labels}, names, palette)
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert len(figure.legends[0].get_texts()) == 18
    assert box.y0 >= 0
    assert box.x1 <= figure.bbox.x1 + 1


def test_comparisons_name_the_classes_they_show_and_no_other() -> None:
    before, after = np.zeros((2, 2), int), np.array([[0, 1], [0, 0]])
    one = EditResult("edit", after, before != after, iou=np.ones(3), delta_iou=np.zeros(3))
    comparison = Comparison(before, (one,), "unedited", ("sky", "sea", "ship"), PALETTE)
    assert set(legend_of(plot_comparison(np.zeros((2, 2, 3), np.uint8), comparison))) == {"sky", "sea"}


def test_a_shown_figure_carries_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display

    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    show(plot_block(), 'A "Swin" block.')
    data, metadata = shown[0]._repr_mimebundle_()
    assert set(data) == {"image/png", "text/html"}, "nbconvert and JupyterLab leave a bare picture's out"
    assert metadata["image/png"]["alt"] == 'A "Swin" block.'
    tag = ElementTree.fromstring(data["text/html"].replace('">', '"/>'))
    assert tag.attrib["alt"] == 'A "Swin" block.'
    assert tag.attrib["src"] == f"data:image/png;base64,{data['image/png']}"
    with pytest.raises(ValueError, match="description"):
        show(plot_block(), " ")


def test_controls_leave_their_first_figure_where_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display

    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)

    def draw(blue: int) -> Figure:
        return Figure(figsize=(1, 1), facecolor=(0, 0, blue / 255))

    widget = interact(draw, "A plain color, which the slider chooses.", blue=(0, 255))
    first = widget.children[0].value
    widget.children[0].value = 255
    data, metadata = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    still = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    assert still.getpixel((5, 5)) == (0, 0, first), "as it was before anybody moved the slider"
    assert metadata == {"image/png": {"alt": "A plain color, which the slider chooses."}}
    redrawn = base64.b64decode(shown[-1]._repr_mimebundle_()[0]["image/png"])
    assert Image.open(io.BytesIO(redrawn)).convert("RGB").getpixel((5, 5)) == (0, 0, 255)
    with pytest.raises(ValueError, match="description"):
        interact(draw, "", blue=(0, 255))


def test_signs_have_the_colors_that_the_explorer_gives_them() -> None:
    script = (files("swinviz") / "explorer" / "static" / "colors.js").read_text(encoding="utf-8")
    points = re.search(r'PURPLE_ORANGE = "([0-9a-f]+)"', script)
    assert points is not None
    lowest, highest = points[1][:6], points[1][-6:]
    assert [to_hex(colormaps[DIVERGING](place)) for place in (0.0, 1.0)] == [f"#{lowest}", f"#{highest}"]
