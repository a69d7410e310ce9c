"""Delivery webhooks through HTTP, with what the providers really send, signed their way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from config import mail_provider
from notifications.models import MessageEvent, Suppression
from notifications.provider_reports import provider_patterns
from notifications.services.sending import message_send

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
SECRET = "hooks:0123456789-abcdef"
SIGNING_KEY = "mailgun-signing-key"
TAKEN_AS = {"postmark": "postmark-id-1", "mailgun": "<mailgun-id-1>"}


class Routes:
    """The routes of the product with those of the provider that a test sets."""

    handler400 = "config.kit.api.problems.bad_request"
    handler500 = "config.kit.api.problems.server_error"
    urlpatterns: list = []


@pytest.fixture
def provider(settings, queue, at):
    """Return a switch to a provider, which gives the message that it took."""

    def use(name, **own):
        settings.MAIL_PROVIDER = name
        settings.ANYMAIL = mail_provider.anymail(json.dumps(own), [SECRET])
        routes = type("Routes", (Routes,), {"urlpatterns": list(provider_patterns())})
        settings.ROOT_URLCONF = routes
        settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
        message = queue(stream="notice")
        message_send(pk=message.pk, at=at)
        type(message).objects.filter(pk=message.pk).update(provider=name, provider_id=TAKEN_AS[name])
        message.refresh_from_db()
        return message

    return use


def call(path, body, secret=SECRET):
    headers = {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"} if secret else {}
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    client = Client(raise_request_exception=False)
    return client.post(path, text, content_type="application/json", headers=headers)


POSTMARK = "/anymail/postmark/tracking/"
MAILGUN = "/anymail/mailgun/tracking/"


def postmark_delivery(**changed):
    return {
        "RecordType": "Delivery",
        "ServerID": 23,
        "MessageStream": "outbound",
        "MessageID": "postmark-id-1",
        "Recipient": "ada@acme.example",
        "DeliveredAt": "2026-03-02T09:30:05.0000000Z",
        "Details": "smtp;250 2.0.0 OK",
        "Metadata": {},
        **changed,
    }


def postmark_bounce(**changed):
    return {
        "RecordType": "Bounce",
        "MessageStream": "outbound",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "MessageID": "postmark-id-1",
        "Metadata": {},
        "Description": "The server was unable to deliver your message (ex: unknown user).",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Email": "ada@acme.example",
        "From": "licenses@example.com",
        "BouncedAt": "2026-03-02T09:31:00.0000000Z",
        "DumpAvailable": True,
        "Inactive": True,
        "CanActivate": True,
        "Subject": "Your license",
        **changed,
    }


def mailgun(event, *, key=SIGNING_KEY, **data):
    """An event of Mailgun in its envelope, signed with HMAC-SHA256 over timestamp and token."""
    timestamp, token = "1772443805", "c0ffee" * 8
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": timestamp, "token": token, "signature": signature},
        "event-data": {
            "event": event,
            "id": "CPgfbmQMTCKtHW6uIWtuVe",
            "timestamp": 1772443805.5,
            "recipient": "ada@acme.example",
            "message": {"headers": {"message-id": "mailgun-id-1"}},
            "user-variables": {},
            "tags": [],
            **data,
        },
    }


def state(message):
    message.refresh_from_db()
    return message.state


def test_a_delivery_of_postmark_arrives(provider):
    message = provider("postmark")
    assert call(POSTMARK, postmark_delivery()).status_code == 200
    assert state(message) == "delivered"
    assert message.settled_at.isoformat() == "2026-03-02T09:30:05+00:00"
    assert message.events.get().detail == "smtp;250 2.0.0 OK"


def test_a_delivery_without_an_id_counts_once_however_often_it_comes(provider):
    provider("postmark")
    call(POSTMARK, postmark_delivery())
    assert call(POSTMARK, postmark_delivery()).status_code == 200
    assert MessageEvent.objects.count() == 1


def test_a_hard_bounce_stops_mail_to_the_address(provider):
    message = provider("postmark")
    call(POSTMARK, postmark_bounce())
    assert state(message) == "bounced"
    assert "does not exist" in message.error
    assert Suppression.objects.get().reason == "hard_bounce"
    call(POSTMARK, postmark_delivery())
    assert state(message) == "bounced"


def test_a_soft_bounce_stops_nothing(provider):
    message = provider("postmark")
    call(POSTMARK, postmark_bounce(Type="SoftBounce", TypeCode=4096))
    assert state(message) == "bounced"
    assert not Suppression.objects.exists()


def test_a_complaint_stops_all_mail(provider):
    message = provider("postmark")
    call(POSTMARK, postmark_bounce(RecordType="SpamComplaint", Type="SpamComplaint"))
    assert state(message) == "complained"
    assert (Suppression.objects.get().reason, Suppression.objects.get().stream) == ("complaint", "")


def test_a_report_names_the_message_by_our_uid(provider):
    message = provider("postmark")
    body = postmark_delivery(MessageID="never-told-us", Metadata={"message": str(message.uid)})
    call(POSTMARK, body)
    assert state(message) == "delivered"


def test_an_opening_is_not_kept(provider):
    """Nobody here watches what people read."""
    message = provider("postmark")
    body = {"RecordType": "Open", "MessageID": "postmark-id-1", "Recipient": "ada@acme.example"}
    assert call(POSTMARK, body).status_code == 200
    assert (state(message), MessageEvent.objects.count()) == ("sent", 0)


def test_a_message_that_is_not_ours_is_counted_and_answered_well(provider):
    provider("postmark")

    def unknown():
        return REGISTRY.get_sample_value("signet_mail_reports_total", {"outcome": "unknown"}) or 0

    before = unknown()
    assert call(POSTMARK, postmark_delivery(MessageID="of-another-system")).status_code == 200
    assert unknown() == before + 1


@pytest.mark.parametrize("secret", ["", "hooks:wrong-password-1234", "0123456789-abcdef"])
def test_without_the_secret_nothing_is_taken(provider, secret):
    message = provider("postmark")
    assert call(POSTMARK, postmark_delivery(), secret).status_code == 400
    assert state(message) == "sent"


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", "1", '"text"', b"\xff\xfe", '{"RecordType": 7}',
     '{"RecordType": "Delivery", "DeliveredAt": 5}',
     '{"RecordType": "Delivery", "Metadata": null, "MessageID": {"a": [1]}}', "[" * 5000, '{"ID": NaN}',
     '{"RecordType": "Bounce", "MessageID": "postmark-id-1", "ID": "' + "x\\u0000" * 400 + '"}',
     '{"RecordType": "Bounce", "MessageID": "a\\u0000b", "Details": "\\ud800", "ID": "\\udfff", "Type": "\\u0000"}',
     '{"RecordType": "Bounce", "MessageID": "postmark-id-1", "Details": "\\ud800", "Metadata": {"message": {}}}',
     '{"RecordType": "Delivery", "MessageID": "postmark-id-1", "DeliveredAt": "0001-01-01T00:00:00+14:00"}'],
    ids=range(16),
)  # fmt: skip
def test_a_body_that_is_none_of_the_provider_s_is_no_fault_of_ours(provider, body):
    """Always true 9: no 5xx for any input."""
    provider("postmark")
    assert call(POSTMARK, body).status_code in {200, 400}


def test_mailgun_s_signature_is_checked(provider):
    message = provider("mailgun", MAILGUN_WEBHOOK_SIGNING_KEY=SIGNING_KEY)
    assert call(MAILGUN, mailgun("delivered", key="another")).status_code == 400
    assert state(message) == "sent"
    assert call(MAILGUN, mailgun("delivered")).status_code == 200
    assert state(message) == "delivered"


@pytest.mark.parametrize(
    ("severity", "found", "suppressed"), [("permanent", "bounced", 1), ("temporary", "sent", 0)]
)
def test_mailgun_s_failure_is_final_or_not_by_its_severity(provider, severity, found, suppressed):
    message = provider("mailgun", MAILGUN_WEBHOOK_SIGNING_KEY=SIGNING_KEY)
    status = {"code": 550, "message": "5.1.1 no such user", "description": ""}
    call(MAILGUN, mailgun("failed", severity=severity, reason="bounce", **{"delivery-status": status}))
    assert state(message) == found
    assert Suppression.objects.count() == suppressed


def test_a_provider_without_its_own_setting_is_asked_to_come_back(provider):
    """Always true 9: an outage of ours is a 503 with Retry-After."""
    provider("mailgun")
    answer = call(MAILGUN, mailgun("delivered"))
    assert (answer.status_code, answer.json()["code"]) == (503, "mail_webhook_unset")
    assert answer.headers["Retry-After"]


def test_only_the_provider_in_use_has_a_route(provider):
    provider("postmark")
    assert call(MAILGUN, mailgun("delivered")).status_code == 404
    assert call("/anymail/postmark/inbound/", {}).status_code == 404


def test_without_a_secret_there_is_no_route(settings):
    settings.MAIL_PROVIDER, settings.ANYMAIL = "postmark", mail_provider.anymail("", [])
    assert list(provider_patterns()) == []


@pytest.mark.parametrize("name", sorted(set(mail_provider.PROVIDERS) - {"scaleway"}))
def test_every_provider_that_reports_has_one_route(settings, name):
    settings.MAIL_PROVIDER, settings.ANYMAIL = name, mail_provider.anymail("", [SECRET])
    assert len(list(provider_patterns())) == 1


def test_the_product_mounts_the_route_by_setting(tmp_path):
    find = "from django.urls import resolve; print(resolve('/anymail/postmark/tracking/').url_name)"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", find],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "SIGNET_DATA": str(tmp_path),
            "SIGNET_MAIL_PROVIDER": "postmark",
            "SIGNET_MAIL_PROVIDER_SETTINGS": '{"POSTMARK_SERVER_TOKEN": "abc"}',
            "SIGNET_MAIL_WEBHOOK_SECRET": SECRET,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "anymail_postmark_tracking_webhook", done.stderr
