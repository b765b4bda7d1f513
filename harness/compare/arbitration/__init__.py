"""A third evaluator: when two engines differ, the marginal likelihood itself says who is off."""

from harness.compare.arbitration.judge import Judgement, judge
from harness.compare.arbitration.notes import judged

__all__ = ["Judgement", "judge", "judged"]
