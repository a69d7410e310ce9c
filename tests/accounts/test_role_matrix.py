"""Role by page by action (D15): one table that a person can read, walked over every address of the admin."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.urls import Resolver404, URLResolver, get_resolver, resolve, reverse

pytestmark = pytest.mark.django_db

CRM = apps.is_installed("crm")
LETTERS = {
    "M": "license manager",
    "I": "issuer",
    "B": "billing",
    "S": "support",
    "L": "sales",
    "C": "customer success",
    "E": "evidence approver",
    "A": "auditor",
}
# Beginning of the addresses' names, who reaches them beside a superadmin, and which they are. `super`: nobody
# else; `nobody`: no superadmin either; `!`: what is posted to that address. Whoever is not named is refused with
# 403 whatever the method, and no page that a role may see leads it to one that it may not.
TABLE = """
accounts_account              | MIBSLCEA | changelist change history
accounts_account              | MBLC     | add edit promote merge delete
accounts_apikey               | A        | changelist change history
accounts_apikey               | super    | add revoke
accounts_apikey               | nobody   | delete change!
accounts_role                 | A        | changelist change history
accounts_role                 | nobody   | add delete change!
accounts_user                 | A        | changelist change history
accounts_user                 | super    | add change! invite remove_second_factor deactivate
accounts_user                 | nobody   | delete

licenses_license              | MIBSLCEA | changelist export view_save view_edit change history inspect verify
licenses_license              | MIL      | test_key quick add preview accounts
licenses_license              | M        | issue reissue revoke
licenses_license              | MB       | renew extend suspend reinstate tier
licenses_license              | MS       | send
licenses_license              | MISL     | key_text key_file
licenses_license              | MIBSLC   | note_add
licenses_license              | super    | note_edit note_delete
licenses_license              | MSC      | installation_aside activation_release
licenses_license              | nobody   | delete
licenses_issuance             | MIBSLCEA | changelist change history
licenses_issuance             | MS       | text file
licenses_issuance             | nobody   | add delete change!
licenses_job                  | MIBSLCEA | changelist change progress errors results history
licenses_job                  | MIL      | generate generate_template
licenses_job                  | M        | import import_template do
licenses_job                  | MS       | keys
licenses_job                  | nobody   | add delete change!
licenses_installation         | MIBSLCEA | changelist change history spread versions
licenses_installation         | nobody   | add delete change!
licenses_licenseusage         | MIBSLCEA | changelist change history export summary summary_file by_account
licenses_licenseusage         | MIBSLCEA | view_save view_edit
licenses_licenseusage         | nobody   | add delete change!
licenses_product              | MIBSLCEA | changelist change history
licenses_product              | M        | add change!
licenses_product              | nobody   | delete
licenses_plan                 | MIBSLCEA | changelist change history
licenses_plan                 | M        | add change!
licenses_plan                 | nobody   | delete
licenses_preset               | MIBSLCEA | changelist change history
licenses_preset               | M        | add change! move
licenses_preset               | nobody   | delete
licenses_release              | MIBSLCEA | changelist change history adoption
licenses_release              | M        | add edit withdraw
licenses_release              | nobody   | delete change!
licenses_signingkey           | MA       | changelist change history
licenses_signingkey           | super    | generate import_pem rotate activate retire revoke
licenses_signingkey           | nobody   | add delete change!
own_license                   | super    | own_license do

trials_trial                  | MIBSLCEA | changelist board funnel change history
trials_trial                  | MLC      | extend convert end revoke nudge draft
trials_trial                  | nobody   | add delete
trials_trialrequest           | MIBSLCEA | changelist change history
trials_trialrequest           | ML       | approve ask deny
trials_trialrequest           | nobody   | add delete
trials_trialprogram           | MIBSLCEA | changelist change history
trials_trialprogram           | M        | add change!
trials_trialprogram           | nobody   | delete
trials_evidencepackage        | MIBSLCEA | changelist change history board inbox silent export
trials_evidencepackage        | MLC      | edit open notify delivery handoff drop check attest
trials_evidencepackage        | E        | decide grace
trials_evidencepackage        | nobody   | add delete change!

notifications_message         | MSCA     | changelist change html file gallery history
notifications_message         | MS       | key
notifications_message         | MSC      | resend try hurry_all
notifications_message         | nobody   | add delete change!
notifications                 | MSCA     | templates template template_html
notifications                 | MSC      | template_send
notifications_suppression     | MSCA     | changelist change history
notifications_suppression     | MSC      | add_one lift
notifications_suppression     | nobody   | add delete change!
notifications_expirydigest    | MSCA     | changelist change preview mail history
notifications_expirydigest    | MC       | add change! run_now
notifications_expirydigest    | nobody   | delete
notifications_dripstep        | MSCA     | changelist change history
notifications_dripstep        | MC       | add change!
notifications_dripstep        | nobody   | delete
notifications_noticepolicy    | MSCA     | changelist change preview mail history
notifications_noticepolicy    | MC       | change!
notifications_noticepolicy    | nobody   | delete
notifications_webhookendpoint | MA       | changelist change history
notifications_webhookendpoint | super    | add edit switch test replay rotate remove
notifications_webhookendpoint | nobody   | delete change!
notifications_delivery        | MA       | changelist change history
notifications_delivery        | super    | replay
notifications_delivery        | nobody   | add delete change!
notifications_busmessage      | MBA      | changelist change history
notifications_busmessage      | B        | resend
notifications_busmessage      | nobody   | add delete change!

billing_offer                 | MIBSLCEA | changelist change history price
billing_offer                 | MB       | add change!
billing_offer                 | B        | sync
billing_offer                 | nobody   | delete
billing_coupon                | MIBSLCEA | changelist change history
billing_coupon                | MB       | add change! remove
billing_coupon                | nobody   | delete
billing_merchantprofile       | MIBSLCEA | changelist change history
billing_merchantprofile       | MB       | add change! default remove
billing_merchantprofile       | nobody   | delete
billing_checkout              | MBLA     | changelist change history
billing_checkout              | B        | expire
billing_checkout              | nobody   | add delete change!
billing_tierchange            | MBLA     | changelist change history
billing_tierchange            | MB       | cancel
billing_tierchange            | nobody   | add delete change!
billing_stripeevent           | MBLA     | changelist change history
billing_stripeevent           | B        | rerun
billing_stripeevent           | nobody   | add delete change!
billing_payment               | MBLA     | changelist change history export revenue
billing_payment               | nobody   | add delete change!
billing_subscription          | MBLA     | changelist change history
billing_subscription          | nobody   | add delete change!

history_event                 | MSEA     | changelist change download_proof history
history_event                 | nobody   | add delete change!
history_checkpoint            | A        | changelist change history
history_checkpoint            | nobody   | add delete change!
history_reader                | A        | changelist change history
history_reader                | nobody   | add delete change!
history_parkedevent           | A        | changelist change history
history_parkedevent           | nobody   | add delete change!

crm_person                    | MSLCA    | changelist change history
crm_person                    | MSLC     | add edit note merge
crm_person                    | MSLC     | task
crm_person                    | M        | erase
crm_person                    | super    | note_edit note_delete
crm_person                    | nobody   | delete change!
crm_task                      | MSLCA    | changelist change history board renewals
crm_task                      | MSLC     | add edit assign snooze move
crm_task                      | nobody   | delete change!
crm_taskrule                  | MSLCA    | changelist change history
crm_taskrule                  | M        | edit
crm_taskrule                  | nobody   | add delete change!
crm_connection                | MSLCA    | changelist change history
crm_connection                | M        | add edit credentials mapping preview remove switch detect compare stop resend
crm_connection                | nobody   | delete change!
crm_syncjob                   | MSLCA    | changelist change history
crm_syncjob                   | M        | retry
crm_syncjob                   | nobody   | add delete change!
crm_syncconflict              | MSLCA    | changelist change history
crm_syncconflict              | M        | ours theirs
crm_syncconflict              | nobody   | add delete change!
crm_section                   | super    | changelist activate deactivate

attention                     | MIBSLCEA | attention count do aside
"""
# Addresses that say nothing of their own: they sign people in and out, are about oneself, look for pages that one
# may open anyway, answer a field of a form, or are not there (404) in an installation with a mail server.
FOR_ALL = {
    "index", "login", "login_code", "logout", "jsi18n", "password_change", "password_change_done", "welcome",
    "second_factor", "second_factor_confirm", "second_factor_enrol", "second_factor_recovery_codes",
    "second_factor_remove", "app_list", "palette", "search", "autocomplete", "view_on_site",
    "mail_files", "mail_file", "notifications_noticepolicy_add",
}  # fmt: skip
# Where the world has nothing for a role that is let in: a view of one's own, a mail to preview while no license ends, a
# problem to do something about, and a verb that is another page's.
NOTHING_THERE = {
    "licenses_license_view_edit", "licenses_licenseusage_view_edit", "notifications_noticepolicy_mail",
    "attention_do", "own_license_do",
}  # fmt: skip
REFUSED, ELSEWHERE = 403, re.compile(r"""(?:href|action|hx-get|hx-post)="(/admin/[^"?#]*)""")


def rows() -> dict[str, str]:
    """Each page of the table, and who reaches it. Without the CRM, those that there are then."""
    found = {}
    for line in filter(None, TABLE.splitlines()):
        family, who, names = (cell.strip() for cell in line.split("|"))
        if family.startswith("crm_") and not CRM:
            continue
        for name in names.split():
            full = name if name == family else f"{family}_{name}"
            assert full not in found, f"{full} stands twice"
            found[full] = who
    return found


ROWS = rows()


def may(role: str, name: str) -> bool:
    """What the table says; `*` is a superadmin, the empty role holds nothing."""
    who = ROWS[name]
    return who != "nobody" and (role == "*" or (bool(role) and who != "super" and role in who))


def addresses(patterns: Any, route: str = "") -> dict[str, str]:
    """Every named address of the admin with its route."""
    found: dict[str, str] = {}
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found |= addresses(pattern.url_patterns, route + str(pattern.pattern))
        elif pattern.name:
            found[pattern.name] = route + str(pattern.pattern)
    return found


ADMIN = next(r for r in get_resolver().url_patterns if getattr(r, "app_name", "") == "admin")
ADDRESSES = addresses(ADMIN.url_patterns)


@pytest.fixture
def world(superadmin, crm_shown, make_account, make_key, make_user, at, settings, tmp_path):
    """One row of everything, by the beginning of its addresses' names."""
    from accounts.models import ApiKey, Role, SavedView, SecondFactor
    from config.kit.clock import now
    from history.models import Checkpoint, Event, ParkedEvent, Reader
    from history.services import checkpoint, sequence
    from licenses.domain.enums import Algorithm
    from licenses.models import Activation, Installation, Job, Plan
    from licenses.services.catalogue import plan_create, preset_create, product_create
    from licenses.services.issuing import license_grant
    from licenses.services.keys import key_activate, key_generate
    from licenses.services.notes import note_add
    from notifications.mail_templates import license_delivery
    from notifications.models import BusMessage, Delivery, DripStep, ExpiryDigest, NoticePolicy, Suppression
    from notifications.parts import Attachment
    from notifications.services.messages import message_queue
    from notifications.services.webhooks import webhook_create
    from trials.models import EvidencePackage, Trial, TrialProgram, TrialRequest

    by: dict[str, Any] = {"actor": "cli:test", "at": now()}
    account = make_account("Acme", kind="prospect")
    make_key("support", account=account)
    product = product_create(product_key="demo", name="Demo", algorithm="EdDSA", **by)
    plan: Plan = plan_create(product=product, slug="enterprise", name="Enterprise", **by)
    preset = preset_create(name="Test", plan=plan, kind="test", defaults={"days": 30}, position=0, **by)
    key = key_activate(key=key_generate(algorithm=Algorithm.EDDSA, **by), **by)
    granted = license_grant(account=account, plan=plan, origin="staff", channel="admin", **by)
    license_ = granted.license
    installation = Installation.objects.create(license=license_, install_id="one")
    activation = Activation.objects.create(license=license_, kind="machine", identifier="m")
    note = note_add(license=license_, text="Note", author=superadmin, **by)
    job = Job.objects.create(
        kind="import", state="done", order={"create_accounts": True, "kinds": ["commercial"]},
        creator=superadmin, created_by="cli:test",
    )  # fmt: skip
    sequence(at=at)
    checkpoint(at=at)
    event = Event.objects.first()
    reader = Reader.objects.create(name="matrix", moved_at=at)
    parked = ParkedEvent.objects.create(reader=reader, event=event, attempts=3, error="x", parked_at=at)
    endpoint, _ = webhook_create(name="Hook", url="https://hooks.example/x", **by)
    delivery = Delivery.objects.create(endpoint=endpoint, kind="x", body="{}", state="dead")
    told = BusMessage.objects.create(
        event=event, issuance=granted.issued.issuance, message_id="m", name="x", body="{}", state="dead"
    )
    digest = ExpiryDigest.objects.create(name="Daily", recipients=["a@signet.example"])
    step = DripStep.objects.create(
        slug="matrix", name="A step", anchor="started", offset_hours=1, template="trial_welcome"
    )
    policy = NoticePolicy.objects.first() or NoticePolicy.objects.create(pk=1)
    suppression = Suppression.objects.create(address="a@b.example", reason="manual", created_by="cli:test")
    other = make_user(email="other@signet.example")
    SecondFactor.objects.create(user=other, secret_sealed=b"", last_step=0)
    with transaction.atomic():
        message = message_queue(
            template="license_delivery", to="a@b.example", stream="transactional", dedupe_key="matrix",
            context=license_delivery.sample(), attachments=[Attachment("a.txt", "text/plain", b"a")], **by,
        )  # fmt: skip
    program = TrialProgram.objects.create(slug="demo", name="Demo", product=product, plan=plan)
    trial = Trial.objects.create(
        program=program, account=account, license=license_, email="a@b.example", started_at=at,
        middle_at=at + timedelta(days=15), ends_at=at + timedelta(days=30),
    )  # fmt: skip
    wish = TrialRequest.objects.create(
        program=program, state="waiting", email="a@b.example", address="a@b.example", created_by="cli:test"
    )
    view = SavedView.objects.create(owner=superadmin, page="licenses.license", name="Mine")
    return {
        "accounts_account": account.pk, "accounts_apikey": ApiKey.objects.get().pk,
        "accounts_role": Role.objects.get(name="auditor").pk, "accounts_user": other.pk,
        **sales(account, plan, license_, at),
        **orders(account, plan, license_, at),
        "history_checkpoint": Checkpoint.objects.get().pk, "history_event": event.pk,
        "history_parkedevent": parked.pk, "history_reader": reader.pk,
        "licenses_installation": installation.pk, "licenses_issuance": granted.issued.issuance.pk,
        "licenses_job": job.pk, "licenses_license": license_.pk, "licenses_licenseusage": license_.pk,
        "licenses_plan": plan.pk, "licenses_preset": preset.pk, "licenses_product": product.pk,
        "licenses_release": release_of(product, at),
        "licenses_signingkey": key.pk, "notifications_busmessage": told.pk,
        "notifications_delivery": delivery.pk, "notifications_dripstep": step.pk,
        "notifications_expirydigest": digest.pk, "notifications_message": message.pk,
        "notifications_noticepolicy": policy.pk, "notifications_suppression": suppression.pk,
        "notifications_webhookendpoint": endpoint.pk, "trials_trial": trial.pk,
        "trials_trialprogram": program.pk, "trials_trialrequest": wish.pk,
        "trials_evidencepackage": EvidencePackage.objects.create(trial=trial, stage="follow_up", author="cli:test").pk,
        **(relations(account, superadmin, by) | outside_crm(at) if CRM else {}),
        # rows within rows
        "note": note.pk, "installation": installation.pk, "activation": activation.pk, "view": view.pk,
        "test_license": license_grant(
            account=account, plan=plan, kind="test", origin="staff", channel="admin", **by
        ).license.pk,
    }  # fmt: skip


def release_of(product: Any, at: Any) -> int:
    """A release that is out."""
    from licenses.services.releases import release_publish

    given = {"version": "1.0.0", "artifact": "demo:1.0.0", "sha256": "ab" * 32, "size_bytes": 1}
    return release_publish(product=product, **given, actor="cli:test", at=at).pk


def relations(account: Any, author: Any, by: dict[str, Any]) -> dict[str, int]:
    """A person with a note, and a task."""
    from crm.models import TaskRule
    from crm.services.notes import person_note_add
    from crm.services.people import person_create
    from crm.services.tasks import task_create

    person = person_create(name="Grace", email="grace@acme.example", account=account, **by)
    note = person_note_add(person=person, text="Note", author=author, **by)
    task = task_create(title="Call Grace", person=person, **by)
    return {
        "crm_person": person.pk, "crm_task": task.pk, "crm_taskrule": TaskRule.objects.first().pk,
        "person_note": note.pk,
    }  # fmt: skip


def outside_crm(at: Any) -> dict[str, int]:
    """A connection that nothing leaves by, a record that failed, a field in dispute."""
    from config.kit.sealing import seal
    from crm.models import Connection, SyncConflict, SyncJob

    row = Connection.objects.create(
        kind="twenty", name="Sales", base_url="https://10.0.0.1", token_sealed=seal(b"x"), detected_at=at,
        budget_requests=100, budget_seconds=60, created_by="cli:test",
    )  # fmt: skip
    about = {"connection": row, "kind": "person", "object_id": 1}
    job = SyncJob.objects.create(**about, state="failed")
    conflict = SyncConflict.objects.create(**about, field="phone")
    return {"crm_connection": row.pk, "crm_syncjob": job.pk, "crm_syncconflict": conflict.pk}


def sales(account: Any, plan: Any, license_: Any, at: Any) -> dict[str, int]:
    """One row of everything about selling."""
    from billing.models import Coupon, MerchantProfile, Offer, Payment, StripeEvent, Subscription

    merchant = MerchantProfile.objects.get(is_default=True)
    offer = Offer.objects.create(slug="demo", lookup_key="demo", name="Demo", plan=plan, interval="year")
    cycle = Subscription.objects.create(
        merchant=merchant, stripe_id="sub_1", account=account, offer=offer, license=license_, currency="eur",
        amount_minor=100, interval="year", started_at=at,
    )  # fmt: skip
    told = StripeEvent.objects.create(
        merchant=merchant, event_id="evt_1", type="invoice.paid", raw=b"", state="parked", received_at=at
    )
    payment = Payment.objects.create(
        merchant=merchant, source="checkout", reference="cs_1", account=account, offer=offer, currency="eur",
        amount_minor=100, paid_at=at, recorded_at=at,
    )  # fmt: skip
    coupon = Coupon.objects.create(code="SPRING", percent_bps=2_000)
    return {
        "billing_coupon": coupon.pk, "billing_merchantprofile": merchant.pk, "billing_offer": offer.pk,
        "billing_payment": payment.pk, "billing_stripeevent": told.pk, "billing_subscription": cycle.pk,
    }  # fmt: skip


def orders(account: Any, plan: Any, license_: Any, at: Any) -> dict[str, int]:
    """An order on its way, and a change of tier that waits."""
    from billing.models import Checkout, MerchantProfile, Offer, TierChange

    merchant = MerchantProfile.objects.get(is_default=True)
    checkout = Checkout.objects.create(
        merchant=merchant, offer=Offer.objects.get(slug="demo"), account=account, license=license_,
        currency="eur", amount_minor=100, actor="cli:test", created_at=at, expires_at=at, state="open",
    )  # fmt: skip
    change = TierChange.objects.create(
        license=license_, from_plan=plan, to_plan=plan, actor="cli:test", created_at=at, state="scheduled",
        checkout=checkout,
    )  # fmt: skip
    return {"billing_checkout": checkout.pk, "billing_tierchange": change.pk}


def address(name: str, world: dict[str, Any]) -> str:
    """The address of a page, of the row that the world has for it."""
    owner = next((key for key in sorted(world, key=len, reverse=True) if name.startswith(key + "_")), "")
    given = {
        "object_id": world.get(owner),
        "pk": world.get(owner),
        "number": 0,
        "verb": "cancel",
        "kind": "person",
    }
    if name.startswith("licenses_license_key_"):  # of the others: that of the issuance
        given["pk"] = world["test_license"]
    for part in ("note", "installation", "activation", "view"):
        if f"_{part}_" in name:
            given["pk"] = world[part]
    if name.startswith("crm_person_note_"):
        given["pk"] = world["person_note"]
    if name.startswith("notifications_template"):
        given["name"] = "license_delivery"
    given |= {"app_label": "accounts", "content_type_id": 1} | ({"name": "x"} if name == "mail_file" else {})
    wanted = re.findall(r"[<](?:[a-z]+:)?([a-z_0-9]+)[>]", ADDRESSES[name])
    return reverse(f"admin:{name}", kwargs={key: given[key] for key in wanted})


def ask(browser: Any, url: str, *, post: bool) -> Any:
    """What the page answers; whatever it changed is undone. A page for POST alone is posted to."""
    with transaction.atomic():
        answer = browser.post(url) if post else browser.get(url)
        if answer.status_code == 405 and not post:
            answer = browser.post(url)
        if answer.streaming:
            b"".join(answer.streaming_content)
        transaction.set_rollback(True)
    return answer


def led_to(answer: Any) -> set[str]:
    """Names of the addresses of the admin that a page leads to."""
    if answer.streaming or "text/html" not in answer.headers.get("Content-Type", ""):
        return set()
    found = set()
    for path in set(ELSEWHERE.findall(answer.content.decode())):
        try:
            found.add(resolve(path).url_name)
        except Resolver404:
            continue
    return found & set(ROWS)


@pytest.fixture
def browser_of(make_user, signed_in, superadmin):
    def make(role: str):
        if role == "*":
            return signed_in(superadmin)
        names = [LETTERS[role]] if role else []
        return signed_in(make_user(*names, email=f"matrix-{role or 'none'}@signet.example"))

    return make


def test_every_address_of_the_admin_stands_in_the_table():
    """D15: a new page has to say who may open it."""
    named = {name.removesuffix("!") for name in ROWS}
    assert set(ADDRESSES) - named - FOR_ALL == set(), "Add these to the table."
    assert (named | FOR_ALL) - set(ADDRESSES) == set(), "These are gone: take them out of the table."


@pytest.mark.parametrize("role", ["", *LETTERS, "*"], ids=lambda role: LETTERS.get(role, role or "none"))
def test_each_role_reaches_what_the_table_says_and_nothing_else(role, world, browser_of):
    """D15: role by page by action; 403 otherwise, never a 500, and no link or button that leads to a 403."""
    browser, wrong = browser_of(role), []
    for name in ROWS:
        url = address(name.removesuffix("!"), world)
        allowed, post = may(role, name), name.endswith("!")
        answer = ask(browser, url, post=post)
        status = answer.status_code
        missing = status == 404 and name not in NOTHING_THERE
        if status >= 500 or (allowed and (status == REFUSED or missing)):
            wrong.append(f"{name}: {status}")
        if not allowed and status not in (REFUSED, 405):
            wrong.append(f"{name}: {status} in place of {REFUSED}")
        if not allowed and not post and ask(browser, url, post=True).status_code not in (REFUSED, 405):
            wrong.append(f"{name}: a POST passes")
        if allowed and status == 200:
            wrong += [f"{name}: leads to {other}" for other in led_to(answer) if not may(role, other)]
    assert wrong == []


@pytest.mark.parametrize("role", ["", *LETTERS, "*"], ids=lambda role: LETTERS.get(role, role or "none"))
def test_the_menu_and_the_first_page_lead_to_what_one_may_open(role, world, browser_of):
    """D15: missing permission means no entry."""
    browser = browser_of(role)
    assert [name for name in led_to(browser.get(reverse("admin:index"))) if not may(role, name)] == []
