"""Gradio and torch are imported without what nobody needs, and nothing of that stays behind."""

from __future__ import annotations

import gc
import inspect
from contextlib import suppress

import gradio as gr
import pytest
from gradio import component_meta

from swinviz.demo.importing import quick_imports


def test_gradio_writes_no_files_for_editors_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(component_meta, "extract_class_source_code", lambda _, name: asked.append(name))
    with quick_imports():
        component_meta.create_or_modify_pyi(gr.Button, "Button", [])
        assert inspect.getfile(pytest.Item) == inspect.getsourcefile(pytest.Item)
    assert not asked
    with pytest.raises(TypeError, match="NoneType"):  # as ever: it looks into the file
        component_meta.create_or_modify_pyi(gr.Button, "Button", [])
    assert asked == ["Button"]


def test_garbage_is_collected_again_whatever_happens() -> None:
    getfile = inspect.getfile
    try:
        with suppress(KeyError), quick_imports():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled()
        assert inspect.getfile is getfile
        gc.disable()
        with quick_imports():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
