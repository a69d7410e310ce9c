"""The pages of the section: there while it is shown, and what they do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from crm.models import Person, Task
from crm.services.section import section_deactivate

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PEOPLE, TASKS = reverse("admin:crm_person_changelist"), reverse("admin:crm_task_changelist")
BOARD, RENEWALS = reverse("admin:crm_task_board"), reverse("admin:crm_task_renewals")
SECTION = reverse("admin:crm_section_changelist")
INDEX = reverse("admin:index")


@pytest.fixture
def seller(make_user, signed_in):
    return signed_in(make_user("sales"))


def page(row, name="change") -> str:
    return reverse(f"admin:crm_{row._meta.model_name}_{name}", args=[row.pk])


def menu(browser) -> dict[str, list[str]]:
    groups = browser.get(INDEX).context["sidebar_navigation"]
    return {str(group["title"]): [item["title"] for item in group["items"]] for group in groups}


# --- the switch ---------------------------------------------------------------------------------------


def test_hidden_pages_are_not_there_and_the_menu_has_no_entry(seller, granted, make_person, make_task):
    """D17: 404, for who holds every permission, too."""
    person, task = make_person(), make_task()
    hidden = [PEOPLE, TASKS, BOARD, RENEWALS, page(person), page(person, "edit"), page(task)]
    assert {seller.get(url).status_code for url in hidden} == {404}
    assert seller.post(page(task, "move"), {"to": "done"}).status_code == 404
    assert "CRM" not in menu(seller)


def test_the_section_is_in_the_menu_with_what_registers_itself(superadmin, signed_in, crm_on, at):
    """D18: License generator, Customer accounts, People, Tasks first; a page that is not installed is left out."""
    from config.kit.navigation import Entry, entry_register, everybody

    entry_register("crm", Entry("Nowhere", "x", "admin:no_such_page", everybody))
    shown = menu(signed_in(superadmin))
    assert shown["CRM"][:4] == ["License generator", "Customer accounts", "People", "Tasks"]
    assert "Nowhere" not in shown["CRM"]
    section_deactivate(actor="user:1", at=at)
    assert "CRM" not in menu(signed_in(superadmin))


@pytest.mark.own_license
def test_a_superadmin_switches_it_on_with_a_key_and_off_again(
    own_key, superadmin, signed_in, make_person, clock
):
    """D17: a key without the entitlement is told so and not taken; nothing is lost."""
    browser = signed_in(superadmin)
    make_person()
    activate = reverse("admin:crm_section_activate")
    for text in ("", "nonsense", own_key("creator")[1]):
        answer = browser.post(activate, {"key": text})
        assert answer.status_code == 200
        assert answer.context["form"].errors
        assert not text or text not in answer.content.decode()
    assert browser.get(PEOPLE).status_code == 404
    assert browser.post(activate, {"key": own_key("pro")[1]}).status_code == 302
    assert browser.get(PEOPLE).status_code == 200
    browser.post(reverse("admin:crm_section_deactivate"))
    assert browser.get(PEOPLE).status_code == 404
    assert browser.post(activate, {"key": ""}).status_code == 302  # the key in force carries it
    assert "grace@globex.example" in browser.get(PEOPLE).content.decode()


def test_nobody_but_a_superadmin_sees_the_switch(seller, crm_on):
    assert seller.get(SECTION).status_code == 403
    assert seller.post(reverse("admin:crm_section_deactivate")).status_code == 403


# --- people -------------------------------------------------------------------------------------------


def test_people_are_found_by_any_of_their_names(seller, crm_on, make_person, customer):
    make_person("grace@navy.example", name="Grace Hopper", account=customer)
    make_person("alan@bletchley.example", name="Alan")
    for term in ("hopp", "navy.ex", "acme", "gr"):
        shown = seller.get(PEOPLE, {"q": term}).content.decode()
        assert "Grace Hopper" in shown, term
        assert "Alan" not in shown, term


def test_a_person_is_written_down_changed_noted_and_merged(seller, crm_on, clock):
    """D18: each by a form that works without scripts."""
    seller.post(
        reverse("admin:crm_person_add"), {"name": "Grace", "email": "g@one.example", "consent": "unknown"}
    )
    seller.post(reverse("admin:crm_person_add"), {"name": "", "email": "g@two.example", "consent": "given"})
    grace, other = Person.objects.order_by("pk")
    form = {
        "name": "Grace",
        "email": "g@one.example",
        "company": "Navy",
        "consent": "unknown",
        "account": "nobody",
    }
    assert "There is no account" in seller.post(page(grace, "edit"), form).content.decode()
    seller.post(page(grace, "edit"), {**form, "account": ""})
    seller.post(page(grace, "note"), {"text": "Met <b>at</b> the fair"})
    seller.post(page(grace, "task"), {"title": "Call her", "due_on": "2026-03-09"})
    seller.post(page(other, "merge"), {"into": "G@ONE.example"})
    grace.refresh_from_db()
    assert (grace.company, grace.consent, grace.emails.count()) == ("Navy", "given", 2)
    shown = seller.get(page(grace)).content.decode()
    assert "Met &lt;b&gt;at&lt;/b&gt; the fair" in shown
    assert "Call her" in shown
    assert "was merged into" in seller.get(page(other)).content.decode()
    note = grace.notes.get()
    change = reverse("admin:crm_person_note_edit", args=[grace.pk, note.pk])
    assert seller.post(change, {"text": "Met at sea"}).status_code == 302
    assert seller.post(change.replace("edit", "delete")).status_code == 302
    assert not grace.notes.exists()


def test_the_timeline_tells_of_licenses_trials_and_heartbeats(
    running, follow, beat, crm_on, license_manager, signed_in, at
):
    """D18: of a person and of an account, with notes among them."""
    from crm.services.notes import person_note_add

    beat(running.license, at + DAY)
    follow(at + DAY)
    person = Person.objects.get()
    person_note_add(
        person=person, text="Wants a pilot", author=license_manager, actor="user:1", at=at + 2 * DAY
    )
    browser = signed_in(license_manager)
    account = reverse("admin:accounts_account_change", args=[running.account.pk]) + "?tab=crm"
    for url in (page(person), account):
        entries = browser.get(url).context["page"].entries
        assert entries[0].note is not None
        told = " ".join(entry.what for entry in entries)
        for word in ("reported for the first time", "The trial began", "Made a trial license"):
            assert word in told, (url, word)


@pytest.fixture
def mail(db, at):
    """Return a maker of mail as the log has it: `mail("ada@acme.example", "Your license")`."""
    from notifications.models import Message

    def make(to: str, subject: str, **fields):
        return Message.objects.create(
            template="license", stream="transactional", dedupe_key=subject, recipient=to, subject=subject,
            parts=b"", created_by="system:test", created_at=at, **fields,
        )  # fmt: skip

    return make


def test_the_timeline_tells_of_payments_and_mail(
    crm_on,
    make_person,
    make_license,
    make_subscription,
    settle,
    fail_payment,
    mail,
    license_manager,
    signed_in,
    at,
):
    """D18: by any spelling of the address, by the order's address, by the license; and of cycles that fail."""
    from crm.services.people import person_link
    from crm.timeline import person_events

    row = make_license()
    person = make_person("Ops@Acme.example", account=row.account)
    person_link(person=person, licenses=[row], at=at)
    typed = settle(at, customer_email="OPS@acme.example", session=False)
    ordered = settle(at, customer_email="")  # the order says ada@acme.example
    bought = settle(at, customer_email="else@acme.example", session=False, licenses=(row,))
    cycle = make_subscription(license=row)
    fail_payment(cycle, "in_9", at)
    buyer = make_person("Ada@Acme.example")
    mail("ops@acme.example", "To ops")
    mail("ada@acme.example", "To Ada", account=row.account)
    browser = signed_in(license_manager)

    def told(url):
        return " ".join(entry.what for entry in browser.get(url).context["page"].entries)

    def paid(who):
        subjects = person_events(who).filter(kind__startswith="payment.").values_list("subject", flat=True)
        return {subject.partition(":")[2] for subject in subjects}

    assert paid(person) == {str(typed.uid), str(bought.uid), cycle.stripe_id}
    assert paid(buyer) == {str(ordered.uid)}
    assert "A payment did not go through" in told(page(person))
    assert ("To ops" in told(page(person)), "To Ada" in told(page(person))) == (True, False)
    account = reverse("admin:accounts_account_change", args=[row.account.pk]) + "?tab=crm"
    assert ("To ops" in told(account), "To Ada" in told(account)) == (False, True)


def test_mail_stands_in_no_timeline_of_who_may_not_see_the_log(
    crm_on, make_person, mail, license_manager, make_user
):
    """Trust: the mail log has a permission of its own."""
    from crm.timeline import page_read, person_beside, person_notes

    person = make_person("ops@acme.example")
    mail("ops@acme.example", "To ops")
    for user, expected in ((license_manager, 1), (make_user(), 0)):
        assert len(page_read(None, person_notes(person), person_beside(person, user), 1).entries) == expected


def test_every_entry_from_a_campaign_stands_on_the_page_of_a_person(seller, crm_on, make_person, at):
    """A23."""
    from crm.domain.touches import Touch
    from crm.services.people import person_touch

    row = make_person()
    touches = {f"k{number}": Touch(f"source-{number}", "", "", at + number * DAY) for number in range(3)}
    person_touch(person=row, touches=touches, at=at)
    found = seller.get(page(row)).context["touches"]
    assert [words for words, _ in found] == ["source-2", "source-1", "source-0"]


# --- tasks --------------------------------------------------------------------------------------------


def test_the_board_moves_a_task_and_comes_back(seller, crm_on, make_task):
    row = make_task()
    answer = seller.post(page(row, "move"), {"to": "in_progress", "next": BOARD})
    assert (answer.status_code, answer.headers["Location"]) == (302, BOARD)
    columns = {column.slug: len(column.cards) for column in seller.get(BOARD).context["columns"]}
    assert columns == {"open": 0, "in_progress": 1, "snoozed": 0, "done": 0, "dropped": 0}
    assert seller.post(page(row, "move"), {"to": "done", "next": "//evil.example"}).headers[
        "Location"
    ] == page(row)
    assert seller.post(page(row, "move"), {"to": "nowhere"}).status_code == 302
    assert Task.objects.get().status == "done"


def test_the_list_shows_what_is_to_be_done_now_and_mine(seller, make_user, crm_on, make_task, clock):
    owner = make_user("auditor")
    make_task("Somebody else's", owner=owner)
    row = make_task("For later")
    seller.post(page(row, "snooze"), {"until": "2026-03-20"})
    shown = seller.get(TASKS).content.decode()
    assert "Somebody else" in shown
    assert "For later" not in shown
    assert "For later" in seller.get(TASKS, {"state": "snoozed"}).content.decode()
    assert "Somebody else" not in seller.get(TASKS, {"owner": "me"}).content.decode()
    seller.post(page(row, "assign"), {"owner": owner.pk})
    assert Task.objects.get(pk=row.pk).owner == owner


def test_a_task_by_hand_is_about_an_account_and_a_person(seller, crm_on, make_person, customer, clock):
    """D18: from the account's page, where it is filled in; the list and the board lead to both."""
    grace = make_person("Grace.H@gmail.com", name="Grace")
    tab = reverse("admin:accounts_account_change", args=[customer.pk]) + "?tab=crm"
    add = reverse("admin:crm_task_add")
    assert f"{add}?account={customer.slug}" in seller.get(tab).content.decode()
    assert f'value="{customer.slug}"' in seller.get(add, {"account": customer.slug}).content.decode()
    given = {"title": "Call", "account": customer.slug}
    assert "Nobody here" in seller.post(add, {**given, "person": "x@y.example"}).content.decode()
    assert seller.post(add, {**given, "person": "graceh@gmail.com"}).status_code == 302
    task = Task.objects.get()
    assert (task.account, task.person) == (customer, grace)
    for url in (TASKS, BOARD):
        text = seller.get(url).content.decode()
        assert reverse("admin:accounts_account_change", args=[customer.pk]) in text
        assert page(grace) in text
    seller.post(page(task, "edit"), {**given, "account": "", "person": ""})
    task.refresh_from_db()
    assert (task.account, task.person) == (None, None)


def test_a_rule_names_who_gets_tasks_of_a_kind(crm_on, license_manager, signed_in):
    from crm.models import TaskRule

    rule = TaskRule.objects.get(kind="over_cap")
    browser = signed_in(license_manager)
    browser.post(page(rule, "edit"), {"owner": license_manager.pk, "due_days": "9", "active": "on"})
    rule.refresh_from_db()
    assert (rule.owner, rule.due_days) == (license_manager, 9)
    assert "9 days" in browser.get(reverse("admin:crm_taskrule_changelist")).content.decode()


# --- renewals -----------------------------------------------------------------------------------------


def test_renewals_count_what_the_list_of_licenses_shows(
    crm_on, license_manager, signed_in, make_license, beat, clock
):
    """D18: what is due in 30, 60 and 90 days, its value and its health; each number is its list's."""
    from billing.models import MerchantProfile, Offer, Subscription

    soon, *_ = (make_license(expires_at=clock.at + days * DAY) for days in (10, 80, 200))
    make_license(expires_at=clock.at + 5 * DAY, kind="test")
    beat(soon, clock.at - DAY)
    merchant = MerchantProfile.objects.get(is_default=True)
    offer = Offer.objects.create(slug="o", lookup_key="o", name="O", plan=soon.plan, interval="year")
    Subscription.objects.create(
        merchant=merchant, stripe_id="sub_1", account=soon.account, offer=offer, license=soon, currency="eur",
        amount_minor=12_300, interval="year", started_at=clock.at,
    )  # fmt: skip
    browser = signed_in(license_manager)
    answer = browser.get(RENEWALS, {"within": "90"})
    buckets = [bucket for bucket, _ in answer.context["buckets"]]
    assert [(bucket["count"], bucket["value"]) for bucket in buckets] == [("1", "123.00 EUR")] * 2 + [
        ("2", "123.00 EUR")
    ]
    for bucket in buckets:
        assert browser.get(bucket["list_url"]).context["cl"].result_count == int(bucket["count"])
    rows = answer.context["rows"]
    assert [row["how"] for row in rows] == ["by itself", "by us"]
    assert [row["why"] for row in rows] == ["in use", "never seen"]


# --- queries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [PEOPLE, TASKS, BOARD, RENEWALS])
def test_a_list_asks_no_more_for_many_rows_than_for_few(
    url, seller, crm_on, make_person, make_task, make_license, customer, clock, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def ask(numbers) -> int:
        for number in numbers:
            make_task(
                f"Call {number}",
                person=make_person(f"p{number}@x.example", account=customer),
                account=customer,
            )
            make_license(expires_at=clock.at + DAY)
        with CaptureQueriesContext(connection) as queries:
            assert seller.get(url).status_code == 200
        return len(queries)

    seller.get(url)
    assert ask(range(2)) == ask(range(2, 8))


def test_several_tasks_are_taken_put_off_and_finished_at_once(
    seller, crm_on, make_task, make_user, signed_in, clock
):
    """D18: each for itself; what does not fit is said with its number, and the rest is done."""
    rows = [make_task(f"Call {name}") for name in ("Ada", "Grace", "Alan")]
    chosen = {"_selected_action": [row.pk for row in rows]}
    for action in ("take_chosen", "put_off_chosen"):
        seller.post(TASKS, {"action": action, **chosen})
    assert len({row.owner for row in Task.objects.all()} - {None}) == 1
    assert {row.snoozed_until for row in Task.objects.all()} == {(clock.at + 7 * DAY).date()}
    everything = f"{TASKS}?state=all"  # what is put off is out of the list as it comes
    seller.post(everything, {"action": "finish_chosen", "_selected_action": [rows[0].pk]})
    told = seller.post(everything, {"action": "put_off_chosen", **chosen}, follow=True).content.decode()
    assert "1 not put off" in told
    assert "2 put off until" in told
    seller.post(everything, {"action": "drop_chosen", "_selected_action": [rows[1].pk]})
    assert [row.status for row in Task.objects.order_by("pk")] == ["done", "dropped", "open"]
    auditor = signed_in(make_user("auditor"))
    auditor.post(everything, {"action": "finish_chosen", **chosen})
    assert Task.objects.get(pk=rows[2].pk).status == "open"


def test_erasing_a_person_asks_for_the_name_and_leads_to_the_list(crm_on, make_person, make_user, signed_in):
    """The name is typed again; hostile names stay text; who may only write gets no button."""
    row = make_person("g@one.example", name="<b>Grace</b> Hopper")
    seller, manager = signed_in(make_user("sales")), signed_in(make_user("license manager"))
    assert page(row, "erase") not in seller.get(page(row)).content.decode()
    assert seller.post(page(row, "erase"), {"confirmation": row.name}).status_code == 403
    shown = manager.get(page(row, "erase")).content.decode()
    assert "&lt;b&gt;Grace&lt;/b&gt; Hopper" in shown
    assert "<b>Grace" not in shown
    assert "This is not" in manager.post(page(row, "erase"), {"confirmation": "Grace"}).content.decode()
    gone = manager.post(page(row, "erase"), {"confirmation": " <b>Grace</b>  Hopper "})
    assert gone.url == PEOPLE
    assert not Person.objects.exists()
