"""Responses for a design that has been fitted before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.errors import ModelError
from harness.models.design import Design
from harness.models.missing import LARGEST
from harness.models.orthogonal import orthogonal_factor
from harness.models.read_only import read_only

Matrix = npt.NDArray[np.float64]


def checked_responses(design: Design, given: npt.ArrayLike) -> Matrix:
    """Responses (n,) or (n, R) on the rows used, as floats.

    Args:
        design: the design.
        given: one value a row used, or a row of the data given (incomplete rows are left out).

    Raises:
        ModelError: another number of rows, more than two dimensions, or values that are not finite
            or not of a size that can be squared.
    """
    try:
        raw = np.asarray(given)
        # A copy: what is written into the caller's array later does not reach the fit.
        Y = np.array(None if raw.dtype.kind in "cmMSU" else raw, dtype=np.float64)
    except (TypeError, ValueError):
        Y = np.empty(())
    frame = design.frame
    if Y.ndim not in (1, 2) or not Y.size:
        raise ModelError(f"responses must be (n,) or (n, R), of numbers, not {_told(given)}")
    if len(Y) == frame.n_rows != frame.n_obs:
        Y = np.delete(Y, frame.omitted, axis=0)
    if len(Y) != frame.n_obs:
        raise ModelError(
            f"responses have {len(Y)} rows; the model of `{frame.response}` uses {frame.n_obs}"
        )
    if not np.isfinite(Y).all():
        row = int(np.argwhere(~np.isfinite(Y))[0][0])
        raise ModelError(
            f"row {row + 1} of the responses is missing or infinite; a response with other rows "
            "needs a fit of its own"
        )
    size = np.abs(Y).max(axis=0)
    wrong = np.flatnonzero((size >= LARGEST) | ((size > 0.0) & (size <= 1.0 / LARGEST)))
    if len(wrong):
        raise ModelError(
            f"the squares of the responses (of size {size.flat[wrong[0]]:.1g}) have no "
            "floating-point number; take another unit"
        )
    return Y


def _told(given: object) -> str:
    """What was given instead of numbers, in a word or by its shape."""
    shape = getattr(given, "shape", None)
    return type(given).__name__ if shape is None else f"of shape {tuple(shape)}"


def working_responses(design: Design, Y: Matrix) -> Matrix:
    """Responses (n, R) as the sums see them; see :meth:`Design.working`."""
    if design.offset is not None:
        Y = Y - design.offset[:, None]
    return Y if design.weights is None else Y * np.sqrt(design.weights)[:, None]


def with_response(design: Design, y: npt.NDArray[np.float64]) -> Design:
    """The same design with another response (n,)."""
    XY = design.XY.copy(order="F")
    XY[:, -1] = design.working(y)
    frame = replace(design.frame, y=read_only(y))
    return replace(design, frame=frame, XY=read_only(XY), factor=orthogonal_factor(XY))
