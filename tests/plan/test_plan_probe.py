"""How a plan probes a moderation: what is read, and what is refused with its line."""

# ruff: noqa: E501 - the table of mistakes has one case a line

import pytest
from small_study import PLAN, changed, line_with, the_problem, write_study
from small_study import problems_of as problems_of_opening

from harness.models.besides import DesignColumn, Probe
from harness.models.expand import tasks
from harness.plan import load_plan

MODERATORS = '    moderators: [il6_0, "body mass"]\n'


def probed(probe: str, moderators: str = "    moderators: [il6_0]\n") -> str:
    return changed(PLAN, MODERATORS, f"{moderators}    probe: {probe}\n")


def besides_of(tmp_path, probe):
    plan = load_plan(write_study(tmp_path, plan=probed(probe)))
    return [task.spec.besides for task in tasks(plan)]


def test_a_probe_is_asked_of_the_models_with_a_moderator(tmp_path):
    efficacy, *_, moderation, change = besides_of(
        tmp_path, "{at: [mean, 2.5, q25], johnson_neyman: true}"
    )
    assert efficacy is None
    assert change is None
    assert moderation.parts == ("slopes", "johnson_neyman")
    assert moderation.probe == Probe("il6_0", ("mean", 2.5, "q25"), "id", 0.05)
    assert moderation.arm == DesignColumn("arm", ("TAU", "New"))
    assert moderation.columns == ("id",)


def test_slopes_alone_at_the_usual_values(tmp_path):
    *_, moderation, _ = besides_of(tmp_path, "{}")
    assert moderation.parts == ("slopes",)
    assert moderation.probe.at == ("mean-sd", "mean", "mean+sd")


def test_beside_other_parts(tmp_path):
    text = probed("{alpha: 0.01, johnson_neyman: true}")
    text = changed(text, "    probe:", "    report: [coefficients, emmeans]\n    probe:")
    *_, moderation, _ = (t.spec.besides for t in tasks(load_plan(write_study(tmp_path, plan=text))))
    assert moderation.parts == ("emmeans", "slopes", "johnson_neyman")
    assert moderation.probe.alpha == 0.01
    assert moderation.as_json()["probe"] == {
        "moderator": "il6_0", "names": ["mean-sd", "mean", "mean+sd"], "values": [0.0, 0.0, 0.0],
        "per": "id", "alpha": 0.01,
    }  # fmt: skip


def test_controlled_for_false_discoveries(tmp_path):
    *_, moderation, _ = besides_of(tmp_path, "{johnson_neyman: true, control: fdr}")
    assert moderation.as_json()["probe"]["control"] == "fdr"


NO_TERM = changed(
    probed("{}"), '"{outcome} ~ arm * visit * {moderator} + (1 | id)"', '"{outcome} ~ arm + visit * {moderator} + (1 | id)"',
)  # fmt: skip
MISTAKES = [
    ("name", probed("{at: [average]}"), "average", "analyses[1].probe.at[0]", "`average` is no value of a moderator"),
    ("percentile", probed("{at: [q101]}"), "q101", "analyses[1].probe.at[0]", "`q101` is no value"),
    ("sd", probed("{at: [mean, mean+xsd]}"), "mean+xsd", "analyses[1].probe.at[1]", "is no value"),
    ("not finite", probed("{at: [.inf]}"), ".inf", "analyses[1].probe.at[0]", "`.inf` is no value of a moderator"),
    ("twice", probed("{at: [mean, 2, mean]}"), "probe:", "analyses[1].probe.at", "names a value twice"),
    ("none", probed("{at: []}"), "probe:", "analyses[1].probe.at", ""),
    ("alpha", probed("{alpha: 1.5}"), "alpha", "analyses[1].probe.alpha", ""),
    ("control", probed("{johnson_neyman: true, control: bh}"), "control", "analyses[1].probe.control", ""),
    ("nothing to control", probed("{control: fdr}"), "control", "analyses[1].probe.control", "has no effect: without johnson_neyman there is no region"),
    ("unknown key", probed("{jn: true}"), "jn", "analyses[1].probe.jn", ""),
    ("no moderator", changed(PLAN, "    reml: true\n", "    reml: true\n    probe: {}\n"), "probe", "analyses[0].probe", "has no effect: the analysis names no moderators"),
    ("no term", NO_TERM, "probe", "analyses[1].probe", "has both `arm` and `il6_0`: nothing moderates the effect of the arm"),
    ("back-ticks", probed("{}", MODERATORS), "probe", "analyses[1].probe", "a name that needs back-ticks"),
]  # fmt: skip


@pytest.mark.parametrize(("plan", "place", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])  # fmt: skip
def test_one_mistake_is_one_problem_with_its_line(tmp_path, plan, place, key, message):
    found = problems_of_opening(load_plan, tmp_path, plan=plan)
    problem = the_problem(found, key, message)
    assert problem.line == line_with(plan, place)
    assert len(found) == 1
