"""Trials and requests by what people remember of them: a piece of an address, a name, a company; and by origin."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import CharField, Model, Q, QuerySet, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from accounts.searching import accounts_like, is_searchable
from config.kit.trigrams import SHORTEST, TrigramIndex, index_register
from trials.models import Trial, TrialRequest

M = TypeVar("M", bound=Model)

TRIALS = index_register(TrigramIndex("trial_search", "trials_trial", ("email", "name")))
REQUESTS = index_register(
    TrigramIndex("trial_request_search", "trials_trialrequest", ("email", "address", "company", "name"))
)
TOUCH = ("source", "medium", "campaign")
NONE = "(none)"


def trials_like(rows: QuerySet[Trial], term: str) -> QuerySet[Trial]:
    """Trials with the text in the address or name of who asked, or of accounts that are called so.

    Two searches joined by key: each is served by the index of its own table, which no `or` across both is.
    """
    text = term.strip()
    if not is_searchable(text):
        return rows.none()
    own = Trial.objects.filter(_contains(("email", "name"), text))
    of_account = Trial.objects.filter(account__in=accounts_like(text).values("pk"))
    return rows.filter(pk__in=own.order_by().values("pk").union(of_account.order_by().values("pk")))


def requests_like(rows: QuerySet[TrialRequest], term: str) -> QuerySet[TrialRequest]:
    """Requests with the text in the address as typed or in its canonical form, the company or the name."""
    text = term.strip()
    if not is_searchable(text):
        return rows.none()
    return rows.filter(_contains(("email", "address", "company", "name"), text))


def _contains(columns: tuple[str, ...], text: str) -> Q:
    """Fewer than three letters have to stand at the beginning."""
    part = "icontains" if len(text) >= SHORTEST else "istartswith"
    wanted = Q()
    for column in columns:
        wanted |= Q(**{f"{column}__{part}": text})
    return wanted


# --- where they came from -----------------------------------------------------------------------------


def touch_text(part: str) -> Any:
    """Source, medium or campaign of the first touch as a text; empty where none is known."""
    return Coalesce(Cast(KT(f"first_touch__{part}"), CharField()), Value(""))


def came_from(rows: QuerySet[M], part: str, value: str) -> QuerySet[M]:
    """Rows whose first touch has exactly this source, medium or campaign."""
    found: QuerySet[M] = rows.alias(**{f"touch_{part}": touch_text(part)}).filter(**{f"touch_{part}": value})
    return found


def touch_word(value: str) -> str:
    """A source, medium or campaign as an address carries it: nothing has a word of its own."""
    if not value:
        return NONE
    return f"({value})" if value.startswith("(") and value.endswith(")") else value


def touch_value(word: str) -> str:
    """What `touch_word` said."""
    if word == NONE:
        return ""
    return word[1:-1] if word.startswith("((") and word.endswith("))") else word
