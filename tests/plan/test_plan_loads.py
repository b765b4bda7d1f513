"""Plans that are right: what is read, with which defaults."""

from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import ValidationError
from small_study import PLAN, changed, write_study

from harness.plan import load_plan, plan_schema

ROOT = Path(__file__).resolve().parents[2]


def test_everything_said_is_there(tmp_path):
    plan = load_plan(write_study(tmp_path))
    assert plan.study.id == "small"
    assert plan.study.synthetic is True
    assert plan.data.arm.levels == ("TAU", "New")
    assert plan.gate.parameters == {"consort": {"TAU | 0": 4}}
    assert list(plan.derive) == ["ln_il6", "il6_0", "gain"]
    assert [a.id for a in plan.analyses] == ["efficacy", "moderation", "change"]
    assert plan.analyses[1].moderators == ("il6_0", "body mass")
    assert plan.reference.timeout == 120
    assert plan.path == tmp_path / "plan.yaml"


def test_levels_keep_their_spelling(tmp_path):
    """YAML would make numbers, truth values and dates of them."""
    text = changed(PLAN, "levels: [0, 2]", "levels: [no, 0, 1.50, 0x1F, true, 2020-01-01]")
    plan = load_plan(write_study(tmp_path, plan=text))
    assert plan.data.time.levels == ("no", "0", "1.50", "0x1F", "true", "2020-01-01")


def test_a_plan_cannot_be_changed(tmp_path):
    plan = load_plan(write_study(tmp_path))
    with pytest.raises(ValidationError):
        plan.study.id = "other"


def test_defaults(tmp_path):
    text = changed(PLAN, "reference: {engine: lme4, mode: auto, timeout: 120}\n", "")
    plan = load_plan(write_study(tmp_path, plan=text))
    assert (plan.reference.engine, plan.reference.mode, plan.reference.timeout) == (
        "lme4",
        "auto",
        120,
    )
    assert plan.published is None
    assert plan.analyses[1].report == ("coefficients", "random", "fit")
    assert plan.analyses[1].df is None


def test_the_schema_is_a_schema_and_accepts_what_the_loader_accepts(tmp_path):
    schema = plan_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(PLAN), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(PLAN), "analyzes": []}, schema)


def test_every_field_of_the_schema_is_described():
    schema = plan_schema()
    sections = {k: v for k, v in schema["$defs"].items() if k != "JsonValue"}
    assert len(sections) == 19
    for name, section in sections.items():
        assert section["description"], name
        for key, field in section["properties"].items():
            described = "description" in field or "$ref" in field
            assert described, f"{name}.{key}"


@pytest.mark.parametrize("study", ["btheb", "mbsr", "mbsr_null", "eudaimon3"])
def test_the_studies_of_this_repository_load(study):
    plan = load_plan(ROOT / "fixtures" / study / "plan.yaml")
    assert plan.study.id == study
    jsonschema.validate(
        yaml.safe_load((ROOT / "fixtures" / study / "plan.yaml").read_text()), plan_schema()
    )
