"""The flow of patients as a CONSORT diagram: boxes and words in SVG, nothing fetched."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.plain import plain

if TYPE_CHECKING:
    from harness.sets.flow import Flow

WIDTH, GAP, LINE = 230, 20, 16
MOST_ARMS, MOST_VISITS, MOST_SETS = 5, 10, 8
CHARACTERS = 34
"""Of a line that a box holds."""


def consort_diagram(flow: Flow) -> str:
    """An ``<svg>`` element without scripts, links or styles.

    Empty for a flow that no such diagram can show, which the tables do.
    """
    if len(flow.arms) > MOST_ARMS or len(flow.visits) > MOST_VISITS or len(flow.sets) > MOST_SETS:
        return ""
    width = len(flow.arms) * (WIDTH + GAP) + GAP
    total = f"Randomised: {sum(flow.randomised)}"
    parts = [_box((width - WIDTH) // 2, GAP, (total,))]
    top = GAP + _height(1)
    branch, y = top + GAP // 2, top + GAP
    centres = [_left(arm) + WIDTH // 2 for arm in range(len(flow.arms))]
    parts.append(f'<path d="M{width // 2} {top}V{branch}"/>')
    parts.append(f'<path d="M{centres[0]} {branch}H{centres[-1]}"/>')
    parts += [f'<path d="M{x} {branch}V{y}"/>' for x in centres]
    levels: list[list[tuple[str, ...]]] = [
        [(f"{arm}: {n}",) for arm, n in zip(flow.arms, flow.randomised, strict=True)]
    ]
    gone: list[list[tuple[str, ...]]] = [[]]
    for visit in flow.visits:
        levels.append([(f"seen at {visit.time}: {n}",) for n in visit.seen])
        gone.append([_gone(visit.lost[arm], visit.missed[arm]) for arm in range(len(flow.arms))])
    if flow.sets:
        levels.append(
            [
                tuple(f"set {s.name}: {s.patients[arm]}" for s in flow.sets)
                for arm in range(len(centres))
            ]
        )
        gone.append([() for _ in centres])
    for place, boxes in enumerate(levels):
        if place:
            lines = max(map(len, gone[place]), default=0)
            step = GAP + lines * LINE
            for x, words in zip(centres, gone[place], strict=True):
                parts.append(f'<path d="M{x} {y}V{y + step}"/>')
                parts += [
                    _text(x + 8, y + GAP // 2 + (k + 1) * LINE - 6, word)
                    for k, word in enumerate(words)
                ]
            y += step
        parts += [_box(_left(arm), y, words) for arm, words in enumerate(boxes)]
        y += _height(max(map(len, boxes)))
    return (
        f'<svg role="img" aria-label="Flow of patients" viewBox="0 0 {width} {y + GAP}" '
        f'width="{width}" height="{y + GAP}" xmlns="http://www.w3.org/2000/svg" font-size="12" '
        'font-family="sans-serif"><g fill="none" stroke="#444">'
        + "".join(part for part in parts if part.startswith("<path"))
        + "</g>"
        + "".join(part for part in parts if not part.startswith("<path"))
        + "</svg>"
    )


def _gone(lost: int, missed: int) -> tuple[str, ...]:
    said = [f"lost: {lost}"] if lost else []
    return (*said, *([f"missed, seen later: {missed}"] if missed else []))


def _left(arm: int) -> int:
    return GAP + arm * (WIDTH + GAP)


def _height(lines: int) -> int:
    return 12 + lines * LINE


def _box(x: int, y: int, lines: Sequence[str]) -> str:
    rect = (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{_height(len(lines))}" fill="#f5f5f5" '
        'stroke="#444"/>'
    )
    return rect + "".join(_text(x + 10, y + 4 + (k + 1) * LINE, a) for k, a in enumerate(lines))


def _text(x: int, y: int, words: str) -> str:
    shown = plain(words)
    shown = shown if len(shown) <= CHARACTERS else f"{shown[: CHARACTERS - 1]}…"
    return f'<text x="{x}" y="{y}" fill="#000">{html.escape(shown)}</text>'
