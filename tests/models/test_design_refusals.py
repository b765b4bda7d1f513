"""Refusals of the design as a whole."""

from __future__ import annotations

import pandas as pd
import pytest

from harness.errors import ModelError
from harness.language import parse_formula
from harness.models.design import build_design
from harness.models.spec import ModelSpec


def test_two_columns_of_one_name_are_refused() -> None:
    """R refuses too ("duplicate 'row.names'"); a table with one name twice cannot be compared."""
    data = pd.DataFrame(
        {
            "y": [1.0, 2.0, 4.0, 3.0, 6.0, 5.0],
            "a": pd.Categorical(["b0", "b1", "b0", "b1", "b0", "b1"]),
            "ab1": [0.0, 1.0, 3.0, 2.0, 5.0, 1.0],
        }
    )
    with pytest.raises(ModelError, match="two columns of the model matrix are called `ab1`"):
        build_design(ModelSpec(parse_formula("y ~ a + ab1")), data)
