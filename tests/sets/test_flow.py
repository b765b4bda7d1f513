"""The flow of patients: against the studies' own counts, and against a loop over patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import PLAN, changed, line_with, problems_of, the_problem
from trial_of_gaps import PLAN as GAPS
from trial_of_gaps import WEEKS, rows, write_gaps

from harness.compare.patients import model_columns
from harness.data.derive import derive
from harness.data.levels import at_levels
from harness.data.study import Study, open_study
from harness.models.expand import tasks
from harness.sets.analysis_set import analysis_sets
from harness.sets.counting import ModelColumns, patient_flow
from harness.sets.flow import Flow

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
ARMS = ("TAU", "New", "Third")


def flow_of(study: Study, frame: pd.DataFrame | None = None) -> Flow:
    frame = derive(study) if frame is None else frame
    columns = model_columns(tasks(study.plan))
    return patient_flow(study.plan, frame, analysis_sets(study.plan, frame), columns)


@pytest.mark.parametrize(
    ("name", "seen"), [("btheb", "scored"), ("mbsr", "consort"), ("eudaimon3", "consort")]
)
def test_a_study_as_its_gate_counts_it(name: str, seen: str) -> None:
    """``btheb`` keeps rows of visits that did not take place, the others do not."""
    study = open_study(FIXTURES / name / "plan.yaml")
    flow, data = flow_of(study), study.plan.data
    counted = [study.plan.gate.parameters[part] for part in ("consort", seen)]
    for part, wanted in zip(("with_row", "seen"), counted, strict=True):
        assert {
            f"{arm} | {visit.time}": getattr(visit, part)[place]
            for visit in flow.visits
            for place, arm in enumerate(data.arm.levels)
        } == wanted
    raw = pd.read_csv(study.folder / data.file, dtype=str)
    assert flow.randomised == tuple(
        raw[raw[data.arm.column] == arm][data.id].nunique() for arm in data.arm.levels
    )
    assert flow.data_notes == ()


def test_a_set_in_each_arm() -> None:
    study = open_study(FIXTURES / "mbsr" / "plan.yaml")
    flow = flow_of(study)
    raw = pd.read_csv(study.folder / "mbsr.csv")
    stayed = raw[(raw["arm"] == "TAU") | (raw["sessions"] >= 6)]
    itt, protocol, of_four, seen_later = flow.sets
    arms = ("TAU", "MBSR")
    assert protocol.patients == tuple(stayed[stayed.arm == a].id.nunique() for a in arms)
    assert protocol.rows == tuple((stayed.arm == a).sum() for a in arms)
    assert (itt.everybody, protocol.everybody, itt.patients) == (True, False, (35, 35))
    assert of_four.patients == (35, (raw[raw.time == "pre"].sessions >= 4).sum())
    lost = raw[raw.disposition == "lost"].drop_duplicates("id")
    assert seen_later.patients == tuple(35 - (lost.arm == a).sum() for a in arms)
    for visit, gone in zip(flow.visits, (lost[:0], lost), strict=True):
        assert dict(visit.reasons) == {
            why: tuple(((gone.lost_reason == why) & (gone.arm == a)).sum() for a in arms)
            for why in gone.lost_reason.unique()
        }
    first, second, after, marker, baseline = flow.notes
    assert first.startswith("PP selects in some arms only (TAU 35 of 35, MBSR 25 of 35)")
    assert second.startswith("PP4 selects in some arms only (TAU 35 of 35, MBSR 30 of 35)")
    assert after.startswith("ITT uses 61 of 70 randomised (TAU 33 of 35, MBSR 28 of 35) in ancova/")
    assert marker.startswith(
        "ITT uses 58 of 70 randomised (TAU 31 of 35, MBSR 27 of 35) in censored/"
    )
    assert baseline.startswith(
        "ITT uses 68 of 70 randomised (TAU 34 of 35, MBSR 34 of 35) in "
        "moderation/ITT/fiqr_total/ln_il6_0 and 152 other models, for want of `ln_il6_0`, "
        "`ln_cxcl8_0`"
    )


def by_arm(patients: dict[str, list[dict[str, str]]]) -> tuple[int, ...]:
    return tuple(sum(mine[0]["arm"] == arm for mine in patients.values()) for arm in ARMS)


@pytest.mark.parametrize("week", ["factor,0;4;100000", "number,"], ids=["factor", "number"])
def test_every_gap_by_a_loop_over_patients(tmp_path: Path, week: str) -> None:
    flow = flow_of(open_study(write_gaps(tmp_path, week=week)))
    trial: dict[str, list[dict[str, str]]] = {}
    for row in rows():
        if row["who"]:
            trial.setdefault(row["who"], []).append(row)
    assert flow.randomised == by_arm(trial)
    seen = {
        who: [any(r["week"] == week and r["pain"] for r in mine) for week in WEEKS]
        for who, mine in trial.items()
    }
    missed_someone = False
    for place, (visit, time) in enumerate(zip(flow.visits, WEEKS, strict=True)):
        there = {who: mine for who, mine in trial.items() if seen[who][place]}
        later = {w: m for w, m in trial.items() if not seen[w][place] and any(seen[w][place + 1 :])}
        lost = {
            who: mine
            for who, mine in trial.items()
            if not any(seen[who][place:]) and (place == 0 or seen[who][place - 1])
        }
        assert (visit.time, visit.seen) == (time, by_arm(there))
        assert (visit.missed, visit.lost) == (by_arm(later), by_arm(lost))
        assert visit.with_row == by_arm(
            {who: mine for who, mine in trial.items() if any(r["week"] == time for r in mine)}
        )
        whys = {who: next(filter(None, (r["why"] for r in mine)), "") for who, mine in lost.items()}
        assert dict(visit.reasons) == {
            why or "no reason given": by_arm({w: m for w, m in lost.items() if whys[w] == why})
            for why in whys.values()
        }
        gone = np.sum([v.lost for v in flow.visits[: place + 1]], axis=0)
        assert (np.array(visit.seen) + visit.missed + gone == flow.randomised).all()
        missed_someone = missed_someone or sum(visit.missed) > 0
    assert missed_someone
    assert dict(flow.dispositions) == {
        what: by_arm({w: mine for w, mine in trial.items() if mine[0]["became"] == what})
        for what in ("stayed", "left")
    }


def test_a_model_uses_the_patients_with_every_value(tmp_path: Path) -> None:
    plan = GAPS.replace('"{outcome} ~ arm"', '"{outcome} ~ arm + sessions + ln_crp"')
    flow = flow_of(open_study(write_gaps(tmp_path, plan=plan)))
    itt = flow.models[0]
    table = [row for row in rows() if row["pain"] and row["sessions"]]
    used = [row for row in table if row['crp "hs"'] not in ("", "0")]
    assert itt.n_rows == len(used)
    trial: dict[str, list[dict[str, str]]] = {}
    for row in used:
        if row["who"]:
            trial.setdefault(row["who"], []).append(row)
    assert (itt.patients, itt.n_patients) == (by_arm(trial), len(trial))
    assert itt.at_visits == tuple(
        by_arm({who: m for who, m in trial.items() if any(r["week"] == w for r in m)})
        for w in WEEKS
    )
    everyone = {row["who"] for row in rows() if row["who"]}
    never = {
        "pain": everyone - {row["who"] for row in rows() if row["pain"]},
        "sessions": everyone - {row["who"] for row in rows() if row["sessions"]},
        "ln_crp": everyone - {row["who"] for row in rows() if row['crp "hs"'] not in ("", "0")},
    }
    never[""] = everyone - set(trial) - set().union(*never.values())
    assert dict(itt.lacking) == {name: len(who) for name, who in never.items()}
    assert never[""]


def test_odd_data_are_counted_once_and_told(tmp_path: Path) -> None:
    study = open_study(write_gaps(tmp_path))
    frame = derive(study)
    first, second = frame["who"].dropna().unique()[:2]
    of = [ARMS.index(frame.loc[frame["who"] == who, "arm"].iloc[0]) for who in (first, second)]
    wanted = list(flow_of(study).randomised)
    for place, change in zip((*of, 2), (-1, -1, 1), strict=True):
        wanted[place] += change
    mine = np.flatnonzero((frame["who"] == first).to_numpy())
    frame["arm"] = frame["arm"].astype(object)
    frame.iloc[mine, frame.columns.get_loc("arm")] = ["Third", *["TAU"] * (len(mine) - 1)]
    frame.loc[(frame["who"] == second).to_numpy(), "arm"] = None
    flow = flow_of(study, frame)
    assert flow.data_notes == (
        "1 patients have several arms: counted in that of the first row",
        "1 patients have no arm: counted in none",
    )
    assert flow.randomised == tuple(wanted)
    assert len(mine) > 1
    assert of[0] != 2


def test_a_set_that_is_called_itt_and_leaves_somebody_out(tmp_path: Path) -> None:
    plan = GAPS.replace('ITT: "true"', "ITT: {complete: [pain]}").replace(
        'rowwise: "pain > 3"', 'rowwise: "true"'
    )
    study = open_study(write_gaps(tmp_path, plan=plan))
    flow = flow_of(study)
    itt = flow.sets[0]
    assert (itt.everybody, flow.sets[1].everybody) == (True, True)
    assert flow.notes[0] == (
        f"ITT has {sum(itt.patients)} of {sum(flow.randomised)} randomised "
        f"({flow.of_randomised(itt.patients)}): it is a modified intention to treat"
    )
    (of_true,) = [note for note in flow.notes if note.startswith("rowwise")]
    assert "randomised" in of_true
    assert of_true.endswith("for want of `pain`: it is a modified intention to treat")


def test_who_is_seen_is_the_plans_to_say(tmp_path: Path) -> None:
    plan = GAPS.replace("flow: {", "flow: {seen: ['crp \"hs\"'], ")
    flow = flow_of(open_study(write_gaps(tmp_path, plan=plan)))
    there = {r["who"] for r in rows() if r["week"] == "4" and r['crp "hs"'] and r["who"]}
    assert (flow.seen_by, sum(flow.visits[1].seen)) == (('crp "hs"',), len(there))


def test_models_are_those_asked_for(tmp_path: Path) -> None:
    study = open_study(write_gaps(tmp_path))
    frame = derive(study)
    sets = analysis_sets(study.plan, frame)
    flow = patient_flow(study.plan, frame, sets, [ModelColumns("a/PP/pain", "PP", ("pain",))])
    assert [model.place for model in flow.models] == ["a/PP/pain"]


def test_a_model_of_some_visits_counts_their_rows(tmp_path: Path) -> None:
    study = open_study(write_gaps(tmp_path))
    frame, time, who = derive(study), study.plan.data.time, study.plan.data.id
    sets = analysis_sets(study.plan, frame)
    name, last = next(iter(sets)), time.levels[-1]
    model = ModelColumns(f"a/{name}/pain", name, ("pain",), (last,))
    (counts,) = patient_flow(study.plan, frame, sets, [model]).models
    inside = frame[sets[name].mask]
    used = inside[at_levels(inside[time.column], (last,)) & inside["pain"].notna()]
    assert 0 < counts.n_rows == len(used) < inside["pain"].notna().sum()
    *before, there = [sum(at) for at in counts.at_visits]
    assert before == [0] * (len(time.levels) - 1)
    assert there == sum(counts.patients) > 0
    assert counts.lacking == (("pain", inside[who].nunique() - used[who].nunique()),)


MISTAKES = [
    ("unknown key", "{reasons: note}", "flow.reasons", "unknown key; did you mean `reason`?"),
    ("unknown column", "{reason: notes}", "flow.reason", "no column `notes`; did you mean `note`?"),
    ("several reasons", "{reason: seen}", "flow.reason", "several values in id p0 and 7 more"),
    ("several fates", "{disposition: bdi}", "flow.disposition", "in id p0 and 6 more; a patient"),
    ("unknown visits", "{seen: [bdi, bdj]}", "flow.seen[1]", "no column `bdj`"),
    ("no visits", "{seen: []}", "flow.seen", "needs at least 1 entry"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("section", "key", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, section: str, key: str, message: str
) -> None:
    plan = changed(PLAN, "derive:\n", f"flow: {section}\nderive:\n")
    found = the_problem(problems_of(open_study, tmp_path, plan=plan), key, message)
    assert found.line == line_with(plan, "flow: ")
