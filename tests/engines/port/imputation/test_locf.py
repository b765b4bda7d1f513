from __future__ import annotations

import numpy as np
import pandas as pd
from trial_with_losses import COLUMNS, trial_with_losses

import harness
from harness.engines.port.imputation.locf import LABEL, carry_forward


def test_the_last_value_is_carried_forward_and_never_backward() -> None:
    data = trial_with_losses(6, 4)
    y = data["y"].to_numpy().reshape(-1, 4).copy()
    y[0] = [np.nan, 7.0, np.nan, 9.0]
    y[1] = [np.nan, np.nan, 5.0, np.nan]
    data["y"] = y.ravel()
    wanted = pd.DataFrame(y).ffill(axis=1).to_numpy().ravel()
    found = carry_forward(data, "y", **COLUMNS)
    assert found.never == 3
    assert found.carried == int((np.isnan(y.ravel()) & ~np.isnan(wanted)).sum())
    assert found.frame["y"].tolist() == wanted[~np.isnan(wanted)].tolist()
    last = carry_forward(data, "y", **COLUMNS, visits=["v3"])
    assert last.frame["y"].tolist() == wanted.reshape(-1, 4)[:, 3].tolist()


def test_every_table_says_what_it_is() -> None:
    found = carry_forward(trial_with_losses(), "y", **COLUMNS)
    for model in ("y ~ arm * visit + (1 | id)", "y ~ arm + base"):
        table = found.fit(model)
        assert set(table["method"]) == {LABEL}
    assert "LOCF" in repr(found)
    assert "locf" not in " ".join(harness.__all__).lower()
