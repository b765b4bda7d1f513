"""What the README of the R side and its files show runs, in a plain R session."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from harness.engines.r.scripts import scripts_folder

RScript = Callable[..., str]

HEADED = (
    "adjust",
    "anova",
    "besides",
    "effect_size",
    "emmeans",
    "evaluate",
    "fit_glmmtmb",
    "fit_gls",
    "fit_lm",
    "fit_lmer",
    "fit_survreg",
    "hypotheses",
    "impute",
    "intermediates",
    "kenward_roger",
    "leave_one_out",
    "likelihood_ratio",
    "model",
    "moderation",
    "observed",
    "predict",
    "profile",
    "robust",
)


def readme() -> str:
    return (scripts_folder() / "README.md").read_text(encoding="utf-8")


def shown_in_readme() -> list[str]:
    lines = [line[4:] for line in readme().splitlines() if line.startswith("    ")]
    return [line for line in lines if not line.startswith(("Rscript ", "source("))]


def head_of(name: str) -> list[str]:
    """The examples in the comment at the head of a file: its lines indented by three."""
    text = (scripts_folder() / f"{name}.R").read_text(encoding="utf-8")
    return [line[4:] for line in text.split("\n\n")[0].splitlines() if line.startswith("#   ")]


@pytest.fixture(scope="module")
def ran(rscript: RScript, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Every example, in one plain R session: by page, whether each expression answered."""
    folder = tmp_path_factory.mktemp("shown")
    pages = {"README": shown_in_readme(), **{name: head_of(name) for name in HEADED}}
    for page, lines in pages.items():
        (folder / f"{page}.shown").write_text("\n".join(lines) + "\n", encoding="utf-8")
    script = folder / "all.R"
    script.write_text(
        f'source("{scripts_folder()}/run.R", chdir = TRUE)\n'
        "settle_locale()\n"
        f'for (page in list.files("{folder}", "shown$", full.names = TRUE))\n'
        "  for (one in parse(page)) {\n"
        "    found <- tryCatch(is.list(eval(one, globalenv())), error = conditionMessage)\n"
        '    cat(sub("[.]shown$", "", basename(page)), found, deparse1(one), sep = "\\t")\n'
        '    cat("\\n")\n'
        "  }\n",
        encoding="utf-8",
    )
    found: dict[str, list[str]] = {page: [] for page in pages}
    for line in rscript("", str(script)).splitlines():
        page, answered, code = line.split("\t", 2)
        found[page].append("" if answered == "TRUE" else f"{code}: {answered}")
    return found


@pytest.mark.parametrize("page", ["README", *HEADED])
def test_the_lines_shown_run(ran: dict[str, list[str]], page: str) -> None:
    assert len(ran[page]) >= (25 if page == "README" else 1)
    assert not any(ran[page]), ran[page]


def test_every_file_and_question_is_in_the_table() -> None:
    table = "\n".join(line for line in readme().splitlines() if line.startswith("| `"))
    for script in scripts_folder().glob("*.R"):
        assert f"`{script.name}`" in table, script.name
    answers = (scripts_folder() / "answer.R").read_text(encoding="utf-8")
    for question in re.findall(r"^  (\w+) = list\(takes", answers, re.MULTILINE):
        assert f"`{question}`" in table, question


def test_no_script_evaluates_text() -> None:
    for script in scripts_folder().glob("*.R"):
        code = re.sub(r"#.*", "", script.read_text(encoding="utf-8"))
        for banned in (
            "parse(",
            "as.formula",
            "str2lang",
            "reformulate",
            "str2expression",
            "eval(parse",
        ):
            assert banned not in code, f"{script.name}: {banned}"
