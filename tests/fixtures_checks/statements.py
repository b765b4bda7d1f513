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

from tabulate import tabulate

import harness
from harness.compare.table import DiffTable

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
HEADER = ("abstract", "test", "planted", "none planted")
ITEMS = ("fiqr_12", "fiqr_13", "fiqr_14", "fiqr_15")
STUDIES = ("mbsr", "mbsr_null")
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


def coefficient(study: str, place: str, term: str = EFFECT, quantity: str = "estimate") -> Tested:
    """A coefficient of a model of the plan, or a contrast; both engines must have it."""
    found = {}
    for row in table_of(study).rows:
        if row.place == place and row.term == term and row.tier == "T2":
            assert row.verdict == "match", row
            found[row.quantity] = float(row.python)
    return Tested(*(found[name] for name in (quantity, "conf_low", "conf_high", "p_value")))


def moderated(study: str) -> str:
    """The three-way interactions of baseline CXCL8 on four items, adjusted by Holm."""
    analysis = {"mbsr": "symptoms", "mbsr_null": "moderation"}[study]
    term = f"{EFFECT}:ln_cxcl8_0"
    places = [f"{analysis}/ITT/{item}/ln_cxcl8_0" for item in ITEMS]
    return "; ".join(
        f"{one.estimate:.2f} (p {one.p:.4f}, Holm {adjusted(study, place, term):.4f})"
        for place, one in ((place, coefficient(study, place, term)) for place in places)
    )


def adjusted(study: str, place: str, term: str) -> float:
    """A test's adjusted p, the same on both sides."""
    (row,) = (
        row
        for row in table_of(study).rows
        if (row.place, row.term, row.quantity) == (place, term, "p_adjusted") and row.tier == "T2"
    )
    assert row.verdict == "match", row
    return float(row.python)


def together(study: str, outcome: str) -> str:
    """Change of an outcome beside change of two markers, arms held alike."""
    found = (
        coefficient(study, f"responsivity/ITT/{outcome}/{marker}", marker)
        for marker in ("ln_cxcl8_change", "ln_il10_change")
    )
    return "; ".join(map(str, found))


def rows() -> list[tuple[str, str, str, str]]:
    same = "the same rows"
    il10 = coefficient("mbsr", "biomarkers/ITT/ln_il10")
    change = coefficient("mbsr", "biomarkers/ITT/ln_il10", "timepost")
    ratios = [
        coefficient("mbsr", f"moderation/ITT/pips_total/{ratio}", f"{EFFECT}:{ratio}")
        for ratio in ("ln_il6_il10_0", "ln_cxcl8_il10_0")
    ]
    alone = [
        coefficient("mbsr", f"parts-{marker}/ITT/pips_total", "hypothesis(ratio only)", "contrast")
        for marker in ("il6", "cxcl8")
    ]
    return [
        (
            "MBSR reduces clinical severity", "arm x time on FIQR total, ITT",
            *(str(coefficient(study, "efficacy/ITT/fiqr_total")) for study in STUDIES),
        ),
        (
            "", "the same, per protocol",
            *(str(coefficient(study, "efficacy/PP/fiqr_total")) for study in STUDIES),
        ),
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
            "",
            "is it the ratio? Joint model of both parts: sum of their slopes on PIPS, "
            "zero where the ratio alone counts",
            "; ".join(map(str, alone)), same,
        ),
        (
            "biomarkers to monitor responsivity",
            "change of ln CXCL8, of ln IL-10 beside the arm on change of FIQR total, ITT: "
            "an association, no prediction (planted in neither)",
            *(together(study, "fiqr_total") for study in STUDIES),
        ),
        ("", "the same on change of PIPS", together("mbsr", "pips_total"), same),
    ]  # fmt: skip


def text() -> str:
    return tabulate(rows(), headers=HEADER, tablefmt="github", disable_numparse=True)


if __name__ == "__main__":
    sys.stdout.write(text() + "\n")
