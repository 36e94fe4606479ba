"""Tabs of the page, one module each."""

from swinviz.demo.tabs.about import about_tab
from swinviz.demo.tabs.attention import attention_tab
from swinviz.demo.tabs.compare import compare_tab
from swinviz.demo.tabs.image import image_tab
from swinviz.demo.tabs.live import live_tab

__all__ = ["about_tab", "attention_tab", "compare_tab", "image_tab", "live_tab"]
