"""The part of ``reproduce.R`` that prints means, contrasts, tests of terms and effect sizes."""

from __future__ import annotations

from collections.abc import Iterable

from harness.language import quote_name
from harness.models.mean_terms import cell_contrasts, cells, mean_term
from harness.models.spec import ModelSpec
from harness.report.r_text import r_string

FUNCTIONS = """
# Of the fit: the marginal means, contrasts, type III tests and effect sizes that `asked` lists.
wide <- function(what, table) {
  old <- options(width = 300)
  on.exit(options(old))
  cat("\\n--", what, "\\n")
  print(table)
}
besides <- function(fit, df_method, rows, asked) {
  every <- rows
  rows <- rows[rownames(model.frame(fit)), ]
  usual <- center  # emmeans evaluates calls anew, on other rows than those the mean was taken over
  center <<- function(x) x - mean(eval(substitute(x), every), na.rm = TRUE)
  on.exit(center <<- usual)
  if ("anova" %in% asked$parts) wide("anova", tests_of_terms(fit, df_method))
  if (!length(asked$cells)) return(invisible())
  p <- if (is(fit, "merMod")) length(fixef(fit)) else sum(!is.na(coef(fit)))
  how <- if (!is(fit, "merMod")) list() else list(
    lmer.df = if (df_method %in% c("residual", "z")) "asymptotic" else tolower(df_method),
    lmerTest.limit = Inf, pbkrtest.limit = Inf)
  df <- switch(df_method, z = list(df = Inf), residual = list(df = nobs(fit) - p))
  numbers <- asked$at[vapply(names(asked$at), function(name) is.numeric(rows[[name]]), NA)]
  value <- function(name, level) if (name %in% names(numbers)) numbers[[name]][[level]] else level
  at <- if (length(numbers)) list(at = lapply(numbers, unname))
  means <- suppressMessages(do.call(emmeans::emmeans, c(
    list(fit, names(asked$cells[[1]]), weights = asked$weights, data = rows, nesting = NULL),
    at, how, df)))
  found <- vapply(asked$cells, function(cell) match(TRUE, Reduce(`&`, Map(
    function(name, level) means@grid[[name]] == value(name, level), names(cell), cell))), 1L)
  found[rowSums(is.na(means@linfct))[found] > 0] <- NA
  known <- found[!is.na(found)]
  table <- function(of, names) {
    table <- as.data.frame(summary(of, infer = c(TRUE, TRUE), adjust = "none", type = "link"))
    table <- table[seq(ncol(table) - 6, ncol(table))]
    columns <- c("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
    structure(table[c(1:3, 6:7, 4:5)], names = columns, row.names = names)
  }
  if ("emmeans" %in% asked$parts) wide("emmeans", table(means[known], names(known)))
  complete <- Filter(function(signs) all(names(signs) %in% names(known)), asked$contrasts)
  if (!length(complete)) return(invisible())
  coefficients <- lapply(unname(complete), function(signs)
    replace(numeric(length(known)), match(names(signs), names(known)), signs))
  names(coefficients) <- seq_along(coefficients)
  contrasts <- table(emmeans::contrast(means[known], coefficients, by = NULL), names(complete))
  if ("contrasts" %in% asked$parts) wide("contrasts", contrasts)
  if (!"effect_size" %in% asked$parts) return(invisible())
  sd <- effect_sd(fit, rows, asked$sd)
  between <- !rownames(contrasts) %in% asked$within
  sizes <- contrasts[between, c("estimate", "conf_low", "conf_high")] / sd
  wide(paste("effect sizes, d = contrast / SD, SD =", format(sd, digits = 10)),
       structure(sizes, names = c("d", "d_low", "d_high")))
}
tests_of_terms <- function(fit, df_method) {
  if (inherits(fit, "by_visit")) return(tests_by_visit(fit, df_method))
  f_tests <- function(terms, num_df, den_df, f_value) structure(
    data.frame(num_df, den_df, f_value, p_value = pf(f_value, num_df, den_df, lower.tail = FALSE)),
    row.names = sprintf("anova(%s)", terms))
  if (!is(fit, "merMod")) {  # each term left out of the model with its factors coded to sum to zero
    coded <- update(fit, contrasts = lapply(fit$contrasts, function(one) "contr.sum"))
    table <- drop1(coded, . ~ ., test = "F")[-1, ]
    df <- if (df_method == "z") Inf else df.residual(fit)
    return(f_tests(rownames(table), table$Df, df, table[["F value"]]))
  }
  hypotheses <- lapply(type_three(fit), matrix, ncol = length(fixef(fit)))
  tested <- lapply(hypotheses, function(L) {
    if (!nrow(L)) return(c(0, NA, NA))
    if (df_method %in% c("Satterthwaite", "Kenward-Roger")) {
      test <- contestMD(fit, L, ddf = df_method)
      return(c(test$NumDF, test$DenDF, test[["F value"]]))
    }
    value <- L %*% fixef(fit)
    f_value <- sum(value * solve(L %*% as.matrix(vcov(fit)) %*% t(L), value)) / nrow(L)
    c(nrow(L), if (df_method == "z") Inf else nobs(fit) - length(fixef(fit)), f_value)
  })
  tested <- do.call(rbind, tested)
  f_tests(names(hypotheses), tested[, 1], tested[, 2], tested[, 3])
}
type_three <- function(fit) {
  terms <- terms(fit)
  coded <- function(how) {
    factors <- names(attr(model.matrix(fit), "contrasts"))
    how <- sapply(factors, function(one) how, simplify = FALSE)
    model.matrix(terms, model.frame(fit), contrasts.arg = how)
  }
  sums <- coded("contr.sum")
  X <- getME(fit, "X")
  # lmerTest's depend on the coding where an interaction stands without its main effects.
  if (!any(attr(terms, "factors") == 2) || ncol(sums) != ncol(X))
    return(attr(anova(fit, type = 3), "hypotheses"))
  plain <- coded("contr.treatment")
  to_sums <- qr.solve(sums, X)
  from_plain <- solve(qr.solve(plain, X))
  sapply(attr(terms, "term.labels"), simplify = FALSE, function(term) {
    k <- match(term, attr(terms, "term.labels"))
    L <- to_sums[attr(sums, "assign") == k, , drop = FALSE]
    solve((L %*% from_plain)[, attr(plain, "assign") == k, drop = FALSE], L)
  })
}
effect_sd <- function(fit, rows, by) {
  if (!is.null(by$value)) return(by$value)
  if (!is.null(by$column)) {
    rows <- rows[!duplicated(rows[[by$patient]]), ]
    rows <- rows[!is.na(rows[[by$column]]) & !is.na(rows[[by$arm]]), ]
    groups <- split(rows[[by$column]], as.character(rows[[by$arm]]))
    squares <- vapply(groups, function(x) sum((x - mean(x))^2), 0)
    return(sqrt(sum(squares) / sum(lengths(groups) - 1)))
  }
  if (inherits(fit, "by_visit")) {
    variances <- diag(fit$by_visit$Sigma)
    return(sqrt(if (by$by == "residual") variances[1] else mean(variances[fit$by_visit$visit])))
  }
  if (by$by == "residual" || !is(fit, "merMod")) return(sigma(fit))
  random <- Matrix::colSums((sigma(fit) * getME(fit, "Lambdat") %*% getME(fit, "Zt"))^2)
  sqrt(mean(random + sigma(fit)^2 / weights(fit)))
}
"""


def asked_in_r(spec: ModelSpec) -> str:
    """What a model is asked besides its fit, as the R list that ``besides()`` above reads."""
    besides = spec.besides
    if besides is None:
        return ""
    parts = [f"parts = {_vector(map(r_string, besides.parts))}"]
    if besides.of_means:
        columns = besides.design
        at = [
            f"{quote_name(one.column)} = {_vector(map(_named, one.levels, one.numbers))}"
            for one in columns
            if one.numbers is not None
        ]
        listed = []
        for cell in cells(besides):
            places = (
                cell if len(columns) == 2 else cell[:1] if besides.arm is not None else cell[1:]
            )
            values = [
                f"{quote_name(one.column)} = {r_string(one.levels[k])}"
                for one, k in zip(columns, places, strict=True)
            ]
            listed.append(f"{r_string(mean_term(besides, cell))} = list({', '.join(values)})")
        contrasts = []
        for one in cell_contrasts(besides, spec.formula):
            signs = [
                f"{r_string(mean_term(besides, cell))} = {sign:g}"
                for cell, sign in one.signs.items()
            ]
            contrasts.append(f"{r_string(one.term)} = {_vector(signs)}")
        parts += [f"weights = {r_string(besides.weights)}"]
        if at:
            parts.append(f"at = list({', '.join(at)})")
        parts += [_block("cells", listed), _block("contrasts", contrasts)]
        within = [r_string(o.term) for o in cell_contrasts(besides, spec.formula) if o.within]
        if within:
            parts.append(f"within = {_vector(within)}")
    if "effect_size" in besides.parts:
        unit = besides.unit
        sd = [f"by = {r_string(unit.by)}"]
        if unit.value is not None:
            sd.append(f"value = {unit.value!r}")
        if unit.column:
            names = (("column", unit.column), ("arm", unit.arm), ("patient", unit.patient))
            sd += [f"{key} = {r_string(name)}" for key, name in names]
        parts.append(f"sd = list({', '.join(sd)})")
    return "list(" + ",\n  ".join(parts) + ")"


def _named(level: str, number: float) -> str:
    return f"{r_string(level)} = {number!r}"


def _vector(items: Iterable[str]) -> str:
    return f"c({', '.join(items)})"


def _block(name: str, items: list[str]) -> str:
    inside = ",\n    ".join(items)
    return f"{name} = list(\n    {inside})"
