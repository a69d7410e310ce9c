"""Addresses that are not written to, in the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from history.models import Event
from notifications.models import Suppression
from notifications.services.suppressions import suppression_add, suppression_lift

pytestmark = pytest.mark.django_db
LIST = reverse("admin:notifications_suppression_changelist")
STOP = f"{LIST}stop/"


@pytest.fixture
def bounced(queue, at):
    message = queue()
    return suppression_add(
        address="ada@acme.example", reason="hard_bounce", message=message, actor="system:mail", at=at
    )


@pytest.fixture
def unsubscribed(queue, at):
    message = queue(dedupe_key="two", stream="notice")
    return suppression_add(
        address="bob@globex.example", reason="unsubscribe", stream="notice", message=message,
        actor=f"recipient:{message.uid}", at=at,
    )  # fmt: skip


def lift_url(row):
    return reverse("admin:notifications_suppression_lift", args=[row.pk])


def page_url(row):
    return reverse("admin:notifications_suppression_change", args=[row.pk])


def read(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_says_who_is_not_written_to_and_why(root, bounced, unsubscribed):
    text = read(root, LIST)
    for words in ("ada@acme.example", "hard bounce", "every stream", "bob@globex.example", "expiry notices"):
        assert words in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ADA@", ["ada"]), ("q=glob", ["bob"]), ("q=nobody", []),
        ("standing=force", ["bob"]), ("standing=lifted", ["ada"]), ("reason__exact=unsubscribe", ["bob"]),
    ],
)  # fmt: skip
def test_search_and_filters(root, bounced, unsubscribed, at, query, found):
    suppression_lift(suppression=bounced, reason="Mended", actor="cli:test", at=at)
    text = read(root, f"{LIST}?{query}")
    names = {"ada": "ada@acme.example", "bob": "bob@globex.example"}
    assert [name for name, address in names.items() if address in text] == found


def test_the_list_asks_the_same_questions_whatever_its_length(root, queue, at, django_assert_max_num_queries):
    for number in range(12):
        message = queue(dedupe_key=f"m{number}")
        suppression_add(
            address=f"a{number}@acme.example", reason="complaint", message=message, actor="cli:test", at=at
        )
    with django_assert_max_num_queries(12) as asked:
        read(root, LIST)
    assert not [query for query in asked.captured_queries if '"parts"' in query["sql"]]


def test_lifting_says_what_it_means_asks_why_and_tells_the_history(root, bounced, superadmin):
    assert "this mailbox does not exist" in read(root, lift_url(bounced))
    answer = root.post(lift_url(bounced), {"reason": "They mended it"}, follow=True)
    assert "Mail may go to ada@acme.example again." in answer.content.decode()
    bounced.refresh_from_db()
    assert (bounced.lifted_by, bounced.lifted_reason) == (f"user:{superadmin.pk}", "They mended it")
    assert Event.objects.filter(kind="suppression.lifted").count() == 1
    assert "They mended it" in read(root, page_url(bounced))


def test_lifting_without_a_reason_is_refused_at_the_field(root, bounced):
    answer = root.post(lift_url(bounced), {"reason": "  "})
    assert "This field is required" in answer.content.decode()
    bounced.refresh_from_db()
    assert bounced.lifted_at is None


def test_what_was_lifted_has_no_button_any_more(root, bounced, at):
    assert lift_url(bounced) in read(root, page_url(bounced))
    suppression_lift(suppression=bounced, reason="Mended", actor="cli:test", at=at)
    assert lift_url(bounced) not in read(root, page_url(bounced))


def test_the_recipient_stands_there_as_such(root, unsubscribed):
    assert "by the recipient" in read(root, page_url(unsubscribed))


def test_staff_can_stop_mail_to_an_address(root, superadmin):
    assert "transactional mail is owed" in read(root, STOP)
    root.post(STOP, {"address": "Eve@Acme.example", "stream": "digest"})
    row = Suppression.objects.get()
    assert (row.address, row.stream, row.reason) == ("eve@acme.example", "digest", "manual")
    assert row.created_by == f"user:{superadmin.pk}"


@pytest.mark.parametrize("address", ["", "no address", "a@b.example\r\nBcc: c@d.example"])
def test_what_is_no_address_is_refused_at_the_field(root, address):
    assert root.post(STOP, {"address": address, "stream": ""}).status_code == 200
    assert not Suppression.objects.exists()


def test_who_may_only_look_has_no_button_and_gets_403(looker, bounced):
    """D15."""
    text = read(looker, page_url(bounced))
    assert lift_url(bounced) not in text
    assert looker.post(lift_url(bounced), {"reason": "x"}).status_code == 403
    assert looker.post(STOP, {"address": "a@b.example"}).status_code == 403
    assert STOP not in read(looker, LIST)


@pytest.mark.parametrize("role", ["issuer", "billing", "sales"])
def test_who_has_nothing_to_do_with_mail_sees_none(as_role, clock, bounced, role):
    browser = as_role(role)
    assert browser.get(LIST).status_code == 403
    assert browser.get(page_url(bounced)).status_code == 403
    assert browser.post(lift_url(bounced), {"reason": "x"}).status_code == 403
