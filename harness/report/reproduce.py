"""``reproduce.R``: the run's reference fits in plain R, for a reader without Python.

The script is written from syntax trees, never from a plan's text: what stands in it is what the
whitelisting parser understood, spelt anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath

from harness.compare.families import Adjusted
from harness.data.codebook import Codebook
from harness.data.detection import Detected
from harness.data.outliers import in_order
from harness.data.scores import Scored
from harness.language import (
    Binary,
    Call,
    Group,
    Name,
    Node,
    Number,
    Text,
    Truth,
    Unary,
    parse_expression,
    quote_name,
)
from harness.models.spec import ModelTask
from harness.plain import plain
from harness.plan.placed import placed_columns
from harness.plan.schema import Plan
from harness.plan.sections.patients import PatientSet
from harness.report.r_text import r_string
from harness.report.reproduce_besides import FUNCTIONS, asked_in_r
from harness.report.reproduce_detection import detection_script
from harness.report.reproduce_families import FUNCTIONS as GATHER
from harness.report.reproduce_families import adjusted_in_r, gathered_in_r
from harness.report.reproduce_hypotheses import HYPOTHESES, hypotheses_in_r
from harness.report.reproduce_imputed import imputed_in_r, imputing_functions
from harness.report.reproduce_leave_one_out import LEAVE_ONE_OUT, left_out_in_r
from harness.report.reproduce_mmrm import by_visit_functions, fitted_by_visit
from harness.report.reproduce_observed import OBSERVED, observed_in_r
from harness.report.reproduce_outliers import OUTLIERS, outliers_in_r
from harness.report.reproduce_probe import PROBE, probed_in_r
from harness.report.reproduce_robust import ROBUST, robust_in_r
from harness.report.reproduce_scales import scaled_in_r
from harness.report.reproduce_scores import scores_script
from harness.report.reproduce_sets import patient_rows, patients_script
from harness.report.reproduce_tobit import tobit_in_r
from harness.report.reproduce_visits import arm_after_in_r, at_visits

_OPERATORS = {"and": "&", "or": "|"}
_FUNCTIONS = {"is_missing": "is.na"}
_DF_METHODS = {"satterthwaite": "Satterthwaite", "kenward-roger": "Kenward-Roger"}

_HEAD = """\
# The reference fits of study {study} in plain R.
#   Rscript reproduce.R [DATA]
# lme4 is held to a tight optimum: by default nloptr stops at xtol_rel = 1e-4, which on a flat
# surface is far from it. The harness also polishes and cross-checks the optimum; expect the
# numbers of estimates.json to about seven digits.

suppressMessages({{library(lme4); library(lmerTest)}})
options(contrasts = c("contr.treatment", "contr.poly"), digits = 10, width = 120)

arguments <- commandArgs(trailingOnly = TRUE)
file <- if (length(arguments)) arguments[1] else {file}
data <- read.csv(file, colClasses = "character", na.strings = c("", "NA"), check.names = FALSE,
                 encoding = "UTF-8"{separator})

tight <- lmerControl(optimizer = "nloptwrap", calc.derivs = FALSE, optCtrl = list(
  algorithm = "NLOPT_LN_BOBYQA", xtol_rel = 0, ftol_rel = 0, xtol_abs = 1e-12, ftol_abs = 0,
  maxeval = 1e5))
finite <- function(x) if (is.numeric(x)) replace(x, !is.finite(x), NA) else x
number <- function(x) as.numeric(x)
flag <- function(x) as.numeric(tolower(x) %in% c("1", "true")) + ifelse(is.na(x), NA, 0)
center <- function(x) x - mean(x, na.rm = TRUE)
"""

_PANEL = """\
at_baseline <- function(x) x[match(data[[{id}]], ifelse(data[[{time}]] == {level}, \
as.character(data[[{id}]]), NA))]
baseline <- function(x) at_baseline(x)
change <- function(x) x - at_baseline(x)
"""

_CODED = """
# Each factor coded as asked, its levels cut to those of complete rows; lmer's own argument
# `contrasts` would not reach the random terms.
coded <- function(data, columns, codings) {
  used <- complete.cases(data[columns])
  for (name in names(codings)) {
    x <- data[[name]]
    x <- factor(x, levels(x)[levels(x) %in% x[used]])
    contrasts(x) <- codings[[name]](nlevels(x))
    data[[name]] <- x
  }
  data
}
"""

_SHOW = """
tests <- function(fit, df_method) {
  if (df_method %in% c("Satterthwaite", "Kenward-Roger"))
    return(coef(summary(fit, ddf = df_method)))
  table <- if (is(fit, "merMod")) coef(summary(fit, ddf = "lme4")) else coef(summary(fit))
  df <- if (df_method == "z") Inf else nobs(fit) - nrow(table)
  cbind(table[, 1:2, drop = FALSE], df = df, "t value" = table[, 3],
        "Pr(>|t|)" = 2 * pt(-abs(table[, 3]), df))
}
show <- function(name, fit, df_method) {
  if (inherits(fit, "by_visit")) return(show_by_visit(name, fit))
  cat("\\n==", name, "\\n")
  print(tests(fit, df_method))
  if (is(fit, "merMod")) {
    print(VarCorr(fit), comp = "Std.Dev.", digits = 8)
    criterion <- if (isREML(fit)) REMLcrit(fit) else -2 * as.numeric(logLik(fit))
    cat(if (isREML(fit)) "REML criterion:" else "-2 log-likelihood:",
        format(criterion, digits = 12), "\\n")
  }
}
"""


def reproduce_script(
    plan: Plan,
    codebook: Codebook,
    tasks: Iterable[ModelTask],
    data_file: PurePath,
    scores: Iterable[Scored] = (),
    families: Sequence[Adjusted] = (),
    detected: Iterable[Detected] = (),
) -> str:
    """The R script of a run.

    Args:
        plan: derived columns, analysis sets, the panel's columns.
        codebook: types and levels of the columns.
        tasks: the models, in order.
        data_file: of the data, as seen from the folder the script is run in.
        scores: the plan's questionnaires; those the file has no scores of are scored in R.
        families: tests that were adjusted together.
        detected: the plan's markers with a limit of detection.
    """
    separator = ', sep = "\\t"' if data_file.suffix.lower() == ".tsv" else ""
    parts = [
        _HEAD.format(
            study=plain(plan.study.id), file=r_string(data_file.as_posix()), separator=separator
        )
    ]
    parts += [_typed(v.name, v.type, v.levels) for v in codebook.variables]
    scores, detected = tuple(scores), tuple(detected)
    parts += scores_script(scores)
    parts += detection_script(detected)
    columns = {variable.name for variable in codebook.variables}
    columns.update(*(one.columns.values() for one in scores), *(one.columns for one in detected))
    time = plan.data.time
    parts.append(
        _PANEL.format(
            id=r_string(plan.data.id), time=r_string(time.column), level=r_string(time.levels[0])
        )
    )
    if plan.outliers:
        parts.append(OUTLIERS)
    for name, is_outliers in in_order(plan, columns):
        if is_outliers:
            parts.append(outliers_in_r(plan, name, plan.outliers[name]))
            continue
        target = f"data[[{r_string(name)}]]"
        expression = r_expression(parse_expression(plan.derive[name]))
        parts.append(f"{target} <- finite(with(data, {expression})) + 0")
    for name, column in placed_columns(plan).items():
        if column.expression:
            expression = r_expression(parse_expression(column.expression))
            parts.append(f"data[[{r_string(name)}]] <- finite(with(data, {expression})) + 0")
        else:
            parts += arm_after_in_r(plan)
    parts.append(_SHOW)
    tasks = tuple(tasks)
    if any(task.spec.contrasts for task in tasks):
        parts.append(_CODED)
    functions = []
    if any(task.spec.besides for task in tasks):
        functions.append(FUNCTIONS)
    if any(task.spec.besides and task.spec.besides.probe for task in tasks):
        functions.append(PROBE)
    if any(task.spec.repeated for task in tasks):
        parts.append(by_visit_functions())
        functions = [text.replace("emmeans::emmeans", "marginal") for text in functions]
    parts += functions
    if any(isinstance(plan.sets[task.key.set], PatientSet) for task in tasks):
        parts.append(patients_script(plan.data, codebook.by_name[time.column].numeric))
    if any(task.spec.besides and task.spec.besides.observed for task in tasks):
        parts.append(OBSERVED)
    adjusted = adjusted_in_r(families)
    if adjusted:
        parts.append(GATHER)
    if any(robust_in_r(task.spec) for task in tasks):
        parts.append(ROBUST)
    if any(left_out_in_r(task.spec) for task in tasks):
        parts.append(LEAVE_ONE_OUT)
    if any(task.spec.besides and task.spec.besides.imputation for task in tasks):
        parts.append(imputing_functions())
    if any(task.spec.besides and task.spec.besides.hypotheses for task in tasks):
        parts.append(HYPOTHESES)
    sets: dict[str, str] = {}
    for task in tasks:
        if task.key.set not in sets:
            sets[task.key.set] = f"set_{len(sets) + 1}"
            rule = plan.sets[task.key.set]
            if isinstance(rule, PatientSet):
                rows = patient_rows(rule, plan.data, r_expression)
            else:
                condition = r_expression(parse_expression(rule))
                rows = f"which(rep_len(with(data, {condition}), nrow(data)))"
            parts.append(f"\n{sets[task.key.set]} <- data[{rows}, ]")
        if task.scaled is not None and (line := scaled_in_r(task.scaled, sets[task.key.set])):
            parts += [line] if line not in parts else []
        tested = gathered_in_r(task.key, families)
        parts.append(_model(task, at_visits(sets[task.key.set], task, codebook), tested))
    return "\n".join([*parts, *adjusted]) + "\n"


def r_expression(node: Node) -> str:
    """An expression of the harness in R's spelling, parenthesised throughout."""
    match node:
        case Number():
            return repr(node.value)
        case Text():
            return r_string(node.value)
        case Truth():
            return "TRUE" if node.value else "FALSE"
        case Name():
            return quote_name(node.name)
        case Group():
            return f"({r_expression(node.inner)})"
        case Unary():
            sign = "!" if node.operator == "not" else node.operator
            return f"({sign}{r_expression(node.operand)})"
        case Binary():
            operator = _OPERATORS.get(node.operator, node.operator)
            return f"({r_expression(node.left)} {operator} {r_expression(node.right)})"
        case Call():
            function = _FUNCTIONS.get(node.function, node.function)
            return f"{function}({', '.join(r_expression(a) for a in node.arguments)})"


def _model(task: ModelTask, rows: str, tested: Sequence[str]) -> str:
    spec, key = task.spec, task.key
    name = " / ".join(key.parts)
    df_method = r_string(_DF_METHODS.get(spec.df_method, spec.df_method))
    if spec.contrasts:
        columns = ", ".join(map(r_string, spec.columns))
        listed = ", ".join(f"{quote_name(column)} = contr.{how}" for column, how in spec.contrasts)
        rows = f"coded({rows}, c({columns}), list({listed}))"
    data = rows
    for part, column in (("weights", spec.weights), ("offset", spec.offset)):
        rows += f", {part} = {quote_name(column)}" if column else ""
    reml = "TRUE" if spec.reml else "FALSE"
    if spec.censored:
        return tobit_in_r(task, r_string(name), rows)
    fit = f"lm({spec.formula.text}, {rows})"
    if spec.repeated is not None:
        fit = fitted_by_visit(spec, rows)
    elif spec.mixed:
        fit = f"lmer({spec.formula.text}, {rows}, REML = {reml}, control = tight)"
    if spec.besides is None and not tested:
        return f"show({r_string(name)}, {fit}, {df_method})"
    lines = [f"fit <- {fit}", f"show({r_string(name)}, fit, {df_method})"]
    if tested:
        terms = f"c({', '.join(tested)})"
        lines.append(f"gather(fit, {df_method}, {r_string(key.place)}, {terms})")
    if asked := asked_in_r(spec):
        lines.append(f"besides(fit, {df_method}, {data}, {asked})")
    if probed := probed_in_r(spec):
        lines.append(f"probe(fit, {df_method}, {data}, {probed})")
    if observed := observed_in_r(spec):
        lines.append(f"observed(fit, {data}, {observed})")
    if which := robust_in_r(spec):
        lines.append(f"robust(fit, {df_method}, {data}, {which})")
    if whose := left_out_in_r(spec):
        lines.append(f"leave_one_out(fit, {df_method}, {data}, {whose})")
    if imputed := imputed_in_r(spec, data):
        lines.append(imputed)
    if hypotheses := hypotheses_in_r(spec):
        lines.append(f"hypotheses(fit, {df_method}, {hypotheses})")
    return "\n".join(lines)


def _typed(name: str, kind: str, levels: Sequence[str]) -> str:
    column = f"data[[{r_string(name)}]]"
    if kind in ("id", "factor"):
        if kind == "id" or not levels:
            return f"{column} <- factor({column})"
        listed = ", ".join(r_string(level) for level in levels)
        return f"{column} <- factor({column}, levels = c({listed}))"
    if kind in ("integer", "number"):
        return f"{column} <- number({column})"
    if kind == "flag":
        return f"{column} <- flag({column})"
    return f"{column} <- {column}"
