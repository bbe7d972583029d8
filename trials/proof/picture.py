"""The result as a picture: successful builds over builds, one line for each way to build."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from trials.proof.result import Result, Series

_WIDTH, _HEIGHT = 960, 440
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 56, 520, 372
"""The plot's rectangle; the legend is to its right."""
_STEP = 25
_STYLES = (
    # colour on light, colour on dark, dashes
    ("#d1242f", "#ff7b72", ""),
    ("#bc6c00", "#e3b341", "9 4"),
    ("#8250df", "#d2a8ff", "2 4"),
    ("#0a7ea4", "#56d4dd", "6 3 2 3"),
    ("#57606a", "#9ea7b3", "3 3"),
)
_OURS = ("#1a7f37", "#3fb950", "")


def draw(result: Result) -> str:
    """An SVG document that is readable on a light and on a dark page."""
    last = max(len(series.outcomes) for series in result.series)
    parts = [_head(), *_axes(last), *_limit(result.limit, last, "limit of an address")]
    if result.user_limit < last:
        parts += _limit(result.user_limit, last, "limit of a free account")
    # the pipeline first: wide, and behind the others, whose lines lie on it where they succeed too
    order = [len(result.series) - 1, *range(len(result.series) - 1)]
    parts += [_line(result.series[index], index, last, ours=index == order[0]) for index in order]
    parts += _legend(result.series)
    return "\n".join([*parts, "</svg>", ""])


def _head() -> str:
    light, dark = [], []
    for index, (on_light, on_dark, dashes) in enumerate(_STYLES):
        light.append(f".s{index} {{ stroke: {on_light}; stroke-dasharray: {dashes or 'none'}; }}")
        dark.append(f".s{index} {{ stroke: {on_dark}; }}")
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="t">
<title id="t">Successful builds on clean hosts that share one address, by where their base image comes from</title>
<style>
text {{ font: 13px system-ui, sans-serif; fill: #1f2328; }}
.small {{ font-size: 11.5px; fill: #57606a; }}
.title {{ font-size: 16px; font-weight: 600; }}
.grid {{ stroke: #d0d7de; stroke-width: 1; }}
.limit {{ stroke: #8c959f; stroke-width: 1; stroke-dasharray: 1 3; }}
.line {{ fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }}
.ours {{ stroke: {_OURS[0]}; stroke-width: 8; stroke-opacity: .55; }}
{chr(10).join(light)}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3; }}
.small {{ fill: #9ea7b3; }}
.grid {{ stroke: #30363d; }}
.ours {{ stroke: {_OURS[1]}; }}
{chr(10).join(dark)}
}}
</style>
<text class="title" x="{_LEFT}" y="26">Successful builds</text>
<text class="small" x="{_LEFT}" y="44">every build on a clean host, all hosts behind one address</text>"""


def _axes(last: int) -> list[str]:
    parts = []
    for value in range(0, last + 1, _STEP):
        x, y = _x(value, last), _y(value, last)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text class="small" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{value}</text>')
    middle = (_LEFT + _RIGHT) / 2
    return [*parts, f'<text class="small" x="{middle:.0f}" y="{_BOTTOM + 40}" text-anchor="middle">builds</text>']


def _limit(limit: int, last: int, words: str) -> list[str]:
    y = _y(limit, last)
    return [
        f'<line class="limit" x1="{_LEFT}" y1="{y:.1f}" x2="{_RIGHT}" y2="{y:.1f}"/>',
        f'<text class="small" x="{_LEFT + 6}" y="{y - 5:.1f}">{words}: {limit} pulls</text>',
    ]


def _line(series: Series, index: int, last: int, *, ours: bool) -> str:
    values = [0, *series.cumulative]
    corners = [
        (number, value)
        for number, value in enumerate(values)
        # a straight piece needs its ends only
        if not 0 < number < len(values) - 1 or values[number + 1] - value != value - values[number - 1]
    ]
    points = " ".join(f"{_x(number, last):.1f},{_y(value, last):.1f}" for number, value in corners)
    return f'<polyline class="line {"ours" if ours else f"s{index}"}" points="{points}"/>'


def _legend(series: Sequence[Series]) -> list[str]:
    parts = []
    x = _RIGHT + 36
    for row, one in enumerate(reversed(series)):
        index, y = len(series) - 1 - row, _TOP + 14 + row * 54
        style = "ours" if row == 0 else f"s{index}"
        parts.append(f'<line class="line {style}" x1="{x}" y1="{y - 4}" x2="{x + 30}" y2="{y - 4}"/>')
        parts.append(f'<text x="{x + 42}" y="{y}">{escape(one.name)}</text>')
        pulls = f"{one.docker_hub_pulls} Docker Hub pull{'' if one.docker_hub_pulls == 1 else 's'}"
        words = f"{one.builds - one.failures} of {one.builds} succeeded, {pulls}"
        parts.append(f'<text class="small" x="{x + 42}" y="{y + 18}">{words}</text>')
    return parts


def _x(value: int, last: int) -> float:
    return _LEFT + (_RIGHT - _LEFT) * value / last


def _y(value: int, last: int) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * value / last
