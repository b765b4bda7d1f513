from __future__ import annotations

import pytest
from estimates_by_hand import estimates

from harness.estimates import estimate_rows
from harness.models.record import FIXED_QUANTITIES, random_quantity


def test_every_number_of_an_answer_is_a_row() -> None:
    answer = estimates()
    rows = estimate_rows(answer)
    expected = 1 + len(answer.groups) + 7 * len(answer.fixed) + len(answer.random) + 4 + 2
    assert len(rows) == expected
    assert len({row.key for row in rows}) == expected


def test_rows_are_keyed_by_r_names_and_contract_quantities() -> None:
    rows = {(row.term, row.quantity): row.value for row in estimate_rows(estimates())}
    assert rows["treatmentBtheB", "estimate"] == -4.2
    assert rows["sd(subject:week)", "sd"] == estimates().random[1].estimate
    assert rows["cor(subject:(Intercept),week)", "cor"] == estimates().random[2].estimate
    assert rows["sigma", "sigma"] == 5.25
    assert rows["subject", "n_groups"] == 3
    assert rows["", "criterion"] == 1234.5
    assert rows["", "singular"] is False
    assert {q for t, q in rows if t == "week"} == set(FIXED_QUANTITIES)


def test_a_term_listed_twice_is_two_rows() -> None:
    answer = estimates()
    rows = estimate_rows(estimates(fixed=(*answer.fixed, answer.fixed[1])))
    twice = [row.occurrence for row in rows if row.key[:2] == ("treatmentBtheB", "estimate")]
    assert twice == [0, 1]


@pytest.mark.parametrize("term", ["var(subject:week)", "sd(subject:week", "Sigma", ""])
def test_an_unknown_form_of_random_term_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match="none of sd"):
        random_quantity(term)
