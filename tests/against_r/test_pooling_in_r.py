"""Pooling against mice, on the same answers of the same imputations: nothing random is left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.engines.port.imputation.pooling import pool

MICE_LEAST = 1e-4
"""mice takes the share of variance between imputations for no less than this in its df."""

ASKED = """
say <- function(...) cat(sprintf("%.17g", c(...)), "\\n")
set.seed(4)
for (m in c(2, 5, 40)) for (nu in c(8, 75.5, Inf)) for (spread in c(0.1, 1, 6)) {
  Q <- rnorm(m, 2, spread); U <- rgamma(m, 30, 40)
  p <- mice::pool.scalar(Q, U, n = nu + 1, k = 1)
  say(m, nu, Q, U, p$qbar, p$t, p$df, p$ubar, p$b, p$fmi)
}
fits <- lapply(1:12, function(i) lm(y ~ x, data.frame(x = 1:20, y = 1:20 + rnorm(20, sd = 4))))
p <- summary(mice::pool(mice::as.mira(fits)), conf.int = TRUE)
Q <- sapply(fits, coef); U <- sapply(fits, function(f) diag(vcov(f)))
for (j in 1:2) say(12, 18, Q[j, ], U[j, ], p$estimate[j], p$std.error[j]^2, p$df[j], p$statistic[j],
                   p$p.value[j], p[["2.5 %"]][j])
"""
SCALAR = ("estimate", "variance", "df", "within", "between", "fmi")
WHOLE = ("estimate", "variance", "df", "statistic", "p_value", "conf_low")


def test_pooled_numbers_are_those_of_mice(rscript: Callable[..., str]) -> None:
    lines = rscript(ASKED).splitlines()
    assert len(lines) == 29
    floored = 0
    for number, line in enumerate(lines):
        m, nu, *rest = (float(text) for text in line.split())
        Q, U, wanted = np.split(np.array(rest), [int(m), 2 * int(m)])
        found = pool(Q, U, nu).numbers
        for name, value in zip(WHOLE if number >= 27 else SCALAR, wanted, strict=True):
            ours = found.std_error[0] ** 2 if name == "variance" else getattr(found, name)[0]
            share = (1.0 + 1.0 / m) * found.between[0] / found.std_error[0] ** 2
            if name in ("df", "fmi") and share < MICE_LEAST:
                floored += 1
                if name == "df" and np.isfinite(nu):
                    df = nu * (nu + 1.0) / (nu + 3.0) * (1.0 - MICE_LEAST)
                    assert value == pytest.approx(1.0 / (1.0 / df + MICE_LEAST**2 / (m - 1.0)))
                    assert ours == pytest.approx(value, rel=2 * MICE_LEAST)
                continue
            assert ours == pytest.approx(value, rel=1e-12), (line, name)
    assert floored == 2
