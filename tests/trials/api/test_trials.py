"""Trials over HTTP: storefronts, strangers, and scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache

from accounts.models import Account
from licenses.models import License, LicenseNote
from trials.models import Trial, TrialRequest
from trials.services.requesting import code_of, request_approve
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db

URL = "/api/v1/trials"
ADA = {"email": "ada@initech.example", "product_key": "demo"}


@pytest.fixture
def shop(api, make_key):
    """A storefront."""
    return api.as_(make_key("license-issuer"))


def test_a_storefront_gets_a_trial_for_its_visitor(shop, program, clock):
    """A21: 201 new, 200 with the one that runs."""
    first, second = shop.post(URL, ADA), shop.post(URL, ADA)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["license_id"] == second.json()["license_id"] == License.objects.get().public_id
    assert (first.json()["again"], second.json()["again"]) == (False, True)


def test_the_same_idempotency_key_gives_the_first_answer(shop, program, clock):
    first, second = shop.post(URL, ADA, key="one"), shop.post(URL, ADA, key="one")
    assert (second.status_code, second.headers["Idempotency-Replayed"]) == (201, "true")
    assert TrialRequest.objects.count() == 1
    assert first.json() == second.json()


def test_where_somebody_came_from_survives_to_the_trial(shop, program, clock):
    """A23: first touch and last touch."""
    came = {"first_touch": {"source": "hn", "medium": "post"}, "last_touch": {"source": "mail"}}
    shop.post(URL, {**ADA, **came})
    trial = Trial.objects.get()
    assert (trial.first_touch, trial.last_touch) == (came["first_touch"], came["last_touch"])


def test_a_stranger_is_told_the_same_whoever_he_is(api, program, clock):
    """People: no license in the answer, and no word on who is known."""
    answers = [api.post(URL, ADA) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {202}
    assert answers[0].json().keys() == answers[1].json().keys() == {"request", "state", "message"}
    assert License.objects.count() == 1
    assert License.objects.get().public_id not in str(answers[0].content)


def test_a_program_that_is_not_public_is_for_storefronts_only(api, make_program, signing, clock):
    make_program(default=True, public=False)
    answer = api.post(URL, ADA)
    assert (answer.status_code, answer.json()["code"]) == (403, "trial_not_public")


def test_a_key_without_the_scope_asks_for_nothing(api, make_key, program):
    answer = api.as_(make_key("read-only")).post(URL, ADA)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_the_honeypot_is_told_what_everybody_is_told(api, program, clock):
    answer = api.post(URL, {**ADA, "website": "https://spam.example"})
    assert (answer.status_code, answer.json()["state"]) == (202, "mail")
    assert not TrialRequest.objects.exists()


def test_a_stranger_names_no_group(api, program, customer):
    assert api.post(URL, {**ADA, "group": "acme"}).json()["errors"][0]["code"] == "not_yours"


def test_a_captcha_hook_is_asked(api, program, settings, clock):
    settings.TRIAL_CAPTCHA = "operator.eq"  # a person is who answers with the own address
    assert api.post(URL, {**ADA, "captcha": "a bot"}).json()["errors"][0]["code"] == "captcha_failed"
    assert api.post(URL, {**ADA, "captcha": "127.0.0.1"}).status_code == 202


def test_strangers_are_counted(api, program, settings, clock):
    settings.TRIAL_LIMIT = "2/hour"
    statuses = [api.post(URL, {**ADA, "email": f"a{n}@initech.example"}).status_code for n in range(3)]
    assert statuses == [202, 202, 429]


def test_strangers_are_refused_while_nothing_counts(api, program, monkeypatch, clock):
    """Trust: limits are closed for trials when Redis is gone."""

    def gone(*_args, **_more):
        raise OSError("down")

    with monkeypatch.context() as patch:
        patch.setattr("config.kit.api.throttling.take", gone)
        assert api.post(URL, ADA).status_code == 503
    assert not TrialRequest.objects.exists()
    cache.clear()


def test_a_code_is_asked_for_and_taken(api, make_program, signing, clock):
    make_program(default=True, verify_address=True)
    asked = api.post(URL, ADA)
    row = TrialRequest.objects.get()
    assert (asked.json()["state"], License.objects.count()) == ("code", 0)
    confirm = f"{URL}/requests/{row.uid}/confirm"
    wrong = api.post(confirm, {"code": "nonsense"})
    assert (wrong.status_code, wrong.json()["tries_left"]) == (400, 4)
    assert api.post(confirm, {"code": code_of(row)}).status_code == 202
    assert License.objects.count() == 1


def test_a_request_that_nobody_made_is_not_found(api):
    path = f"{URL}/requests/00000000-0000-4000-8000-000000000000/confirm"
    assert api.post(path, {"code": "1"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "ada@initech.example"}, "/product_key"),
        ({**ADA, "email": "ada"}, "/email"),
        ({**ADA, "email": "ada@initech.example\r\nBcc: x@y.example"}, "/email"),
        ({**ADA, "role": "admin"}, "/role"),
        ({**ADA, "answers": {"x": 1}}, "/answers/x"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(shop, program, body, pointer, clock):
    answer = shop.post(URL, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_product_without_a_trial(shop, product, clock):
    answer = shop.post(URL, ADA)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_trial_program")


OPERATOR = "/authlance/license/trial/acme/issue"
BODY = {"email": "ada@acme.example", "domain": "acme.example", "productKey": "demo"}


def test_the_license_operator_gets_one_trial_a_group(shop, program, customer, clock):
    """E21: 201 new, 200 the active one, with the text of the license."""
    first, second = shop.post(OPERATOR, BODY), shop.post(OPERATOR, {**BODY, "email": "bob@hooli.example"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    assert first.headers["Content-Type"].startswith("text/plain")
    assert License.objects.get().account == customer


def test_the_license_operator_is_refused_inside_the_cooldown(shop, program, customer, clock):
    """E21: 409."""
    shop.post(OPERATOR, BODY)
    clock.advance(timedelta(days=31))
    trial_sweep(at=clock.at)
    answer = shop.post(OPERATOR, BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "trial_used")
    assert answer.json()["until"].endswith("Z")


@pytest.fixture
def guarded(make_program, signing):
    """A program whose trials an operator lets begin."""
    return make_program(default=True, approval="operator")


def test_where_an_operator_decides_the_active_group_gets_its_license(shop, guarded, customer, clock):
    """E21: 202 while it waits, 200 with the text once a trial runs."""
    assert shop.post(OPERATOR, BODY).status_code == 202
    granted = request_approve(request=TrialRequest.objects.get(), actor="user:1", at=clock.at)
    answer = shop.post(OPERATOR, BODY)
    assert (answer.status_code, answer.content.decode()) == (200, granted.issued.text)
    assert Trial.objects.count() == 1


def test_where_an_operator_decides_the_cooldown_refuses_at_once(shop, guarded, customer, clock):
    """E21: 409, and no request that nobody could grant."""
    shop.post(OPERATOR, BODY)
    request_approve(request=TrialRequest.objects.get(), actor="user:1", at=clock.at)
    clock.advance(timedelta(days=31))
    answer = shop.post(OPERATOR, BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "trial_used")
    assert not TrialRequest.objects.filter(state="waiting").exists()


def test_the_license_operator_accepts_terms_and_answers_questions(shop, make_program, signing, customer):
    """E21: a program may ask for both."""
    use = {"name": "use", "label": "Use", "kind": "text", "required": True}
    make_program(default=True, terms_url="https://x.example/t", terms_version="2", fields=[use])
    assert shop.post(OPERATOR, BODY).status_code == 400
    answer = shop.post(OPERATOR, {**BODY, "termsVersion": "2", "answers": {"use": "batch"}})
    assert answer.status_code == 201
    row = TrialRequest.objects.get()
    assert (row.terms_version, row.answers) == ("2", {"use": "batch"})


def test_the_license_operator_names_a_group_that_exists(shop, program):
    answer = shop.post(OPERATOR.replace("acme", "nobody"), BODY)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "unknown_account")


@pytest.mark.parametrize("group", ["acme", "nobody"])
def test_the_license_operator_is_refused_for_a_group_of_others(
    api, make_key, program, customer, prospect, group
):
    """E21, E22: 403, whether or not there is such a group, and nothing is made."""
    stranger = api.as_(make_key("license-issuer", account=prospect))
    answer = stranger.post(OPERATOR.replace("acme", group), BODY)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_group")
    assert not TrialRequest.objects.exists()
    assert not License.objects.exists()


def test_the_license_operator_of_one_group_gets_its_own(api, make_key, program, customer, clock):
    """E21"""
    member = api.as_(make_key("license-issuer", account=customer))
    assert member.post(OPERATOR, BODY).status_code == 201
    assert License.objects.get().account == customer


@pytest.fixture
def admin(api, make_key):
    return api.as_(make_key("full-admin"))


def test_trials_are_listed_and_filtered(admin, running, clock):
    (row,) = admin.get(URL, engagement="requested", running="true").json()["results"]
    assert row["group"] == running.account.slug
    assert admin.get(URL, engagement="stuck").json()["results"] == []
    assert admin.get(f"{URL}/{running.uid}").json()["trial"] == str(running.uid)


def test_a_trial_is_extended_revoked_and_ended(admin, running, clock):
    path = f"{URL}/{running.uid}"
    assert admin.post(f"{path}/extend").json()["extensions"] == 1
    assert admin.post(f"{path}/extend").json()["code"] == "extension_used"
    assert admin.post(f"{path}/revoke", {"reason": "abuse"}).json()["outcome"] == "revoked"
    assert admin.post(f"{path}/end", {"reason": "late"}).json()["code"] == "trial_ended"


def test_the_reason_of_an_end_is_kept(admin, running, clock):
    """The history holds no words of people; the license's notes do, of a key as of a person."""
    assert admin.post(f"{URL}/{running.uid}/end", {"reason": "No budget."}).json()["outcome"] == "lost"
    note = LicenseNote.objects.get()
    assert (note.text, note.author, note.license) == ("Trial ended: No budget.", None, running.license)
    assert note.written_by.startswith("api-key:")


def test_a_key_of_another_account_sees_no_trial(api, make_key, running, customer):
    other = api.as_(make_key("full-admin", account=customer))
    assert other.get(URL).json()["results"] == []
    assert other.get(f"{URL}/{running.uid}").status_code == 404
    assert Account.objects.count() == 2


# --- callers that mean no good ------------------------------------------------------------------------


def test_a_key_of_one_account_asks_for_that_account_alone(api, make_key, running, customer, clock):
    """E21, trust: it gets neither another's trial by its address, nor an account of its making."""
    bound = api.as_(make_key("full-admin", account=customer))
    asked = bound.post("/api/v1/trials", {"email": "bob@acme.example", "product_key": "demo"})
    assert asked.status_code == 201
    assert Trial.objects.get(uid=asked.json()["trial"]).account == customer
    stolen = bound.post("/api/v1/trials", {"email": running.email, "product_key": "demo"})
    assert stolen.json().get("trial") != str(running.uid)
    named = {"email": "eve@evil.example", "product_key": "demo", "group": running.account.slug}
    unknown = {**named, "group": "nobody"}
    answers = [bound.post("/api/v1/trials", body).json() for body in (named, unknown)]
    assert {answer["errors"][0]["code"] for answer in answers} == {"unknown_account"}


def test_a_broken_key_is_no_stranger(api, program, clock):
    """E28: a storefront learns that its key is wrong."""
    answer = api.as_("sgk_nonsense").post("/api/v1/trials", {"email": "a@b.example", "product_key": "demo"})
    assert answer.status_code == 401
    answer = api.as_("nonsense").post("/api/v1/trials", {"email": "a@b.example", "product_key": "demo"})
    assert answer.status_code == 401
    assert not TrialRequest.objects.exists()


def test_a_thousand_answers_are_refused_in_few_words(shop, program, clock):
    body = {"email": "a@b.example", "product_key": "demo", "answers": {f"q{n}": n for n in range(1000)}}
    answer = shop.post("/api/v1/trials", body)
    assert answer.status_code == 400
    assert len(answer.json()["errors"]) == 20


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"email": "a@b.example", "email": "c@d.example", "product_key": "demo"}', "application/json"),
        (b'{"email": "a@b.example", "product_key": "demo", "answers": {"a": 1, "a": 2}}', "application/json"),
        (b'{"email": "a@b.example", "product_key": "demo", "name": "\\u0000"}', "application/json"),
        (b'{"email": "a@b.example", "product_key": "demo", "name": "\\ud800"}', "application/json"),
        (
            b'{"email": "a@b.example", "product_key": "demo", "first_touch": {"at": 1e999}}',
            "application/json",
        ),
        (b'{"email": "a@b.example", "product_key": "demo", "seats": 9999}', "application/json"),
        (b'{"email": NaN, "product_key": "demo"}', "application/json"),
        (b'{"email": -1, "product_key": "demo"}', "application/json"),
        (b'{"email": "\xff@b.example", "product_key": "demo"}', "application/json"),
        (b"[1]", "application/json"),
        (b"null", "application/json"),
        (b"email=a@b.example&product_key=demo", "application/x-www-form-urlencoded"),
        (b'{"email": "a@b.example", "product_key": "demo"}', "text/plain"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_no_body_is_a_fault_of_ours_or_leaves_a_row(client, program, clock, body, kind):
    """Trust: bounds on every input; no 5xx for any input from outside."""
    answer = client.post("/api/v1/trials", body, content_type=kind)
    assert answer.status_code == 400
    assert answer.json()["code"] in {"malformed", "invalid"}
    assert not TrialRequest.objects.exists()


def test_a_key_sent_again_with_another_body_is_refused(shop, program, clock):
    """Trust: Idempotency-Key."""
    assert (
        shop.post("/api/v1/trials", {"email": "a@b.example", "product_key": "demo"}, key="k").status_code
        == 201
    )
    other = shop.post("/api/v1/trials", {"email": "c@d.example", "product_key": "demo"}, key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Trial.objects.count() == 1
