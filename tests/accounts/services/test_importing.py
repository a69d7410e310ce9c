"""Opening many accounts at once."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import Account
from accounts.services.importing import account_draft, accounts_create
from config.kit.errors import Invalid
from history.models import Event

pytestmark = pytest.mark.django_db

ACTOR = "cli:test"


def create(at, *names):
    drafts = [account_draft(name=name, at=at) for name in names]
    with transaction.atomic():
        accounts_create(accounts=drafts, actor=ACTOR, at=at)
    return drafts


def test_each_is_saved_with_its_event_and_knows_its_key(at):
    """D5"""
    made = create(at, "Acme", "Globex")
    assert [Account.objects.get(pk=account.pk).name for account in made] == ["Acme", "Globex"]
    subjects = set(Event.objects.filter(kind="account.created").values_list("subject", flat=True))
    assert subjects == {f"account:{account.customer_id}" for account in made}


def test_a_slug_that_is_taken_gets_a_number(at, customer):
    """D5: also when two of the same call want it."""
    made = create(at, "ACME", "Acme!", "A.c.m.e")
    assert [account.slug for account in made] == ["acme-2", "acme-3", "acme-4"]


def test_nothing_is_saved_for_nobody(at, django_assert_num_queries):
    with django_assert_num_queries(0):
        accounts_create(accounts=[], actor=ACTOR, at=at)


@pytest.mark.parametrize("given", [{"name": " "}, {"name": "x" * 201}, {"name": "Acme", "slug": "no slug"}])
def test_what_is_no_account_is_refused(given, at):
    with pytest.raises(Invalid):
        account_draft(**given, at=at)
