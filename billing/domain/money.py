"""Amounts as people read them. Stored are integer minor units; how many make one depends on the currency."""

from __future__ import annotations

from typing import Final

# Currencies whose minor unit is the unit, and those with a thousand to one (docs.stripe.com/currencies).
_NONE: Final = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split()  # noqa: SIM905 - read as a list
)
_THREE: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def places_of(currency: str) -> int:
    """Digits behind the point."""
    if currency in _NONE:
        return 0
    return 3 if currency in _THREE else 2


def money_text(amount_minor: int, currency: str) -> str:
    """`1,234.50 EUR`; a negative amount is led by its sign."""
    places = places_of(currency)
    whole, part = divmod(abs(amount_minor), 10**places)
    sign = "-" if amount_minor < 0 else ""
    fraction = f".{part:0{places}d}" if places else ""
    return f"{sign}{whole:,}{fraction} {currency.upper()}"
