"""People by what one remembers of them: a piece of a name, an address, a company."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.searching import accounts_like, is_searchable
from config.kit.trigrams import SHORTEST, TrigramIndex, index_register
from crm.models import Person, PersonEmail, Task

PEOPLE = index_register(TrigramIndex("person_search", "crm_person", ("name", "company", "email")))
ADDRESSES = index_register(TrigramIndex("person_address_search", "crm_personemail", ("address", "email")))
TASKS = index_register(TrigramIndex("task_search", "crm_task", ("title",)))


def people_like(rows: QuerySet[Person], term: str) -> QuerySet[Person]:
    """People with the text in name, company or any of their addresses, or of accounts that are called so.

    Searches joined by key: each is served by the index of its own table. Fewer than three letters have to stand at
    the beginning.
    """
    text = term.strip()
    if not is_searchable(text):
        return rows.none()
    own = Person.objects.filter(_contains(("name", "company", "email"), text)).order_by().values("pk")
    addressed = PersonEmail.objects.filter(_contains(("address", "email"), text)).order_by()
    of_account = Person.objects.filter(account__in=accounts_like(text).values("pk")).order_by().values("pk")
    return rows.filter(pk__in=own.union(addressed.values("person"), of_account))


def tasks_like(rows: QuerySet[Task], term: str) -> QuerySet[Task]:
    """Tasks with the text in their title, which names the account."""
    text = term.strip()
    return rows.filter(_contains(("title",), text)) if is_searchable(text) else rows.none()


def _contains(columns: tuple[str, ...], text: str) -> Q:
    part = "icontains" if len(text) >= SHORTEST else "istartswith"
    wanted = Q()
    for column in columns:
        wanted |= Q(**{f"{column}__{part}": text})
    return wanted
