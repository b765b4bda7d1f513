"""Degrees of freedom and adjusted covariance of a repeated-measures fit.

Satterthwaite: ``v = l' Phi l`` has the gradient ``v_i`` in the covariance parameters, and their
asymptotic covariance is ``2 H^-1`` with H the (observed) Hessian of the criterion, so

    1 / df = z' H^-1 z,       z_i = v_i / v = o' U_i o / o'o,       o = Rho_XX^-T F^-T l,

whatever the parametrisation. Kuznetsova, Brockhoff & Christensen (2017), J. Stat. Softw. 82(13);
it is mmrm's and SAS's definition, too.

Kenward-Roger: the *linear* (first-order) variant of Kenward & Roger (1997), Biometrics 53,
983-997; see :mod:`harness.engines.port.kenward_roger`, whose tests this module uses. Nothing in it
depends on how the covariance is parametrised: only the tangent space of the structure at the
estimate counts. It is the whole of the paper for the structures linear in some parameters (un, cs,
toep, id, diag). For the others (csh, ar1, ar1h, toeph) the paper has another term, in the second
derivatives of the covariance, which hangs on the parametrisation; it is left out here, as in
mmrm's ``Kenward-Roger-Linear`` and SAS's ``ddfm=kr(linear)``, and the result says so.

The covariance W of the covariance parameters comes from their *expected* information, as in the
paper and in pbkrtest, or from the *observed* one, as in SAS. Both give ``n - p`` for the direction
of V itself and the same mixed entries with it at the optimum, so what follows does not differ.
With complete visits they agree for an unstructured matrix; with many missing they may give
adjusted errors 1 % and degrees of freedom 6 % apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import FLAT
from harness.engines.port.ftest import FTest
from harness.engines.port.kenward_roger import KenwardRoger
from harness.engines.port.repeated.likelihood import Point, RepeatedCriterion
from harness.engines.port.satterthwaite import fai_cornelius, variance_slope
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

HANGS = 1e-6
"""Share of a variance that must change with a flat direction for it to count."""


def half_of(criterion: RepeatedCriterion, point: Point) -> Matrix:
    """(p, p) with ``Phi = half half'`` in the units of the data; row j is coefficient j."""
    p = criterion.data.p
    F = criterion.data.F
    # Both factors are triangular and p is small: one solve each, no explicit inverse of Omega.
    root = np.linalg.solve(point.Rho[:p, :p], np.eye(p))
    return abs(float(F[p, p])) * np.asarray(np.linalg.solve(F[:p, :p], root))


def coefficients(criterion: RepeatedCriterion, point: Point) -> Vector:
    """(p,) generalised least squares estimates in the units of the data."""
    p = criterion.data.p
    F = criterion.data.F
    inner = np.linalg.solve(point.Rho[:p, :p], point.Rho[:p, p])
    return np.asarray(np.linalg.solve(F[:p, :p], F[:p, p] + F[p, p] * inner))


def satterthwaite(point: Point, rows: Matrix) -> Vector:
    """Degrees of freedom (k,) of contrasts.

    Args:
        point: the criterion at its optimum.
        rows: (k, p) contrasts times ``half``.

    Returns:
        NaN where the criterion is flat in a direction the contrast's variance depends on.
    """
    p = rows.shape[1]
    with np.errstate(invalid="ignore"):  # a contrast of zeros has no variance to test by
        z = ((rows @ point.U[:, :p, :p]) * rows).sum(axis=2) / (rows * rows).sum(axis=1)
    size = np.sqrt(np.maximum(point.hessian.diagonal(), 1e-300))
    w, turn = np.linalg.eigh(point.hessian / np.outer(size, size))
    x = turn.T @ (z / size[:, None])
    flat = w <= FLAT * w[-1]
    share = (x[~flat] ** 2 / w[~flat, None]).sum(axis=0)
    hangs = (np.abs(x[flat]) > HANGS * np.abs(x).max()).any(axis=0)
    return np.asarray(1.0 / np.where(hangs, np.nan, share))


def satterthwaite_f(point: Point, rows: Matrix, value: Vector) -> FTest:
    """F test of contrasts together; rows (k, p) as above, value (k,) the contrasts.

    Raises:
        ModelError: contrasts that are not linearly independent.
    """
    slope = variance_slope(point.hessian, point.U)
    return fai_cornelius(rows, value, lambda one: satterthwaite(point, one), slope)


def kenward_roger_linear(
    criterion: RepeatedCriterion, point: Point, observed: bool = False
) -> KenwardRoger:
    """Kenward-Roger's quantities at an optimum.

    Args:
        criterion: and its data.
        point: the optimum.
        observed: W from the observed information instead of the expected one.

    Raises:
        ModelError: the fit is not by REML.
    """
    if not criterion.reml:
        raise ModelError("Kenward-Roger needs a REML fit; this one is asked by ML")
    p, t = criterion.data.p, len(point.D)
    d = criterion.d
    information = point.hessian if observed else criterion.expected_information(point)
    # V itself lies in the tangent space; the other directions are taken orthogonal to it in a
    # scale in which every parameter has unit information.
    size = 1.0 / np.sqrt(criterion.expected_information(point).diagonal())
    D = (point.D * size[:, None, None]).reshape(t, -1)
    share = np.linalg.lstsq(D.T, np.eye(len(point.L)).ravel(), rcond=None)[0]
    rest = np.linalg.qr(np.column_stack([share, np.eye(t)]))[0][:, 1:t]
    change = (size[:, None] * rest).T
    information = change @ information @ change.T
    own = np.tensordot(change, point.U[:, :p, :p], 1)
    turned = np.tensordot(change, point.D, 1)
    count = criterion.data.count
    score = np.einsum("k,kab,rab->r", count, point.projection, turned)
    score -= np.trace(own, axis1=1, axis2=2)
    information -= np.outer(score, score) / d
    w, V = np.linalg.eigh(0.5 * (information + information.T))
    good = w > FLAT
    directions = V / np.sqrt(np.where(good, w, 1.0))
    own = np.tensordot(directions.T, own, 1)
    free = own - (directions.T @ score / d)[:, None, None] * np.eye(p)
    turned = np.tensordot(directions.T, turned, 1)
    return KenwardRoger(
        half=half_of(criterion, point),
        sigma=1.0,
        d=d,
        P=free[good],
        undetermined=free[~good],
        inflation=4.0 * _gain(criterion, point, own[good], turned[good]),
        doubt=np.zeros((p, p))
        if good.all()
        else _gain(criterion, point, own[~good], turned[~good]),
    )


def _gain(criterion: RepeatedCriterion, point: Point, own: Matrix, turned: Matrix) -> Matrix:
    """``sum_r (Q_rr - P_r Phi P_r)`` (p, p) where Phi is the identity, over some directions.

    Args:
        criterion: and its data.
        point: the optimum.
        own: (r, p, p) ``-P_r``.
        turned: (r, V, V) whitened derivatives of the covariance.
    """
    p = criterion.data.p
    X = point.Y[:, :, :p]
    middle = np.zeros_like(point.projection)
    for D in turned:
        middle += D @ point.projection @ D
    Q = np.einsum("rap,rab,rbq->pq", X, middle[criterion.data.owner], X, optimize=True)
    total = Q - (own @ own).sum(axis=0)
    return np.asarray(0.5 * (total + total.T))
