"""What changes within arms and numbers of observed values are, in words: formula, rows, rules."""

from __future__ import annotations

from harness.models.besides import Besides
from harness.models.observed import Observed, ResponderRule


def observed_lines(besides: Besides) -> list[str]:
    """A line for each of these parts that is asked for."""
    lines = []
    if "changes" in besides.parts:
        lines.append(
            "an arm's own change is no evidence of an effect: what compares arms is the line above"
        )
    observed = besides.observed
    if observed is None:
        return lines
    first = observed.time.levels[0]
    if "d_ppc2" in besides.parts:
        lines.append(
            "d_ppc2 = c (mean change of the first arm - of the second) / SD "
            "(Morris 2008, eq. 8-10), "
            f"SD at {first} within the two arms, pooled by n - 1, c = 1 - 3 / (4 df - 1), "
            "df = n_first + n_second - 2; smd_se^2 = c^2 df / (df - 2) (2 (1 - rho) (1 / n_first + "
            "1 / n_second) + d^2) - d^2 (eq. 25), rho the correlation with the later value within "
            "the two arms, pooled; limits d -+ z smd_se; of the rows used, "
            "patients with both values"
        )
    if "hedges_g" in besides.parts:
        lines.append(
            "hedges_g = J (mean of the first arm - of the second) / SD within the two arms at that "
            "time, pooled by n - 1, J = gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2)), "
            "df = n_first + n_second - 2 (Hedges 1981); limits J sqrt(1 / n_first + 1 / n_second) "
            "times those of the noncentral t; of the rows used"
        )
    if "responders" in besides.parts and observed.responder is not None:
        lines += _responders(observed, observed.responder)
    return lines


def _responders(observed: Observed, rule: ResponderRule) -> list[str]:
    whole = f"{rule.percent:g} %"
    how = "Newcombe's hybrid score (1998, method 10)" if rule.interval == "newcombe" else "Wald's"
    missing = {
        "nonresponder": "count as non-responders: patients are all of the arm in the set",
        "exclude": "are left out",
    }
    return [
        f"responders: {observed.outcome} {rule.direction} by at least {whole} of the patient's own "
        f"value at {observed.time.levels[0]}; patients with either value missing (incomplete) or a "
        f"first value of zero or below (not_positive) {missing[rule.missing]}",
        f"risk_difference: share of responders, the first arm less the second, limits {how}; "
        "nnt = 1 / risk_difference, negative for harm; nnt_low = 1 / rd_high and "
        "nnt_high = 1 / rd_low: "
        "where nnt_high < 0 < nnt_low the interval runs from nnt_low through infinity to nnt_high "
        "(Altman 1998); fisher_p: Fisher's exact test, two-sided",
    ]
