"""A page of heads: every head's most typical windows and statistics, in one file that needs no network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from swinviz.features import HeadSearch
from swinviz.files import replacing

__all__ = ["save_head_page"]

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1200px; padding: 16px 20px;
  background: #fff; color: #1b1f24; }}
nav a {{ display: inline-block; margin: 0 8px 4px 0; }}
h2 {{ margin: 28px 0 6px; font-size: 18px; }}
section {{ border-top: 1px solid #d5d9de; padding: 8px 0; display: grid; grid-template-columns: 190px 1fr;
  gap: 12px; }}
section h3 {{ margin: 0; font-size: 15px; }}
section p {{ margin: 0; color: #57606a; font-variant-numeric: tabular-nums; font-size: 13px; }}
figure {{ display: inline-block; margin: 0 8px 8px 0; text-align: center; }}
figure img {{ width: 112px; height: 112px; image-rendering: pixelated; display: block; }}
figcaption {{ font-size: 11px; color: #57606a; max-width: 112px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }}
@media (max-width: 640px) {{ section {{ grid-template-columns: 1fr; }} }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #15171c; color: #e6e8eb; }} a {{ color: #7ab7ff; }}
  section {{ border-color: #333942; }} section p, figcaption {{ color: #a2a9b3; }}
}}
</style>
<h1>{title}</h1>
<p>{intro}</p>
<nav aria-label="Blocks">{links}</nav>
{blocks}
</html>
"""


def save_head_page(
    search: HeadSearch,
    path: str | Path,
    picture: Callable[[str], ArrayLike],
    crop: Callable[..., NDArray[np.uint8]],
    *,
    title: str = "Heads",
    label: Callable[[str], str] = str,
) -> None:
    """Write a page of all heads searched.

    Args:
        search: from `HeadSearch.run`.
        path: the file, which appears whole or not at all.
        picture: name -> (h, w, 3) uint8 at the size of the model's input.
        crop: cuts a window out of a picture, as `plots.typical_crop` does.
        title: of the page.
        label: name of a picture -> what the page calls it; by default the name itself.
    """
    blocks: dict[tuple[int, int], list[str]] = {}
    for (block, head), windows in search.typical.items():
        figures = "".join(
            f'<figure><img alt="window {found.window} of {html.escape(label(found.picture))}" '
            f'src="data:image/jpeg;base64,{_jpeg(crop(picture(found.picture), found))}">'
            f"<figcaption>{found.score:.3g} · {html.escape(label(found.picture))}</figcaption></figure>"
            for found in windows
        )
        statistics = search.statistics[block]
        facts = (
            f"looks {float(statistics.distance[head]):.0f} pixels away<br>"
            f"entropy {float(statistics.entropy[head]):.2f} nats<br>"
            f"{float(statistics.padding_share[head]):.1%} on padding"
        )
        blocks.setdefault(block, []).append(
            f"<section><div><h3>Head {head}</h3><p>{facts}</p></div><div>{figures}</div></section>"
        )
    names = {block: f"{block[0]}.{block[1]}" for block in blocks}
    text = _PAGE.format(
        title=html.escape(title),
        intro=html.escape(
            f"Searched for: {search.criterion}, in {search.pictures} pictures. Each head shows its best "
            "windows, one a picture: the query is outlined, and the brighter a token's color, the larger its "
            "share of the query's attention; white is padding, and a window that the shift wrapped is put "
            "together from up to four parts of its picture. Statistics are means over all queries of all "
            "pictures."
        ),
        links="".join(f'<a href="#block-{name}">block {name}</a>' for name in names.values()),
        blocks="".join(
            f'<h2 id="block-{names[block]}">Block {names[block]}</h2>{"".join(sections)}'
            for block, sections in blocks.items()
        ),
    )
    with replacing(Path(path)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _jpeg(crop: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(crop).resize((112, 112), Image.Resampling.NEAREST).save(buffer, "JPEG", quality=80)
    return base64.b64encode(buffer.getvalue()).decode()
