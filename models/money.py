"""Money as people write it, in US dollars, and as it is kept, in integer micro-dollars; never as binary fractions."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

MICROS_PER_USD = 1_000_000
_USD = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_CLEARED = ("", "none")


def micros_of(usd: Decimal | None) -> int | None:
    """A budget in micro-dollars, of which it is a whole number; None for none."""
    return None if usd is None else int(usd * MICROS_PER_USD)


def usd_text(micros: int) -> str:
    """The exact amount in US dollars, with two to six decimals and without the sign of the dollar."""
    whole, rest = divmod(abs(micros), MICROS_PER_USD)
    cents, finer = divmod(rest, MICROS_PER_USD // 100)
    text = f"{whole}.{cents:02}" + f"{finer:04}".rstrip("0")
    return f"-{text}" if micros < 0 else text


def _budget(value: object) -> object:
    """A number or its text as a Decimal; nothing, or the word none, is no budget."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return value
    # the shortest text that means a number is what was written, and a Decimal has no exponent then
    text = value.strip() if isinstance(value, str) else format(Decimal(str(value)), "f")
    if text.lower() in _CLEARED:
        return None
    if not _USD.fullmatch(text):
        raise ValueError("must be US dollars, such as 2.50: at most 9 digits before the point and 6 after it")
    return Decimal(text)


BudgetUsd = Annotated[
    Decimal | None,
    BeforeValidator(_budget),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 999_999_999.999999},
                {"type": "string", "pattern": r"^(none|[0-9]{1,9}(\.[0-9]{1,6})?)?$"},
                {"type": "null"},
            ],
            "description": "US dollars to the micro-dollar, as a number or its text; null, empty or none: no budget.",
        }
    ),
]
