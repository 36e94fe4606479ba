"""What the About tab says."""

from __future__ import annotations

from support.demo_samples import (
    HOSTILE,
    small_model,
)

from swinviz.demo.tabs.about import describe_model


def test_names_of_classes_cannot_become_html_or_markdown() -> None:
    model = small_model(classes=(HOSTILE, "[a](javascript:1)", "| cell"))
    text = describe_model(f"**{HOSTILE}**", model)
    assert "<img" not in text
    assert "[a](" not in text
    assert r"\*\*" in text
