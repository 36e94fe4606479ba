"""Figures, each `plot_x(...) -> matplotlib.figure.Figure`; nothing else in the package imports matplotlib."""

from __future__ import annotations

from swinviz.plots.architecture import plot_architecture, plot_block
from swinviz.plots.attention import plot_attention
from swinviz.plots.attribution import (
    plot_cam,
    plot_level_shares,
    plot_logit_attribution,
    plot_receptive_field,
)
from swinviz.plots.components import plot_components
from swinviz.plots.evaluation import (
    plot_border_accuracy,
    plot_class_bars,
    plot_confusion,
    plot_worst_images,
)
from swinviz.plots.heads import plot_bias_tables, plot_decomposition, plot_heads, plot_statistics
from swinviz.plots.interventions import plot_comparison, plot_iou_changes
from swinviz.plots.lens import plot_lens
from swinviz.plots.neighbors import plot_clicked_class, plot_neighbors
from swinviz.plots.notebook import interact, show
from swinviz.plots.patching import plot_patching_grid, plot_token_patching
from swinviz.plots.reach import plot_reachability, plot_rollout, plot_share_maps
from swinviz.plots.segmentation import class_legend, plot_labels
from swinviz.plots.similarity import plot_similarity
from swinviz.plots.training import plot_lr_curve
from swinviz.plots.trust import plot_explanations, plot_trust, plot_trust_table
from swinviz.plots.typical import plot_typical_windows, typical_crop
from swinviz.plots.windows import plot_mask, plot_rectangles, plot_regions, plot_windows

__all__ = [
    "class_legend",
    "interact",
    "plot_architecture",
    "plot_attention",
    "plot_bias_tables",
    "plot_block",
    "plot_border_accuracy",
    "plot_cam",
    "plot_class_bars",
    "plot_clicked_class",
    "plot_comparison",
    "plot_components",
    "plot_confusion",
    "plot_decomposition",
    "plot_explanations",
    "plot_heads",
    "plot_iou_changes",
    "plot_labels",
    "plot_lens",
    "plot_level_shares",
    "plot_logit_attribution",
    "plot_lr_curve",
    "plot_mask",
    "plot_neighbors",
    "plot_patching_grid",
    "plot_reachability",
    "plot_receptive_field",
    "plot_rectangles",
    "plot_regions",
    "plot_rollout",
    "plot_share_maps",
    "plot_similarity",
    "plot_statistics",
    "plot_token_patching",
    "plot_trust",
    "plot_trust_table",
    "plot_typical_windows",
    "plot_windows",
    "plot_worst_images",
    "show",
    "typical_crop",
]
