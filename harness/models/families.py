"""Families of tests that are adjusted together: which models of a plan, which of their tests.

A family never mixes analysis sets, nor scales of the outcome: they answer the same hypotheses, and
whoever counts them twice halves his power for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.models.design import build_design
from harness.models.expand import tasks as planned_tasks
from harness.models.spec import ModelKey, ModelTask
from harness.plan.adjust import tested_terms
from harness.plan.schema import Adjust, AdjustMethod, Analysis, Plan

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Member:
    """A model whose tests are in a family.

    Attributes:
        task: the model.
        terms: labels of the fixed-effect terms that are tested.
        anova: whether by their F tests, and not by their coefficients.
    """

    task: ModelTask
    terms: tuple[str, ...]
    anova: bool = False

    @property
    def key(self) -> ModelKey:
        """Which model of the plan."""
        return self.task.key

    def tests(self, rows: pd.DataFrame) -> tuple[str, ...]:
        """The names under which an answer has the tests: coefficients, or ``anova(term)``.

        Args:
            rows: those the model is fitted to; they decide which columns the terms have.

        Raises:
            HarnessError: the data have no such design.
        """
        if self.anova:
            return tuple(f"anova({term})" for term in self.terms)
        design = build_design(self.task.spec, rows)
        wanted = {k for k, term in enumerate(design.terms, start=1) if term in self.terms}
        return tuple(
            name for name, k in zip(design.names, design.assign, strict=True) if k in wanted
        )


@dataclass(frozen=True, slots=True)
class Family:
    """Tests that are adjusted together.

    Attributes:
        method: how; ``none`` counts them only.
        of: what they are the tests of, in words: ``moderation in ITT``.
        members: the models, in plan order.
    """

    method: AdjustMethod
    of: str
    members: tuple[Member, ...]

    @property
    def adjusts(self) -> bool:
        """Whether its p values are adjusted, and not only counted."""
        return self.method != "none"

    def sentence(self, tests: int) -> str:
        """``BH over 147 tests of moderation in ITT``."""
        counted = f"{tests} test{'s' if tests != 1 else ''} of {self.of}"
        return f"{self.method} over {counted}" if self.adjusts else f"not adjusted: {counted}"


def families(plan: Plan, tasks: Iterable[ModelTask] | None = None) -> tuple[Family, ...]:
    """Every family of a plan, in the order of their first models.

    Args:
        plan: the plan.
        tasks: all of its models, where the caller has them already.

    Raises:
        ModelError: a model has no term to test, which ``check_adjust`` rules out.
    """
    arm, time = plan.data.arm.column, plan.data.time.column
    analyses = {analysis.id: analysis for analysis in plan.analyses}
    found: dict[tuple[str, ...], tuple[AdjustMethod, list[str], str, list[Member]]] = {}
    for task in planned_tasks(plan) if tasks is None else tasks:
        key, analysis = task.key, analyses[task.key.analysis]
        adjust = analysis.adjust
        if adjust is None:
            continue
        identity, of = _placed(task, analysis, adjust)
        terms = tested_terms(task.spec.formula, arm, time, key.moderator)
        labels = tuple(term.label for term in terms)
        member = Member(task, labels, adjust.tests == "anova")
        _, names, _, members = found.setdefault(identity, (adjust.method, [], of, []))
        members.append(member)
        if key.analysis not in names:
            names.append(key.analysis)
    return tuple(
        Family(method, of or f"{_listed(names)} in {_set_of(members[0])}", tuple(members))
        for method, names, of, members in found.values()
    )


def _placed(task: ModelTask, analysis: Analysis, adjust: Adjust) -> tuple[tuple[str, ...], str]:
    """What tells a model's family from others, and its name; empty for that of the plan."""
    key, scaled = task.key, task.scaled
    scale, outcome = (scaled.scale, scaled.outcome) if scaled else ("", key.outcome)
    if adjust.family == "plan":
        return ("plan", adjust.method, key.set, scale), ""
    group = next((name for name, of in adjust.groups.items() if outcome in of), "")
    part = {"outcome": outcome, "moderator": key.moderator}.get(adjust.family, "")
    words = {"outcome": f" of {part}", "moderator": f" by {part}"}.get(adjust.family, "")
    tail = f" ({scale})" if scale else ""
    of = f"{key.analysis}{words}{f', {group},' if group else ''} in {key.set}{tail}"
    return ("analysis", key.analysis, key.set, part, group, scale), of


def _set_of(member: Member) -> str:
    scaled = member.task.scaled
    scale = f" ({scaled.scale})" if scaled else ""
    return f"{member.key.set}{scale}"


def _listed(names: Sequence[str]) -> str:
    """``efficacy, change and moderation``."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
