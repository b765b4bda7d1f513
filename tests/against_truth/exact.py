"""A linear mixed model in 45-digit arithmetic, straight from the normal density.

With several grouping factors all rows are one group, whose Z has a column for every random effect.
Nothing here is shared with the package: V is built group by group and inverted as it stands, the
derivatives are central differences at a precision that makes their error invisible, and the
optimum is Newton's from wherever one starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from mpmath import mp, mpf

DIGITS = 45
WORKING = 110
"""Digits carried: a second difference with step 1e-24 leaves more than 45."""
STEP = mpf(10) ** -24

Vector = list[mpf]


@dataclass(frozen=True)
class Group:
    """Rows of one group: X (n, p), Z (n, q), y (n,)."""

    X: mp.matrix
    Z: mp.matrix
    y: mp.matrix


@dataclass(frozen=True)
class Model:
    """Groups, the places of each theta in Lambda, and which likelihood."""

    groups: list[Group]
    places: list[list[tuple[int, int]]]
    reml: bool

    @property
    def n(self) -> int:
        return sum(group.y.rows for group in self.groups)

    @property
    def p(self) -> int:
        return self.groups[0].X.cols

    @property
    def d(self) -> int:
        return self.n - self.p if self.reml else self.n


@dataclass(frozen=True)
class State:
    """What theta implies: log-determinants, information X'V^-1 X, beta and the quadratic form."""

    log_v: mpf
    information: mp.matrix
    beta: mp.matrix
    quadratic: mpf
    log_information: mpf


def state(model: Model, theta: Vector) -> State:
    q = model.groups[0].Z.cols
    Lambda = mp.zeros(q, q)
    for places, value in zip(model.places, theta, strict=True):
        for place in places:
            Lambda[place] = value
    log_v, yy = mpf(0), mpf(0)
    xx, xy = mp.zeros(model.p, model.p), mp.zeros(model.p, 1)
    for group in model.groups:
        half = group.Z * Lambda
        V = mp.eye(group.y.rows) + half * half.T
        L = mp.cholesky(V)
        log_v += 2 * sum(mp.log(L[k, k]) for k in range(L.rows))
        whitened = _forward(L, group.X), _forward(L, group.y)
        xx += whitened[0].T * whitened[0]
        xy += whitened[0].T * whitened[1]
        yy += (whitened[1].T * whitened[1])[0]
    beta = mp.lu_solve(xx, xy)
    return State(log_v, xx, beta, yy - (xy.T * beta)[0], mp.log(mp.det(xx)))


def _forward(L: mp.matrix, B: mp.matrix) -> mp.matrix:
    """``L^-1 B`` for lower triangular L."""
    X = B.copy()
    for j in range(B.cols):
        for i in range(L.rows):
            rest = X[i, j]
            for k in range(i):
                rest -= L[i, k] * X[k, j]
            X[i, j] = rest / L[i, i]
    return X


def deviance(model: Model, theta: Vector, sigma: mpf) -> mpf:
    """REML criterion, or minus twice the log-likelihood, at (theta, sigma); beta at its best."""
    at = state(model, theta)
    value = model.d * mp.log(2 * mp.pi * sigma**2) + at.log_v + at.quadratic / sigma**2
    return value + at.log_information if model.reml else value


def profiled(model: Model, theta: Vector) -> mpf:
    return deviance(model, theta, mp.sqrt(state(model, theta).quadratic / model.d))


def derivatives(function, at: Vector) -> tuple[mpf, Vector, mp.matrix]:
    """Value, gradient and Hessian by central differences."""
    k = len(at)

    def moved(**by: int) -> mpf:
        point = [value + by.get(f"x{i}", 0) * STEP * (1 + abs(value)) for i, value in enumerate(at)]
        return function(point)

    size = [STEP * (1 + abs(value)) for value in at]
    centre = function(at)
    up = [moved(**{f"x{i}": 1}) for i in range(k)]
    down = [moved(**{f"x{i}": -1}) for i in range(k)]
    gradient = [(u - d) / (2 * s) for u, d, s in zip(up, down, size, strict=True)]
    hessian = mp.zeros(k, k)
    for i in range(k):
        hessian[i, i] = (up[i] - 2 * centre + down[i]) / size[i] ** 2
        for j in range(i):
            corners = [
                moved(**{f"x{i}": a, f"x{j}": b}) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))
            ]
            cross = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * size[i] * size[j])
            hessian[i, j] = hessian[j, i] = cross
    return centre, gradient, hessian


def optimum(model: Model, start: Vector) -> Vector:
    """Newton to a gradient below 1e-44 of the criterion, from a start close enough."""
    theta = list(start)
    for _ in range(30):
        value, gradient, hessian = derivatives(lambda t: profiled(model, t), theta)
        if max(abs(g) for g in gradient) < abs(value) * mpf(10) ** -44:
            return theta
        step = mp.lu_solve(hessian, mp.matrix(gradient))
        theta = [t - s for t, s in zip(theta, step, strict=True)]
    raise ArithmeticError(f"no optimum from {start}: gradient {gradient}")


def answers(model: Model, theta: Vector) -> dict[str, object]:
    """Every number of the fit at an optimum, Satterthwaite's df by their definition."""
    at = state(model, theta)
    sigma = mp.sqrt(at.quadratic / model.d)
    k = len(theta)
    point = [*theta, sigma]
    _, _, hessian = derivatives(lambda v: deviance(model, v[:k], v[k]), point)
    covariance = 2 * hessian**-1

    def variances(v: Vector) -> Vector:
        inverse = state(model, v[:k]).information ** -1
        return [v[k] ** 2 * inverse[j, j] for j in range(model.p)]

    jacobian = []
    for i, value in enumerate(point):
        size = STEP * (1 + abs(value))
        up, down = (
            variances([v + sign * size * (i == j) for j, v in enumerate(point)]) for sign in (1, -1)
        )
        jacobian.append([(u - d) / (2 * size) for u, d in zip(up, down, strict=True)])
    freedom = []
    for j, variance in enumerate(variances(point)):
        g = mp.matrix([row[j] for row in jacobian])
        freedom.append(2 * variance**2 / (g.T * covariance * g)[0])
    gradient = derivatives(lambda t: profiled(model, t), theta)[1]
    return {
        "theta": theta,
        "criterion": profiled(model, theta),
        "gradient": gradient,
        "sigma": sigma,
        "beta": list(at.beta),
        "std_error": [mp.sqrt(v) for v in variances(point)],
        "df": freedom,
    }
