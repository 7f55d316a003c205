"""Money between people, who write US dollars, and the ledger, which counts micro-dollars."""

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from models.money import BudgetUsd, micros_of, usd_text

BUDGET: TypeAdapter[Decimal | None] = TypeAdapter(BudgetUsd)


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        (2.5, 2_500_000),
        (0.1, 100_000),
        (1.1, 1_100_000),
        (1e-06, 1),
        (3, 3_000_000),
        (0, 0),
        ("2.50", 2_500_000),
        (" 0.000001 ", 1),
        (999_999_999.999999, 999_999_999_999_999),
        ("999999999.999999", 999_999_999_999_999),
        (Decimal("1E+2"), 100_000_000),
        (None, None),
        ("", None),
        ("None", None),
    ],
)
def test_budget(written: object, micros: int | None) -> None:
    """Numbers and their texts are kept to the micro-dollar, from Python and from JSON; nothing and none are none."""
    assert micros_of(BUDGET.validate_python(written)) == micros
    if not isinstance(written, Decimal):
        assert micros_of(BUDGET.validate_json(json.dumps(written), strict=True)) == micros


@pytest.mark.parametrize(
    "written",
    [
        -1,
        "-0.01",
        1e-7,
        "0.0000001",
        1e9,
        1e300,
        float("nan"),
        float("inf"),
        "1e3",
        "1,50",
        "1_0",
        "\u0661",
        "$2",
        True,
        [1],
    ],
)
def test_no_budget(written: Any) -> None:
    """What is no amount, is finer than a micro-dollar, or is larger than anybody's budget is refused."""
    with pytest.raises(ValidationError):
        BUDGET.validate_python(written)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (10_000, "0.01"),
        (1_205_100, "1.2051"),
        (-2_500_000, "-2.50"),
        (10**15, "1000000000.00"),
    ],
)
def test_usd_text(micros: int, text: str) -> None:
    """Micro-dollars are shown exactly, without idle zeros after the cents."""
    assert usd_text(micros) == text
    assert Decimal(text) * 1_000_000 == micros
