"""Numbers and labels as people read them; the stored values keep their full precision."""

from __future__ import annotations

import math

from harness.compare.rows import DiffRow
from harness.estimates.table import Value


def figure(value: Value | None, digits: int = 6) -> str:
    """A value to so many significant digits; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Inf" if value > 0 else "-Inf")
    text = f"{value:#.{digits}g}"
    return text.removesuffix(".")


def exact_figure(value: Value | None) -> str:
    """A value at full precision, as a machine reads it back: flags as 1 and 0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        return figure(value)
    return repr(float(value))


def p_figure(value: Value | None) -> str:
    """A p value: four decimals, or two digits and an exponent below 0.0001."""
    if value is None or not math.isfinite(value):
        return figure(value)
    return f"{value:.1e}" if 0 < value < 1e-4 else f"{value:.4f}"


def small(value: float | None) -> str:
    """A difference: two digits, an exponent where needed, a plain 0 for none."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return figure(value)
    return f"{value:.2g}"


def share(row: DiffRow | None) -> str:
    """A difference as a share of its limit."""
    if row is None or math.isnan(row.share):
        return ""
    if row.share == 0:
        return "0 %"
    if row.share < 1e-4:
        return "< 0.01 %"
    if not math.isfinite(row.share):
        return "no limit"
    if row.share < 2:
        return f"{100 * row.share:.{2 if row.share < 0.995 else 3}g} %"
    return f"{row.share:,.0f} x" if row.share < 1e6 else f"{row.share:.0e} x"


def apart(python: Value | None, r: Value | None) -> tuple[str, str]:
    """Two values with as many digits as it takes to tell them apart, and two more."""
    if not (isinstance(python, float) and isinstance(r, float)) or python == r:
        return figure(python), figure(r)
    for digits in range(6, 18):
        left, right = figure(python, digits), figure(r, digits)
        if left != right:
            more = min(digits + 2, 17)
            return figure(python, more), figure(r, more)
    return repr(python), repr(r)


_UNITS = {
    "SE": "SE",
    "relative": "relative",
    "absolute": "absolute",
    "deviance": "deviance",
    "exact": "",
    "ulp": "ulp",
}


def difference(row: DiffRow) -> str:
    """A difference with its unit."""
    return f"{small(row.delta)} {_UNITS.get(row.metric, row.metric)}".strip()
