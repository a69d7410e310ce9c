"""From our rows to what the sync may say of them. Merged people, people without an address and the like: nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import Account
from crm.domain.sync.fields import ObjectKind
from crm.domain.sync.payloads import Facts
from crm.domain.words import ONGOING
from crm.models import Connection, CrmLink, Person, Task

NEXT = "Next: "
External = dict[tuple[str, int], str]


def people_sendable() -> QuerySet[Person]:
    """People who can be told of: known by an address, and not merged into another."""
    return Person.objects.filter(merged_into=None).exclude(email="")


def companies_sendable() -> QuerySet[Account]:
    """Accounts that are companies over there: with a domain, by which they are found, and with people."""
    people = people_sendable().values("account_id")
    return Account.objects.filter(merged_into=None, pk__in=people).exclude(domain="")


def tasks_sendable(connection: Connection) -> QuerySet[Task]:
    """Tasks that are to be done, and those that were sent before and ended since."""
    sent = CrmLink.objects.filter(connection=connection, kind=ObjectKind.TASK).values("object_id")
    return Task.objects.filter(Q(status__in=ONGOING) | Q(pk__in=sent))


def facts_of(connection: Connection, kind: ObjectKind, ids: Iterable[int]) -> dict[int, Facts]:
    """What there is to say of these objects, by their row's id; in a fixed number of queries."""
    wanted = list(ids)
    match kind:
        case ObjectKind.COMPANY:
            rows = companies_sendable().filter(pk__in=wanted)
            return {row.pk: _company(row) for row in rows}
        case ObjectKind.PERSON:
            people = list(people_sendable().filter(pk__in=wanted).select_related("account"))
            external = _external(connection, {("company", row.account_id) for row in people})
            return {row.pk: _person(row, external) for row in people}
        case ObjectKind.TASK:
            tasks = list(tasks_sendable(connection).filter(pk__in=wanted))
            owners = {("person", row.person_id) for row in tasks} | {
                ("company", row.account_id) for row in tasks
            }
            external = _external(connection, owners)
            return {row.pk: _task(row, external) for row in tasks}


def _external(connection: Connection, objects: set[tuple[str, int | None]]) -> External:
    """The ids over there of other objects, of those that are there."""
    ids = {pk for _kind, pk in objects if pk is not None}
    links = CrmLink.objects.filter(connection=connection, object_id__in=ids, tombstone_at=None)
    return {
        (link.kind, link.object_id): link.external_id
        for link in links.exclude(kind=ObjectKind.TASK).exclude(external_id="")
        if (link.kind, link.object_id) in objects
    }


def _links(external: External, **objects: int | None) -> dict[str, str]:
    return {
        kind: external[kind, pk] for kind, pk in objects.items() if pk is not None and (kind, pk) in external
    }


def _company(row: Account) -> Facts:
    domain = row.domain.strip().lower().removeprefix("www.")
    return Facts(
        kind=ObjectKind.COMPANY,
        object_id=row.pk,
        uid=row.customer_id,
        identity=domain,
        values={
            "name": row.name,
            "domain": domain,
            "customer_id": row.customer_id,
            "account_kind": row.kind,
        },
    )


def _person(row: Person, external: External) -> Facts:
    first, last = names_split(row.name)
    email = row.email.strip().lower()
    values: dict[str, Any] = {
        "first_name": first,
        "last_name": last,
        "email": email,
        "phone": row.phone,
        "job_title": row.job_title,
        "company": row.company,
        "engagement": row.engagement,
        "last_seen": row.last_seen_at,
        "version": row.version,
        "operating_system": row.operating_system,
        "nodes": row.nodes,
        "cap_state": row.cap_state,
        "consent": row.consent,
        "account": row.account.name if row.account else "",
    }
    for which in ("first", "last"):
        for part in ("source", "medium", "campaign"):
            values[f"{which}_{part}"] = getattr(row, f"{which}_{part}")
    return Facts(
        kind=ObjectKind.PERSON,
        object_id=row.pk,
        uid=str(row.uid),
        identity=email,
        values=values,
        links=_links(external, company=row.account_id),
    )


def _task(row: Task, external: External) -> Facts:
    text = "\n\n".join(part for part in (row.text, row.next_action and f"{NEXT}{row.next_action}") if part)
    return Facts(
        kind=ObjectKind.TASK,
        object_id=row.pk,
        uid=str(row.uid),
        identity="",
        values={"title": row.title, "text": text, "status": row.status, "due": row.due_on},
        links=_links(external, person=row.person_id, company=row.account_id),
    )


def text_alone(text: str, next_action: str) -> str:
    """The text of a task without what is next, which stands at its end over there."""
    return text.strip().removesuffix(f"{NEXT}{next_action}").rstrip() if next_action else text.strip()


def names_split(name: str) -> tuple[str, str]:
    """`Ada King Lovelace` → `Ada King`, `Lovelace`: the last word is the family's, the rest is given."""
    given, _, family = name.strip().rpartition(" ")
    return (given, family) if given else (family, "")


def labels_of(kind: ObjectKind, ids: Iterable[int]) -> dict[int, str]:
    """How staff know these objects."""
    wanted = list(ids)
    match kind:
        case ObjectKind.COMPANY:
            return dict(Account.objects.filter(pk__in=wanted).values_list("pk", "name"))
        case ObjectKind.PERSON:
            rows = Person.objects.filter(pk__in=wanted).values_list("pk", "name", "email")
            return {pk: f"{name} <{email}>" if name else email for pk, name, email in rows}
        case ObjectKind.TASK:
            return dict(Task.objects.filter(pk__in=wanted).values_list("pk", "title"))
