"""Every question has the same answer, bit for bit, from the worker and from a plain ``Rscript``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from question_cases import CASES, Case
from test_two_channels import _floats

from harness.engines.r.channel import Channel
from harness.engines.r.columns import columns_of, plain_columns
from harness.engines.r.questions import QUESTIONS, question_columns, question_request
from harness.engines.r.scripts import scripts_folder

RScript = Callable[..., str]


def asked(case: Case) -> tuple[dict[str, Any], Any]:
    """The request and its columns."""
    request = question_request(case.question, case.model, case.arguments)
    names = question_columns(case.question, case.model, case.frame, case.arguments)
    return request, columns_of(case.frame, names) if case.frame is not None else ()


@pytest.fixture(scope="module")
def worker(r_home: Path) -> Any:
    channel = Channel()
    yield channel
    channel.close()


@pytest.fixture(scope="module")
def alone(rscript: RScript, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answers of one plain R session that sources run.R, the cases in reverse."""
    folder = tmp_path_factory.mktemp("questions")
    for name, case in CASES.items():
        request, columns = asked(case)
        request["data"] = plain_columns(columns)
        (folder / f"{name}.json").write_text(json.dumps(request), encoding="utf-8")
    script = folder / "ask.R"
    script.write_text(
        f'setwd("{scripts_folder()}"); source("run.R")\n'
        f'for (file in rev(list.files("{folder}", "[.]json$", full.names = TRUE)))\n'
        'write_answer(answer(read_request(file)), sub("json$", "answer", file))\n',
        encoding="utf-8",
    )
    rscript("", str(script))
    read = {}
    for name in CASES:
        read[name] = json.loads((folder / f"{name}.answer").read_text(encoding="utf-8"))
    return read


def canonical(answer: Any) -> str:
    return json.dumps(_floats(answer), sort_keys=True)


@pytest.mark.parametrize("name", CASES)
def test_both_channels_answer_alike(worker: Channel, alone: dict[str, Any], name: str) -> None:
    there = worker.ask(*asked(CASES[name]))
    assert "answer" in there, there
    assert canonical(there) == canonical(alone[name])


@pytest.mark.parametrize("name", ["means", "glmmtmb", "gls"])
def test_a_request_alone_is_answered_as_one_among_others(
    rscript: RScript, alone: dict[str, Any], tmp_path: Path, name: str
) -> None:
    """``Rscript run.R request answer``: a package loaded by an earlier question changes nothing."""
    request, columns = asked(CASES[name])
    request["data"] = plain_columns(columns)
    (tmp_path / "q.json").write_text(json.dumps(request), encoding="utf-8")
    run = str(scripts_folder() / "run.R")
    rscript("", run, str(tmp_path / "q.json"), str(tmp_path / "a.json"))
    given = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert canonical(given) == canonical(alone[name])


def test_every_question_is_asked_here() -> None:
    assert {case.question for case in CASES.values()} == set(QUESTIONS)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("adjust", "hedges-g")])
def test_every_answer_on_a_model_says_whether_it_may_be_a_reference(
    alone: dict[str, Any], name: str
) -> None:
    answer = alone[name]["answer"]
    assert answer["quality"]["clean"] is True, answer["quality"]
    assert answer["quality"]["reasons"] == []
    assert answer["versions"]["R"]
    assert answer["versions"]["lme4"]


def test_tapes_of_glmmtmb_are_not_reordered_and_its_setting_is_given_back(
    rscript: RScript, tmp_path: Path
) -> None:
    """TMB's optimiser of tapes orders sums by addresses: one process in twenty told other bits."""
    script = tmp_path / "tapes.R"
    script.write_text(
        f'setwd("{scripts_folder()}"); source("run.R"); invisible(loadNamespace("glmmTMB"))\n'
        "state <- function(when)\n"
        '  cat(when, TMB::config(DLL = "glmmTMB")$optimize.instantly, "\\n")\n'
        "ours <- tmb_control\n"
        'tmb_control <- function(trail) { state("inside"); ours(trail) }\n'
        'state("before")\n'
        "invisible(fit_glmmtmb(Reaction ~ Days + (1 | Subject), lme4::sleepstudy))\n"
        'state("after")\n'
        'try(fit_glmmtmb(Reaction ~ Days, lme4::sleepstudy), silent = TRUE); state("refused")\n',
        encoding="utf-8",
    )
    said = rscript("", str(script)).split()
    assert dict(zip(said[::2], said[1::2], strict=True)) == {
        "before": "1",
        "inside": "0",
        "after": "1",
        "refused": "1",
    }
