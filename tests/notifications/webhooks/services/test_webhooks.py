"""Endpoints: made, changed, rotated, switched, deleted; and their secrets, which are seen once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid, NotFound
from config.kit.sealing import unseal
from history.models import Event
from licenses.services.catalogue import product_create
from notifications.domain.standard_webhooks import secret_bytes
from notifications.models import Delivery, WebhookEndpoint
from notifications.selectors.webhooks import secrets_of
from notifications.services import webhooks
from notifications.services.webhooks import (
    webhook_create,
    webhook_delete,
    webhook_rotate,
    webhook_update,
    webhooks_reseal,
)
from notifications.webhook_errors import TooManyEndpoints

pytestmark = pytest.mark.django_db
BY = {"actor": "user:1"}
URL = "https://hooks.example.com/signet?token=hush"


@pytest.fixture
def endpoint(make_endpoint):
    return make_endpoint(URL)


def last_event() -> Event:
    return Event.objects.latest("id")


def test_a_new_endpoint_has_a_secret_that_is_kept_sealed(at):
    """C31: a secret of its own for each endpoint."""
    _, secret = webhook_create(name=" Vendor ", url=URL, **BY, at=at)
    row = WebhookEndpoint.objects.get()
    assert (row.name, row.enabled, row.created_by) == ("Vendor", True, "user:1")
    assert len(secret_bytes(secret)) == 32
    assert secret.encode() not in bytes(row.secret_sealed)
    assert unseal(row.secret_sealed).decode() == secret
    assert webhook_create(name="Other", url=URL, **BY, at=at)[1] != secret


def test_history_knows_neither_the_secret_nor_the_address(endpoint):
    """Trust: no webhook secret in the history."""
    event = last_event()
    assert (event.kind, event.subject) == ("webhook.created", f"webhook:{endpoint.uid}")
    assert "hush" not in str(event.data)
    assert endpoint.secret not in str(event.data)
    assert set(event.data) == {"enabled", "kinds", "products", "url_sha256"}


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"name": ""}, "/name", "blank"),
        ({"name": "a\0b"}, "/name", "null_character"),
        ({"name": "x" * 101}, "/name", "max_length"),
        ({"url": "http://hooks.example.com/"}, "/url", "not_https"),
        ({"url": "https://10.0.0.1/"}, "/url", "forbidden_address"),
        ({"url": "https://user:pass@hooks.example.com/"}, "/url", "has_userinfo"),
        ({"url": "https://hooks.example.com/\0"}, "/url", "bad_url"),
        ({"kinds": ["license.issued", "license.eaten"]}, "/kinds", "unknown_kind"),
        ({"products": ["nothing"]}, "/products", "unknown_product"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(fields, pointer, code, at):
    """C31, trust: an address guard before anything is kept."""
    with pytest.raises(Invalid) as caught:
        webhook_create(**{"name": "Vendor", "url": URL, **fields}, **BY, at=at)
    (error,) = caught.value.members["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert not WebhookEndpoint.objects.exists()


def test_only_so_many_endpoints_are_served(endpoint, at, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_ENDPOINTS", 1)
    with pytest.raises(TooManyEndpoints):
        webhook_create(name="Other", url=URL, **BY, at=at)
    webhook_delete(endpoint=endpoint, **BY, at=at)
    webhook_create(name="Other", url=URL, **BY, at=at)


def test_an_endpoint_is_changed(endpoint, at):
    """C31: filters by kind and product."""
    product_create(product_key="demo", name="Demo", **BY, at=at)
    changes = {"name": "New", "kinds": ["license.revoked", "license.issued"], "products": ["demo"]}
    row = webhook_update(endpoint=endpoint, changes=changes, **BY, at=at)
    assert (row.name, row.kinds, row.products) == ("New", ["license.issued", "license.revoked"], ["demo"])
    event = last_event()
    assert (event.kind, event.data["fields"]) == ("webhook.changed", ["kinds", "name", "products"])


def test_a_change_that_changes_nothing_is_no_event(endpoint, at):
    before = Event.objects.count()
    webhook_update(endpoint=endpoint, changes={"name": endpoint.name, "kinds": []}, **BY, at=at)
    assert Event.objects.count() == before


def test_what_must_not_be_changed_is_refused(endpoint, at):
    with pytest.raises(Invalid):
        webhook_update(endpoint=endpoint, changes={"secret_sealed": b"x"}, **BY, at=at)


def test_a_refused_change_leaves_everything_as_it_was(endpoint, at):
    with pytest.raises(Invalid):
        webhook_update(endpoint=endpoint, changes={"name": "New", "url": "ftp://x/"}, **BY, at=at)
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.url) == ("Vendor", URL)


def test_a_rotation_lets_both_secrets_sign_for_a_day(endpoint, at):
    """C31: rotated with overlap."""
    row, secret = webhook_rotate(endpoint=endpoint, **BY, at=at)
    assert secrets_of(row, at=at) == (secret, endpoint.secret)
    assert secrets_of(row, at=at + timedelta(hours=24) - timedelta(seconds=1)) == (secret, endpoint.secret)
    assert secrets_of(row, at=at + timedelta(hours=24)) == (secret,)
    assert last_event().data == {"overlap_hours": 24}


def test_a_second_rotation_ends_the_first_secret_at_once(endpoint, at):
    _, second = webhook_rotate(endpoint=endpoint, **BY, at=at)
    row, third = webhook_rotate(endpoint=endpoint, **BY, at=at)
    assert secrets_of(row, at=at) == (third, second)


def test_switching_off_cancels_what_waits_and_on_forgives(endpoint, deliver, at):
    deliver(2)
    WebhookEndpoint.objects.update(failing_since=at, disabled_reason="It failed.")
    webhook_update(endpoint=endpoint, changes={"enabled": False}, **BY, at=at)
    assert set(Delivery.objects.values_list("state", "due_at")) == {("cancelled", None)}
    row = webhook_update(endpoint=endpoint, changes={"enabled": True}, **BY, at=at)
    assert (row.enabled, row.failing_since, row.disabled_reason) == (True, None, "")


def test_deleting_destroys_the_secrets_and_keeps_the_log(endpoint, deliver, at):
    """C31: history kept."""
    webhook_rotate(endpoint=endpoint, **BY, at=at)
    deliver(1)
    webhook_delete(endpoint=endpoint, **BY, at=at)
    row = WebhookEndpoint.objects.get()
    assert (row.deleted_at, row.enabled) == (at, False)
    assert (bytes(row.secret_sealed), row.previous_sealed) == (b"", None)
    assert Delivery.objects.get().state == "cancelled"
    assert (last_event().kind, last_event().data["cancelled"]) == ("webhook.deleted", 1)


@pytest.mark.parametrize(
    "service",
    [
        lambda row, **by: webhook_update(endpoint=row, changes={"name": "New"}, **by),
        lambda row, **by: webhook_rotate(endpoint=row, **by),
        lambda row, **by: webhook_delete(endpoint=row, **by),
    ],
    ids=["update", "rotate", "delete"],
)
def test_a_deleted_endpoint_is_not_there(endpoint, service, at):
    webhook_delete(endpoint=endpoint, **BY, at=at)
    with pytest.raises(NotFound):
        service(endpoint, **BY, at=at)


def test_secrets_are_sealed_again_under_a_new_key(endpoint, at, settings):
    """Trust: rotation of the key-encryption key."""
    _, secret = webhook_rotate(endpoint=endpoint, **BY, at=at)
    new = "bmV3LWtleS1lbmNyeXB0aW9uLWtleS0zMi1ieXRlcyE="
    settings.KEY_ENCRYPTION_KEYS = [new, *settings.KEY_ENCRYPTION_KEYS]
    assert webhooks_reseal() == 1
    settings.KEY_ENCRYPTION_KEYS = [new]
    assert secrets_of(WebhookEndpoint.objects.get(), at=at) == (secret, endpoint.secret)
