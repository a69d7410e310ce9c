"""What may stand in the settings of digests and notices: one entry of a refusal for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from config.kit.errors import FieldError
from notifications.domain.days import is_zone
from notifications.domain.headers import UnfitHeader, check_address

LAST_HOUR = 23
MOST_RECIPIENTS = 50


def zone_errors(zone: Any) -> Iterator[FieldError]:
    if not isinstance(zone, str) or not is_zone(zone):
        yield FieldError("zone", "unknown_zone", "A zone is named as in Europe/Berlin.")


def range_errors(field: str, value: Any, highest: int) -> Iterator[FieldError]:
    if type(value) is not int or not 0 <= value <= highest:
        yield FieldError(field, "out_of_range", f"A whole number from 0 to {highest}.")


def kind_errors(kinds: Iterable[str], known: Iterable[str]) -> Iterator[FieldError]:
    chosen, names = set(kinds), [str(name) for name in known]
    if not chosen or not chosen <= set(names):
        yield FieldError("kinds", "unknown_kind", f"Choose at least one of {', '.join(names)}.")


def address_errors(field: str, addresses: Iterable[str]) -> Iterator[FieldError]:
    for address in addresses:
        try:
            check_address(address)
        except UnfitHeader:
            yield FieldError(field, "bad_address", f"“{address[:80]}” is no e-mail address.")


def recipient_errors(addresses: list[str]) -> Iterator[FieldError]:
    yield from address_errors("recipients", addresses)
    if len(addresses) > MOST_RECIPIENTS:
        detail = f"{MOST_RECIPIENTS} at most; a mailing list takes more."
        yield FieldError("recipients", "too_many", detail)


def addresses_of(values: Iterable[Any]) -> list[str]:
    """Addresses as they are kept: no white space around them, each once in whatever case, in their order."""
    found: dict[str, str] = {}
    for value in values:
        address = str(value).strip()
        if address:
            found.setdefault(address.lower(), address)
    return list(found.values())


def in_order(values: Iterable[str], order: Iterable[str]) -> list[str]:
    """Each value once, those of `order` first and in that order; what is unknown is kept for the rules to see."""
    chosen = {str(value): None for value in values}
    known = [str(name) for name in order if name in chosen]
    return known + [value for value in chosen if value not in known]
