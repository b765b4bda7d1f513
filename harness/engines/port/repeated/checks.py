"""What data must have for a covariance structure to be determined, refused in one line if not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.repeated.patterns import Occasions, RepeatedData
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]

EXACT = 1e-20
"""Mean squared residual of a visit, relative to all, below which the visit is fitted exactly."""


def check_determined(name: str, data: RepeatedData, seen: Occasions) -> None:
    """Refuse structures with parameters no data speak of.

    Raises:
        ModelError: a correlation no subject says anything about, or a visit of which the fixed
            effects leave nothing.
    """
    pairs = data.pairs
    V = len(pairs)
    lag = np.abs(np.arange(V)[:, None] - np.arange(V)[None, :])
    if not name.startswith(("id", "diag")) and not pairs[lag > 0].any():
        raise ModelError(
            f"no `{seen.subject}` has two visits: no correlation can be estimated; "
            "check the subject column, or use covariance='id' or 'diag'"
        )
    if name == "un":
        never = np.argwhere(np.triu(pairs == 0.0, 1))
        if len(never):
            a, b = never[0]
            more = f" (and {len(never) - 1} other pairs)" if len(never) > 1 else ""
            raise ModelError(
                f"no `{seen.subject}` has both `{seen.visits[a]}` and `{seen.visits[b]}` of "
                f"`{seen.visit}`{more}: their covariance is not determined; use a structure with "
                "fewer parameters, e.g. covariance='toeph' or 'csh'"
            )
    elif name in ("toep", "toeph"):
        for h in range(1, V):
            if not pairs[lag == h].any():
                raise ModelError(
                    f"no `{seen.subject}` has two visits of `{seen.visit}` that are {h} apart: the "
                    "correlation at that lag is not determined; use covariance='ar1' or 'cs'"
                )
    squares = data.moments.diagonal()
    if name == "un" or name.endswith("h") or name == "diag":
        empty = np.flatnonzero(squares <= EXACT * squares.max())
        if len(empty):
            rows = int(pairs[empty[0], empty[0]])
            raise ModelError(
                f"the fixed effects reproduce the {rows} rows at `{seen.visits[empty[0]]}` of "
                f"`{seen.visit}` exactly: its variance is not determined; use fewer fixed effects "
                "or a structure with one variance"
            )


def sign_unknown(name: str, data: RepeatedData) -> bool:
    """Whether all visits of one subject are an even number apart: AR(1) then lacks a sign."""
    if name not in ("ar1", "ar1h"):
        return False
    seen = np.argwhere(np.triu(data.pairs > 0.0, 1))
    return bool(((seen[:, 1] - seen[:, 0]) % 2 == 0).all())


def diverged(seen: Occasions, Sigma: Matrix) -> str:
    """The message for a criterion that falls without bound as the covariance becomes singular."""
    sd = np.sqrt(Sigma.diagonal())
    w, turn = np.linalg.eigh(Sigma / np.outer(sd, sd))
    involved = [seen.visits[k] for k in np.flatnonzero(np.abs(turn[:, 0]) > 0.1)]
    return (
        f"the residuals' correlations become singular (visits {', '.join(involved)} of "
        f"`{seen.visit}`, smallest eigenvalue {w[0]:.1g}): too few `{seen.subject}` for this "
        "structure, or copied values; use a structure with fewer parameters"
    )
