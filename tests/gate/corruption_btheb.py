"""One corruption for each rule of expectations/btheb.json.

Rows 0 to 4 are patient S001 (treatment as usual, scored at months 0, 2, 3), rows 5 to 9 are S002
(BtheB, scored at every visit).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .corruption import Corruption, duplicate, put, without, write

S001, S002 = list(range(5)), list(range(5, 10))


def extra_patient(frame: pd.DataFrame) -> pd.DataFrame:
    new = frame.iloc[S002].copy()
    longer = pd.concat([frame, new], ignore_index=True)
    write(longer, list(range(len(frame), len(longer))), {"subject": "S999"})
    longer.loc[len(longer) - 1, "bdi"] += 1
    return longer


def baseline_moved(frame: pd.DataFrame) -> None:
    """S002's score at month 0 is lost, and the count of scores follows."""
    frame.loc[5, "bdi"] = np.nan
    frame.loc[S002, "n_scores"] = 4


def many_lost(frame: pd.DataFrame) -> None:
    """Seven more patients without a score at month 8, and their counts follow."""
    at_8 = frame.index[(frame["month"] == "8") & frame["bdi"].notna()][:7]
    frame.loc[at_8, "bdi"] = np.nan
    lost = frame["subject"].isin(frame.loc[at_8, "subject"])
    frame.loc[lost, "n_scores"] -= 1


def gap(frame: pd.DataFrame) -> None:
    frame.loc[7, "bdi"] = np.nan
    frame.loc[S002, "n_scores"] = 4


def twin(frame: pd.DataFrame) -> None:
    """S002's series given to another patient who was scored at every visit."""
    complete = frame.index[(frame["n_scores"] == 5) & (frame["month"] == "0")]
    other = next(row for row in complete if row > 9)
    frame.loc[list(range(other, other + 5)), "bdi"] = frame.loc[S002, "bdi"].to_numpy()


def spread(frame: pd.DataFrame) -> None:
    """Every baseline score 20 or 21; no two are far apart."""
    start = frame.index[frame["month"] == "0"]
    frame.loc[start, "bdi"] = [20 + k % 2 for k in range(len(start))]


def far_apart(frame: pd.DataFrame) -> None:
    frame.loc[[5, 6], "bdi"] = [5.0, 55.0]


FLOW = ("FLOW-01", "FLOW-02")
CORRUPTIONS: dict[str, Corruption] = {
    "COLUMNS": Corruption(lambda frame: frame.assign(comment="")),
    "LEVELS-treatment": Corruption(put(S002, {"treatment": "btheb"}), FLOW),
    "LEVELS-drug": Corruption(put(S001, {"drug": "perhaps"})),
    "LEVELS-length": Corruption(put(S001, {"length": "6m"})),
    "LEVELS-month": Corruption(put(9, {"month": "9"}), ("VISIT-02", "VISIT-03", *FLOW)),
    "RANGE-n_scores": Corruption(put(S001, {"n_scores": 6}), ("BDI-02",)),
    "RANGE-months": Corruption(put(4, {"months": 9}), ("VISIT-03",)),
    "RANGE-bdi": Corruption(put(6, {"bdi": 64})),
    "WHOLE": Corruption(put(6, {"bdi": 16.5})),
    "CODES-treatment": Corruption(put(S001, {"drug": "N/A"}), ("LEVELS-drug",)),
    "CODES-n_scores": Corruption(put(6, {"bdi": 99}), ("RANGE-bdi", "BDI-03")),
    "MISSING-0": Corruption(put(S001, {"length": None})),
    "MISSING-25": Corruption(many_lost, ("FLOW-02", "DROP-02")),
    "KEY-01": Corruption(duplicate(4)),
    "KEY-02": Corruption(extra_patient, FLOW),
    "ARM-01": Corruption(put(4, {"treatment": "BtheB"}), ("FLOW-01",)),
    "BASE-01": Corruption(put(3, {"drug": "Yes"})),
    "VISIT-01": Corruption(without([0]), ("FLOW-01", "FLOW-02", "BDI-02")),
    "VISIT-02": Corruption(without([4]), ("FLOW-01",)),
    "VISIT-03": Corruption(put(4, {"months": 5})),
    "FLOW-01": Corruption(put(S001, {"treatment": "BtheB"}), ("FLOW-02",)),
    "FLOW-02": Corruption(gap, ("DROP-01",)),
    "BDI-01": Corruption(baseline_moved, ("FLOW-02", "DROP-01")),
    "BDI-02": Corruption(put(S001, {"n_scores": 5})),
    "BDI-03": Corruption(far_apart),
    "BDI-04": Corruption(spread),
    "DROP-01": Corruption(gap, ("FLOW-02",)),
    "DROP-02": Corruption(many_lost, ("FLOW-02", "MISSING-25")),
    "DUP-01": Corruption(twin),
}
