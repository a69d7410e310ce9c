"""Addresses that are not written to."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from history.models import Event
from notifications.errors import ReasonMissing, SuppressionLifted, UnfitMessage
from notifications.models import Suppression
from notifications.selectors.suppressions import suppression_of
from notifications.services.suppressions import suppression_add, suppression_lift

BY = {"actor": "cli:test"}


@pytest.fixture
def add(db, at):
    def make(address="ada@acme.example", reason="unsubscribe", **fields):
        return suppression_add(address=address, reason=reason, **{"at": at, **BY, **fields})

    return make


def test_an_address_is_compared_in_any_case(add):
    row = add("Ada@ACME.example", stream="notice")
    assert row.address == "ada@acme.example"
    assert suppression_of("ADA@acme.EXAMPLE", "notice") == row
    assert suppression_of("ada@acme.example", "digest") is None


def test_the_same_suppression_is_in_force_once(add):
    first = add(stream="notice")
    assert add(stream="notice") == first
    assert add(stream="digest") != first
    assert add(reason="complaint") != first
    assert Suppression.objects.count() == 3


def test_each_change_is_one_event_without_the_address(add, at):
    """Always true 4 and 10."""
    row = add(stream="notice")
    add(stream="notice")
    suppression_lift(suppression=row, reason="Asked for it", at=at, **BY)
    events = list(Event.objects.filter(subject=f"suppression:{row.pk}").order_by("id"))
    assert [event.kind for event in events] == ["suppression.added", "suppression.lifted"]
    assert events[0].data == {"reason": "unsubscribe", "stream": "notice"}


def test_the_event_names_message_and_account(add, queue, customer):
    message = queue(account=customer)
    row = add(reason="complaint", message=message)
    event = Event.objects.get(subject=f"suppression:{row.pk}")
    assert event.account == customer.customer_id
    assert event.data == {"reason": "complaint", "stream": "all", "message": str(message.uid)}


def test_lifting_allows_mail_again_and_keeps_who_and_why(add, at):
    row = suppression_lift(suppression=add(), reason=" Called us,\nwants it ", at=at, **BY)
    assert (row.lifted_at, row.lifted_by, row.lifted_reason) == (at, "cli:test", "Called us, wants it")
    assert suppression_of("ada@acme.example", "notice") is None


def test_lifting_needs_a_reason(add, at):
    with pytest.raises(ReasonMissing):
        suppression_lift(suppression=add(), reason=" \n ", at=at, **BY)


def test_lifting_twice_is_refused(add, at):
    row = suppression_lift(suppression=add(), reason="Once", at=at, **BY)
    with pytest.raises(SuppressionLifted):
        suppression_lift(suppression=row, reason="Twice", at=at, **BY)


def test_after_lifting_the_address_can_be_suppressed_anew(add, at):
    first = suppression_lift(suppression=add(), reason="Mistake", at=at, **BY)
    assert add() != first
    assert suppression_of("ada@acme.example", "notice") is not None


@pytest.mark.parametrize("address", ["", "ada", "a@b.example\r\nX: 1", "a@b.example, c@d.example"])
def test_what_is_no_address_is_refused(add, address):
    with pytest.raises(UnfitMessage):
        add(address)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one(at):
    """Suppressions are unique in force under parallel requests, and make one event."""
    start, made = threading.Barrier(8), []

    def work():
        try:
            start.wait(120)
            row = suppression_add(address="ada@acme.example", reason="complaint", at=at, **BY)
            made.append(row.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (len(made), len(set(made))) == (8, 1)
    assert Suppression.objects.count() == 1
    assert Event.objects.filter(kind="suppression.added").count() == 1
