"""Who gets a trial, and who does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Account
from config.kit.errors import Invalid
from history.models import Event
from history.services import reader_run, sequence
from licenses.models import Issuance, License
from licenses.services.catalogue import plan_create, product_create
from licenses.services.renewing import license_renew
from trials.errors import CodeLapsed, CodeWrong, ProgramClosed, RequestDecided, TrialCooldown
from trials.models import Trial, TrialRequest, TrialUse
from trials.services.programs import program_update
from trials.services.requesting import (
    code_of,
    request_approve,
    request_ask_more,
    request_confirm,
    request_deny,
    requests_lapse,
)
from trials.services.running import trial_end, trial_extend, trial_revoke, trial_sweep

pytestmark = pytest.mark.django_db

BY = {"actor": "user:1"}


def test_a_request_makes_an_account_a_license_and_a_trial(program, ask, at):
    """A21, A22: enterprise edition, 30 days, 10 seats, 1 node; the issuance is recorded."""
    granted = ask(program, "Ada@Initech.example", company="Initech").granted
    row = License.objects.get()
    assert granted.created
    assert (row.kind, row.edition, row.seats, row.nodes) == ("trial", "enterprise", 10, 1)
    assert row.expires_at == granted.trial.ends_at == at + timedelta(days=30)
    assert (row.account.name, row.account.kind, row.account.domain) == (
        "Initech",
        "prospect",
        "initech.example",
    )
    assert Issuance.objects.get().text_sha256
    assert Event.objects.filter(kind__in=["trial.requested", "trial.started"]).count() == 2


@pytest.mark.parametrize("again", ["ADA@initech.example", "ada+two@initech.example", " ada@initech.example "])
def test_a_second_request_gives_the_same_license(program, ask, again):
    """A21: a second request of the same customer creates no second license."""
    first, second = ask(program).granted, ask(program, again).granted
    assert (second.created, second.trial, second.issued.text) == (False, first.trial, first.issued.text)
    assert License.objects.count() == Account.objects.count() == 1


def test_a_colleague_gets_the_license_of_the_company(program, ask):
    """E21: one per group; a domain of its own makes the group."""
    ask(program)
    assert ask(program, "bob@initech.example").granted.created is False


def test_a_free_mail_domain_never_makes_a_group(program, ask):
    ask(program, "ada@gmail.com")
    assert ask(program, "bob@gmail.com").granted.created is True
    assert Account.objects.count() == 2


def test_a_typed_company_name_attaches_to_nothing(program, ask, make_account):
    """A21."""
    known = make_account("Initech")
    granted = ask(program, "eve@gmail.com", company="Initech").granted
    assert granted.trial.account != known
    assert granted.trial.account.slug.startswith("initech-")


def test_a_used_up_trial_is_refused_inside_the_cooldown(program, ask, running, at):
    """E21: 409 until the cooldown is over, then another trial on the same license row."""
    end = running.ends_at
    trial_sweep(at=end)
    with pytest.raises(TrialCooldown):
        ask(program, when=end + timedelta(days=180) - timedelta(seconds=1))
    granted = ask(program, when=end + timedelta(days=180)).granted
    assert (granted.created, granted.trial.license) == (True, running.license)
    assert License.objects.count() == 1
    assert granted.trial.ends_at == end + timedelta(days=210)


@pytest.mark.parametrize("email", ["a.d.a+x@googlemail.com", "ADA@gmail.com"])
def test_the_cooldown_outlives_the_account(program, ask, email, at):
    """Trust, People: it survives deleting and re-creating the account."""
    trial = ask(program, "ada@gmail.com").granted.trial
    Trial.objects.filter(pk=trial.pk).update(
        account=Account.objects.create(slug="gone", name="Gone"), ended_at=at, outcome="lost"
    )
    TrialRequest.objects.all().delete()
    with pytest.raises(TrialCooldown):
        ask(program, email, when=at + timedelta(days=1))


@pytest.fixture
def two(program, make_program):
    """Two programs of one product."""
    return program, make_program("pilot", cooldown_days=7)


def test_another_program_of_the_product_gives_no_second_trial(two, ask):
    """E21: one a product and account."""
    first, second = ask(two[0]).granted, ask(two[1]).granted
    assert (second.created, second.trial) == (False, first.trial)
    assert License.objects.count() == 1


@pytest.mark.parametrize("email", ["ada@initech.example", "bob@initech.example"])
def test_the_cooldown_holds_for_every_program_of_the_product(two, ask, email):
    end = ask(two[0]).granted.trial.ends_at
    trial_sweep(at=end)
    with pytest.raises(TrialCooldown):
        ask(two[1], email, when=end + timedelta(days=179))
    assert ask(two[1], email, when=end + timedelta(days=180)).granted.created


def test_the_trial_of_another_product_is_its_own(program, make_program, ask, at):
    other = product_create(product_key="other", name="Other", actor="cli:test", at=at)
    plan = plan_create(
        product=other, slug="trial", name="Trial", kind="trial", duration_days=30, seats=1, nodes=1, grace_days=3,
        actor="cli:test", at=at,
    )  # fmt: skip
    ask(program)
    assert ask(make_program("other-trial", product=other, plan=plan)).granted.created


def test_past_its_end_a_trial_is_ended_before_the_next_begins(make_program, signing, ask):
    """E21: without a cooldown, and before the sweep came by."""
    program = make_program(default=True, cooldown_days=0)
    first = ask(program).granted.trial
    second = ask(program, when=first.ends_at + timedelta(minutes=5)).granted
    first.refresh_from_db()
    assert (second.created, first.outcome) == (True, "expired")
    assert Event.objects.filter(kind="trial.ended").count() == 1


@pytest.mark.parametrize("way", ["extended", "renewed"])
@pytest.mark.parametrize("email", ["ada@initech.example", "bob@initech.example"])
def test_the_cooldown_begins_at_the_end_that_was_moved(make_program, signing, ask, at, way, email):
    """E21, A26: by one click, or by staff who renew the license."""
    program = make_program(default=True, cooldown_days=7)
    running = ask(program).granted.trial
    if way == "extended":
        trial_extend(trial=running, **BY, at=at)
    else:
        license_renew(license=running.license, days=14, channel="admin", **BY, at=at)
        sequence(at=at)
        reader_run("trials", at=at)
    running.refresh_from_db()
    assert running.ends_at == at + timedelta(days=44)
    trial_sweep(at=running.ends_at)
    with pytest.raises(TrialCooldown):
        ask(program, email, when=running.ends_at + timedelta(days=6))
    assert ask(program, email, when=running.ends_at + timedelta(days=7)).granted.created


# --- whose a request is --------------------------------------------------------------------------------


@pytest.fixture
def acme_gmail(make_account, at):
    """A customer that is known by a free mail address alone."""
    return make_account("Ada's shop", email="Ada.Lovelace@gmail.com")


@pytest.mark.parametrize("email", ["ada.lovelace@gmail.com", "Ada.Lovelace+trial@gmail.com"])
def test_a_proven_address_finds_the_account_that_has_it(program, ask, acme_gmail, email):
    """A21: by the storefront that vouches for it."""
    assert ask(program, email).granted.trial.account == acme_gmail


def test_a_code_proves_an_address(make_program, signing, ask, acme_gmail, at):
    """A21."""
    row = ask(make_program(verify_address=True), "ada.lovelace@gmail.com", trusted=False).request
    assert request_confirm(request=row, code=code_of(row), at=at).granted.trial.account == acme_gmail


def test_an_address_that_nobody_has_proven_finds_no_account(program, ask, acme_gmail):
    granted = ask(program, "ada.lovelace@gmail.com", trusted=False).granted
    assert granted.trial.account != acme_gmail


def test_an_address_of_two_accounts_finds_neither(program, ask, acme_gmail, make_account):
    other = make_account("Another shop", email="adalovelace@gmail.com")
    make_account("Third shop", email="ada.lovelace@gmail.com")
    assert ask(program, "ada.lovelace@gmail.com").granted.trial.account not in {acme_gmail, other}


def test_what_is_kept_of_a_use_names_nobody(program, ask):
    ask(program)
    assert all("initech" not in str(vars(row)) for row in TrialUse.objects.all())


def test_a_revoked_trial_gets_no_new_license_inside_the_cooldown(program, ask, running, at):
    trial_revoke(trial=running, reason="abuse", **BY, at=at)
    with pytest.raises(TrialCooldown):
        ask(program, when=at + timedelta(days=1))


def test_after_a_revoked_trial_the_next_one_has_a_license_of_its_own(program, ask, running, at):
    trial_revoke(trial=running, reason="abuse", **BY, at=at)
    later = at + timedelta(days=30 + 181)
    assert ask(program, when=later).granted.trial.license != running.license


def codes(program, ask, **said):
    with pytest.raises(Invalid) as caught:
        ask(program, **said)
    return [(error.field, error.code) for error in caught.value.errors]


TERMS = {"terms_url": "https://x.example/t", "terms_version": "2"}
USE = {"name": "use", "label": "Use"}
CHOICE = {**USE, "kind": "choice", "choices": ["a"]}


@pytest.mark.parametrize(
    ("fields", "said", "code"),
    [
        ({}, {"email": "ada@mailinator.com"}, ("email", "disposable_address")),
        ({}, {"email": "ada"}, ("email", "invalid")),
        ({"free_mail": False}, {"email": "ada@gmail.com"}, ("email", "free_mail_refused")),
        (TERMS, {"terms_version": "1"}, ("terms_version", "terms_not_accepted")),
        ({"fields": [{**USE, "required": True}]}, {}, ("answers.use", "required")),
        ({"fields": [CHOICE]}, {"answers": {"use": "b"}}, ("answers.use", "invalid")),
        ({}, {"answers": {"shoe": 43}}, ("answers.shoe", "unknown_field")),
    ],
)
def test_what_does_not_fit_is_refused_at_its_field(make_program, signing, ask, fields, said, code):
    program = make_program(default=True, **fields)
    assert codes(program, ask, **said) == [code]
    assert not TrialRequest.objects.exists()


def test_a_closed_program_gives_nothing(program, ask, at):
    program = program_update(program=program, active=False, actor="user:1", at=at)
    with pytest.raises(ProgramClosed):
        ask(program)


# --- the code by mail ---------------------------------------------------------------------------------


@pytest.fixture
def coded(make_program, signing, ask):
    """A request that waits for its code."""
    return ask(make_program(verify_address=True, default=True), trusted=False).request


def test_nothing_is_issued_before_the_code(coded, at):
    assert coded.state == "unverified"
    assert not License.objects.exists()
    assert request_confirm(request=coded, code=code_of(coded), at=at).granted.created


def test_a_storefront_that_vouches_needs_no_code(make_program, signing, ask):
    assert ask(make_program(verify_address=True, default=True)).granted is not None


def test_a_code_is_tried_five_times(coded, at):
    wrong = "0" * 6 if code_of(coded) != "0" * 6 else "1" * 6
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CodeWrong) as caught:
            request_confirm(request=coded, code=wrong, at=at)
        assert caught.value.members["tries_left"] == left
    with pytest.raises(CodeLapsed):
        request_confirm(request=coded, code=code_of(coded), at=at)


def test_a_code_lapses_after_an_hour(coded, at):
    with pytest.raises(CodeLapsed):
        request_confirm(request=coded, code=code_of(coded), at=at + timedelta(hours=1))
    assert requests_lapse(at=at + timedelta(hours=1)) == 1
    assert requests_lapse(at=at + timedelta(hours=2)) == 0
    event = Event.objects.get(kind="trial.lapsed")
    assert (event.subject, event.data["state"]) == (f"trial_request:{coded.uid}", "lapsed")


def test_a_code_of_somebody_who_has_had_the_trial_leaves_a_refused_request(coded, ask, at):
    """A21: kept with its event, which mails when the next is possible."""
    first = ask(coded.program).granted.trial
    when = first.ends_at + timedelta(days=1)
    trial_sweep(at=when)
    again = ask(coded.program, trusted=False, when=when).request
    with pytest.raises(TrialCooldown):
        request_confirm(request=again, code=code_of(again), at=when)
    again.refresh_from_db()
    assert again.state == "refused"
    event = Event.objects.get(kind="trial.refused")
    assert (event.subject, event.data["until"][:10]) == (f"trial_request:{again.uid}", "2026-09-28")
    with pytest.raises(RequestDecided):
        request_confirm(request=again, code=code_of(again), at=when)


def test_a_code_is_taken_once(coded, at):
    request_confirm(request=coded, code=code_of(coded), at=at)
    with pytest.raises(RequestDecided):
        request_confirm(request=coded, code=code_of(coded), at=at)


# --- the operator -------------------------------------------------------------------------------------


@pytest.fixture
def waiting(make_program, signing, ask):
    """A request that waits for an operator."""
    return ask(make_program(approval="operator", default=True)).request


def test_an_operator_grants(waiting, at):
    assert waiting.state == "waiting"
    assert request_approve(request=waiting, **BY, at=at).created
    assert Event.objects.filter(kind="trial.approved").count() == 1


def test_an_operator_denies_with_a_reason(waiting, at):
    with pytest.raises(Invalid):
        request_deny(request=waiting, reason=" ", **BY, at=at)
    assert request_deny(request=waiting, reason="We do not serve this market.", **BY, at=at).state == "denied"
    with pytest.raises(RequestDecided):
        request_approve(request=waiting, **BY, at=at)


def test_an_operator_asks_for_more_and_decides_later(waiting, at):
    assert request_ask_more(request=waiting, question="How many nodes?", **BY, at=at).state == "more_asked"
    assert request_approve(request=waiting, **BY, at=at).created


def test_no_event_names_a_person(program, ask, at):
    """Architecture: data holds ids, states, counts; the log survives an erasure."""
    trial = ask(program, name="Ada Lovelace", company="Initech").granted.trial
    trial_end(trial=trial, reason="lost to Hooli", **BY, at=at)
    said = str(list(Event.objects.filter(kind__startswith="trial").values_list("data", "subject")))
    assert not any(word in said for word in ("ada", "Ada", "initech", "Hooli"))
