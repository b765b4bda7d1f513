"""One corruption for each rule of expectations/mbsr.json.

Rows 0 and 1 are W001 (usual treatment, completed), rows 2 and 3 are W002 (MBSR, 7 sessions,
completed). An answer that is changed is scored again, so that only the rule on the answer breaks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .corruption import Change, Corruption, duplicate, put, without, write

W001, W002 = [0, 1], [2, 3]
PSS = [f"pss_{k:02d}" for k in range(1, 11)]
FIQR = [f"fiqr_{k:02d}" for k in range(1, 22)]
FUNCTION, SYMPTOMS = FIQR[:9], FIQR[11:]
AVOIDANCE = [f"pips_{k:02d}" for k in (1, 2, 4, 5, 7, 8, 10, 11)]
FUSION = [f"pips_{k:02d}" for k in (3, 6, 9, 12)]
RUMINATION = [f"pcs_{k:02d}" for k in (8, 9, 10, 11)]
MAGNIFICATION = [f"pcs_{k:02d}" for k in (6, 7, 13)]
HELPLESSNESS = [f"pcs_{k:02d}" for k in (1, 2, 3, 4, 5, 12)]
ANXIETY = [f"hads_{k:02d}" for k in range(1, 15, 2)]
DEPRESSION = [f"hads_{k:02d}" for k in range(2, 15, 2)]
WPI = [f"fsdc_{k:02d}" for k in range(1, 20)]
SSS = [f"fsdc_{k:02d}" for k in range(20, 26)]
MISCI = [f"misci_{k:02d}" for k in range(1, 11)]
FFMQ = [f"ffmq_{k:02d}" for k in range(1, 16)]
SCS = [f"scs_{k:02d}" for k in range(1, 13)]
FACETS = ("observing", "describing", "awareness", "nonjudging", "nonreactivity")
FFMQ_REVERSED = [f"ffmq_{k:02d}" for k in (3, 4, 7, 8, 9, 13, 14)]
SCS_REVERSED = [f"scs_{k:02d}" for k in (1, 4, 8, 9, 11, 12)]


def keyed(items: list[str], turned: list[str]) -> list[str]:
    """The columns a sum adds up."""
    return [f"{item}r" if item in turned else item for item in items]


def facet(name: str) -> list[str]:
    """The three items of a facet, as answered."""
    return FFMQ[FACETS.index(name) :: len(FACETS)]


def score(frame: pd.DataFrame) -> None:
    """All scores again from the answers."""
    for item in ("pss_04", "pss_05", "pss_07", "pss_08"):
        frame[f"{item}r"] = 4 - frame[item]
    for item in (*FFMQ_REVERSED, *SCS_REVERSED):
        frame[f"{item}r"] = 6 - frame[item]
    frame["fsdc_wpi"] = frame[WPI].sum(axis=1)
    frame["fsdc_sss"] = frame[SSS].sum(axis=1)
    frame["misci_total"] = frame[MISCI].sum(axis=1)
    for name in FACETS:
        frame[f"ffmq_{name}"] = frame[keyed(facet(name), FFMQ_REVERSED)].sum(axis=1)
    frame["scs_total"] = frame[keyed(SCS, SCS_REVERSED)].sum(axis=1)
    reverse = {"pss_04", "pss_05", "pss_07", "pss_08"}
    frame["fiqr_function"] = frame[FUNCTION].sum(axis=1) / 3
    frame["fiqr_impact"] = frame[FIQR[9:11]].sum(axis=1)
    frame["fiqr_symptoms"] = frame[SYMPTOMS].sum(axis=1) / 2
    frame["pips_avoidance"] = frame[AVOIDANCE].sum(axis=1)
    frame["pips_fusion"] = frame[FUSION].sum(axis=1)
    frame["pcs_rumination"] = frame[RUMINATION].sum(axis=1)
    frame["pcs_magnification"] = frame[MAGNIFICATION].sum(axis=1)
    frame["pcs_helplessness"] = frame[HELPLESSNESS].sum(axis=1)
    frame["pss_total"] = frame[[f"{i}r" if i in reverse else i for i in PSS]].sum(axis=1)
    frame["hads_anxiety"] = frame[ANXIETY].sum(axis=1)
    frame["hads_depression"] = frame[DEPRESSION].sum(axis=1)
    add_up(frame)


def add_up(frame: pd.DataFrame) -> None:
    """The totals again from the domains."""
    frame["fiqr_total"] = frame[["fiqr_function", "fiqr_impact", "fiqr_symptoms"]].sum(axis=1)
    frame["pips_total"] = frame[["pips_avoidance", "pips_fusion"]].sum(axis=1)
    domains = ["pcs_rumination", "pcs_magnification", "pcs_helplessness"]
    frame["pcs_total"] = frame[domains].sum(axis=1)
    frame["hads_total"] = frame[["hads_anxiety", "hads_depression"]].sum(axis=1)
    frame["fsdc_total"] = frame[["fsdc_wpi", "fsdc_sss"]].sum(axis=1)
    frame["ffmq_total"] = frame[[f"ffmq_{name}" for name in FACETS]].sum(axis=1)


def answers(items: list[str] | str, value: float) -> Change:
    """Give W001 one answer to some items at baseline, and score it."""

    def change(frame: pd.DataFrame) -> None:
        frame.loc[0, items] = value
        score(frame)

    return change


def domain(name: str) -> Change:
    """Add a point to a domain score that its items do not have, and to the total above it."""

    def change(frame: pd.DataFrame) -> None:
        frame.loc[0, name] += 1 if frame.loc[0, name] < 5 else -1
        add_up(frame)

    return change


def body(height: float, weight: float) -> Change:
    """W001's height and weight at both visits, and the BMI they give."""
    bmi = round(weight / (height / 100) ** 2, 1)
    return put(W001, {"height_cm": height, "weight_kg": weight, "bmi": bmi})


def below_limit(marker: str, limit: float, rows: object) -> Change:
    half = {marker: limit / 2, f"{marker}_below_lod": 1.0, f"{marker}_cv": np.nan}
    return put(rows, half)


def many_at_pre(frame: pd.DataFrame) -> list[int]:
    """Twelve women of the MBSR arm at baseline whose markers were measured."""
    at = (frame["arm"] == "MBSR") & (frame["time"] == "pre") & frame["il6"].notna()
    return list(frame.index[at][:12])


def no_blood(frame: pd.DataFrame) -> None:
    """Sixteen visits without a sample, neither all of a visit nor of an arm."""
    rows = list(range(4, 20))
    for name in ("il6", "cxcl8", "il10"):
        frame.loc[rows, [name, f"{name}_below_lod", f"{name}_cv"]] = np.nan
    frame.loc[rows, ["crp", "crp_acute", "draw_hour", "fasting"]] = np.nan
    write(frame, rows, {"plate": None})


def extra_woman(frame: pd.DataFrame) -> pd.DataFrame:
    longer = pd.concat([frame, frame.iloc[W001]], ignore_index=True)
    new = [len(frame), len(frame) + 1]
    write(longer, new, {"id": "W999"})
    longer.loc[new, "fiqr_01"] = (longer.loc[new, "fiqr_01"] + 1) % 10
    score(longer)
    return longer


def lost_row(frame: pd.DataFrame) -> int:
    """The baseline row of a woman of the MBSR arm who was lost."""
    return int(frame.index[(frame["disposition"] == "lost") & (frame["arm"] == "MBSR")][0])


def one_more_lost(frame: pd.DataFrame) -> pd.DataFrame:
    """W002 becomes lost: no post row, a reason, and fewer sessions than she attended."""
    write(frame, W002, {"disposition": "lost", "lost_reason": "moved away"})
    return frame.drop(index=3).reset_index(drop=True)


def few_sessions(frame: pd.DataFrame) -> None:
    """Sessions of most of the MBSR arm were not entered."""
    women = frame.loc[frame["arm"] == "MBSR", "id"].unique()[:14]
    frame.loc[frame["id"].isin(women), "sessions"] = np.nan


def copied_answers(frame: pd.DataFrame) -> None:
    frame.loc[2, FIQR] = frame.loc[0, FIQR]
    score(frame)


def wrong_reverse(item: str, *totals: str) -> Change:
    """The reversed item holds the answer itself, and its scores are the sums of what is stored."""

    def change(frame: pd.DataFrame) -> None:
        row = int(frame.index[frame[item] != frame[f"{item}r"]][0])
        moved = frame.loc[row, item] - frame.loc[row, f"{item}r"]
        frame.loc[row, f"{item}r"] = frame.loc[row, item]
        for name in totals:
            frame.loc[row, name] += moved

    return change


def turned(items: list[str], low_and_high: float) -> Change:
    """Every answer to some items entered from the wrong end of its range, and scored."""

    def change(frame: pd.DataFrame) -> None:
        frame[items] = low_and_high - frame[items]
        score(frame)

    return change


def mostly_miss_the_criteria(frame: pd.DataFrame) -> None:
    """Eleven women under usual treatment without a painful area at baseline."""
    women = frame.index[(frame["arm"] == "TAU") & (frame["time"] == "pre")][:11]
    frame.loc[women, WPI] = 0.0
    score(frame)


def one_arm_on_a_plate(frame: pd.DataFrame) -> None:
    """A quarter more of the samples of the MBSR arm is on the first plate."""
    women = frame.loc[(frame["arm"] == "MBSR") & (frame["plate"] == "P2"), "id"].unique()
    write(frame, frame["id"].isin(women) & frame["plate"].notna(), {"plate": "P1"})
    others = frame.loc[(frame["arm"] == "TAU") & (frame["plate"] == "P1"), "id"].unique()[:4]
    write(frame, frame["id"].isin(others) & frame["plate"].notna(), {"plate": "P2"})


def milligrams_per_decilitre(frame: pd.DataFrame) -> None:
    frame["crp"] = (frame["crp"] / 10).clip(lower=0.01)
    frame["crp_acute"] = frame["crp_acute"] * 0


FLOW = ("FLOW-01", "PP-01")
CORRUPTIONS: dict[str, Corruption] = {
    "COLUMNS": Corruption(lambda frame: frame.assign(comment="")),
    "LEVELS-arm": Corruption(put(W001, {"arm": "tau"}), (*FLOW, "SESS-01")),
    "LEVELS-time": Corruption(put(3, {"time": "Post"}), ("VISIT-02", *FLOW)),
    "LEVELS-cohort": Corruption(put(W001, {"cohort": "C9"})),
    "LEVELS-disposition": Corruption(
        put(W001, {"disposition": "Completed"}), ("VISIT-03", "FLOW-02")
    ),
    "LEVELS-lost_reason": Corruption(put(lost_row, {"lost_reason": "bored"})),
    "LEVELS-plate": Corruption(put(W001, {"plate": "P9"})),
    "RANGE-synthetic": Corruption(put(0, {"synthetic": 0.0})),
    "RANGE-sessions": Corruption(put(W002, {"sessions": 9.0})),
    "RANGE-age": Corruption(put(W001, {"age": 66.0})),
    "RANGE-height_cm": Corruption(body(190, 70)),
    "RANGE-weight_kg": Corruption(body(180, 111)),
    "RANGE-bmi": Corruption(body(160, 95)),
    "RANGE-fiqr_01..fiqr_21": Corruption(answers("fiqr_04", 11)),
    "RANGE-fiqr_function": Corruption(answers(FUNCTION, 11), ("RANGE-fiqr_01..fiqr_21",)),
    "RANGE-fiqr_impact": Corruption(answers(FIQR[9:11], 11), ("RANGE-fiqr_01..fiqr_21",)),
    "RANGE-fiqr_symptoms": Corruption(answers(SYMPTOMS, 10.5), ("RANGE-fiqr_01..fiqr_21", "WHOLE")),
    "RANGE-fiqr_total": Corruption(put(0, {"fiqr_total": 101.0}), ("SUM-fiqr_total",)),
    "RANGE-pips_01..pips_12": Corruption(answers("pips_01", 0)),
    "RANGE-pips_avoidance": Corruption(answers(AVOIDANCE, 8), ("RANGE-pips_01..pips_12",)),
    "RANGE-pips_fusion": Corruption(answers(FUSION, 0), ("RANGE-pips_01..pips_12",)),
    "RANGE-pips_total": Corruption(put(0, {"pips_total": 85.0}), ("SUM-pips_total",)),
    "RANGE-pcs_01..pcs_13": Corruption(answers("pcs_01", 5)),
    "RANGE-pcs_rumination": Corruption(answers(RUMINATION, 5), ("RANGE-pcs_01..pcs_13",)),
    "RANGE-pcs_magnification": Corruption(answers(MAGNIFICATION, 5), ("RANGE-pcs_01..pcs_13",)),
    "RANGE-pcs_helplessness": Corruption(answers(HELPLESSNESS, 5), ("RANGE-pcs_01..pcs_13",)),
    "RANGE-pcs_total": Corruption(put(0, {"pcs_total": 53.0}), ("SUM-pcs_total",)),
    "RANGE-pss_01..pss_08r": Corruption(answers("pss_01", 5)),
    "RANGE-pss_total": Corruption(put(0, {"pss_total": 41.0}), ("SUM-pss_total",)),
    "RANGE-hads_01..hads_14": Corruption(answers("hads_01", 4)),
    "RANGE-hads_anxiety": Corruption(answers(ANXIETY, 4), ("RANGE-hads_01..hads_14",)),
    "RANGE-hads_depression": Corruption(answers(DEPRESSION, 4), ("RANGE-hads_01..hads_14",)),
    "RANGE-hads_total": Corruption(put(0, {"hads_total": 43.0}), ("SUM-hads_total",)),
    "RANGE-il6": Corruption(put(0, {"il6": 51.0})),
    "RANGE-cxcl8": Corruption(put(0, {"cxcl8": 201.0})),
    "RANGE-il10": Corruption(put(0, {"il10": 201.0})),
    "RANGE-crp": Corruption(put(0, {"crp": 61.0, "crp_acute": 1.0})),
    "LEVELS-education": Corruption(put(W001, {"education": "none"})),
    "LEVELS-menopause": Corruption(put(W001, {"menopause": "unsure"})),
    "RANGE-years_ill": Corruption(put(W001, {"years_ill": 51.0})),
    "RANGE-cigarettes": Corruption(put(W001, {"cigarettes": 6.0})),
    "RANGE-caffeine": Corruption(put(W001, {"caffeine": 9.0})),
    "RANGE-comorbidities": Corruption(put(W001, {"comorbidities": 5.0})),
    "RANGE-fsdc_01..fsdc_25": Corruption(answers("fsdc_01", 2)),
    "RANGE-fsdc_wpi": Corruption(answers(WPI, 1.1), ("RANGE-fsdc_01..fsdc_25", "WHOLE")),
    "RANGE-fsdc_20..fsdc_22": Corruption(answers("fsdc_20", 4)),
    "RANGE-fsdc_sss": Corruption(answers(SSS, 3), ("RANGE-fsdc_01..fsdc_25",)),
    "RANGE-fsdc_total": Corruption(put(0, {"fsdc_total": 32.0}), ("SUM-fsdc_total",)),
    "RANGE-misci_01..misci_10": Corruption(answers("misci_01", 0)),
    "RANGE-misci_total": Corruption(put(0, {"misci_total": 51.0}), ("SUM-misci_total",)),
    "RANGE-ffmq_01..ffmq_14r": Corruption(answers("ffmq_01", 6)),
    **{
        f"RANGE-ffmq_{name}": Corruption(
            put(0, {f"ffmq_{name}": 16.0}), (f"SUM-ffmq_{name}", "SUM-ffmq_total")
        )
        for name in FACETS
    },
    "RANGE-ffmq_total": Corruption(put(0, {"ffmq_total": 76.0}), ("SUM-ffmq_total",)),
    "RANGE-scs_01..scs_12r": Corruption(answers("scs_02", 0)),
    "RANGE-scs_total": Corruption(put(0, {"scs_total": 61.0}), ("SUM-scs_total",)),
    "RANGE-draw_hour": Corruption(put(0, {"draw_hour": 20.0})),
    **{
        f"RANGE-{name}_cv": Corruption(put(0, {f"{name}_cv": 101.0}), ("WELL-02",))
        for name in ("il6", "cxcl8", "il10")
    },
    "WHOLE": Corruption(answers("fiqr_04", 4.5)),
    "FLAGS": Corruption(put(0, {"crp_acute": 2.0}), ("CRP-01",)),
    "CODES-arm": Corruption(put(W001, {"plate": "missing"}), ("LEVELS-plate",)),
    "CODES-date": Corruption(
        put(W001, {"randomised_on": pd.Timestamp("1900-01-01")}), ("DATE-01",)
    ),
    "CODES-sessions": Corruption(put(W001, {"age": 99.0}), ("RANGE-age",)),
    "CODES-weight_kg": Corruption(put(0, {"cxcl8": 999.0}), ("RANGE-cxcl8",)),
    "MISSING-0": Corruption(put(W001, {"age": np.nan})),
    "MISSING-60": Corruption(few_sessions, ("SESS-01", "PP-01")),
    "MISSING-10": Corruption(no_blood),
    "MISSING-35": Corruption(put(list(range(4, 60)), {"il6_cv": np.nan}), ("WELL-01",)),
    "SUM-fiqr_function": Corruption(domain("fiqr_function")),
    "SUM-fiqr_impact": Corruption(domain("fiqr_impact")),
    "SUM-fiqr_symptoms": Corruption(domain("fiqr_symptoms")),
    "SUM-fiqr_total": Corruption(put(0, {"fiqr_total": 50.5})),
    "SUM-pips_avoidance": Corruption(domain("pips_avoidance")),
    "SUM-pips_fusion": Corruption(domain("pips_fusion")),
    "SUM-pips_total": Corruption(put(0, {"pips_total": 12.0})),
    "SUM-pcs_rumination": Corruption(domain("pcs_rumination")),
    "SUM-pcs_magnification": Corruption(domain("pcs_magnification")),
    "SUM-pcs_helplessness": Corruption(domain("pcs_helplessness")),
    "SUM-pcs_total": Corruption(put(0, {"pcs_total": 0.0})),
    "SUM-pss_total": Corruption(put(0, {"pss_total": 0.0})),
    "SUM-hads_anxiety": Corruption(domain("hads_anxiety")),
    "SUM-hads_depression": Corruption(domain("hads_depression")),
    "SUM-hads_total": Corruption(put(0, {"hads_total": 0.0})),
    "SUM-fsdc_wpi": Corruption(domain("fsdc_wpi")),
    "SUM-fsdc_sss": Corruption(domain("fsdc_sss")),
    "SUM-fsdc_total": Corruption(put(0, {"fsdc_total": 0.0})),
    "SUM-misci_total": Corruption(put(0, {"misci_total": 10.0})),
    **{f"SUM-ffmq_{name}": Corruption(domain(f"ffmq_{name}")) for name in FACETS},
    "SUM-ffmq_total": Corruption(put(0, {"ffmq_total": 15.0})),
    "SUM-scs_total": Corruption(put(0, {"scs_total": 12.0})),
    "KEY-01": Corruption(duplicate(1), ("DUP-01",)),
    "KEY-02": Corruption(extra_woman, FLOW),
    "ARM-01": Corruption(put(1, {"arm": "MBSR", "sessions": 7.0}), (*FLOW, "BASE-01")),
    "BASE-01": Corruption(put(1, {"age": 57.0})),
    "VISIT-01": Corruption(without([0]), FLOW),
    "VISIT-02": Corruption(without([1]), FLOW),
    "VISIT-03": Corruption(put(W001, {"disposition": "lost", "lost_reason": "moved away"})),
    "FLOW-01": Corruption(one_more_lost, ("PP-01", "DROP-01")),
    "FLOW-02": Corruption(put(lost_row, {"lost_reason": None})),
    "DROP-01": Corruption(one_more_lost, FLOW),
    "SESS-01": Corruption(put(W001, {"sessions": 3.0})),
    "PP-01": Corruption(put(W002, {"sessions": 5.0})),
    "PP-02": Corruption(put(lost_row, {"sessions": 8.0}), ("PP-01",)),
    "DATE-01": Corruption(put(W001, {"randomised_on": pd.Timestamp("2021-01-05")})),
    "DATE-02": Corruption(put(W001, {"randomised_on": pd.Timestamp("2021-04-12")})),
    "DATE-03": Corruption(put(1, {"date": pd.Timestamp("2021-05-20")})),
    "DATE-04": Corruption(put(0, {"date": pd.Timestamp("2020-12-30")})),
    "BMI-01": Corruption(put(0, {"bmi": 25.7})),
    "PSS-01": Corruption(wrong_reverse("pss_04", "pss_total")),
    "PSS-02": Corruption(answers(PSS, 2)),
    "DUP-01": Corruption(copied_answers),
    "LOD-01": Corruption(put(0, {"il6": 0.1})),
    "LOD-02": Corruption(put(0, {"cxcl8": 0.1})),
    "LOD-03": Corruption(put(0, {"il10": 0.28, "il10_below_lod": 0.0})),
    "LOD-04": Corruption(below_limit("il6", 0.11, many_at_pre)),
    "LOD-05": Corruption(below_limit("cxcl8", 0.13, many_at_pre)),
    "LOD-06": Corruption(below_limit("il10", 0.56, many_at_pre)),
    "CRP-01": Corruption(put(0, {"crp_acute": 1.0})),
    "CRP-02": Corruption(milligrams_per_decilitre),
    "BLOOD-01": Corruption(put(0, {"crp": np.nan, "crp_acute": np.nan})),
    "ILL-01": Corruption(put(W001, {"age": 18.0, "years_ill": 18.0})),
    "CASE-01": Corruption(mostly_miss_the_criteria),
    "MISCI-01": Corruption(turned(MISCI, 6)),
    "FFMQ-01": Corruption(wrong_reverse("ffmq_03", "ffmq_awareness", "ffmq_total")),
    "FFMQ-02": Corruption(answers(FFMQ, 3)),
    "FFMQ-03": Corruption(turned(FFMQ, 6)),
    "SCS-01": Corruption(wrong_reverse("scs_01", "scs_total")),
    "SCS-02": Corruption(answers(SCS, 3)),
    "PLATE-01": Corruption(put(1, {"plate": "P2"})),
    "PLATE-02": Corruption(one_arm_on_a_plate),
    "WELL-01": Corruption(put(0, {"il6_cv": np.nan})),
    "WELL-02": Corruption(put(0, {"il10_cv": 20.1})),
    "BLOOD-02": Corruption(put(0, {"fasting": np.nan})),
}
