"""How far apart are two colours, for eyes with and without red-green colour blindness?

Contrast by WCAG 2.1 (1.4.3). Distance is CIE76 in Lab (D65) after the simulation of Machado, Oliveira and Fernandes
2009 (severity 1.0, in linear RGB).
"""

from __future__ import annotations

from itertools import combinations

from rich.color import Color

from tui.theme import Theme

RGB = tuple[float, float, float]
Matrix = tuple[RGB, RGB, RGB]

EYES: dict[str, Matrix] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}

_XYZ: Matrix = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE: RGB = (0.95047, 1.0, 1.08883)


def contrast(one: RGB, other: RGB) -> float:
    """Return WCAG's contrast of two linear colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def distance(one: RGB, other: RGB, eyes: str) -> float:
    """Return the distance in Lab of two linear colours as `eyes` see them."""
    a, b = _lab(_times(EYES[eyes], one)), _lab(_times(EYES[eyes], other))
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5


def nearest(colours: dict[str, RGB], eyes: str) -> tuple[float, str]:
    """Return the smallest distance between two of the colours, and which they are."""
    return min((distance(colours[a], colours[b], eyes), f"{a}/{b}") for a, b in combinations(colours, 2))


def ink(theme: Theme, role: str) -> RGB:
    """Return the colour of the letters of a role."""
    return _linear(theme.style(role).color)


def ground(theme: Theme, role: str = "text") -> RGB:
    """Return the colour behind them."""
    return _linear(theme.style(role).bgcolor)


def _linear(colour: Color | None) -> RGB:
    assert colour is not None
    red, green, blue = (_expanded(value / 255) for value in colour.get_truecolor())
    return red, green, blue


def _expanded(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def _luminance(colour: RGB) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def _times(matrix: Matrix, colour: RGB) -> RGB:
    x, y, z = (max(0.0, min(1.0, sum(a * b for a, b in zip(row, colour, strict=True)))) for row in matrix)
    return x, y, z


def _lab(colour: RGB) -> RGB:
    def curve(value: float) -> float:
        return float(value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116)

    xyz = [sum(a * b for a, b in zip(row, colour, strict=True)) for row in _XYZ]
    fx, fy, fz = (curve(value / white) for value, white in zip(xyz, _WHITE, strict=True))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
