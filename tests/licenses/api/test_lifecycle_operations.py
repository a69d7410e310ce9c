"""Every step of a license's life over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.services.merging import account_merge
from history.models import Event
from licenses.domain.verification import verify
from licenses.models import Issuance, Renewal
from licenses.services.posture import posture_sweep

pytestmark = pytest.mark.django_db

VALIDATE = "/api/v1/licenses/validate"


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_each_issue_appends_a_snapshot_with_its_own_hash(storefront, url, granted):
    """A2: hash, instant, key, end and actor of each; two issues, two rows."""
    answer = storefront.post(url("issue"), {})
    first, second = Issuance.objects.order_by("pk")
    assert answer.status_code == 201
    assert answer.json()["issuance"]["sha256"] == second.text_sha256 != first.text_sha256
    assert answer.json()["issuance"]["issued_at"] == "2026-03-02T09:30:00Z"
    assert answer.json()["issuance"]["expires_at"] == granted.license.expires_at.strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    assert (second.signing_key.kid, second.actor) == (answer.json()["issuance"]["kid"], second.actor)
    assert second.actor.startswith("api-key:")


def test_renewing_moves_the_end_signs_anew_and_keeps_what_was(storefront, url, granted, verified):
    """A26: old end, new end, actor and reason; earlier issuances stay."""
    answer = storefront.post(url("renew"), {"months": 12, "reason": "invoice 4711"})
    renewal = answer.json()["renewal"]
    assert answer.status_code == 201
    assert (renewal["old_expires_at"], renewal["new_expires_at"]) == (
        "2027-03-02T09:30:00Z",
        "2028-03-02T09:30:00Z",
    )
    assert (renewal["reason"], renewal["issuance"]) == ("invoice 4711", answer.json()["issuance"]["jti"])
    assert renewal["actor"].startswith("api-key:")
    assert verified(answer.json()["text"]).expires_at.year == 2028
    assert Issuance.objects.filter(pk=granted.issued.issuance.pk).exists()
    assert kinds()[-1] == "license.renewed"


@pytest.mark.parametrize("until", ["2027-03-02T09:30:00Z", "2027-01-01T00:00:00Z"])
def test_an_end_that_is_not_later_is_refused(until, storefront, url):
    """A26."""
    answer = storefront.post(url("renew"), {"until": until})
    assert (answer.status_code, answer.json()["code"]) == (400, "renewal_not_later")
    assert not Renewal.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"months": 1, "days": 1},
        {"months": 0},
        {"months": 1201},
        {"days": -1},
        {"months": 1, "anchor": "birth"},
        {"months": 1, "anchor": "date"},
        {"until": "soon"},
        {"months": 1, "reason": "x" * 501},
    ],
)
def test_a_renewal_that_says_nothing_clear_is_refused(body, storefront, url):
    assert storefront.post(url("renew"), body).status_code == 400
    assert not Renewal.objects.exists()


def test_a_renewal_may_count_from_now_or_from_a_date(storefront, url, clock):
    clock.advance(timedelta(days=400))
    late = storefront.post(url("renew"), {"days": 10, "anchor": "now"}).json()["renewal"]
    assert late["new_expires_at"] == "2027-04-16T09:30:00Z"
    dated = {"months": 1, "anchor": "date", "anchor_at": "2028-01-31T00:00:00Z"}
    again = storefront.post(url("renew"), dated).json()["renewal"]
    assert again["new_expires_at"] == "2028-02-29T00:00:00Z"


def test_a_suspended_license_neither_issues_nor_renews_until_reinstated(back_office, url):
    """C25: reversible, with its reason."""
    answer = back_office.post(url("suspend"), {"reason": "dispute"})
    assert (answer.json()["status"], answer.json()["status_reason"]) == ("suspended", "dispute")
    for step, body in (("issue", {}), ("renew", {"months": 1}), ("suspend", {"reason": "again"})):
        refused = back_office.post(url(step), body)
        assert (refused.status_code, refused.json()["code"]) == (409, "license_suspended")
    assert back_office.post(url("reinstate"), {}).json()["status"] == "active"
    assert back_office.post(url("issue"), {}).status_code == 201


def test_only_a_suspended_license_is_reinstated(back_office, url):
    """C25."""
    answer = back_office.post(url("reinstate"), {})
    assert (answer.status_code, answer.json()["code"]) == (409, "license_not_suspended")


def test_revoking_ends_a_license_for_good(back_office, url, granted, at):
    """A27: reason and time stay; issue and renew then fail."""
    answer = back_office.post(url("revoke"), {"reason": "refunded"})
    assert (answer.json()["status"], answer.json()["status_reason"]) == ("revoked", "refunded")
    assert answer.json()["status_at"] == "2026-03-02T09:30:00Z"
    for step, body in (("issue", {}), ("renew", {"months": 1}), ("reinstate", {})):
        refused = back_office.post(url(step), body)
        assert (refused.status_code, refused.json()["code"]) == (409, "license_revoked")
    assert Issuance.objects.count() == 1


def test_revoking_again_changes_nothing_and_says_so(back_office, url, granted):
    """C25: `already_revoked`."""
    back_office.post(url("revoke"), {"reason": "refunded"})
    answer = back_office.post(url("revoke"), {"reason": "once more"})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_revoked")
    granted.license.refresh_from_db()
    assert granted.license.status_reason == "refunded"
    assert kinds().count("license.revoked") == 1


def test_a_revoked_token_holds_offline_until_its_end_and_fails_online_at_once(
    *, back_office, url, granted, keys_known, api, at
):
    """A27."""
    back_office.post(url("revoke"), {"reason": "refunded"})
    text = granted.issued.text
    offline = verify(text, keys_known, now=at, issuer="signet", audience="demo")
    online = api.post(VALIDATE, {"key": text}).json()
    assert offline.ok
    assert (online["ok"], online["reason"]) == (False, "revoked")


@pytest.mark.parametrize("step", ["suspend", "revoke"])
@pytest.mark.parametrize(
    "body", [{}, {"reason": ""}, {"reason": "   "}, {"reason": "x" * 501}, {"reason": 7}]
)
def test_a_reason_is_demanded(step, body, back_office, url, granted):
    answer = back_office.post(url(step), body)
    assert answer.status_code == 400
    granted.license.refresh_from_db()
    assert granted.license.status == "active"


@pytest.mark.parametrize("step", ["suspend", "reinstate", "revoke"])
def test_who_only_issues_does_not_end_licenses(step, storefront, url):
    """C30."""
    answer = storefront.post(url(step), {"reason": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_grant_and_renewal_each_write_one_event(create, storefront):
    """A13."""
    made = create()
    storefront.post(f"/api/v1/licenses/{made['license']['id']}/renew", {"months": 1})
    subject = f"license:{made['license']['id']}"
    mine = Event.objects.filter(subject=subject).order_by("id")
    assert [event.kind for event in mine] == ["license.created", "license.issued", "license.renewed"]


def test_a_sweep_writes_one_event_a_change_and_none_without(granted, clock, at):
    """A13: posture before and after."""
    seen = []
    for days in (1, 340, 366, 370, 380, 390):
        clock.set(at + timedelta(days=days))
        before = Event.objects.filter(kind="posture.changed").count()
        was = granted.license.posture
        posture_sweep(at=clock.at)
        granted.license.refresh_from_db()
        written = Event.objects.filter(kind="posture.changed").count() - before
        assert written == (granted.license.posture != was)
        seen.append(granted.license.posture)
    assert seen == ["valid", "warning", "grace", "grace", "read_only", "read_only"]


# --- repeated calls ---------------------------------------------------------------------------------


def test_a_repeated_creation_gives_the_first_answer_and_no_second_license(storefront, body):
    first = storefront.post("/api/v1/licenses", body(), key="order-1")
    again = storefront.post("/api/v1/licenses", body(), key="order-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Issuance.objects.count() == 1


def test_the_same_key_with_another_body_is_refused(storefront, body):
    storefront.post("/api/v1/licenses", body(), key="order-1")
    answer = storefront.post("/api/v1/licenses", body(seats=7), key="order-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_call_leaves_its_key_free(storefront, body):
    assert storefront.post("/api/v1/licenses", body(seats=-1), key="order-1").status_code == 400
    assert storefront.post("/api/v1/licenses", body(), key="order-1").status_code == 201


@pytest.mark.parametrize(("step", "more"), [("issue", {}), ("renew", {"months": 1})])
def test_signing_again_is_repeatable_too(step, more, storefront, url):
    answers = [storefront.post(url(step), more, key="k") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Issuance.objects.count() == 2


class TestWhoSeesLessThanBefore:
    """E22: the name of a credential stays when its groups change; a stored answer is of the groups it had."""

    @pytest.fixture
    def dashboard(self, api, internal_token):
        """Return a caller of one subject, with the groups and roles it has at the moment."""
        return lambda **now: api.as_(internal_token(scope="licenses:issue", **now))

    def test_a_stored_answer_is_of_the_groups_that_the_caller_had(self, dashboard, body, prospect):
        first = dashboard(groups=["acme"]).post("/api/v1/licenses", body(), key="order-1")
        assert first.status_code == 201
        same = dashboard(groups=["globex", "acme"]).post("/api/v1/licenses", body(), key="order-1")
        assert (same.content, same.headers["Idempotency-Replayed"]) == (first.content, "true")
        other = dashboard(groups=["globex"]).post("/api/v1/licenses", body(), key="order-1")
        assert (other.status_code, other.json()["code"]) == (403, "idempotency_other_groups")
        assert first.json()["license"]["id"] not in other.content.decode()
        assert (
            dashboard(roles=["sysadmin"]).post("/api/v1/licenses", body(), key="order-1").content
            == first.content
        )

    def test_what_a_sysadmin_was_told_is_not_told_to_a_member(self, dashboard, body):
        assert (
            dashboard(roles=["sysadmin"]).post("/api/v1/licenses", body(), key="order-1").status_code == 201
        )
        answer = dashboard(groups=["acme"]).post("/api/v1/licenses", body(), key="order-1")
        assert (answer.status_code, answer.json()["code"]) == (403, "idempotency_other_groups")

    def test_a_key_of_a_merged_account_gets_its_answer_again(
        self, api, make_key, make_account, body, customer, at
    ):
        """D5: the winner's group stands for the one that was merged."""
        member = api.as_(make_key("full-admin", account=customer))
        first = member.post("/api/v1/licenses", body(), key="order-1")
        account_merge(account=customer, into=make_account("Initech"), actor="cli:test", at=at)
        assert member.post("/api/v1/licenses", body(), key="order-1").content == first.content
