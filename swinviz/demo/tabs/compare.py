"""Compare tab: two models, or one before and after an edit, on the picture of the Image tab."""

from __future__ import annotations

import gradio as gr

from swinviz.demo.encoding import encode_comparison
from swinviz.demo.links import AS_IT_IS
from swinviz.demo.refusal import Refusal
from swinviz.demo.state import MODES, DemoState
from swinviz.demo.widget import widget
from swinviz.inference import Segmentation
from swinviz.interventions import EDIT_TITLES

__all__ = ["compare_tab"]

_EDITS = {AS_IT_IS: "as it is", **EDIT_TITLES}


def compare_tab(state: DemoState, tab: gr.Tab, active: gr.State, picture: gr.Image) -> list[gr.Dropdown]:
    """Lay out the tab inside `tab`.

    Args:
        state: models and limits.
        tab: the tab; what is chosen is compared when it is opened.
        active: name of the visitor's model.
        picture: the picture of the Image tab.

    Returns:
        The menus: model and edit of the left side, model and edit of the right.
    """
    edits = [(title, name) for name, title in _EDITS.items()]
    with gr.Row(elem_classes="sv-controls"):
        with gr.Column(min_width=280), gr.Group(), gr.Row():
            left_model = gr.Dropdown([state.first], value=state.first, label="Left model", min_width=120)
            left_edit = gr.Dropdown(edits, value=AS_IT_IS, label="Left edit", min_width=160)
        with gr.Column(min_width=280), gr.Group(), gr.Row():
            right_model = gr.Dropdown([state.first], value=state.first, label="Right model", min_width=120)
            right_edit = gr.Dropdown(edits, value="no_shift", label="Right edit", min_width=160)
    viewer = widget("compare", elem_id="compare")

    def menus() -> tuple[gr.Dropdown, gr.Dropdown]:
        ready = [choice.name for choice in state.models.choices() if choice.ready]
        return gr.Dropdown(ready), gr.Dropdown(ready)

    def side(path: str | None, name: str, edit: str) -> Segmentation:
        choice = state.models.choice(name)
        if edit not in _EDITS or choice is None or not choice.ready:
            raise Refusal("There is no such model or edit on the menu.", title="Unknown setting")
        named = "" if edit == AS_IT_IS else edit
        return state.segment(path, name, MODES[0], state.options.precision or "float32", named)

    def compare(path: str | None, name_a: str, edit_a: str, name_b: str, edit_b: str) -> str:
        if path is None:
            return ""
        before, after = side(path, name_a, edit_a), side(path, name_b, edit_b)
        titles = f"{name_a}, {_EDITS[edit_a]}", f"{name_b}, {_EDITS[edit_b]}"
        return encode_comparison(before, after, titles, left=f"{name_a}~{edit_a}", right=f"{name_b}~{edit_b}")

    sides = [left_model, left_edit, right_model, right_edit]
    active.change(lambda name: (name, name), active, [left_model, right_model], api_visibility="private")
    tab.select(menus, None, [left_model, right_model], api_visibility="private", queue=False)
    gr.on(
        [tab.select, *(menu.input for menu in sides)],
        compare,
        [picture, *sides],
        viewer,
        api_name="compare",
        trigger_mode="always_last",
        show_progress_on=viewer,
    )
    return sides
