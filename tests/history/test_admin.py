from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from history.models import Event, ParkedEvent
from history.services import reader_register, sequence
from history.services.feed import ATTEMPTS, reader_run, reader_unregister

pytestmark = pytest.mark.django_db
EVENTS = "admin:history_event_changelist"


@pytest.fixture
def browser(signed_in, superadmin):
    return signed_in(superadmin)


def page_of(event):
    return reverse("admin:history_event_change", args=[event.pk])


def shown(browser, **query):
    return [event.subject for event in browser.get(reverse(EVENTS), query).context["cl"].result_list]


def test_a_row_tells_position_kind_subject_actor_and_data(browser, happen):
    happen(3, actor="cli:deploy")
    page = browser.get(reverse(EVENTS)).content.decode()
    for text in ("license.issued", "license:L-2", "C-ACME", "Command line, deploy", "seats: 10", "waiting"):
        assert text in page


def test_a_row_is_a_sentence_with_names_for_ids(browser, happen, superadmin, make_account):
    """D7: who did what for whom, in words and with a link."""
    acme = make_account("Acme & Sons")
    happen(
        kind="posture.changed", subject=f"account:{acme.customer_id}", account=acme.customer_id,
        actor=f"user:{superadmin.pk}", data={"from": "grace", "to": "read_only"},
    )  # fmt: skip
    page = browser.get(reverse(EVENTS)).content.decode()
    assert "Posture went from grace to read-only." in page
    assert f'href="{reverse("admin:accounts_account_change", args=[acme.pk])}"' in page
    assert "Acme &amp; Sons" in page
    assert str(superadmin) in page
    assert f"user:{superadmin.pk}<" not in page


def test_the_list_is_filtered_by_what_people_call_things(browser, happen, make_account, make_user):
    acme, ada = make_account("Acme"), make_user(email="ada@signet.example")
    happen(subject="license:L-hers", account=acme.customer_id, actor=f"user:{ada.pk}")
    happen(subject="license:L-other", actor="cli:test")
    for query in ({"account": "acme"}, {"account": "ACME"}, {"actor": "ADA@signet.example"}):
        found = shown(browser, **query)
        assert "license:L-hers" in found, query
        assert "license:L-other" not in found, query


def test_the_list_is_filtered_by_group_of_kinds_and_by_day(browser, happen, at):
    happen(subject="license:L-early", at=at - timedelta(days=1))
    happen(subject="license:L-today", kind="license.revoked")
    happen(subject="key:k1", kind="key.retired")
    assert shown(browser, group="license", at_from="2026-03-02") == ["license:L-today"]
    assert shown(browser, group="license", at_to="2026-03-01") == ["license:L-early"]
    assert shown(browser, group="key") == ["key:k1"]
    assert set(shown(browser, group="odd", at_from="soon")) >= {"license:L-early", "key:k1"}


def test_an_empty_list_says_why(browser, happen):
    assert "Nothing fits" in browser.get(reverse(EVENTS), {"account": "nobody"}).content.decode()
    parked = browser.get(reverse("admin:history_parkedevent_changelist")).content.decode()
    assert "Nothing is parked" in parked


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"account": "C-OTHER"}, ["license:L-other"]),
        ({"license": "L-1"}, ["license:L-1"]),
        ({"license": "license:L-1"}, ["license:L-1"]),
        ({"subject": "license:L-0"}, ["license:L-0"]),
        ({"actor": "user:9"}, ["license:L-other"]),
        ({"kind": "license.revoked"}, ["license:L-other"]),
        ({"account": "a\0b"}, []),
        ({"account": "C-ACME", "license": "L-other"}, []),
    ],
)
def test_the_list_is_filtered_by_account_license_kind_and_actor(browser, happen, query, expected):
    happen(2)
    happen(subject="license:L-other", account="C-OTHER", actor="user:9", kind="license.revoked")
    shown = browser.get(reverse(EVENTS), query).context["cl"].result_list
    assert [event.subject for event in shown] == expected


def test_the_list_costs_the_same_for_few_and_for_many(browser, history_of, happen):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(reverse(EVENTS)).status_code == 200
        return len(queries)

    happen(1)
    few = cost()
    history_of(45)
    assert cost() == few <= 8


def test_an_event_shows_its_data_its_meaning_and_its_leaf(browser, history_of):
    history_of(1)
    event = Event.objects.get(subject="license:L-0")
    page = browser.get(page_of(event)).content.decode()
    assert "A signed snapshot of a license was made. seats: 10" in page
    assert bytes(event.entry.leaf_hash).hex() in page


def test_what_outsiders_typed_is_shown_as_text(browser, happen):
    (event,) = happen(data={"note": "<script>alert(1)</script>"})
    for address in (reverse(EVENTS), page_of(event)):
        assert "<script>alert(1)" not in browser.get(address).content.decode()


def test_the_proof_is_downloaded(browser, history_of):
    history_of(5)
    event = Event.objects.get(subject="license:L-0")
    answer = browser.get(reverse("admin:history_event_download_proof", args=[event.pk]))
    assert answer["Content-Disposition"].startswith('attachment; filename="event-')
    assert json.loads(answer.content)["leafIdx"] == event.entry.position


def test_an_event_without_a_proof_says_why(browser, happen):
    (event,) = happen()
    answer = browser.get(reverse("admin:history_event_download_proof", args=[event.pk]), follow=True)
    assert "no place in the tree yet" in answer.content.decode()


def test_nothing_can_be_added_changed_or_deleted(browser, happen):
    (event,) = happen()
    assert browser.get(reverse("admin:history_event_add")).status_code == 403
    assert browser.post(page_of(event), {"actor": "user:2"}).status_code == 403
    assert (
        browser.post(reverse("admin:history_event_delete", args=[event.pk]), {"post": "yes"}).status_code
        == 403
    )


def test_staff_without_the_permission_see_nothing(signed_in, make_user, happen):
    (event,) = happen()
    nobody = make_user()
    nobody.is_staff = True
    nobody.save()
    browser = signed_in(nobody)
    for address in (
        reverse(EVENTS),
        page_of(event),
        reverse("admin:history_event_download_proof", args=[event.pk]),
    ):
        assert browser.get(address).status_code == 403


@pytest.mark.parametrize("model", ["checkpoint", "reader", "parkedevent"])
def test_the_other_pages_are_shown(browser, parked, history_of, model):
    history_of(3)
    page = browser.get(reverse(f"admin:history_{model}_changelist"))
    assert page.status_code == 200
    row = page.context["cl"].result_list[0]
    assert browser.get(reverse(f"admin:history_{model}_change", args=[row.pk])).status_code == 200


@pytest.fixture
def parked(at, happen):
    """A parked event whose reader works again."""
    state = {"down": True}

    def handle(event, *, at):
        if state["down"]:
            raise RuntimeError("down")

    reader_register("mended", handle)
    happen(1)
    sequence(at=at)
    for _ in range(ATTEMPTS):
        reader_run("mended", at=at)
    state["down"] = False
    yield ParkedEvent.objects.get()
    reader_unregister("mended")


def rerun(browser, parked):
    fields = {"action": "rerun", "_selected_action": [parked.pk]}
    return browser.post(reverse("admin:history_parkedevent_changelist"), fields, follow=True)


def test_a_parked_event_is_run_again_from_the_list(browser, parked):
    assert "1 events were run again" in rerun(browser, parked).content.decode()
    parked.refresh_from_db()
    assert parked.state == "done"
    assert "handled already" in rerun(browser, parked).content.decode()


def test_to_look_at_parked_events_is_not_to_run_them(signed_in, make_user, parked):
    viewer = make_user()
    viewer.is_staff = True
    viewer.save()
    viewer.user_permissions.add(Permission.objects.get(codename="view_parkedevent"))
    rerun(signed_in(viewer), parked)
    parked.refresh_from_db()
    assert parked.state == "parked"
