"""What an outside CRM tells by signed webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from django.urls import reverse

from config.kit.clock import frozen
from crm.models import InboundChange, Section, SyncConflict
from crm.services.sync_deciding import conflict_settle
from tests.crm.outside.conftest import ACTOR, SECRET, change, person

pytestmark = [pytest.mark.enable_socket, pytest.mark.usefixtures("shown")]


def tell(client, outside, document, *, secret=SECRET, at=None, body=None):
    """Send a webhook as the CRM of the connection signs it."""
    path = f"/webhooks/crm/{outside.row.uid}/"
    raw = body if body is not None else json.dumps(document).encode()
    stamp = str(int((at or outside.clock.at).timestamp() * 1000))
    if outside.row.kind == "hubspot":
        signed = f"POST{outside.base_url}{path}".encode() + raw + stamp.encode()
        digest = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
        headers = {"X-HubSpot-Signature-v3": digest, "X-HubSpot-Request-Timestamp": stamp}
    else:
        digest = hmac.new(secret.encode(), stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
        headers = {"X-Twenty-Webhook-Signature": digest, "X-Twenty-Webhook-Timestamp": stamp}
    with frozen(outside.clock.at):
        return client.post(path, raw, content_type="application/json", headers=headers)


def event(outside, record_id, name="jobTitle", value="CTO", *, deleted=False, restored=False, number=1):
    """A change, deletion or restoration of a person as the CRM tells it."""
    if outside.row.kind == "hubspot":
        verb = "deletion" if deleted else "restore" if restored else "propertyChange"
        more = {} if deleted or restored else {"propertyName": name.lower(), "propertyValue": value}
        return [{"eventId": number, "subscriptionType": f"contact.{verb}", "objectId": int(record_id),
                 "occurredAt": 1772443800000 + number, "changeSource": "CRM_UI", **more}]  # fmt: skip
    record = {"id": record_id, name: value, "updatedAt": f"2026-03-02T09:31:00.{number:03}Z"}
    verb = "deleted" if deleted else "restored" if restored else "updated"
    return {"eventName": f"person.{verb}", "record": record,
            "updatedFields": [name], "webhookId": "w"}  # fmt: skip


def typed(outside, record_id, name, value):
    """What somebody over there typed."""
    if outside.row.kind == "twenty":
        outside.fake.tables["people"][record_id][name] = value
    else:
        outside.fake.records["contacts"][record_id]["properties"][name.lower()] = value


@pytest.fixture
def synced(either, settings):
    """Ada stands on both sides as an engineer."""
    either.base_url = settings.BASE_URL
    ada = person(job_title="Engineer")
    either.sync()
    return either, ada, either.link(ada).external_id


def test_what_only_they_changed_is_taken_once(synced, client):
    """D18: inbound, idempotent, and it does not echo."""
    either, ada, record = synced
    typed(either, record, "jobTitle", "CTO")
    for expected in (1, 0):
        assert tell(client, either, event(either, record)).status_code == 200
        assert InboundChange.objects.filter(applied_at=None).count() == expected
        lines = either.sync()
        assert either.writes(lines) == []
    ada.refresh_from_db()
    assert ada.job_title == "CTO"
    assert InboundChange.objects.count() == 1


def test_changes_of_hubspot_with_one_number_are_kept_each(hubspot, client, settings):
    """D18: its `eventId` is not unique; what is delivered twice is kept once all the same."""
    hubspot.base_url = settings.BASE_URL
    ada, grace = person(1), person(2)
    hubspot.sync()
    told = []
    for one, name, value in ((ada, "jobTitle", "CTO"), (ada, "phone", "123"), (grace, "jobTitle", "CEO")):
        record = hubspot.link(one).external_id
        typed(hubspot, record, name, value)
        told += event(hubspot, record, name, value, number=7)
    again = [{**one, "attemptNumber": 1} for one in told]
    for document in (told, again):
        assert tell(client, hubspot, document).status_code == 200
    hubspot.sync()
    for one in (ada, grace):
        one.refresh_from_db()
    assert (ada.job_title, ada.phone, grace.job_title) == ("CTO", "123", "CEO")
    assert InboundChange.objects.count() == 3


@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_what_both_changed_waits_for_somebody_and_then_goes_his_way(synced, client, choice):
    """D18: a conflict list rather than silent loss."""
    either, ada, record = synced
    change(ada, either.clock.at, job_title="Director")
    typed(either, record, "jobTitle", "CTO")
    assert tell(client, either, event(either, record)).status_code == 200
    either.sync()
    (conflict,) = SyncConflict.objects.all()
    assert (conflict.field, conflict.ours, conflict.theirs) == ("job_title", "Director", "CTO")
    ada.refresh_from_db()
    assert ada.job_title == "Director"
    conflict_settle(conflict=conflict, choice=choice, actor=ACTOR, at=either.clock.at)
    either.sync()
    ada.refresh_from_db()
    there = str(either.fake.living("people" if either.row.kind == "twenty" else "contacts"))
    if choice == "ours":
        assert (ada.job_title, "Director" in there, "CTO" in there) == ("Director", True, False)
    else:
        assert (ada.job_title, "CTO" in there) == ("CTO", True)
    assert not SyncConflict.objects.filter(resolution="").exists()
    assert either.sync() == []


def test_text_that_no_database_keeps_is_taken_cleaned(synced, client):
    """D18: NUL and half a character, told by webhook or found over there, stop neither inbox nor batch."""
    either, ada, record = synced
    typed(either, record, "jobTitle", "C\x00T\ud83dO")
    assert tell(client, either, event(either, record, value="C\x00T\ud83dO")).status_code == 200
    either.sync()
    ada.refresh_from_db()
    assert ada.job_title == "CT?O"
    typed(either, record, "jobTitle", "C\x00\ud83dIO")
    change(ada, either.clock.at, engagement="active")
    either.sync()
    ada.refresh_from_db()
    assert (ada.job_title, either.jobs) == ("C?IO", [])
    assert either.link(ada).sent["job_title"] == "C?IO"


def bury(outside, record, deleted):
    """Somebody over there deletes a person, or restores one."""
    if outside.row.kind == "twenty":
        at = "2026-03-02T09:31:00.000Z" if deleted else None
        outside.fake.tables["people"][record]["deletedAt"] = at
    else:
        outside.fake.records["contacts"][record]["archived"] = deleted


@pytest.mark.parametrize("told", [True, False])
def test_who_is_restored_there_is_sent_again(synced, client, superadmin, signed_in, told):
    """D18: by its webhook; where none came, staff have them looked up, and nobody is made anew by that."""
    either, ada, record = synced
    browser, page = signed_in(superadmin), reverse("admin:crm_connection_change", args=[either.row.pk])

    def resend():
        with frozen(either.clock.at):
            browser.post(page.replace("change", "resend"), {"link": either.link(ada).pk})

    bury(either, record, True)
    tell(client, either, event(either, record, deleted=True))
    either.sync()
    assert "Ada Lovelace1" in browser.get(page).content.decode()
    resend()
    assert either.link(ada).tombstone_at is None
    assert either.writes(either.sync()) == []
    assert either.link(ada).tombstone_at is not None
    bury(either, record, False)
    if told:
        assert tell(client, either, event(either, record, restored=True, number=2)).status_code == 200
    else:
        resend()
    change(ada, either.clock.at, engagement="active")
    either.sync()
    assert either.link(ada).tombstone_at is None
    assert "Ada Lovelace1" not in browser.get(page).content.decode()
    (there,) = either.fake.living("people" if either.row.kind == "twenty" else "contacts")
    assert "active" in str(there)


def test_who_is_deleted_there_is_not_sent_any_more(synced, client):
    """D18: a tombstone."""
    either, ada, record = synced
    assert tell(client, either, event(either, record, deleted=True)).status_code == 200
    change(ada, either.clock.at, engagement="active")
    assert either.sync() == []
    assert either.link(ada).tombstone_at is not None


def test_a_fact_of_ours_that_was_typed_over_is_put_back(synced, client):
    """A20: nobody decides an engagement over there."""
    either, _ada, record = synced
    name = "signetEngagement" if either.row.kind == "twenty" else "signet_engagement"
    typed(either, record, name, "wrong")
    tell(client, either, event(either, record, name, "wrong"))
    either.sync()
    assert "wrong" not in str(either.fake.living("people" if either.row.kind == "twenty" else "contacts"))


def test_what_is_not_signed_or_stale_or_no_json_is_refused(synced, client):
    """D18, trust: the signature is over the raw body, and holds five minutes."""
    from datetime import timedelta

    either, _ada, record = synced
    document = event(either, record)
    assert tell(client, either, document, secret="another").status_code == 401
    assert tell(client, either, document, at=either.clock.at - timedelta(minutes=6)).status_code == 401
    assert tell(client, either, None, body=b"<html>").status_code == 400
    assert tell(client, either, None, body=b"[" * 100_000).status_code == 400
    assert tell(client, either, [1, "two", {}, None]).status_code == 200
    assert tell(client, either, None, body=b" " * 3_000_000).status_code == 413
    path = f"/webhooks/crm/{either.row.uid}/"
    assert client.post(path, b"{}", content_type="application/json").status_code == 401
    assert client.get(path).status_code == 405
    assert InboundChange.objects.count() == 0


def test_it_is_not_there_while_the_section_is_off(synced, client):
    """D17"""
    either, _ada, record = synced
    Section.objects.update(active=False)
    assert tell(client, either, event(either, record)).status_code == 404
