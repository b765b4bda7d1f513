"""One corruption for each rule of expectations/eudaimon3.json.

Row 0 is P001 (usual treatment, lost after baseline), rows 1 to 4 are P002 (usual treatment,
completed), rows 5 to 8 are P003 (MBSR, group M01, eight sessions, completed).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .corruption import Change, Corruption, duplicate, put, without, write

P002, P003 = [1, 2, 3, 4], [5, 6, 7, 8]
PCS = [f"pcs_{k:02d}" for k in range(1, 14)]
SYMPTOMS = [f"fiqr_{k:02d}" for k in range(12, 22)]


def pcs_answer(value: float) -> Change:
    """Give P001 one PCS answer, and add it up."""

    def change(frame: pd.DataFrame) -> None:
        frame.loc[0, "pcs_01"] = value
        frame.loc[0, "pcs_total"] = frame.loc[0, PCS].sum()

    return change


def extra_patient(frame: pd.DataFrame) -> pd.DataFrame:
    longer = pd.concat([frame, frame.iloc[P002]], ignore_index=True)
    new = list(range(len(frame), len(longer)))
    write(longer, new, {"id": "P999"})
    longer.loc[new, SYMPTOMS[0]] = (longer.loc[new, SYMPTOMS[0]] + 1) % 10
    return longer


def baseline_of_a_lost_patient(frame: pd.DataFrame) -> pd.DataFrame:
    """The baseline row of somebody in usual treatment who came to the post visit only."""
    lost = frame[(frame["arm"] == "TAU") & (frame["disposition"] == "lost")]
    last = lost.groupby("id", observed=True)["time"].agg(list)
    patient = next(name for name, visits in last.items() if visits == ["pre", "post"])
    gone = (frame["id"] == patient) & (frame["time"] == "pre")
    return frame[~gone].reset_index(drop=True)


def lose(frame: pd.DataFrame, patients: int) -> pd.DataFrame:
    """So many patients of usual treatment who completed lose their visit at 12 months."""
    done = frame[(frame["arm"] == "TAU") & (frame["disposition"] == "completed")]
    names = done["id"].unique()[:patients]
    rows = frame["id"].isin(names)
    frame.loc[rows, "disposition"] = "lost"
    return frame[~(rows & (frame["time"] == "m12"))].reset_index(drop=True)


def few_sessions(frame: pd.DataFrame) -> None:
    """Sessions of a third of the MBSR arm were not entered."""
    names = frame.loc[frame["arm"] == "MBSR", "id"].unique()[:25]
    frame.loc[frame["id"].isin(names), "sessions"] = np.nan


def copied_answers(frame: pd.DataFrame) -> None:
    frame.loc[5, [*PCS, "pcs_total", *SYMPTOMS]] = frame.loc[2, [*PCS, "pcs_total", *SYMPTOMS]]


def no_cases(frame: pd.DataFrame) -> list[int]:
    at = (frame["arm"] == "TAU") & (frame["time"] == "pre")
    return list(frame.index[at][:24])


CORRUPTIONS: dict[str, Corruption] = {
    "COLUMNS": Corruption(lambda frame: frame.assign(comment="")),
    "LEVELS-arm": Corruption(
        put(P002, {"arm": "tau"}), ("FLOW-01", "SESS-01", "GROUP-01", "PP-01")
    ),
    "LEVELS-time": Corruption(put(8, {"time": "M12"}), ("VISIT-02", "FLOW-01")),
    "LEVELS-cohort": Corruption(put(P002, {"cohort": "C9"})),
    "LEVELS-group": Corruption(put(P003, {"group": "M11"}), ("GROUP-02",)),
    "LEVELS-disposition": Corruption(put(P002, {"disposition": "Completed"}), ("VISIT-03",)),
    "LEVELS-education": Corruption(put(P002, {"education": "some"})),
    "RANGE-synthetic": Corruption(put(0, {"synthetic": 0.0})),
    "RANGE-sessions": Corruption(put(P003, {"sessions": 9.0})),
    "RANGE-age": Corruption(put(P002, {"age": 66.0})),
    "RANGE-bmi": Corruption(put(P002, {"bmi": 42.1})),
    "RANGE-years_ill": Corruption(put(P002, {"years_ill": 41.0})),
    "RANGE-fiqr_01..fiqr_21": Corruption(put(0, {"fiqr_04": 11.0})),
    "RANGE-pcs_01..pcs_13": Corruption(pcs_answer(5.0)),
    "RANGE-pcs_total": Corruption(put(0, {"pcs_total": 53.0}), ("SUM-pcs_total",)),
    "RANGE-wpi": Corruption(put(0, {"wpi": 20.0})),
    "RANGE-sss": Corruption(put(0, {"sss": 13.0})),
    "WHOLE": Corruption(put(0, {"fiqr_04": 4.5})),
    "FLAGS": Corruption(put(0, {"synthetic": 2.0}), ("RANGE-synthetic",)),
    "CODES-arm": Corruption(put(P002, {"education": "missing"}), ("LEVELS-education",)),
    "CODES-sessions": Corruption(put(P002, {"age": 99.0}), ("RANGE-age",)),
    "MISSING-0": Corruption(put(P002, {"age": np.nan})),
    "MISSING-40": Corruption(few_sessions, ("SESS-01", "PP-01")),
    "MISSING-5": Corruption(put(list(range(45)), {"fiqr_01": np.nan})),
    "SUM-pcs_total": Corruption(put(0, {"pcs_total": 0.0})),
    "KEY-01": Corruption(duplicate(2), ("DUP-01",)),
    "KEY-02": Corruption(extra_patient, ("FLOW-01", "PP-01")),
    "ARM-01": Corruption(
        put(4, {"arm": "MBSR", "sessions": 7.0, "group": "M01"}), ("FLOW-01", "BASE-01")
    ),
    "BASE-01": Corruption(put(2, {"age": 59.0})),
    "VISIT-01": Corruption(baseline_of_a_lost_patient, ("FLOW-01", "PP-01")),
    "VISIT-02": Corruption(without([2]), ("FLOW-01",)),
    "VISIT-03": Corruption(put(P002, {"disposition": "lost"})),
    "FLOW-01": Corruption(lambda frame: lose(frame, 1)),
    "DROP-01": Corruption(lambda frame: lose(frame, 6), ("FLOW-01",)),
    "SESS-01": Corruption(put(P002, {"sessions": 3.0})),
    "GROUP-01": Corruption(put(P003, {"group": "none"}), ("GROUP-02",)),
    "GROUP-02": Corruption(put(P003, {"group": "M02"})),
    "PP-01": Corruption(put(P003, {"sessions": 5.0})),
    "CASE-01": Corruption(put(no_cases, {"wpi": 2.0})),
    "DUP-01": Corruption(copied_answers),
}
