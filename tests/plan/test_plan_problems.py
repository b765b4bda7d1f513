"""Plans that are wrong: every problem at once, each with its line, and nothing silently ignored."""

# ruff: noqa: E501 - the tables of mistakes have one case a line

import pytest
from small_study import PLAN, changed, line_with, the_problem, with_mistake, write_study
from small_study import problems_of as problems_of_opening

from harness.errors import PlanError
from harness.plan import load_plan, read_plan


def problems_of(folder, text):
    return problems_of_opening(load_plan, folder, plan=text)


ONE_MISTAKE = [
    # id, what is replaced, by what, where the message stands, key, message
    ("unknown key", "    reml: true", "    remel: true", "remel", "analyses[0].remel", "did you mean `reml`?"),
    ("unknown section", "sets:\n", "setz: {}\nsets:\n", "setz", "setz", "did you mean `sets`?"),
    ("unknown key in a section", "engine: lme4,", "engine: lme4, jobs: 2,", "jobs", "reference.jobs", "known: engine, mode, timeout"),
    ("version", "version: 1", "version: 2", "version", "version", "is 1, not 2"),
    ("version as text", "version: 1", "version: '1'", "version", "version", 'is 1, not "1"'),
    ("kind", "    kind: lmm", "    kind: lmmm", "lmmm", "analyses[0].kind", "did you mean lmm?"),
    ("mode", "mode: auto", "mode: fast", "fast", "reference.mode", 'is auto, live or recorded, not "fast"'),
    ("reml as text", "    reml: true", "    reml: yes", "reml", "analyses[0].reml", 'is true or false, not "yes"'),
    ("outcomes not a list", "outcomes: [bdi, ln_il6]", "outcomes: bdi", "outcomes: bdi", "analyses[0].outcomes", "must be a list"),
    ("no outcomes", "outcomes: [bdi, ln_il6]", "outcomes: []", "outcomes: []", "analyses[0].outcomes", "at least 1 entry"),
    ("column as number", "  id: id", "  id: 12", "id: 12", "data.id", 'write "12" in quotes'),
    ("column empty", "  id: id", "  id:", "  id:", "data.id", "has no value"),
    ("set as boolean", 'ITT: "true"', "ITT: true", "ITT", "sets.ITT", 'write "true" in quotes'),
    ("one level", "levels: [0, 2]", "levels: [0]", "levels: [0]", "data.time.levels", "at least 2"),
    ("level twice", "levels: [0, 2]", "levels: [0, '0']", "levels: [0", "data.time.levels[1]", "`0` stands twice"),
    ("study id", "id: small", "id: ../small", "../small", "study.id", "letters, digits"),
    ("missing id", "  id: id\n", "", "data:", "data.id", "is missing"),
    ("timeout", "timeout: 120", "timeout: 0", "timeout: 0", "reference.timeout", "greater than 0"),
    ("sha256", "  file: small.csv", "  file: small.csv\n  sha256: abc", "sha256", "data.sha256", "64 hexadecimal"),
    ("absolute path", "file: small.csv", "file: /etc/passwd", "passwd", "data.file", "relative to the plan"),
    ("home path", "file: small.csv", "file: ~/small.csv", "~/small", "data.file", "relative to the plan"),
    ("url", "file: small.csv", "file: 'http://x/small.csv'", "http", "data.file", "relative to the plan"),
    ("same id", "- id: change", "- id: efficacy", "kind: ols", "analyses[2].id", "already the id of analysis 1"),
    ("unknown set", "sets: [ITT, PP]", "sets: [ITT, CC]", "CC", "analyses[0].sets[1]", "no set `CC`; there are ITT, PP"),
    ("set twice", "sets: [ITT, PP]", "sets: [ITT, ITT]", "ITT, ITT", "analyses[0].sets[1]", "`ITT` stands twice"),
    ("outcome twice", "[bdi, ln_il6]", "[bdi, bdi]", "bdi, bdi", "analyses[0].outcomes[1]", "`bdi` stands twice"),
    ("bad expression", "sessions >= 6", "sessions => 6", "=> 6", "sets.PP", "equality is `==` at character 26"),
    ("code in a set", "sessions >= 6", "__import__('os')", "__import__", "sets.PP", "not part of the language"),
    ("baseline in a set", "sessions >= 6", "baseline(bdi) > 9", "baseline(bdi)", "sets.PP", "for derived columns"),
    ("bad derived", '"log(il6)"', '"ln(il6)"', "ln(il6)", "derive.ln_il6", "no function `ln`"),
    ("bad formula", "arm * visit + (1 | id)", "arm * * visit + (1 | id)", "* *", "analyses[0].formula", "at character 19"),
    ("no outcome in the formula", '"{outcome} ~ arm * visit + (1 | id)"', '"bdi ~ arm * visit + (1 | id)"', "bdi ~", "analyses[0].formula", "left of `~` stands `{outcome}`"),
    ("outcome on the right", '"{outcome} ~ arm + bdi"', '"bdi ~ arm + {outcome}"', "bdi ~", "analyses[2].formula", "left of `~` stands `{outcome}`"),
    ("unknown placeholder", "{moderator} +", "{mediator} +", "mediator", "analyses[1].formula", "no placeholder `{mediator}`"),
    ("no moderators", '    moderators: [il6_0, "body mass"]\n', "", "* {moderator}", "analyses[1].formula", "names no moderators"),
    ("moderation without moderator", "    kind: ols", "    kind: moderation", "arm + bdi", "analyses[2].formula", "a moderation has `{moderator}`"),
    ("moderators unused", " * {moderator}", "", "arm * visit + (1 | id)\"\n    outcomes: [bdi]\n", "analyses[1].formula", "has no `{moderator}`"),
    ("lmm without random term", "{outcome} ~ arm * visit + (1 | id)", "{outcome} ~ arm * visit", "arm * visit", "analyses[0].formula", "needs a random term"),
    ("ols with random term", "{outcome} ~ arm + bdi", "{outcome} ~ arm + bdi + (1 | id)", "arm + bdi", "analyses[2].formula", "has no random terms"),
    ("outcome also predictor", "outcomes: [gain]", "outcomes: [bdi]", "arm + bdi", "analyses[2].formula", "also a predictor"),
    ("satterthwaite for ols", "    outcomes: [gain]", "    df: satterthwaite\n    outcomes: [gain]", "    df: satterthwaite\n    outcomes", "analyses[2].df", "for mixed models"),
    ("reml for ols", "    outcomes: [gain]", "    reml: false\n    outcomes: [gain]", "reml: false", "analyses[2].reml", "no meaning"),
    ("kenward-roger by ML", "reml: true\n    df: satterthwaite", "reml: false\n    df: kenward-roger", "kenward", "analyses[0].df", "Kenward-Roger needs a REML fit"),
    ("kenward-roger for ols", "    outcomes: [gain]", "    df: kenward-roger\n    outcomes: [gain]", "df: kenward", "analyses[2].df", "for mixed models"),
    ("coding", "    reml: true", "    contrasts: {arm: sums}", "sums", "analyses[0].contrasts.arm", "did you mean sum?"),
    ("codings as a list", "    reml: true", "    contrasts: [arm]", "[arm]", "analyses[0].contrasts", "must be a mapping"),
    ("weights as number", "    reml: true", "    weights: 2", "weights", "analyses[0].weights", 'write "2" in quotes'),
    ("weights misspelt", "    reml: true", "    weigths: il6", "weigths", "analyses[0].weigths", "did you mean `weights`?"),
    ("probe", "    outcomes: [bdi]\n", "    outcomes: [bdi]\n    probe: {at: [mean-sd, 3], johnson_neyman: true}\n", "probe", "analyses[1].probe", "a name that needs back-ticks"),
    ("one column twice", "column: visit", "column: arm", "data:", "data", "three different columns"),
    ("published absolute", "reference:", "published: /published.yaml\nreference:", "published", "published", "relative to the plan"),
    ("published as csv", "reference:", "published: published.csv\nreference:", "published", "published", "not a .yaml file"),
    ("published missing", "reference:", "published: published.yaml\nreference:", "published", "published", "is not there"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "place", "key", "message"),
    [case[1:] for case in ONE_MISTAKE],
    ids=[case[0] for case in ONE_MISTAKE],
)
def test_one_mistake_is_one_problem_with_line_and_key(tmp_path, old, new, place, key, message):
    text = with_mistake(old, new)
    found = problems_of(tmp_path, text)
    problem = the_problem(found, key, message)
    wanted = line_with(text, place)
    if key.endswith("].id"):
        wanted -= 1  # the place named is the line below
    assert problem.line == wanted, str(problem)
    assert problem.file == str(tmp_path / "plan.yaml")
    others = [p for p in found if p is not problem]
    assert not others or "formula" in key or "published" in key, "\n".join(map(str, others))


def test_all_problems_at_once_in_the_order_of_their_lines(tmp_path):
    text = changed(PLAN, "synthetic: true", "syntetic: true")
    text = changed(text, "sessions >= 6", "sessions >= ")
    text = changed(text, "reml: true", "reml: false")
    text = changed(text, "df: satterthwaite", "df: kenward-roger")
    text = changed(text, "kind: ols", "kind: old")
    text = changed(text, "engine: lme4", "engine: nlme")
    found = problems_of(tmp_path, text)
    assert [p.key for p in found] == [
        "study.syntetic",
        "sets.PP",
        "analyses[0].df",
        "analyses[2].kind",
        "reference.engine",
    ]
    lines = [line_with(text, p) for p in ("syntetic", "sessions", "kenward", "kind: old", "nlme")]
    assert [p.line for p in found] == lines


def test_a_broken_analysis_does_not_hide_or_move_the_problems_of_the_others(tmp_path):
    text = changed(PLAN, "kind: lmm", "kind: lmmm")
    text = changed(text, "{outcome} ~ arm + bdi", "{outcome} ~ arm +")
    found = problems_of(tmp_path, text)
    assert [(p.key, p.line) for p in found] == [
        ("analyses[0].kind", line_with(text, "lmmm")),
        ("analyses[2].formula", line_with(text, '~ arm +"')),
    ]


def test_several_broken_analyses_are_all_taken_out(tmp_path):
    text = changed(PLAN, "kind: lmm", "kind: lmmm")
    text = changed(text, "kind: moderation", "kind: mod")
    text = changed(text, "{outcome} ~ arm + bdi", "{outcome} ~ arm +")
    path = write_study(tmp_path, plan=text)
    loaded = read_plan(path)
    assert [p.key for p in loaded.problems] == [
        "analyses[0].kind",
        "analyses[1].kind",
        "analyses[2].formula",
    ]
    assert [a.id for a in loaded.plan.analyses] == ["change"]


def test_too_many_models_are_refused(tmp_path):
    names = ", ".join(f"y{i}" for i in range(5001))
    found = problems_of(tmp_path, changed(PLAN, "[bdi, ln_il6]", f"[{names}]"))
    assert [(p.key, p.message) for p in found] == [("analyses", "10005 models; 10000 are allowed")]


NOT_YAML = {
    "empty": ("", 1, "is empty"),
    "only a comment": ("# nothing\n", 1, "is empty"),
    "a list": ("- version: 1\n", 1, "is not a mapping"),
    "a tab": ("version: 1\n\tstudy: 2\n", 2, "not YAML"),
    "unclosed": ("version: [1\nstudy: 2\n", 2, "not YAML"),
    "key twice": ("version: 1\nversion: 1\n", 2, "stands twice; first in line 1"),
    "alias": ("version: 1\na: &x [1]\nb: *x\n", 2, "is an anchor"),
    "alias bomb": ("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", 1, "is an anchor"),
    "python tag": ("version: !!python/object/apply:os.system ['true']\n", 1, "the tag"),
    "own tag": ("version: !thing 1\n", 1, "the tag"),
    "two documents": ("version: 1\n---\nversion: 1\n", 2, "a second YAML document"),
    "key that is a list": ("version: 1\n? [a]\n: 1\n", 2, "a key that is not plain text"),
    "deep": ("a: " + "[" * 60 + "]" * 60, 1, "nested more than"),
    "very deep": ("a: " + "[" * 100_000, 1, "nested more than"),
    "control character": ("version: 1\nstudy: a\x07b\n", 2, "not YAML"),
}


@pytest.mark.parametrize(("text", "line", "message"), NOT_YAML.values(), ids=NOT_YAML.keys())
def test_what_is_no_plain_yaml_is_refused(tmp_path, text, line, message):
    found = problems_of(tmp_path, text)
    matching = [p for p in found if message in p.message]
    assert matching, "\n".join(map(str, found))
    assert matching[0].line == line


def test_merge_keys_are_unknown_keys(tmp_path):
    found = problems_of(tmp_path, PLAN + "<<: {version: 1}\n")
    assert [p.key for p in found] == ["<<"]


def test_a_file_that_is_not_there_not_text_or_too_large(tmp_path):
    with pytest.raises(PlanError, match="does not exist"):
        load_plan(tmp_path / "no.yaml")
    with pytest.raises(PlanError, match="not a regular file"):
        load_plan(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("version: 1\n# é".encode("latin-1"))
    with pytest.raises(PlanError, match=r"latin.yaml:2: is not UTF-8"):
        load_plan(tmp_path / "latin.yaml")
    (tmp_path / "large.yaml").write_text("# " + "x" * 300_000)
    with pytest.raises(PlanError, match="larger than"):
        load_plan(tmp_path / "large.yaml")


PUBLISHED = """\
paper: {id: smith2024, alpha: 0.05}
results:
  - id: T2
    printed: {estimate: "-3.21", se: 1.25,
              p: "0.010"}
  - id: T3
    printed:
      mean: 40.3
flow:
  - {id: F1, printed: {randomised: 35}}
"""


def test_unquoted_published_numbers_are_refused_with_their_lines(tmp_path):
    write_study(tmp_path)
    (tmp_path / "published.yaml").write_text(PUBLISHED)
    found = problems_of(tmp_path, PLAN + "published: published.yaml\n")
    assert [(p.line, p.key) for p in found] == [
        (4, "results[0].printed.se"),
        (8, "results[1].printed.mean"),
        (10, "flow[0].printed.randomised"),
    ]
    assert all(p.file == str(tmp_path / "published.yaml") for p in found)
    assert '"40.3"' in found[1].message


def test_quoted_published_numbers_are_fine(tmp_path):
    quoted = PUBLISHED.replace("1.25", '"1.25"').replace("40.3", "'40.3'").replace("35", '"35"')
    path = write_study(tmp_path, plan=PLAN + "published: published.yaml\n")
    (tmp_path / "published.yaml").write_text(quoted)
    assert load_plan(path).published == "published.yaml"


def test_a_misspelt_required_key_hides_nothing_and_is_one_problem(tmp_path):
    text = (
        PLAN.replace("kind:", "kynd:")
        .replace('"arm == ', '"arm = ')
        .replace("log(il6)", "lag(il6)")
    )
    found = {problem.key: problem.message for problem in problems_of(tmp_path, text)}
    assert {key for key in found if key.startswith("analyses")} == {
        f"analyses[{k}].kynd" for k in range(3)
    }
    assert "did you mean `kind`?" in found["analyses[0].kynd"]
    assert {"sets.PP", "derive.ln_il6"} <= set(found)


def test_a_plan_without_one_sound_analysis_is_still_checked_elsewhere(tmp_path):
    text = PLAN.replace("outcomes:", "results:").replace('"arm == ', '"arm = ')
    found = {problem.key for problem in problems_of(tmp_path, text)}
    assert "analyses" not in found, "there are analyses: each has a problem of its own"
    assert {"analyses[0].outcomes", "analyses[2].results", "sets.PP"} <= found


def test_a_misspelt_section_is_still_checked(tmp_path):
    text = PLAN.replace("analyses:", "analysis:").replace("change(bdi)", "chance(bdi)")
    found = {problem.key for problem in problems_of(tmp_path, text)}
    assert found == {"analysis", "derive.gain"}
