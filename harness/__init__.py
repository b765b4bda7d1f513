"""Decides whether a trial's mixed-model numbers can be believed.

    import harness

    fit = harness.lmer("Reaction ~ Days + (Days | Subject)", data)
    fit.summary()
    result = harness.run("plan.yaml")
    result.diff

Nothing heavy is imported before one of these names is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.compare.files import compare_files as compare
    from harness.engines.port.api import lm, lmer
    from harness.engines.port.hypotheses.likelihood_ratio import likelihood_ratio
    from harness.engines.port.imputation.api import impute
    from harness.engines.port.moderation.api import johnson_neyman, simple_slopes
    from harness.engines.port.power.api import power
    from harness.engines.port.repeated.api import mmrm
    from harness.engines.port.rerandomise import rerandomise
    from harness.pipeline import run
    from harness.plan import load_plan

__version__ = "0.1.0"
__all__ = [
    "compare",
    "impute",
    "johnson_neyman",
    "likelihood_ratio",
    "lm",
    "lmer",
    "load_plan",
    "mmrm",
    "power",
    "rerandomise",
    "run",
    "simple_slopes",
]

_HOME = {
    "impute": "harness.engines.port.imputation.api",
    "johnson_neyman": "harness.engines.port.moderation.api",
    "simple_slopes": "harness.engines.port.moderation.api",
    "likelihood_ratio": "harness.engines.port.hypotheses.likelihood_ratio",
    "lm": "harness.engines.port.api",
    "lmer": "harness.engines.port.api",
    "load_plan": "harness.plan",
    "mmrm": "harness.engines.port.repeated.api",
    "power": "harness.engines.port.power.api",
    "rerandomise": "harness.engines.port.rerandomise",
    "run": "harness.pipeline",
}


def __getattr__(name: str) -> Any:
    if name == "compare":
        return import_module("harness.compare")  # a module that can be called: see there
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
