"""Analysis sets (intention to treat, per protocol, ...): conditions from the plan as row masks."""

from harness.sets.analysis_set import AnalysisSet, analysis_set, analysis_sets

__all__ = ["AnalysisSet", "analysis_set", "analysis_sets"]
