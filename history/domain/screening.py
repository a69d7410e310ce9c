"""What an event may hold: ids, states, counts and hashes. Never a token, a key or personal data.

An event can never be erased, so what must be erasable or secret is refused before it is written.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from history.domain.canonical import LARGEST_INTEGER

DEEPEST = 4
MOST_MEMBERS = 200
LONGEST_NAME = 64
LONGEST_TEXT = 200

SECRETS = {
    "a signed token": re.compile(r"eyJ[\w-]{5,}\.[\w-]*\.?"),
    "a license key": re.compile(r"\bLIC1[-.]", re.IGNORECASE),
    "a PEM block": re.compile(r"-----BEGIN"),
    "an API credential": re.compile(r"\b(?:sgk|whsec|[srp]k_live|[srp]k_test)_"),
    "an authorization header": re.compile(r"\b(?:bearer|basic) +[\w+/=.~-]{8,}", re.IGNORECASE),
}
PERSONAL = {"an e-mail address": re.compile(r"[^\s@<>]@[^\s@<>]")}
EITHER = SECRETS | PERSONAL
# Every pattern above needs one of these; most texts have none, and one look is enough for them.
_SUSPICIOUS = re.compile(r"[@ .]|-----|[lL][iI][cC]1-|(?:sgk|whsec|k_live|k_test)_")

_SUBJECT = re.compile(r"[a-z][a-z_-]{0,31}:[^\s:][^\s]{0,159}")
_ACTOR = re.compile(r"[a-z][a-z_-]{0,31}:[^\s].{0,159}")


class UnfitError(ValueError):
    """Something in an event may not stand in the history."""


def check_data(data: dict[str, Any]) -> None:
    """Refuse (UnfitError) data that is not small, plain JSON, or holds what looks secret or personal.

    Floats are refused too: databases change their spelling, and the hash with it. Money is in minor units.
    """
    if not isinstance(data, dict):
        raise UnfitError("the data of an event is an object")
    _check_value(data, "data", DEEPEST, [MOST_MEMBERS - 1])


def check_subject(subject: str) -> None:
    """Refuse (UnfitError) a subject that is not `<type>:<id>`, or that looks secret or personal."""
    if not _SUBJECT.fullmatch(subject):
        raise UnfitError("a subject is written <type>:<id>")
    _check_text(subject, "subject", EITHER)


@lru_cache(maxsize=1024)
def check_actor(actor: str) -> None:
    """Refuse (UnfitError) an actor that is not `<type>:<id>` or looks like a secret.

    Who acts comes from the caller's credential, so this asks less than `check_subject`.
    """
    if not _ACTOR.fullmatch(actor):
        raise UnfitError("an actor is written <type>:<id>")
    _check_text(actor, "actor", SECRETS)


@lru_cache(maxsize=1024)
def check_account(account: str) -> None:
    """Refuse (UnfitError) an account that is neither empty nor a customer id."""
    if len(account) > LONGEST_NAME:
        raise UnfitError(f"an account is at most {LONGEST_NAME} characters long")
    _check_text(account, "account", EITHER)


def _check_value(value: Any, where: str, depth: int, left: list[int]) -> None:
    kind = type(value)
    if kind is str:
        _check_text(value, where, EITHER)
    elif kind is dict or kind is list:
        _check_members(value, where, depth - 1, left)
    elif kind is int:
        if abs(value) > LARGEST_INTEGER:
            raise UnfitError(f"{where}: the number is beyond 2**53 - 1")
    elif kind is not bool and value is not None:
        if not isinstance(value, str):
            raise UnfitError(f"{where}: {kind.__name__} has no place in an event")
        _check_text(value, where, EITHER)


def _check_members(value: dict[Any, Any] | list[Any], where: str, depth: int, left: list[int]) -> None:
    if depth < 0:
        raise UnfitError(f"{where}: nested deeper than {DEEPEST}")
    left[0] -= len(value)
    if left[0] < 0:
        raise UnfitError(f"an event holds at most {MOST_MEMBERS} values")
    if isinstance(value, list):
        for number, item in enumerate(value):
            _check_value(item, f"{where}/{number}", depth, left)
        return
    for name, member in value.items():
        _check_name(name)
        # most members are short and harmless: spare them the calls
        if type(member) is not str or len(member) > LONGEST_TEXT or not _is_harmless(member):
            _check_value(member, f"{where}/{name}", depth, left)


@lru_cache(maxsize=1024)  # names come from our code: a few hundred, over and over
def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise UnfitError(f"a name is a text of at most {LONGEST_NAME} characters")
    _check_text(name, "a name", EITHER)


def _check_text(text: str, where: str, forbidden: dict[str, re.Pattern[str]]) -> None:
    # The message never repeats the text: it goes to logs.
    if len(text) > LONGEST_TEXT:
        raise UnfitError(f"{where}: longer than {LONGEST_TEXT} characters")
    if not text.isprintable():
        raise UnfitError(f"{where}: holds control characters or broken Unicode")
    if _is_harmless(text):
        return
    for what, pattern in forbidden.items():
        if pattern.search(text):
            raise UnfitError(f"{where}: looks like {what}")


def _is_harmless(text: str) -> bool:
    return text.isprintable() and _SUSPICIOUS.search(text) is None
