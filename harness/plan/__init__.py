"""The analysis plan: one YAML file a study, typed and checked before anything is read or fitted."""

from harness.plan.load import LoadedPlan, load_plan, read_plan
from harness.plan.schema import Analysis, Plan, plan_schema

__all__ = ["Analysis", "LoadedPlan", "Plan", "load_plan", "plan_schema", "read_plan"]
