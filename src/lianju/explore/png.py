"""SVG as PNG, where the extra `plots` is installed."""

import functools

from lianju.extras import lacking
from lianju.verse import Bilingual

_NO_FONT = Bilingual(
    "No PNG files, for this system has no font; the SVG files have the same plots",
    "本機沒有字型，故無 PNG 檔；SVG 檔有同樣的圖",
)
_LETTER = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'
_SHARP = 2.0


def svg_to_png(svg: str) -> bytes:
    """A stand-alone SVG as PNG, with two pixels for each of its units."""
    from resvg_py import svg_to_bytes

    return svg_to_bytes(svg_string=svg, zoom=_SHARP)


@functools.cache
def has_letters() -> bool:
    """Whether this system has a font; without one a PNG shows no text."""
    from resvg_py import svg_to_bytes

    letter = svg_to_bytes(svg_string=_LETTER.format('<text y="15">A</text>'))
    return letter != svg_to_bytes(svg_string=_LETTER.format(""))


def lacking_png() -> Bilingual | None:
    """Why no PNG can be made here, and what to do; None where it can."""
    return lacking("plots") or (None if has_letters() else _NO_FONT)
