"""Term labels, their order, intercept, response and random terms against R itself."""

import json
import shutil
import subprocess

import pytest

from harness.language import deparse, parse_formula

from .formulas import FIXED, RANDOM

pytestmark = [
    pytest.mark.live_r,
    pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript"),
]

FIXED_R = """
ask <- jsonlite::fromJSON(file("stdin"), simplifyVector = FALSE)
one <- function(text) {
  f <- stats::as.formula(text)
  t <- stats::terms(f)
  list(labels = as.list(attr(t, "term.labels")), intercept = attr(t, "intercept") == 1,
       response = paste(deparse(f[[2]], width.cutoff = 500L, backtick = TRUE), collapse = " "),
       text = paste(deparse(f, width.cutoff = 500L), collapse = " "))
}
cat(jsonlite::toJSON(lapply(ask, one), auto_unbox = TRUE))
"""

RANDOM_R = """
suppressMessages(library(lme4))
ask <- jsonlite::fromJSON(file("stdin"), simplifyVector = FALSE)
line <- function(x) paste(deparse(x, width.cutoff = 500L, backtick = TRUE), collapse = " ")
one <- function(text) {
  f <- stats::as.formula(text)
  fixed <- stats::terms(lme4::nobars(f))
  bar <- function(b) {
    t <- stats::terms(eval(substitute(~ foo, list(foo = b[[2]]))))
    list(intercept = attr(t, "intercept") == 1, labels = as.list(attr(t, "term.labels")),
         group = line(b[[3]]))
  }
  list(labels = as.list(attr(fixed, "term.labels")), intercept = attr(fixed, "intercept") == 1,
       random = lapply(lme4::findbars(f), bar), text = line(f))
}
cat(jsonlite::toJSON(lapply(ask, one), auto_unbox = TRUE))
"""


def ask_r(script, formulas):
    done = subprocess.run(
        ["Rscript", "-e", script],
        input=json.dumps(formulas),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def r_fixed():
    return dict(zip(FIXED, ask_r(FIXED_R, FIXED), strict=True))


@pytest.fixture(scope="module")
def r_random():
    return dict(zip(RANDOM, ask_r(RANDOM_R, RANDOM), strict=True))


@pytest.mark.parametrize("text", FIXED)
def test_fixed_part_is_r_terms(text, r_fixed):
    formula = parse_formula(text)
    ours = {
        "labels": [term.label for term in formula.terms],
        "intercept": formula.intercept,
        "response": deparse(formula.response),
        "text": formula.text,
    }
    assert ours == r_fixed[text]


@pytest.mark.parametrize("text", RANDOM)
def test_random_part_is_lme4_findbars(text, r_random):
    formula = parse_formula(text)
    ours = {
        "labels": [term.label for term in formula.terms],
        "intercept": formula.intercept,
        "random": [
            {
                "intercept": bar.intercept,
                "labels": [term.label for term in bar.terms],
                "group": bar.group_label,
            }
            for bar in formula.random
        ],
        "text": formula.text,
    }
    assert ours == r_random[text]


def test_lme4_loses_a_removal_behind_random_terms():
    """Why `(1 | g) - 1` is refused: lme4 would fit the intercept that was to be removed."""
    script = "cat(jsonlite::toJSON(deparse(lme4::nobars(y ~ (1 | g) - 1)), auto_unbox = TRUE))"
    assert ask_r(script, []) == "y ~ 1"
