"""Differences as a share of their limits, drawn as SVG to stand inside a page."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from harness.compare.rows import DiffRow
from harness.compare.verdict import Verdict
from harness.models.record import FIT_QUANTITIES, FIXED_QUANTITIES, RANDOM_QUANTITIES

FLOOR = 1e-8
"""Shares below this, and no difference at all, are drawn at the left edge."""
CEILING = 1e4
PER_DECADE = 20
"""Steps of a decade, each two thirds of a point wide, within which dots cover each other."""

CHARACTER = 0.085
"""Inches that a letter of a label takes, and a little more."""

_TICKS = ["none", "1e-6", "1e-4", "0.01", "1", "100", "1e4"]
_ORDER = (*FIXED_QUANTITIES, *RANDOM_QUANTITIES, *FIT_QUANTITIES)


def difference_plot(rows: Sequence[DiffRow], *, title: str, prefix: str) -> str:
    """Every measured number of some models: quantity against difference over limit.

    Args:
        rows: the numbers; those without a limit above zero are left out.
        title: above the plot; taken as plain text.
        prefix: makes the ids of this SVG differ from those of others in the page.

    Returns:
        An ``<svg>`` element without scripts, links or fonts; empty when there is nothing to draw.
    """
    points = [row for row in rows if row.limit and row.delta is not None]
    quantities = [q for q in _ORDER if any(row.quantity == q for row in points)]
    if not quantities:
        return ""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "path",  # glyphs as outlines: the page needs no font
        "svg.hashsalt": prefix,  # the same table gives the same bytes
        "text.parse_math": False,  # a label with dollar signs is a label
        "font.size": 9,
    }
    with mpl.rc_context(settings):
        width, height = 7.2, 0.9 + 0.26 * len(quantities)
        figure = Figure(figsize=(width, height))
        # Room for labels by their length: a layout engine draws everything once more to measure.
        left = 0.15 + CHARACTER * max(map(len, quantities))
        axes = figure.add_axes(
            (left / width, 0.52 / height, 1.0 - (left + 0.12) / width, 1.0 - 0.86 / height)
        )
        axes.set_xscale("log")
        axes.axvline(1.0, color="#b00020", linewidth=1)
        for colour, marker, verdicts in (
            ("#2e7d32", "o", {Verdict.MATCH}),
            ("#9a6700", "s", {Verdict.BOUNDARY}),
            ("#b00020", "X", set(Verdict) - {Verdict.MATCH, Verdict.BOUNDARY}),
        ):
            drawn = [r for r in points if r.verdict in verdicts and r.quantity in quantities]
            if not drawn:
                continue
            dots = _apart(
                (_clipped(row.share), quantities.index(row.quantity) + _spread(i))
                for i, row in enumerate(drawn)
            )
            axes.scatter(
                [share for share, _ in dots],
                [height for _, height in dots],
                s=14 if marker == "o" else 28,
                c=colour,
                marker=marker,
                alpha=0.7,
                linewidths=0,
            )
        axes.set_xlim(FLOOR / 2, CEILING * 2)
        axes.set_xticks([10.0**e for e in range(-8, 5, 2)], _TICKS)
        axes.minorticks_off()
        axes.set_yticks(range(len(quantities)), quantities)
        axes.set_ylim(len(quantities) - 0.5, -0.5)
        axes.set_xlabel("difference as a share of its limit (red line)")
        axes.set_title(title, y=1.0)  # without a place it is looked for, by measuring the rest
        axes.grid(axis="x", color="#dddddd", linewidth=0.5)
        buffer = io.StringIO()
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _inline(buffer.getvalue(), prefix, title)


def _clipped(share: float) -> float:
    return min(max(share, FLOOR), CEILING) if not math.isnan(share) else FLOOR


def _apart(dots: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Dots without those that would lie on another: a thousand models draw no more than a page."""
    places = {(round(PER_DECADE * math.log10(x)), y): (x, y) for x, y in dots}
    return list(places.values())


def _spread(index: int) -> float:
    """A fixed vertical spread, so that equal points do not hide each other."""
    return ((index * 7) % 11 - 5) * 0.05


def _inline(svg: str, prefix: str, title: str) -> str:
    """The ``<svg>`` element alone, with ids of its own and a name for screen readers."""
    import html

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(xlink:href="|href="|url\()#', rf"\g<1>#{prefix}-", svg)
    label = html.escape(f"Differences as a share of their limits: {title}")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
