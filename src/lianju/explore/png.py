"""SVG as PNG, where the extra `plots` is installed."""

import functools

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
