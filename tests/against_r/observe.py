"""``make observe``: how large do differences get that match, over trials, means, random designs?

Writes ``observed`` into ``harness/compare/policy.toml`` where a difference is larger than any seen
before. R fits everything afresh.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

from besides_cases import CASES  # noqa: E402
from observed_cases import CASES as OBSERVED_CASES  # noqa: E402
from test_random_designs import DESIGNS, design  # noqa: E402

from harness.compare.fits import cross_check  # noqa: E402
from harness.compare.model import compare_model  # noqa: E402
from harness.compare.observed import largest, rewritten  # noqa: E402
from harness.compare.policy import load_policy  # noqa: E402
from harness.compare.reported import reported_rows  # noqa: E402
from harness.compare.rows import DiffRow  # noqa: E402
from harness.data.derive import derive  # noqa: E402
from harness.data.study import open_study  # noqa: E402
from harness.engines.port.engine import PortEngine  # noqa: E402
from harness.engines.r.engine import RLiveEngine  # noqa: E402
from harness.errors import HarnessError  # noqa: E402
from harness.models.besides import Besides  # noqa: E402
from harness.models.expand import PARTS, besides, tasks  # noqa: E402
from harness.models.rows import rows_of as rows_of_task  # noqa: E402
from harness.models.spec import DfMethod, ModelKey, ModelSpec, ModelTask  # noqa: E402
from harness.plan.schema import Plan  # noqa: E402
from harness.sets.analysis_set import analysis_sets  # noqa: E402

POLICY = ROOT / "harness" / "compare" / "policy.toml"
METHODS: tuple[DfMethod, ...] = ("satterthwaite", "kenward-roger", "residual", "z")


def everything(plan: Plan, task: ModelTask) -> Besides | None:
    """Means, contrasts, tests of terms and effect sizes, whatever the plan reports."""
    analysis = next(a for a in plan.analyses if a.id == task.key.analysis)
    asked = analysis.model_copy(update={"report": PARTS})
    return besides(plan, asked, task.spec.formula, task.key.outcome, task.key.moderator)


def models() -> Iterator[tuple[str, ModelSpec, object]]:
    for study in ("btheb", "mbsr"):
        opened = open_study(ROOT / "fixtures" / study / "plan.yaml")
        frame = derive(opened)
        sets = analysis_sets(opened.plan, frame)
        for task in tasks(opened.plan):
            rows = rows_of_task(task, sets, frame)
            for method in METHODS if task.spec.mixed else ("residual", "z"):
                spec = replace(task.spec, df_method=method, besides=everything(opened.plan, task))
                yield f"{study}/{task.key.place}", spec, rows
    for name, (spec, made) in (CASES | OBSERVED_CASES).items():
        yield f"besides/{name}", spec, made()
    for seed in range(DESIGNS):
        frame, spec = design(seed)
        method = METHODS[seed % 4]
        if method == "kenward-roger":
            spec = replace(spec, reml=True)
        yield f"random/{seed}", replace(spec, df_method=method), frame


def rows_of(
    lme4: RLiveEngine, place: str, spec: ModelSpec, frame: object
) -> tuple[tuple[DiffRow, ...], tuple[DiffRow, ...]]:
    """The diff table's rows of a model, and those of lme4's defaults."""
    port = PortEngine()
    python = port.fit(spec, frame)
    r = lme4.fit(spec, frame, [python.theta] if python.theta else [])
    key = ModelKey(place, "", spec.formula.text)
    cross = cross_check(port, spec, frame, python, r)
    return compare_model(key, python, r, cross), reported_rows(key, python, r)


def main() -> int:
    policy = load_policy(POLICY)
    rows: list[DiffRow] = []
    defaults: list[DiffRow] = []
    with RLiveEngine() as lme4:
        for place, spec, frame in models():
            try:
                compared, reported = rows_of(lme4, place, spec, frame)
                rows += compared
                defaults += reported
            except HarnessError as refusal:
                print(f"{place}: {refusal}", file=sys.stderr)
    # Apart, because defaults that stop short do not speak against the model's other numbers.
    found = largest(rows, policy) | largest(defaults, policy)
    text = POLICY.read_text(encoding="utf-8")
    new = rewritten(
        text, policy, {t: row.delta for t, row in found.items() if row.delta is not None}
    )
    POLICY.write_text(new, encoding="utf-8")
    for tolerance, row in found.items():
        raised = not row.delta <= tolerance.observed
        what = f"{tolerance.tier} {tolerance.quantity}"
        print(
            f"{what}: {row.delta:.2g} {row.metric} of {row.limit:.2g}"
            f"{' *' if raised else ''} ({row.analysis} {row.term})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
