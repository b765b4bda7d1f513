"""Term labels, their order, intercept, response and random terms, as R has them.

R's answers are kept in r_answers.json, so that the comparison needs no R; with R present they are
asked afresh. To write them again: `python tests/language/test_against_r_terms.py` from the top.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.language import deparse, parse_formula
from language.formulas import FIXED, RANDOM

ANSWERS = Path(__file__).with_name("r_answers.json")

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


def asked_now():
    return {
        "fixed": dict(zip(FIXED, ask_r(FIXED_R, FIXED), strict=True)),
        "random": dict(zip(RANDOM, ask_r(RANDOM_R, RANDOM), strict=True)),
    }


@pytest.fixture(scope="module")
def answers():
    return json.loads(ANSWERS.read_text(encoding="utf-8"))


def grouped(found):
    """An answer with each group as the set of its columns: lme4's own spelling has changed.

    ``a/b/c`` is ``c:(b:a)`` in 1.1-31 and ``c:b:a`` in 1.1-37; the R side spells it out itself.
    """
    bars = [
        {**bar, "group": sorted(bar["group"].replace("(", "").replace(")", "").split(":"))}
        for bar in found["random"]
    ]
    return {**found, "random": bars}


@pytest.mark.parametrize("text", FIXED)
def test_fixed_part_is_r_terms(text, answers):
    formula = parse_formula(text)
    ours = {
        "labels": [term.label for term in formula.terms],
        "intercept": formula.intercept,
        "response": deparse(formula.response),
        "text": formula.text,
    }
    assert ours == answers["fixed"][text]


@pytest.mark.parametrize("text", RANDOM)
def test_random_part_is_lme4_findbars(text, answers):
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
    assert grouped(ours) == grouped(answers["random"][text])


@pytest.mark.live_r
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript")
def test_the_recorded_answers_are_r_s_own(answers):
    now = asked_now()
    assert now["fixed"] == answers["fixed"]
    assert {text: grouped(found) for text, found in now["random"].items()} == {
        text: grouped(found) for text, found in answers["random"].items()
    }


@pytest.mark.live_r
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs Rscript")
def test_lme4_loses_a_removal_behind_random_terms():
    """Why `(1 | g) - 1` is refused: lme4 would fit the intercept that was to be removed."""
    script = "cat(jsonlite::toJSON(deparse(lme4::nobars(y ~ (1 | g) - 1)), auto_unbox = TRUE))"
    assert ask_r(script, []) == "y ~ 1"


if __name__ == "__main__":
    text = json.dumps(asked_now(), indent=1, ensure_ascii=False)
    ANSWERS.write_text(text + "\n", encoding="utf-8")
