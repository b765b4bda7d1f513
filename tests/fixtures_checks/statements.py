"""What the abstract of the study commits itself to, read off the synthetic trials.

The statements are those of the abstract of Andrés-Rodríguez et al. (2019), Brain Behav Immun 80,
109-119. The trials are made up: ``mbsr`` has what they state planted, ``mbsr_null`` is its twin in
which nothing moderates.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from statsmodels.stats.multitest import multipletests
from tabulate import tabulate

import harness
from harness.compare.table import DiffTable

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
HEADER = ("abstract", "test", "planted", "none planted")
ITEMS = ("fiqr_12", "fiqr_13", "fiqr_14", "fiqr_15")
EFFECT = "armMBSR:timepost"


@dataclass(frozen=True)
class Tested:
    """An estimate with its 95 % interval and p value, on both sides."""

    estimate: float
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        p = "< 0.0001" if self.p < 1e-4 else f"{self.p:.4f}"
        return f"{self.estimate:.2f} ({self.low:.2f} to {self.high:.2f}), p {p}"


@cache
def table_of(study: str) -> DiffTable:
    result = harness.run(FIXTURES / study / "plan.yaml", reference="recorded")
    assert result.exit_code == 0, result.table.counts
    return result.table


def coefficient(study: str, place: str, term: str = EFFECT) -> Tested:
    """A coefficient of a model of the plan; both engines must have it."""
    found = {}
    for row in table_of(study).rows:
        if row.place == place and row.term == term and row.tier == "T2":
            assert row.verdict == "match", row
            found[row.quantity] = float(row.python)
    return Tested(*(found[name] for name in ("estimate", "conf_low", "conf_high", "p_value")))


def moderated(study: str) -> str:
    """The three-way interactions of baseline CXCL8 on four items, adjusted by Holm."""
    found = [
        coefficient(study, f"moderation/ITT/{item}/ln_cxcl8_0", f"{EFFECT}:ln_cxcl8_0")
        for item in ITEMS
    ]
    adjusted = multipletests([one.p for one in found], method="holm")[1]
    return "; ".join(
        f"{one.estimate:.2f} (p {one.p:.4f}, Holm {holm:.4f})"
        for one, holm in zip(found, adjusted, strict=True)
    )


def rows() -> list[tuple[str, str, str, str]]:
    same = "the same rows"
    il10 = coefficient("mbsr", "biomarkers/ITT/ln_il10")
    change = coefficient("mbsr", "biomarkers/ITT/ln_il10", "timepost")
    ratios = [
        coefficient("mbsr", f"moderation/ITT/pips_total/{ratio}", f"{EFFECT}:{ratio}")
        for ratio in ("ln_il6_il10_0", "ln_cxcl8_il10_0")
    ]
    return [
        (
            "MBSR reduces clinical severity",
            "arm x time on FIQR total, ITT",
            str(coefficient("mbsr", "efficacy/ITT/fiqr_total")), same,
        ),
        ("", "the same, per protocol", str(coefficient("mbsr", "efficacy/PP/fiqr_total")), same),
        ("MBSR prevents the fall of IL-10", "arm x time on ln IL-10, ITT", str(il10), same),
        ("", "beside it: change under TAU alone", str(change), same),
        (
            "higher baseline CXCL8 attenuates the benefit in pain, energy, stiffness, sleep",
            "arm x time x ln CXCL8 on each item, ITT",
            moderated("mbsr"), moderated("mbsr_null"),
        ),
        (
            "higher IL-6/IL-10 and CXCL8/IL-10: less improvement in inflexibility",
            "arm x time x ln ratio on PIPS, ITT (not planted in either)",
            "; ".join(map(str, ratios)), same,
        ),
        (
            "biomarkers to monitor responsivity",
            "no test of the abstract's bears on it: change on change, or prediction out of sample",
            "not testable from these models", "not testable from these models",
        ),
    ]  # fmt: skip


def text() -> str:
    return tabulate(rows(), headers=HEADER, tablefmt="github", disable_numparse=True)


if __name__ == "__main__":
    sys.stdout.write(text() + "\n")
