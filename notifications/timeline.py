"""Mail in the timelines of people and accounts: what was sent to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import QuerySet

from accounts.models import Account
from accounts.timelines import Line, Source, source_register
from config.kit.display import page_of
from notifications.models import Message


def _to(addresses: Sequence[str]) -> QuerySet[Message]:
    return Message.objects.filter(recipient__in=addresses)


def _about(account: Account) -> QuerySet[Message]:
    return Message.objects.filter(account=account)


def _lines(keys: Sequence[int]) -> Mapping[int, Line]:
    rows = Message.objects.defer("parts").in_bulk(list(keys))
    return {
        key: Line("Mail", f"{row.subject}: {row.get_state_display()}", row.recipient, page_of(row))
        for key, row in rows.items()
    }


def register() -> None:
    source_register(
        Source(
            name="mail", permission="notifications.view_message", when="created_at", of_addresses=_to,
            of_account=_about, lines=_lines,
        )
    )  # fmt: skip
