"""Kenward and Roger's adjusted covariance, t tests and F tests for the fixed effects.

Kenward & Roger (1997), Biometrics 53, 983-997, in the variant pbkrtest computes for ``lmer``
(Halekoh & Hojsgaard 2014, J. Stat. Softw. 59(9)): the covariance of y is *linear* in its
parameters, ``V = sum_r gamma_r G_r`` with gamma the distinct entries of each term's covariance and
sigma^2, and their information is the *expected* one. With ``Phi = (X'V^-1 X)^-1``,
``P_r = -X'V^-1 G_r V^-1 X``, ``Q_rs = X'V^-1 G_r V^-1 G_s V^-1 X`` and W the covariance of gamma,

    2 W^-1_rs = tr(V^-1 G_r V^-1 G_s) - 2 tr(Phi Q_rs) + tr(Phi P_r Phi P_s)
    Lambda    = Phi { sum_rs W_rs (Q_rs - P_r Phi P_s) } Phi
    Phi_A     = Phi + 2 Lambda

and an F test of L beta = 0 (l rows) refers ``lambda F``, F from Phi_A, to F(l, m), where lambda
and m match two moments; they hang on ``Theta = L'(L Phi L')^-1 L`` by

    A1 = sum_rs W_rs tr(Theta Phi P_r Phi) tr(Theta Phi P_s Phi)
    A2 = sum_rs W_rs tr(Theta Phi P_r Phi Theta Phi P_s Phi).

How it is computed. Phi_A, A1 and A2 do not change when the G_r are replaced by another basis of
their span, nor does any of the three when sigma^2 is taken out. Three changes of basis make the
work small and stable:

1. G_0 = V itself, which lies in the span, in the place of the identity. Then ``P_0 = -Phi^-1`` and
   ``Q_0r = -P_r``: everything with index 0 is known, index 0 drops out of Lambda, and
   ``2 W^-1_00 = n - p``.
2. The random effects in a basis in which ``sum_g Z_g'V^-1 Z_g = I`` by terms, so that a
   covariance near zero, or far above sigma^2, or nearly singular, costs no digits.
3. What is left of ``2 W^-1`` after eliminating index 0 is diagonalised, so W = 2 I: sums over
   pairs (r, s) become sums over r. For one contrast of unit length o in the basis in which
   Phi is the identity, A1 = A2 = 2/m and lambda = 1, hence

       1 / m = 1 / (n - p) + sum_r (o'P_r o)^2.

   That is Satterthwaite's formula with expected for observed information.

Every trace is a sum over the patterns of :mod:`harness.engines.port.crossproducts`. With J, K, N
of :mod:`harness.engines.port.criterion` and E_r the symmetric q x q matrix of G_r,

    -P_r = sum_g c_g' K E_r K' c_g          Q_rs = sum_g c_g' K E_r N E_s K' c_g
    tr(V^-1 G_r V^-1 G_s) = sum_g tr(N E_r N E_s),

so the cost does not depend on the number of patients, and no matrix has n rows. Nothing is
divided by a variance: a variance at zero is a parameter like any other, as in pbkrtest.

Known disagreements. SAS ``ddfm=kr`` takes the observed information and, as mmrm's
``Kenward-Roger`` does, adds a term in the second derivatives of the covariance where it is not
linear in the parameters (AR(1), an unstructured one by its Cholesky factor, ...): that term
hangs on the parametrisation. ``ddfm=kr(firstorder)`` and mmrm's ``Kenward-Roger-Linear`` leave it
out; ``ddfm=kr2`` is Kenward & Roger (2009). pbkrtest 0.5.2 inverts the information by a pseudo-
inverse when an eigenvalue is below 1e-10, and so drops parameters that the data do determine
where predictors or outcome have awkward units: sleepstudy with a fifth of its rows missing and
Days in thousands gives its slope 3,400 df for 17. This module's results are free of units.
Within 0.01 of 2 df pbkrtest puts lambda at 1; where the method is exact (see ``denominator``) this
module gives its value, such as 2/3 for the test of both lines' coefficients of four patients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.engines.port.criterion import FLAT, Evaluation, Problem
from harness.engines.port.ftest import FTest, upper_tail
from harness.engines.port.scaled_f import denominator
from harness.engines.port.solution import Solution
from harness.engines.port.structure import Structure
from harness.engines.port.weighed import capacitance
from harness.errors import ModelError

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

HANGS = 1e-6
"""A contrast hangs on a parameter that the data do not determine if its P_r is larger."""


@dataclass(frozen=True, slots=True)
class KenwardRoger:
    """What Kenward-Roger's method needs of a fit.

    Attributes:
        half: (p, p) with ``Phi = sigma^2 half half'``; row j belongs to coefficient j.
        sigma: residual standard deviation.
        d: n - p.
        P: (r, p, p) ``-P_r`` in the bases of the module's docstring: Phi = I and W = 2 I.
        undetermined: (f, p, p) ``-P_r`` of the parameters without information.
        inflation: (p, p) ``2 Lambda`` where Phi = I, from the other parameters.
        doubt: (p, p) ``sum_r (Q_rr - P_r Phi P_r)`` of the parameters without information: what
            Lambda would have to multiply by their infinite variance.
    """

    half: Matrix
    sigma: float
    d: int
    P: Matrix
    undetermined: Matrix
    inflation: Matrix
    doubt: Matrix

    @property
    def vcov(self) -> Matrix:
        """(p, p) adjusted covariance Phi_A, NaN where ``std_error`` is."""
        half = self.half
        adjusted = self.sigma**2 * (half @ half.T + half @ self.inflation @ half.T)
        loose = np.isnan(self.std_error)
        adjusted[loose] = adjusted[:, loose] = np.nan
        return np.asarray(adjusted)

    @property
    def std_error(self) -> Vector:
        """(p,) adjusted standard errors; NaN where they hang on an undetermined parameter."""
        half = self.half
        length = (half * half).sum(axis=1)
        squares = length + ((half @ self.inflation) * half).sum(axis=1)
        loose = ((half @ self.doubt) * half).sum(axis=1) > HANGS * length
        return np.asarray(self.sigma * np.sqrt(np.where(loose, np.nan, squares)))

    def df(self, contrasts: Matrix | None = None) -> Vector:
        """Denominator df of t tests.

        Args:
            contrasts: (k, p) one contrast of the coefficients a row; by default each coefficient.

        Returns:
            (k,), NaN where they hang on a covariance parameter the data do not determine.
        """
        rows = self.half if contrasts is None else contrasts @ self.half
        length = (rows * rows).sum(axis=1)
        spread = ((rows @ self.P) * rows).sum(axis=2) / length
        m = 1.0 / (1.0 / self.d + (spread * spread).sum(axis=0))
        if len(self.undetermined):
            loose = np.abs(((rows @ self.undetermined) * rows).sum(axis=2) / length)
            m = np.where((loose > HANGS).any(axis=0), np.nan, m)
        return np.asarray(m)

    def f_test(self, contrasts: Matrix, beta: Vector, equals: Vector | None = None) -> FTest:
        """Scaled F test of ``contrasts @ beta = equals``.

        Args:
            contrasts: (ell, p) linearly independent rows.
            beta: (p,) coefficients.
            equals: (ell,) numbers; None for zero.

        Raises:
            ModelError: rows that are not linearly independent.
        """
        rows = contrasts @ self.half
        lengths = np.sqrt((rows * rows).sum(axis=1))
        ell = len(rows)
        if not ell or not (lengths > 0.0).all():
            raise ModelError("an F test needs one or more contrasts, none of them zero")
        unit, triangle = np.linalg.qr((rows / lengths[:, None]).T)
        if ell > rows.shape[1] or np.abs(triangle.diagonal()).min() < 1e-10:
            raise ModelError("the contrasts of an F test are linearly dependent; leave some out")
        free = contrasts @ beta - (0.0 if equals is None else equals)
        value = np.linalg.solve(triangle.T, free / (lengths * self.sigma))
        wald = float(value @ np.linalg.solve(np.eye(ell) + unit.T @ self.inflation @ unit, value))
        S = unit.T @ self.P @ unit
        A1 = 2.0 * (ell * ell / self.d + float((np.trace(S, axis1=1, axis2=2) ** 2).sum()))
        A2 = 2.0 * (ell / self.d + float((S * S).sum()))
        m, scale = denominator(ell, A1, A2)
        if len(self.undetermined):
            loose = np.abs(unit.T @ self.undetermined @ unit).max() > HANGS
            if loose or np.abs(unit.T @ self.doubt @ unit).max() > HANGS:
                m = scale = math.nan
        f_value = scale * wald / ell
        return FTest(ell, m, scale, f_value, upper_tail(ell, m, f_value))


def kenward_roger(at: Problem, evaluation: Evaluation, solution: Solution) -> KenwardRoger:
    """Kenward-Roger's quantities at an optimum.

    Args:
        at: the criterion.
        evaluation: it and its derivatives at the optimum.
        solution: the estimates there.

    Raises:
        ModelError: the fit is not by REML.
    """
    if not at.reml:
        raise ModelError("Kenward-Roger needs a REML fit; this one is asked by ML")
    data = at.data
    structure = data.structure
    p, q, m = data.p, structure.q, len(data.R)
    J, _ = capacitance(data.R, structure.Lambda(evaluation.theta))
    K = J @ data.R
    N = data.R.transpose(0, 2, 1) @ K
    change = unit_information(structure, np.einsum("k,kab->ab", data.count, N))
    K = K @ change
    Kt = K.transpose(0, 2, 1)
    N = change.T @ N @ change
    E = symmetric_units(structure)
    t = len(E)

    # B with the basis of X in which Phi = I; what it says of y is not needed.
    root = evaluation.Rho_inverse[:p, :p]

    def in_unit_basis(rows: Matrix) -> Matrix:
        sums = (rows.reshape(-1, m * q * q) @ data.B).reshape(-1, p + 1, p + 1)
        return np.asarray(root.T @ sums[:, :p, :p] @ root)

    P = in_unit_basis(K @ E[:, None] @ Kt)
    Phi = np.zeros((p + 1, p + 1))
    Phi[:p, :p] = root @ root.T
    tau = (data.B @ Phi.ravel()).reshape(m, q, q)
    nN = N * data.count[:, None, None]
    NE = N @ E[:, None]
    second = NE.transpose(0, 1, 3, 2).reshape(t, -1)
    # How large tr(V^-1 G_r V^-1 G_r) is tells what is zero when X is taken out of it.
    whole = ((nN @ E[:, None]).reshape(t, -1) * second).sum(axis=1).max()
    first = ((nN - 2.0 * (Kt @ tau @ K)) @ E[:, None]).reshape(t, -1)
    return adjusted(
        Unadjusted(
            P=P,
            E=E,
            trace=np.einsum("kab,rba->r", nN, E),
            information=first @ second.T,
            whole=float(whole),
        ),
        at.d,
        solution,
        lambda D: in_unit_basis(K @ (D @ N[:, None] @ D).sum(axis=1) @ Kt)[0],
    )


@dataclass(frozen=True, slots=True)
class Unadjusted:
    """Sums over the data that the method is made of, in the basis in which Phi = I.

    Attributes:
        P: (t, p, p) ``-P_r``.
        E: (t, q, q) the symmetric matrix of each G_r.
        trace: (t,) ``tr(V^-1 G_r)``.
        information: (t, t) ``tr(V^-1 G_r V^-1 G_s) - 2 tr(Phi Q_rs)``.
        whole: largest ``tr(V^-1 G_r V^-1 G_r)``.
    """

    P: Matrix
    E: Matrix
    trace: Vector
    information: Matrix
    whole: float


def adjusted(
    sums: Unadjusted, d: int, solution: Solution, squares: Callable[[Matrix], Matrix]
) -> KenwardRoger:
    """The method's quantities from its sums.

    Args:
        sums: what follows.
        d: n - p.
        solution: the estimates.
        squares: of symmetric matrices D (k, q, q), the (p, p) sum over them of
            ``X'V^-1 G V^-1 G V^-1 X``, G being D's.
    """
    P = sums.P
    t, p = P.shape[:2]
    flat_P = P.reshape(t, p * p)
    information = sums.information + flat_P @ flat_P.T
    score = sums.trace - np.trace(P, axis1=1, axis2=2)
    information -= np.outer(score, score) / d
    w, V = np.linalg.eigh(0.5 * (information + information.T) / sums.whole)
    good = w > FLAT
    directions = V / np.sqrt(sums.whole * np.where(good, w, 1.0))

    # Index 0 out of P_r: G_r - (score_r / d) V has no information in common with V.
    share = directions.T @ score / d
    own = np.einsum("rk,rab->kab", directions, P)
    free = own - share[:, None, None] * np.eye(p)
    turned = np.einsum("rk,rab->kab", directions, sums.E)

    def gain(which: npt.NDArray[np.bool_]) -> Matrix:
        """``sum_r (Q_rr - P_r P_r)`` over some directions."""
        sandwich = own[which]
        total = squares(turned[which]) - (sandwich @ sandwich).sum(axis=0)
        return np.asarray(0.5 * (total + total.T))

    return KenwardRoger(
        half=solution.half,
        sigma=solution.sigma,
        d=d,
        P=free[good],
        undetermined=free[~good],
        inflation=4.0 * gain(good),
        doubt=np.zeros((p, p)) if good.all() else gain(~good),
    )


def unit_information(structure: Structure, total: Matrix) -> Matrix:
    """Block diagonal ``M`` (q, q) with ``M' total M = I`` in each term's block."""
    M = np.zeros_like(total)
    for span in structure.spans():
        w, V = np.linalg.eigh(total[span, span])
        # A direction of no information at all stays as it is; it will show as undetermined.
        M[span, span] = V / np.sqrt(np.where(w > 0.0, w, 1.0))
    return M


def symmetric_units(structure: Structure) -> Matrix:
    """Basis (t, q, q) of the symmetric matrices with the structure's blocks."""
    units = np.zeros((structure.t, structure.q, structure.q))
    number = np.arange(structure.t)
    units[number, structure.rows, structure.columns] = 1.0
    units[number, structure.columns, structure.rows] = 1.0
    return units
