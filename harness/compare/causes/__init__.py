"""Why a model's numbers differ: the one change to what was asked that makes them agree."""

from harness.compare.causes.asked import Asked
from harness.compare.causes.find import Cause, find_cause
from harness.compare.causes.tell import told

__all__ = ["Asked", "Cause", "find_cause", "told"]
