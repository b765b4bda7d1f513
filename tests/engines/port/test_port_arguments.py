"""Wrong arguments: one line that names what is wrong, of a documented type, before any algebra."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from port_data import longitudinal

import harness
from harness.engines.port.fit import Fit
from harness.errors import DataError, HarnessError, ModelError

FORMULA = "y ~ arm * t + (t | g)"


@cache
def frame() -> pd.DataFrame:
    data = longitudinal(3)
    return data.assign(o=np.arange(len(data)) / 7.0)


@cache
def fit() -> Fit:
    return harness.lmer(FORMULA, frame())


@cache
def linear() -> Any:
    return harness.lm("y ~ arm * t", frame())


def refused(call: Callable[[], object], message: str, kind: type[HarnessError]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(kind, match=message) as raised:
            call()
    assert "\n" not in str(raised.value)


class TestTheCall:
    @pytest.mark.parametrize("formula", [None, 3, b"y ~ t"], ids=repr)
    @pytest.mark.parametrize("function", [harness.lmer, harness.lm, harness.mmrm])
    def test_a_formula_that_is_no_text(self, function: Any, formula: Any) -> None:
        refused(lambda: function(formula, frame()), "the formula must be text", ModelError)

    @pytest.mark.parametrize("data", [None, [1], {"y": [1.0]}, np.eye(3)], ids=["None", *"ldm"])
    @pytest.mark.parametrize(
        ("function", "formula"),
        [(harness.lmer, FORMULA), (harness.lm, "y ~ t"), (harness.mmrm, "y ~ t")],
    )
    def test_data_that_are_no_frame(self, function: Any, formula: str, data: Any) -> None:
        refused(lambda: function(formula, data), "data must be a pandas DataFrame", DataError)

    @pytest.mark.parametrize("reml", ["ML", "REML", None, 0], ids=repr)
    def test_a_criterion_by_another_name_is_not_taken_for_reml(self, reml: Any) -> None:
        message = "reml must be True or False.*reml=False is maximum likelihood"
        refused(lambda: harness.lmer(FORMULA, frame(), reml), message, ModelError)
        mmrm = lambda: harness.mmrm("y ~ t", frame(), "g", "t", reml=reml)  # noqa: E731
        refused(mmrm, message, ModelError)

    @pytest.mark.parametrize("asked", [["sum"], "sum", {1: "sum"}], ids=repr)
    def test_contrasts_that_map_no_column(self, asked: Any) -> None:
        message = "contrasts must map a column to its coding"
        refused(lambda: harness.lmer(FORMULA, frame(), contrasts=asked), message, ModelError)

    @pytest.mark.parametrize("starts", [0, -1, 1.5, "a"], ids=repr)
    def test_a_number_of_starts(self, starts: Any) -> None:
        call = lambda: harness.mmrm("y ~ t", frame(), "g", "t", starts=starts)  # noqa: E731
        refused(call, "starts must be a whole number", ModelError)

    def test_a_covariance_that_is_no_text(self) -> None:
        call = lambda: harness.mmrm("y ~ t", frame(), "g", "t", covariance=3)  # type: ignore[arg-type]  # noqa: E731
        refused(call, "unknown covariance structure `3`", ModelError)


class TestNumbersOutOfRange:
    @pytest.mark.parametrize("factor", [1e300, 1e145, 1e-145, 1e-300], ids=repr)
    @pytest.mark.parametrize("column", ["y", "t"])
    def test_columns_whose_squares_are_no_numbers(self, column: str, factor: float) -> None:
        data = frame().assign(**{column: frame()[column] * factor})
        refused(lambda: harness.lmer(FORMULA, data), f"`{column}`.* unit", ModelError)

    def test_a_slope_that_is_no_fixed_effect(self) -> None:
        data = frame().assign(t=frame()["t"] * 1e200)
        refused(lambda: harness.lmer("y ~ arm + (t | g)", data), "`t` has values", ModelError)

    @pytest.mark.parametrize("factor", [1e-100, 1e100], ids=repr)
    def test_squares_within_range_change_nothing(self, factor: float) -> None:
        scaled = harness.lmer(FORMULA, frame().assign(y=frame()["y"] * factor))
        np.testing.assert_allclose(scaled.beta / factor, fit().beta, rtol=1e-9)
        np.testing.assert_allclose(scaled.df(), fit().df(), rtol=1e-7)

    def test_a_group_may_be_called_infinity(self) -> None:
        data = frame()
        codes = data["g"].astype("category").cat.codes
        called = codes.astype(float).where(codes != codes.max(), np.inf)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            renamed = harness.lmer(FORMULA, data.assign(g=called))
        assert renamed.ranef().index[-1] == "Inf"
        np.testing.assert_allclose(renamed.theta, fit().theta, rtol=1e-6)

    def test_complex_numbers_are_not_levels(self) -> None:
        data = frame().assign(t=frame()["t"] + 0j)
        refused(lambda: harness.lmer(FORMULA, data), "`t` holds complex numbers", ModelError)


class TestLevels:
    @pytest.mark.parametrize("level", [95, 0, 1, -1, np.nan, True, None, "0.95", [0.9]], ids=repr)
    @pytest.mark.parametrize(
        "method", ["summary", "table", "estimates", "confint", "prediction_table", "emmeans"]
    )
    def test_what_is_no_level(self, method: str, level: Any) -> None:
        arguments = ("arm",) if method == "emmeans" else ()
        call = lambda: getattr(fit(), method)(*arguments, level=level)  # noqa: E731
        refused(call, "level must lie between 0 and 1", ModelError)

    @pytest.mark.parametrize("level", [95, "0.95"], ids=repr)
    def test_of_other_fits(self, level: Any) -> None:
        repeated = harness.mmrm("y ~ arm", frame().drop_duplicates(["g", "t"]), "g", "t", "cs")
        batch = fit().refit(fit().simulate(2))
        for call in (
            lambda: linear().summary(level=level),
            lambda: repeated.summary(level=level),
            lambda: batch.summary(level=level),
            lambda: fit().bootstrap(3).confint(level),
        ):
            refused(call, "level must lie between 0 and 1", ModelError)


class TestMethods:
    @pytest.mark.parametrize("df", ["kr", "Satterthwaite", "", 3], ids=repr)
    def test_an_unknown_df_method_is_never_another(self, df: Any) -> None:
        batch, rows = fit().refit(fit().simulate(2)), np.eye(4)
        for call in (
            lambda: fit().covariance(df),
            lambda: fit().f_test(rows, df),
            lambda: batch.df(df),
            lambda: batch.summary(df),
            lambda: linear().summary(df=df),
            lambda: linear().covariance(df),
            lambda: linear().contrast_df(None, df),
            lambda: linear().f_test(rows, df),
            lambda: linear().anova(df=df),
            lambda: linear().emmeans("arm", df=df),
            lambda: linear().joint_tests(df=df),
        ):
            refused(call, "unknown df method", ModelError)

    @pytest.mark.parametrize(
        "contrasts",
        [np.eye(3), [1.0, 0, 0, 0], [[1]], "a", [[np.nan] * 4], [[1, 0, 0, 0], [1]]],
        ids=["narrow", "vector", "one", "text", "missing", "ragged"],
    )
    def test_contrasts_with_other_columns(self, contrasts: Any) -> None:
        for model in (fit(), linear()):
            for method in ("f_test", "contrast_df"):
                call = lambda m=model, n=method: getattr(m, n)(contrasts)  # noqa: E731
                refused(call, r"a column for each of the 4 coefficients \(\(Inter", ModelError)

    @pytest.mark.parametrize("number", [2, -1, 1.5, "a"], ids=repr)
    def test_a_response_a_batch_does_not_have(self, number: Any) -> None:
        batch = fit().refit(fit().simulate(2))
        refused(lambda: batch.fit(number), "there are 0 to 1", ModelError)

    @pytest.mark.parametrize(
        "responses",
        [["a"] * 3, [[1], [2, 3]], np.ones(3) + 1j, pd.DataFrame({"a": list("abc")})],
        ids=["text", "ragged", "complex", "frame of text"],
    )
    def test_responses_that_are_no_numbers(self, responses: Any) -> None:
        refused(lambda: fit().refit(responses), "responses must be .* of numbers", ModelError)

    @pytest.mark.parametrize("factor", [1e300, 1e145, 1e-145, 1e-300], ids=repr)
    def test_responses_that_cannot_be_squared(self, factor: float) -> None:
        Y = fit().simulate(2) * [1.0, factor]
        refused(lambda: fit().refit(Y), "take another unit", ModelError)
        refused(lambda: fit().refit(Y[:, 1]), "take another unit", ModelError)

    @pytest.mark.parametrize("random", [None, 3, 1.5], ids=repr)
    def test_random_effects_by_no_name(self, random: Any) -> None:
        refused(lambda: fit().predict(random=random), "the model has: g", ModelError)

    def test_new_rows_with_a_column_twice(self) -> None:
        twice = pd.concat([frame(), frame()[["t"]]], axis=1)
        refused(lambda: fit().predict(twice), "more than one column `t`", DataError)
        refused(lambda: fit().emmeans("arm", at={"t": []}), "no values for `t`", ModelError)

    @pytest.mark.parametrize("new", [[1], "data", {"t": [1.0]}], ids=repr)
    def test_new_rows_that_are_no_frame(self, new: Any) -> None:
        refused(lambda: fit().predict(new), "newdata must be a pandas DataFrame", DataError)

    @pytest.mark.parametrize(("value", "kind"), [(np.nan, DataError), (np.inf, ModelError)])
    def test_an_offset_of_new_rows(self, value: float, kind: type[HarnessError]) -> None:
        data = frame().drop_duplicates(["g", "t"])
        new = data.assign(o=value)
        for model in (
            harness.lm("y ~ t", data, offset="o"),
            harness.mmrm("y ~ arm", data, "g", "t", "cs", offset="o"),
        ):
            if hasattr(model, "predict"):
                refused(lambda m=model: m.predict(new), "offset `o` is", kind)
        mixed = harness.lmer(FORMULA, data, offset="o")
        if kind is ModelError:
            refused(lambda: mixed.predict(new), "offset `o` is not a finite number", kind)
        else:
            assert np.isnan(mixed.predict(new)).all()

    def test_what_is_no_model_is_not_compared(self) -> None:
        for other in (3, None, frame()):
            refused(lambda o=other: fit().compare(o), "is no fitted model", ModelError)
        refused(lambda: fit().compare(fit(), refit="no"), "refit must be True", ModelError)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("statistic", "message"),
        [(3, "must be a function"), (lambda f: None, "nothing"), (lambda f: [], "no numbers")],
        ids=["number", "nothing", "empty"],
    )
    def test_a_statistic_without_a_value(self, statistic: Any, message: str) -> None:
        refused(lambda: fit().bootstrap(2, statistic=statistic), message, ModelError)


class TestMeans:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"specs": 3}, "name variables"),
            ({"specs": "arm", "by": 3}, "name variables"),
            ({"specs": "arm", "at": "t"}, "at must map"),
            ({"specs": "arm", "at": ["t"]}, "at must map"),
            ({"specs": "arm", "contrast": 3}, "no contrasts 3"),
            ({"specs": "arm", "contrast": [1, -1]}, "no contrasts"),
            ({"specs": "arm", "contrast": "trt.vs.ctrl", "ref": -1}, "no mean `-1`"),
        ],
        ids=lambda value: str(value)[:50],
    )
    def test_arguments_of_another_kind(self, arguments: dict[str, Any], message: str) -> None:
        refused(lambda: fit().emmeans(**arguments), message, ModelError)

    def test_a_trend_of_nothing_is_no_mean(self) -> None:
        refused(lambda: fit().emtrends("arm", None), "var: name a numeric column", ModelError)  # type: ignore[arg-type]


class TestOwnMatrices:
    def test_rows_under_other_names_than_the_levels(self) -> None:
        levels = sorted(frame()["arm"].unique())
        matrix = pd.DataFrame({"d": [0.5, -0.5]}, index=levels)
        one = harness.lmer(FORMULA, frame(), contrasts={"arm": matrix})
        plain = harness.lmer(FORMULA, frame(), contrasts={"arm": matrix.to_numpy()})
        assert one.names[1] == "armd"
        np.testing.assert_array_equal(one.beta, plain.beta)
        for index in (levels[::-1], ["p", "q"]):
            other = matrix.set_axis(index)
            call = lambda o=other: harness.lmer(FORMULA, frame(), contrasts={"arm": o})  # noqa: E731
            refused(call, "put the rows in the order of the levels", ModelError)
