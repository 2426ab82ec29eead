"""Plots as SVG, without a library: bars of one figure, and lines of several. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log10

WIDTH, BAR, LEFT, HEIGHT = 720, 26, 240, 320
COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#64748b")
_FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
    'font-size="13"><rect width="100%" height="100%" fill="white"/>{inside}</svg>\n'
)


def bars(title: str, figures: Mapping[str, float], unit: str) -> str:
    """One horizontal bar for each figure."""
    most = max(figures.values(), default=0) or 1
    parts = [_text(12, 22, title, weight="bold")]
    for place, (name, value) in enumerate(figures.items()):
        top, length = 36 + place * BAR, (WIDTH - LEFT - 130) * value / most
        parts.append(_text(12, top + 15, name))
        parts.append(
            f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR - 8}" fill="{COLOURS[0]}"/>'
        )
        parts.append(_text(LEFT + length + 6, top + 15, f"{value:,.4g} {unit}"))
    return _FRAME.format(width=WIDTH, height=44 + len(figures) * BAR, inside="".join(parts))


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], across: str, up: str) -> str:
    """A line of each series over a logarithmic axis; the other axis begins at zero."""
    points = [point for each in series.values() for point in each]
    left, right = log10(min(x for x, _ in points)), log10(max(x for x, _ in points))
    most = max(y for _, y in points) or 1

    def at(point: tuple[float, float]) -> tuple[float, float]:
        share = (log10(point[0]) - left) / ((right - left) or 1)
        return 70 + share * (WIDTH - 290), HEIGHT - 50 - point[1] / most * (HEIGHT - 100)

    parts = [
        _text(12, 22, title, weight="bold"),
        _text(12, 44, up),
        _text(WIDTH / 2 - 60, HEIGHT - 10, across),
    ]
    for x in sorted({x for x, _ in points}):
        parts.append(_text(at((x, 0))[0] - 10, HEIGHT - 32, f"{x:,.0f}"))
    for colour, (place, (name, each)) in zip(COLOURS, enumerate(series.items()), strict=False):
        drawn = [at(point) for point in each]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(WIDTH - 130, 60 + 20 * place, name, colour=colour))
        for (x, y), (_, value) in zip(drawn, each, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(_text(x - 14, y - 8, f"{value:,.3g}", colour=colour))
    return _FRAME.format(width=WIDTH, height=HEIGHT, inside="".join(parts))


def _text(x: float, y: float, text: str, *, weight: str = "normal", colour: str = "#111827") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
