"""The part of ``reproduce.R`` that prints simple slopes and regions of significance."""

from __future__ import annotations

from harness.language import quote_name
from harness.models.mean_terms import moderated_effects
from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

PROBE = """
# Of the fit: the effects that `asked` lists at values of a moderator; where they are significant.
probe <- function(fit, df_method, rows, asked) {
  rows <- rows[rownames(model.frame(fit)), ]
  observed <- rows[[asked$moderator]][!duplicated(rows[[asked$patient]])]
  p <- if (is(fit, "merMod")) length(fixef(fit)) else sum(!is.na(coef(fit)))
  how <- if (!is(fit, "merMod")) list() else list(
    lmer.df = if (df_method %in% c("residual", "z")) "asymptotic" else tolower(df_method),
    lmerTest.limit = Inf, pbkrtest.limit = Inf)
  df <- switch(df_method, z = list(df = Inf), residual = list(df = nobs(fit) - p))
  tested <- function(pairs, values) {
    numbers <- Filter(function(name) is.numeric(rows[[name]]), names(pairs))
    at <- c(lapply(pairs[numbers], as.double), setNames(list(values), asked$moderator))
    means <- suppressMessages(do.call(emmeans::emmeans, c(
      list(fit, c(names(pairs), asked$moderator), weights = asked$weights, data = rows, at = at),
      how, df)))
    signs <- Reduce(`*`, lapply(names(pairs), function(name) {
      level <- as.character(means@grid[[name]])
      (level == pairs[[name]][1]) - (level == pairs[[name]][2])
    }))
    effects <- lapply(values, function(value) signs * (means@grid[[asked$moderator]] == value))
    names(effects) <- seq_along(values)
    found <- emmeans::contrast(means, effects, by = NULL)
    table <- summary(found, infer = c(TRUE, TRUE), adjust = "none", type = "link")
    columns <- c("slope", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
    table <- as.data.frame(table)[c(2:4, 7:8, 5:6)]
    structure(table, row.names = seq_along(values), names = columns)
  }
  named <- function(at) {
    if (is.numeric(at)) return(at)
    if (at %in% c("mean", "median")) return(get(at)(observed))
    if (startsWith(at, "q"))
      return(quantile(observed, as.double(substring(at, 2)) / 100, names = FALSE))
    times <- gsub("^mean[-+]|sd$", "", at)
    times <- if (nzchar(times)) as.double(times) else 1
    mean(observed) + (if (substr(at, 5, 5) == "-") -times else times) * sd(observed)
  }
  values <- vapply(asked$at, named, 0)
  for (effect in names(asked$effects)) {
    pairs <- asked$effects[[effect]]
    table <- do.call(rbind, lapply(values, function(value) tested(pairs, value)))
    at <- vapply(asked$at, as.character, "")
    row.names(table) <- sprintf("%s | %s=%s", effect, asked$moderator, at)
    wide("slopes", table)
    if (!asked$region) next
    level <- asked$alpha
    if (asked$control == "fdr") {
      p <- tested(pairs, unique(observed))$p_value
      level <- level * max(1, sum(p.adjust(p, "BH") <= level)) / length(p)
    }
    # |t| less its quantile, over an angle that holds every value of the moderator.
    value <- function(u) mean(observed) + sd(observed) * tan(u)
    excess <- function(u) {
      found <- tested(pairs, value(u))
      abs(found$slope / found$std_error) - qt(1 - level / 2, found$df)
    }
    u <- seq(-pi / 2 + 1e-3, pi / 2 - 1e-3, length.out = 181)
    at_u <- excess(u)
    ends <- which(at_u[-1] * at_u[-length(u)] < 0)
    bounds <- vapply(ends, function(k) value(uniroot(excess, u[k + 0:1], tol = 1e-12)$root), 0)
    cat("\\n-- Johnson-Neyman bounds of", effect, "by", asked$moderator, "\\n")
    print(if (length(bounds)) bounds else "none", digits = 10)
  }
}
"""


def probed_in_r(spec: ModelSpec) -> str:
    """How a model is probed, as the R list that ``probe()`` above reads; empty where it is not."""
    besides = spec.besides
    if besides is None or besides.probe is None:
        return ""
    probe = besides.probe
    values = [r_string(at) if isinstance(at, str) else repr(float(at)) for at in probe.at]
    effects = []
    for effect in moderated_effects(besides, spec.formula):
        pairs = [
            f"{quote_name(name)} = c({', '.join(r_string(str(level)) for level in pair)})"
            for name, pair in effect.pairs.items()
        ]
        effects.append(f"{r_string(effect.name)} = list({', '.join(pairs)})")
    parts = [
        f"moderator = {r_string(probe.moderator)}",
        f"patient = {r_string(probe.patient)}",
        f"at = list({', '.join(values)})",
        f"weights = {r_string(besides.weights)}",
        f"alpha = {probe.alpha!r}",
        f"control = {r_string(probe.control)}",
        f"region = {'TRUE' if 'johnson_neyman' in besides.parts else 'FALSE'}",
        "effects = list(\n    " + ",\n    ".join(effects) + ")",
    ]
    return "list(" + ",\n  ".join(parts) + ")"
