"""No answer depends on what the same R process was asked before: other orders, other workers.

Among the requests are some that R refuses, some that warn, and some after which R is left in
disorder; the disorder is R code of the test, run once the request has been answered.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pandas as pd
import pytest
from r_examples import SLEEP, awkward, classic, sleepstudy, spec
from worker_processes import Scripts

from harness.engines.r.channel import Channel
from harness.engines.r.columns import columns_of
from harness.engines.r.request import criterion_request, fit_request
from harness.engines.r.scripts import scripts_folder

PUT_BACK = {
    "options": """options(contrasts = c("contr.sum", "contr.helmert"), na.action = "na.fail",
                          digits = 3, warn = 2, OutDec = ",", stringsAsFactors = TRUE)""",
    "variables": """assign("Reaction", 1, globalenv()); assign("lmer", stop, globalenv())
                    assign("c", function(...) stop("no"), globalenv()); T <<- FALSE""",
    "scripts": "for (name in ls(environment(ask))) assign(name, stop, environment(ask))",
    "random": 'RNGkind("Wichmann-Hill", "Box-Muller", "Rounding"); set.seed(3); rnorm(3)',
    "folder": "setwd(tempdir())",
}
FINAL = {
    "package": "suppressPackageStartupMessages(library(nlme)); library(MASS)",
    "namespace": 'requireNamespace("tcltk", quietly = TRUE); requireNamespace("stats4")',
    "environment": 'Sys.setenv(TZ = "Asia/Tokyo", OMP_NUM_THREADS = "7")',
    "locale": 'Sys.setlocale("LC_COLLATE", "C.UTF-8"); Sys.setlocale("LC_CTYPE", "C")',
    "sink": "sink(tempfile())",
    "device": "grDevices::pdf(NULL)",
}
DISORDER = """
calmly <- ask
ask <- function(request) {
  left <- request$left
  request$left <- NULL
  seen <- surroundings()
  if (!is.null(left)) on.exit(tryCatch(eval(parse(text = left)), error = function(e) NULL))
  c(calmly(request), list(seen = seen))
}
surroundings <- function() {
  variables <- Sys.getenv()
  variables <- variables[names(variables) != "R_SESSION_TMPDIR"]
  here <- list(options = vapply(options(), function(o) paste(deparse(o), collapse = ""), ""),
               global = ls(globalenv(), all.names = TRUE), random = RNGkind(), folder = getwd(),
               variables = variables, attached = search(), packages = sort(loadedNamespaces()),
               locale = Sys.getlocale(), scripts = sort(ls(environment(calmly))))
  lapply(here, digest::digest)
}
"""
"""What a request sees on coming in becomes part of its answer, digested."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One request with its data, and the disorder that R is left in after it."""

    name: str
    request: dict[str, Any]
    data: pd.DataFrame
    left: str = ""

    def answer(self, channel: Channel) -> str:
        """The answer as text, every bit of it."""
        more = {"left": self.left} if self.left else {}
        columns = columns_of(self.data, self.data.columns)
        return json.dumps(channel.ask({**self.request, **more}, columns, what=self.name))


def models() -> list[Asked]:
    """Fits of every kind, refusals and warnings."""
    sleep, hard = sleepstudy(), awkward()
    doubled = sleep.assign(again=2 * sleep["Days"])
    constant = sleep.assign(Reaction=1.0)
    hot = classic("cake", "recipe", "replicate")
    numbers = sleep.assign(logged=np.where(sleep["Days"] > 0, sleep["Days"], -1.0))
    kr = {"df_method": "kenward-roger"}
    asked = {
        "slopes": (fit_request(spec(SLEEP)), sleep),
        "ml": (fit_request(spec("y ~ x * arm + (1 | id)", reml=False)), hard),
        "kenward-roger": (fit_request(spec("y ~ arm + (1 | id)", **kr)), hard),
        "linear": (fit_request(spec("angle ~ recipe * temp")), hot),
        "sum": (fit_request(spec("angle ~ recipe", contrasts=(("recipe", "sum"),))), hot),
        "criterion": (criterion_request(spec(SLEEP), (0.9, 0.1, 0.2)), sleep),
        "rank": (fit_request(spec("Reaction ~ Days + again + (1 | Subject)")), doubled),
        "warns": (fit_request(spec("Reaction ~ log(logged) + (1 | Subject)")), numbers),
        "constant": (fit_request(spec("Reaction ~ Days + (1 | Subject)")), constant),
        "refused": (fit_request(spec("Reaction ~ Days + (1 | Subject)")), sleep.head(10)),
        "unknown": ({"question": "what"}, sleep.head(1)),
    }
    return [Asked(name, request, data) for name, (request, data) in asked.items()]


@pytest.fixture
def disorderly(tmp_path: Path) -> Path:
    """The reference scripts, with the disorder that a request asks for after its answer."""
    folder = tmp_path / "scripts"
    shutil.copytree(scripts_folder(), folder)
    (folder / "zz_disorder.R").write_text(DISORDER, encoding="utf-8")
    return folder


@pytest.fixture
def channels(disorderly: Path) -> Iterator[list[Channel]]:
    made = [Channel(timeout=60, scripts=disorderly) for _ in range(3)]
    yield made
    for channel in made:
        channel.close()


def answers(channels: list[Channel], asked: list[Asked]) -> dict[str, str]:
    """Every answer by name, each request to whichever channel is free."""
    free: SimpleQueue[Channel] = SimpleQueue()
    for channel in channels:
        free.put(channel)

    def one(request: Asked) -> str:
        channel = free.get()
        try:
            return request.answer(channel)
        finally:
            free.put(channel)

    with ThreadPoolExecutor(len(channels)) as pool:
        return dict(zip([a.name for a in asked], pool.map(one, asked), strict=True))


def test_every_order_and_number_of_workers_gives_the_same_bits(channels: list[Channel]) -> None:
    calm = models()
    first = answers(channels[:1], calm)
    told = {name: json.loads(answer) for name, answer in first.items()}
    assert {name for name, answer in told.items() if "error" in answer} == {
        "constant",
        "refused",
        "unknown",
    }
    assert told["warns"]["answer"]["messages"]
    left = [
        Asked(f"{a.name}, leaving {name}", a.request, a.data, code)
        for (name, code), a in zip(PUT_BACK.items(), calm * 2, strict=False)
    ]
    everything = calm + left
    for seed, workers in ((1, 1), (2, 1), (3, 2), (4, 3)):
        shuffled = [everything[i] for i in np.random.default_rng(seed).permutation(len(everything))]
        found = answers(channels[:workers], shuffled)
        for name, answer in found.items():
            assert answer == first[name.partition(",")[0]], f"{name}, order {seed}"


@pytest.mark.parametrize("name", PUT_BACK)
def test_what_can_be_put_back_does_not_end_the_worker(channels: list[Channel], name: str) -> None:
    (channel, *_), request = channels, models()[3]
    calm = request.answer(channel)
    pid = channel.pid
    left = Asked(name, request.request, request.data, PUT_BACK[name])
    assert left.answer(channel) == request.answer(channel) == calm
    assert channel.pid == pid


@pytest.mark.parametrize("name", FINAL)
def test_a_worker_that_cannot_be_put_back_answers_nothing_more(scripts: Scripts, name: str) -> None:
    code = f"""
    if (request$question == "disturb") {{ {FINAL[name]}; return("done") }}
    list(search = I(search()), zone = Sys.getenv("TZ"), threads = Sys.getenv("OMP_NUM_THREADS"),
         locale = Sys.getlocale(), sinks = sink.number(), namespaces = I(loadedNamespaces()),
         devices = length(grDevices::dev.list()))
    """
    channel = Channel(timeout=60, scripts=scripts(code))
    try:
        before = channel.ask({"question": "look"})
        pid = channel.pid
        assert channel.ask({"question": "look"}) == before
        assert channel.pid == pid
        assert channel.ask({"question": "disturb"}) == {"answer": "done"}
        assert channel.pid is None
        assert channel.ask({"question": "look"}) == before
    finally:
        channel.close()


def test_a_package_that_a_question_needs_is_there_before_it_and_stays(scripts: Scripts) -> None:
    folder = scripts('"stats4" %in% loadedNamespaces()')
    needs = 'questions <- list(one = list(packages = "stats4"), other = list())\n'
    (folder / "zzz_questions.R").write_text(needs, encoding="utf-8")
    channel = Channel(timeout=60, scripts=folder)
    try:
        assert channel.ask({"question": "other"}) == {"answer": False}
        pid = channel.pid
        for question, there in (("unknown", False), ("one", True), ("one", True), ("other", True)):
            assert channel.ask({"question": question}) == {"answer": there}
            assert channel.pid == pid
    finally:
        channel.close()
