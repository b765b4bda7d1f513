"""Fits on the boundary of the parameter space: what can be compared there, and how."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.policy import Policy, Tolerance
from harness.models.record import Estimates


@dataclass(frozen=True, slots=True)
class Boundary:
    """Whether a pair of fits lies on the boundary, and why it counts as such.

    Attributes:
        reason: in words; empty for an interior fit.
    """

    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.reason)


def find_boundary(python: Estimates, r: Estimates, policy: Policy) -> Boundary:
    """A pair is on the boundary when either side is: its smallest eigenvalue, or its flag."""
    return boundary_of("python", python, policy) or boundary_of("r", r, policy)


def boundary_of(name: str, side: Estimates, policy: Policy) -> Boundary:
    """Whether one side's fit is on the boundary, and why it counts as such."""
    if side.min_eigen < policy.min_eigen:
        return Boundary(f"boundary fit: smallest eigenvalue {side.min_eigen:.2g} in {name}")
    if side.singular:
        return Boundary(f"boundary fit: {name} calls it singular")
    return Boundary()


def rule_of(tolerance: Tolerance, policy: Policy, df_method: str) -> str:
    """The record's boundary rule, with ``as df`` resolved to what holds for df itself."""
    if tolerance.boundary != "as df":
        return tolerance.boundary
    return policy.find("df", "T2", df_method=df_method).boundary
