"""Whether a report says of a moderator what its model can say."""

from harness.language import parse_formula
from harness.models.spec import ModelKey, ModelSpec, ModelTask
from harness.report.moderation import moderation_lines


def task(analysis: str, formula: str, moderator: str = "z") -> ModelTask:
    key = ModelKey(analysis, "ITT", "y", moderator)
    return ModelTask(key, ModelSpec(parse_formula(formula)))


def test_only_an_interaction_with_the_arm_is_predictive() -> None:
    predictive, prognostic = moderation_lines(
        [
            task("threeway", "y ~ arm * time * z + (1 | id)"),
            task("change", "y ~ arm * center(z)"),
            task("slope", "y ~ arm + z"),
            task("times", "y ~ arm * time + time * z + (1 | id)"),
            task("none", "y ~ arm * time + (1 | id)", ""),
        ],
        "arm",
    )
    assert predictive.startswith("threeway, change: coefficients with both `arm` and the moderator")
    assert "(predictive)" in predictive
    assert prognostic.startswith("slope, times: no term has both `arm` and the moderator")
    assert "no evidence" in prognostic


def test_a_plan_without_moderators_has_nothing_to_say() -> None:
    assert moderation_lines([task("none", "y ~ arm * time + (1 | id)", "")], "arm") == ()
