"""The benchmark table: the port beside lme4, from a data frame and a formula, on one thread.

``make bench`` runs it; it exits 1 when the port is not as much faster as it must be. R is timed in
a process of its own on the same data with lme4's default control, directly before the port.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent

for _variable in ("OPENBLAS", "OMP", "MKL", "BLIS"):
    os.environ[f"{_variable}_NUM_THREADS"] = "1"
if "OPENBLAS_CORETYPE" in os.environ:
    # A machine-wide choice of kernels would time another BLAS than a user's. It is read when the
    # library loads, hence the restart.
    del os.environ["OPENBLAS_CORETYPE"]
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from tabulate import tabulate  # noqa: E402

import harness  # noqa: E402
from harness.engines.port.fit import Fit  # noqa: E402


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the table.

    Attributes:
        name: what is timed.
        data: makes the frame.
        formula: lme4 syntax.
        factors: columns R must make factors of.
        required: how many times faster than R the port must be.
        repetitions: of the median, on both sides.
        what: ``fit``, ``summary`` for the fit and its Satterthwaite table, ``kenward-roger`` for
            the fit and that table, ``table`` for that table of a fit made before.
        seconds: most the port may take where R cannot do the work at all; R is not run then.
    """

    name: str
    data: Callable[[], pd.DataFrame]
    formula: str
    factors: tuple[str, ...]
    required: float
    repetitions: int = 15
    what: str = "fit"
    seconds: float | None = None


def sleepstudy() -> pd.DataFrame:
    """The classic, Subject as a factor."""
    path = HERE.parents[1] / "fixtures" / "classics" / "sleepstudy.csv"
    frame = pd.read_csv(path, dtype={"Reaction": float, "Days": float})
    return frame.assign(Subject=frame["Subject"].astype("category"))


def two_wave() -> pd.DataFrame:
    """70 patients, two arms, baseline and post."""
    rng = np.random.default_rng(7)
    arm = np.repeat(np.tile([0, 1], 35), 2)
    post = np.tile([0, 1], 70)
    level = np.repeat(rng.normal(60, 12, size=70), 2)
    y = level - 2 * post - 9 * arm * post + rng.normal(0, 8, size=140)
    return pd.DataFrame(
        {
            "y": y,
            "arm": pd.Categorical(np.where(arm, "MBSR", "TAU")),
            "time": pd.Categorical(np.where(post, "t1", "t0")),
            "id": pd.Categorical([f"P{k:02d}" for k in np.repeat(range(70), 2)]),
        }
    )


def visits(patients: int, waves: int, drop: float, seed: int) -> pd.DataFrame:
    """Patients over weekly visits with drop-out from the last visits."""
    rng = np.random.default_rng(seed)
    last = np.where(rng.random(patients) < drop, waves - 1, waves)
    ids = np.repeat(np.arange(patients), last)
    week = np.concatenate([np.arange(k) for k in last]).astype(float)
    arm = ids % 2
    b = rng.multivariate_normal([0, 0], [[16.0, 1.0], [1.0, 0.8]], size=patients)
    y = 50 + b[ids, 0] + (b[ids, 1] - 0.6 * arm) * week + rng.normal(0, 4, size=len(ids))
    return pd.DataFrame(
        {
            "y": y,
            "arm": pd.Categorical(np.where(arm, "B", "A")),
            "week": week,
            "id": pd.Categorical(ids),
        }
    )


def evaluations() -> pd.DataFrame:
    """Lecturers' ratings by students (lme4's InstEval), exported by R: 73,421 rows."""
    columns = "lme4::InstEval[, c('y', 'service', 's', 'd', 'dept')]"
    said = subprocess.run(
        ["Rscript", "--vanilla", "-e", f"write.csv({columns}, row.names = FALSE)"],
        capture_output=True,
        text=True,
        check=True,
    )
    frame = pd.read_csv(io.StringIO(said.stdout))
    return frame.astype(dict.fromkeys(("service", "s", "d", "dept"), "category"))


SLOPES = "Reaction ~ Days + (Days | Subject)"
TRIAL = "y ~ arm * time + (1 | id)"
WAVES = "y ~ arm * week + (week | id)"

JOBS = (
    Job("sleepstudy, slopes: fit", sleepstudy, SLOPES, ("Subject",), 20),
    Job("sleepstudy, slopes: and summary", sleepstudy, SLOPES, ("Subject",), 20, what="summary"),
    Job("trial 70 x 2: fit", two_wave, TRIAL, ("id",), 20),
    Job("trial 70 x 2: and summary", two_wave, TRIAL, ("id",), 20, what="summary"),
    Job("225 patients x 4, slopes: fit", lambda: visits(225, 4, 0.2, 1), WAVES, ("id",), 10),
    Job(
        "100,000 patients x 4-5, slopes: fit",
        lambda: visits(100_000, 5, 0.5, 2),
        WAVES,
        ("id",),
        15,
        repetitions=1,
    ),
    Job(
        "InstEval, three crossed: fit",
        evaluations,
        "y ~ service + (1 | s) + (1 | d) + (1 | dept)",
        ("service", "s", "d", "dept"),
        15,
        repetitions=1,
    ),
    Job(
        "225 x 4, slopes: Kenward-Roger table",
        lambda: visits(225, 4, 0.2, 1),
        WAVES,
        ("id",),
        300,
        repetitions=2,
        what="table",
    ),
    Job(
        "225 x 4, slopes: fit and K.-R.",
        lambda: visits(225, 4, 0.2, 1),
        WAVES,
        ("id",),
        100,
        repetitions=2,
        what="kenward-roger",
    ),
    Job(
        "225,000 x 4, slopes: fit and K.-R.",
        lambda: visits(225_000, 4, 0.2, 3),
        WAVES,
        ("id",),
        0,
        repetitions=1,
        what="kenward-roger",
        seconds=2.0,
    ),
)

REFERENCE = {
    "fit": "lme4",
    "summary": "lmerTest",
    "kenward-roger": "pbkrtest",
    "table": "pbkrtest",
}


def port_seconds(job: Job, frame: pd.DataFrame) -> float:
    """Median time of the port."""

    made = harness.lmer(job.formula, frame) if job.what == "table" else None

    def run() -> None:
        if made is not None:
            # A new object, because a fit remembers what it was asked.
            Fit(made.design, made._problem, made._search).summary("kenward-roger")
            return
        fit = harness.lmer(job.formula, frame)
        if job.what == "summary":
            fit.summary()
        elif job.what == "kenward-roger":
            fit.summary("kenward-roger")

    run()
    times = []
    for _ in range(max(5, 20 * (job.repetitions > 1))):
        start = time.perf_counter()
        rounds = 20 if job.repetitions > 1 else 1
        for _ in range(rounds):
            run()
        times.append((time.perf_counter() - start) / rounds)
    return float(np.median(times))


def r_seconds(jobs: list[Job], frames: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Median times of R, by job."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for number, job in enumerate(jobs):
            frames[job.name].to_csv(Path(folder) / f"{number}.csv", index=False)
            factors = ";".join(job.factors)
            rows.append(
                (job.name, f"{number}.csv", job.formula, factors, job.repetitions, job.what)
            )
        columns = ["name", "file", "formula", "factors", "repetitions", "what"]
        pd.DataFrame(rows, columns=columns).to_csv(Path(folder) / "jobs.csv", index=False)
        said = subprocess.run(
            ["Rscript", "--vanilla", str(HERE / "bench.R"), folder],
            capture_output=True,
            text=True,
            check=True,
        )
    return {name: float(value) for name, value in json.loads(said.stdout).items()}


def shown(seconds: float) -> str:
    """A time with a unit."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def main(words: list[str]) -> int:
    """Time the jobs whose name contains every word; 1 if a ratio is below its minimum."""
    jobs = [job for job in JOBS if all(word in job.name for word in words)]
    frames = {job.name: job.data() for job in jobs}
    with_r = [job for job in jobs if job.seconds is None]
    r = r_seconds(with_r, frames) if with_r else {}
    rows, missed = [], False
    for job in jobs:
        port = port_seconds(job, frames[job.name])
        if job.seconds is not None:
            held = port <= job.seconds
            missed |= not held
            rows.append(
                (
                    job.name,
                    len(frames[job.name]),
                    REFERENCE[job.what],
                    "n x n",
                    shown(port),
                    "",
                    f"{job.seconds:g} s",
                    "yes" if held else "NO",
                )
            )
            continue
        ratio = r[job.name] / port
        missed |= ratio < job.required
        rows.append(
            (
                job.name,
                len(frames[job.name]),
                REFERENCE[job.what],
                shown(r[job.name]),
                shown(port),
                f"{ratio:.0f}x",
                f"{job.required:g}x",
                "yes" if ratio >= job.required else "NO",
            )
        )
    head = ("work", "rows", "reference", "R", "port", "ratio", "required", "held")
    print(tabulate(rows, headers=head, colalign=("left", "right", "left", *["right"] * 4, "left")))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
