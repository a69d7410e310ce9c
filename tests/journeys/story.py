"""The first whole story, through HTTP only: issue, download, verify, renew, revoke, and prove it all."""

from __future__ import annotations

import io
import json

from django.core.management import call_command
from django.test import Client

from config.kit import clock
from licenses.domain.keys import KeySet
from licenses.domain.verification import verify


def tell(sysadmin) -> None:
    """`sysadmin` is the API as the dashboard calls it, on an empty office."""
    for algorithm in ("RS256", "EdDSA"):
        key = sysadmin.post("/api/v1/signing-keys", {"algorithm": algorithm}).json()
        assert sysadmin.post(f"/api/v1/signing-keys/{key['kid']}/activate").status_code == 200
    _catalogue(sysadmin)
    made = sysadmin.post(
        "/api/v1/licenses",
        {"account": "acme", "product_key": "demo", "plan": "enterprise", "seats": 5},
        key="story-1",
    )
    assert made.status_code == 201, made.content
    license_id, text = made.json()["license"]["id"], made.json()["text"]
    _download_has_the_bytes(sysadmin, made.json()["issuance"]["jti"], text)
    _verifies_offline(text)
    assert _validate(text)["ok"]
    renewed = sysadmin.post(f"/api/v1/licenses/{license_id}/renew", {"months": 12})
    assert renewed.status_code in {200, 201}, renewed.content
    revoked = sysadmin.post(f"/api/v1/licenses/{license_id}/revoke", {"reason": "returned"})
    assert revoked.status_code == 200, revoked.content
    assert _validate(text)["reason"] == "revoked"
    assert sysadmin.post(f"/api/v1/licenses/{license_id}/issue", {}).json()["code"] == "license_revoked"
    _history_tells(sysadmin, license_id)


def _catalogue(sysadmin) -> None:
    assert (
        sysadmin.post("/api/v1/accounts", {"name": "Acme", "slug": "acme", "kind": "customer"}).status_code
        == 201
    )
    assert sysadmin.post("/api/v1/products", {"product_key": "demo", "name": "Demo"}).status_code == 201
    plan = {"code": "enterprise", "name": "Enterprise", "duration_days": 365, "seats": 25}
    made = sysadmin.post("/api/v1/products/demo/plans", plan)
    assert made.status_code == 201, made.content


def _download_has_the_bytes(sysadmin, jti: str, text: str) -> None:
    artifact = sysadmin.get(f"/api/v1/issuances/{jti}/artifact")
    assert artifact.content.decode() == text


def _verifies_offline(text: str) -> None:
    keys = KeySet.from_jwks(Client().get("/.well-known/jwks.json").content)
    assert verify(text, keys, now=clock.now(), issuer="signet", audience="demo").ok


def _validate(text: str) -> dict:
    body = json.dumps({"key": text, "product": "demo"})
    return Client().post("/api/v1/licenses/validate", body, content_type="application/json").json()


def _history_tells(sysadmin, license_id: str) -> None:
    call_command("history", "sequence", stdout=io.StringIO())
    call_command("history", "checkpoint", stdout=io.StringIO())
    events = sysadmin.get(f"/api/v1/licenses/{license_id}/history").json()["results"]
    kinds = {event["kind"] for event in events}
    assert {
        "license.created",
        "license.issued",
        "artifact.read",
        "license.renewed",
        "license.revoked",
    } <= kinds
    proof = sysadmin.get(f"/api/v1/history/{events[0]['uid']}/proof")
    assert proof.status_code == 200
    assert license_id in proof.content.decode()
    call_command("history", "verify", stdout=io.StringIO())
