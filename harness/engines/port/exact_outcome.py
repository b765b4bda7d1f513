"""What is said of an outcome that the fixed effects reproduce, by whichever fit it is met."""

from __future__ import annotations

from harness.errors import ModelError
from harness.models.design import Design


def exact_outcome(design: Design) -> ModelError:
    """The refusal of a model that has no residual left."""
    return ModelError(
        f"outcome `{design.frame.response}` is an exact combination of the fixed effects: "
        "no variance is left; leave out the term it was computed from"
    )
