"""Snapshots, their texts, their renewals and their history over HTTP."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from history.models import Event

pytestmark = pytest.mark.django_db

V1 = "/api/v1"


@pytest.fixture
def artifact(granted):
    return f"{V1}/issuances/{granted.issued.issuance.jti_text}/artifact"


def test_a_snapshot_is_read_by_its_jti(viewer, granted):
    answer = viewer.get(f"{V1}/issuances/{granted.issued.issuance.jti_text}")
    assert answer.json()["license"] == granted.license.public_id
    assert answer.json()["claims"]["lic"] == granted.license.public_id
    assert answer.json()["kept"] is True
    assert "artifact" not in answer.json()


@pytest.mark.parametrize("jti", ["A" * 22, "_" * 22, "A" * 21 + "B"])
def test_an_unknown_jti_is_not_found(jti, viewer, granted):
    assert viewer.get(f"{V1}/issuances/{jti}").status_code == 404


def test_a_second_spelling_of_a_jti_is_not_found(viewer, granted):
    """The last letter of 22 carries two bits that no byte needs."""
    jti = granted.issued.issuance.jti_text
    twin = jti[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[jti[-1]]
    assert viewer.get(f"{V1}/issuances/{twin}").status_code == 404


def test_another_accounts_snapshot_is_not_found(stranger, artifact):
    assert stranger.get(artifact).status_code == 404
    assert stranger.get(artifact.removesuffix("/artifact")).status_code == 404


@pytest.mark.parametrize(
    ("form", "suffix", "content_type"),
    [
        ("jwt", "jwt", "application/jwt"),
        ("lic1", "txt", "text/plain"),
        ("envelope", "lic", "application/json"),
    ],
)
def test_the_downloaded_bytes_are_the_issued_ones(
    *, form, suffix, content_type, storefront, make_license, issue
):
    """E23: the artifact as a file, byte for byte."""
    issued = issue(make_license(), format=form)
    answer = storefront.get(f"{V1}/issuances/{issued.issuance.jti_text}/artifact")
    assert answer.content == issued.text.encode()
    assert hashlib.sha256(answer.content).hexdigest() == issued.issuance.text_sha256
    name = f"acme-demo-{issued.issuance.license.public_id}.{suffix}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_download_is_an_event_without_the_text(storefront, artifact, granted):
    storefront.get(artifact)
    event = Event.objects.get(kind="artifact.read")
    assert event.subject == f"license:{granted.license.public_id}"
    assert granted.issued.text not in str(event.data)


def test_who_only_reads_licenses_sees_no_text(viewer, artifact):
    """D15, C30: seeing the key text is a right of its own."""
    answer = viewer.get(artifact)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert not Event.objects.filter(kind="artifact.read").exists()


def test_a_text_that_was_not_kept_is_gone_and_its_record_is_there(storefront, create):
    """E2: persist=false."""
    made = create(persist=False)
    path = f"{V1}/issuances/{made['issuance']['jti']}"
    answer = storefront.get(f"{path}/artifact")
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact_not_kept")
    assert storefront.get(path).json()["kept"] is False
    assert storefront.get(path).json()["sha256"] == hashlib.sha256(made["text"].encode()).hexdigest()


def test_snapshots_are_listed_newest_first_with_what_they_supersede(viewer, url, granted, issue):
    second = issue(granted.license).issuance
    rows = viewer.get(url("issuances")).json()["results"]
    assert [row["jti"] for row in rows] == [second.jti_text, granted.issued.issuance.jti_text]
    assert [row["supersedes"] for row in rows] == [granted.issued.issuance.jti_text, None]


def test_renewals_are_listed(storefront, viewer, url):
    storefront.post(url("renew"), {"months": 1, "reason": "invoice"})
    (row,) = viewer.get(url("renewals")).json()["results"]
    assert row["reason"] == "invoice"


def test_the_history_of_a_license_has_places_in_the_log(viewer, url, at):
    from history.services import sequence

    sequence(at=at)
    rows = viewer.get(url("history")).json()["results"]
    assert [row["kind"] for row in rows] == ["license.issued", "license.created"]
    assert rows[0]["position"] > rows[1]["position"] >= 0


# --- A12 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "state", "expired", "warning", "error"),
    [
        (0, "valid", False, False, False),
        (340, "warning", False, True, False),
        (365, "grace", True, True, False),
        (379, "read_only", True, False, True),
    ],
)
def test_the_state_of_a_license_is_told_with_warning_and_error(
    *, days, state, expired, warning, error, viewer, url, clock, at
):
    """A12: as JSON."""
    clock.set(at + timedelta(days=days))
    told = viewer.get(url("status")).json()
    assert (told["state"], told["expired"]) == (state, expired)
    assert (told["warning"] is not None, told["error"] is not None) == (warning, error)
    assert (told["edition"], told["seats"], told["nodes"]) == ("enterprise", 25, 4)
    assert (told["customer"]["name"], told["expires_at"]) == ("Acme", "2027-03-02T09:30:00Z")


def test_a_trial_says_so_until_it_expires(viewer, make_license, trial, clock, at):
    """A12."""
    row = make_license(trial)
    path = f"{V1}/licenses/{row.public_id}/status"
    assert viewer.get(path).json()["state"] == "trial"
    clock.set(at + timedelta(days=31))
    assert viewer.get(path).json()["state"] == "grace"


def test_a_license_that_is_held_back_says_why(back_office, url):
    """A12, A27: the page says that tokens outlive a revocation."""
    back_office.post(url("suspend"), {"reason": "dispute"})
    assert back_office.get(url("status")).json()["state"] == "suspended"
    back_office.post(url("revoke"), {"reason": "fraud"})
    told = back_office.get(url("status")).json()
    assert (told["state"], told["posture"]) == ("revoked", "invalid")
    assert "offline" in told["error"]


def test_a_license_that_has_not_begun_says_so(viewer, make_license, at):
    """A12."""
    row = make_license(starts_at=at + timedelta(days=5))
    assert viewer.get(f"{V1}/licenses/{row.public_id}/status").json()["state"] == "not_started"
