"""``reproduce.R`` scores what the file lacks as the harness does, by every instrument and rule."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.data.scores import Scored
from harness.report.reproduce_scores import scores_script
from harness.scoring import instruments
from harness.scoring.score import score

CASES = [
    (one, form, rule)
    for one in instruments().values()
    for form in one.forms
    if form.keyed
    for rule in one.missing
]


def scored(frame, name, one, form, rule, *, recoded=False) -> Scored:
    items = tuple(f"{name} {k}" for k in range(1, form.n_items + 1))
    columns = {score_name: f"{name}_{score_name}" for score_name in form.scores}
    found = score(form, frame[list(items)], rule, recoded=recoded)
    return Scored(name, one.name, form, rule, recoded, items, columns, (), None, found)


@pytest.mark.live_r
def test_r_gives_the_same_scores(tmp_path: Path, r_home: Path) -> None:
    rng = np.random.default_rng(20261126)
    frame, done = pd.DataFrame(index=range(60)), []
    for number, (one, form, rule) in enumerate(CASES):
        low, high = np.array(form.ranges).T
        answers = rng.integers(low, high + 1, size=(60, form.n_items)).astype(float)
        answers[rng.random(answers.shape) < rng.choice([0.02, 0.3], size=(60, 1))] = np.nan
        names = [f's"{number} {k}' for k in range(1, form.n_items + 1)]
        frame = pd.concat([frame, pd.DataFrame(answers, columns=names)], axis=1)
        done.append(scored(frame, f's"{number}', one, form, rule, recoded=number % 3 == 0))
    frame.to_csv(tmp_path / "data.csv", index=False, na_rep="")
    script = "\n".join(
        [
            'data <- read.csv("data.csv", check.names = FALSE)',
            *scores_script(done),
            "out <- data[, (ncol(data) - COUNT + 1):ncol(data)]".replace(
                "COUNT", str(sum(len(one.added) for one in done))
            ),
            'write.csv(format(out, digits = 17), "out.csv", row.names = FALSE, quote = TRUE)',
        ]
    )
    (tmp_path / "s.R").write_text(script, encoding="utf-8")
    ran = subprocess.run(
        ["Rscript", "--vanilla", "s.R"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    answered = pd.read_csv(tmp_path / "out.csv", skipinitialspace=True)
    for one in done:
        for name, values in one.scores.values.items():
            there = pd.to_numeric(answered[one.columns[name]], errors="coerce").to_numpy()
            assert np.array_equal(np.isnan(there), np.isnan(values)), (one.instrument, name)
            assert np.allclose(there, values, rtol=1e-15, equal_nan=True), (one.instrument, name)


def test_nothing_is_written_where_the_file_has_every_score() -> None:
    one = instruments()["PSS-10"]
    frame = pd.DataFrame({f"q {k}": [1.0] for k in range(1, 11)})
    found = scored(frame, "q", one, one.forms[0], "refuse")
    has_all = Scored(
        *(found.name, found.instrument, found.form, found.rule, False, found.items),
        *(found.columns, ("total",), None, found.scores),
    )
    assert list(scores_script([has_all])) == []
    assert 'data[["q_total"]]' in "\n".join(scores_script([found]))
