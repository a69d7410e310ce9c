"""Accounts in the admin (D5)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin import parts
from accounts.admin.accounts import AccountAdmin
from accounts.models import Account
from accounts.services.merging import account_merge
from history.models import Event
from licenses.models import License

pytestmark = pytest.mark.django_db

LIST = reverse("admin:accounts_account_changelist")
ADD = reverse("admin:accounts_account_add")
FORM = {"name": "Initech", "slug": "", "kind": "prospect", "email": "", "domain": "", "owner": "",
        "crm_ref": "", "notes": ""}  # fmt: skip
EDIT = {"name": "Acme", "email": "", "domain": "acme.example", "owner": "", "crm_ref": "", "notes": ""}
STEPS = ("edit", "promote", "merge", "delete")


def page(account: Account, name: str = "change") -> str:
    return reverse(f"admin:accounts_account_{name}", args=[account.pk])


def slugs(answer) -> set[str]:
    return {row.slug for row in answer.context["cl"].result_list}


@pytest.fixture
def manager(signed_in, license_manager):
    return signed_in(license_manager)


@pytest.fixture
def viewer(signed_in, issuer):
    return signed_in(issuer)


@pytest.fixture
def auditing(signed_in, auditor):
    """Sees everything, changes nothing."""
    return signed_in(auditor)


# --- opening and editing ---------------------------------------------------------------------------------


def test_staff_who_manage_accounts_open_one(manager, license_manager):
    """D5: create."""
    assert manager.post(ADD, FORM).status_code == 302
    assert Account.objects.get().slug == "initech"
    assert Event.objects.get(kind="account.created").actor == f"user:{license_manager.pk}"


def test_a_refusal_shows_the_form_again_at_its_field(manager, customer):
    answer = manager.post(ADD, {**FORM, "name": "Acme"})
    assert answer.context["adminform"].form.errors["slug"] == ["There is an account acme already."]
    assert Account.objects.count() == 1


def test_staff_change_an_account_and_history_names_them(manager, license_manager, customer):
    """D5: edit."""
    answer = manager.post(page(customer, "edit"), {**EDIT, "name": "Acme Inc"})
    assert answer.headers["Location"] == page(customer)
    customer.refresh_from_db()
    assert customer.name == "Acme Inc"
    event = Event.objects.get(kind="account.changed")
    assert (event.actor, event.data) == (f"user:{license_manager.pk}", {"fields": ["name"]})


def test_saving_what_is_there_changes_nothing(manager, customer):
    manager.post(page(customer, "edit"), EDIT)
    assert not Event.objects.filter(kind="account.changed").exists()


def test_slug_and_kind_cannot_be_typed_over(manager, customer):
    manager.post(page(customer, "edit"), {**EDIT, "slug": "other", "kind": "internal"})
    customer.refresh_from_db()
    assert (customer.slug, customer.kind) == ("acme", "customer")


def test_what_is_wrong_is_said_at_its_field(manager, customer):
    answer = manager.post(page(customer, "edit"), {**EDIT, "name": "", "email": "nobody"})
    assert set(answer.context["form"].errors) == {"name", "email"}


def test_an_owner_who_was_switched_off_stays_selectable(manager, customer, issuer):
    Account.objects.filter(pk=customer.pk).update(owner=issuer)
    type(issuer).objects.filter(pk=issuer.pk).update(is_active=False)
    assert manager.post(page(customer, "edit"), {**EDIT, "owner": issuer.pk}).status_code == 302


# --- finding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "term", ["glob", "globex", "Globex", "obe", "customer id", "globex.example", "it@globex", "corp.globex"]
)
def test_accounts_are_found_by_what_staff_type(term, viewer, customer, make_account):
    """D5: by name, slug, customer id, domain, e-mail."""
    wanted = make_account("Globex", email="it@globex.example", domain="corp.globex.example")
    term = wanted.customer_id if term == "customer id" else term
    assert slugs(viewer.get(LIST, {"q": term})) == {"globex"}


@pytest.mark.parametrize("term", ["nobody", "' OR 1=1 --", "%", "a" * 500])
def test_a_search_without_a_hit_is_an_empty_page(viewer, customer, term):
    answer = viewer.get(LIST, {"q": term})
    assert (answer.status_code, slugs(answer)) == (200, set())


@pytest.mark.parametrize(
    ("column", "key"),
    [("named", "name"), ("kind_shown", "kind"), ("slug", "slug"), ("domain", "domain"), ("created", "pk")],
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_the_list_is_ordered_and_paged_by_its_columns(viewer, make_account, monkeypatch, column, key, sign):
    """D5: page by page every account comes once, in order."""
    monkeypatch.setattr(AccountAdmin, "list_per_page", 3)
    for number in range(8):
        domain = "" if number % 4 == 0 else f"{number % 2}.example"
        make_account(f"Account {number % 3}", slug=f"s{number * 5 % 8}", domain=domain)
    columns = viewer.get(LIST).context["cl"].list_display
    found, url = [], f"{LIST}?o={sign}{columns.index(column)}"
    while url:
        changelist = viewer.get(url).context["cl"]
        found += changelist.result_list
        links = {title: link for title, _, link in changelist.page_links()}
        url = links["Next page"] and f"{LIST}{links['Next page']}"
    values = [getattr(row, key) for row in found]
    assert values == sorted(values, reverse=bool(sign))
    assert len(values) == len({row.pk for row in found}) == 8


def test_the_list_filters_by_type_and_owner(viewer, customer, prospect, issuer):
    """D5: accounts of type customer or prospect."""
    assert slugs(viewer.get(LIST, {"kind__exact": "prospect"})) == {"globex"}
    Account.objects.filter(pk=prospect.pk).update(owner=issuer)
    assert slugs(viewer.get(LIST, {"owner__id__exact": issuer.pk})) == {"globex"}


def test_the_list_filters_by_having_licenses_and_counts_them(viewer, customer, prospect, make_license):
    """D5: every number leads to the list it counts."""
    make_license(customer)
    make_license(customer)
    assert slugs(viewer.get(LIST, {"licenses": "some"})) == {"acme"}
    assert slugs(viewer.get(LIST, {"licenses": "none"})) == {"globex"}
    url = f"{reverse('admin:licenses_license_changelist')}?account=acme"
    assert f'<a href="{url}" class="text-link">2</a>' in viewer.get(LIST).content.decode()


def test_merged_accounts_are_left_out_unless_asked_for(viewer, customer, prospect, at):
    account_merge(account=prospect, into=customer, actor="cli:test", at=at)
    assert slugs(viewer.get(LIST)) == {"acme"}
    assert slugs(viewer.get(LIST, {"merged": "only"})) == {"globex"}
    assert slugs(viewer.get(LIST, {"merged": "too"})) == {"acme", "globex"}


def test_forms_that_choose_an_account_offer_open_ones_only(manager, customer, prospect, at):
    account_merge(account=prospect, into=customer, actor="cli:test", at=at)
    field = {"app_label": "accounts", "model_name": "apikey", "field_name": "account", "term": ""}
    found = manager.get(reverse("admin:autocomplete"), field).json()["results"]
    assert [row["text"] for row in found] == ["Acme"]


def test_the_list_takes_the_same_queries_for_any_number_of_rows(
    viewer, make_account, make_license, license_manager
):
    """D5: the counts of licenses too."""
    make_license(make_account("One", owner=license_manager))
    with CaptureQueriesContext(connection) as few:
        viewer.get(LIST)
    for number in range(12):
        make_license(make_account(f"Account {number}", owner=license_manager))
    with CaptureQueriesContext(connection) as many:
        viewer.get(LIST)
    assert len(many) == len(few) <= 12


# --- the page --------------------------------------------------------------------------------------------


def test_a_prospect_is_promoted_after_the_consequence_was_said(manager, prospect):
    """D5: promote prospect to customer."""
    asked = manager.get(page(prospect, "promote")).content.decode()
    assert "Globex is a customer from now on" in asked
    manager.post(page(prospect, "promote"))
    prospect.refresh_from_db()
    assert prospect.kind == "customer"
    assert page(prospect, "promote") not in manager.get(page(prospect)).content.decode()


def test_promoting_a_customer_is_refused_in_the_form(manager, customer):
    answer = manager.post(page(customer, "promote"))
    assert "Only a prospect can be promoted" in answer.content.decode()


def test_the_page_shows_licenses_keys_and_history(signed_in, superadmin, customer, make_license, make_key):
    """D5: see an account's licenses; history on the same page."""
    root = signed_in(superadmin)
    license_ = make_license(customer)
    make_key("support", account=customer)
    licenses = root.get(f"{page(customer)}?tab=licenses").content.decode()
    assert reverse("admin:licenses_license_change", args=[license_.pk]) in licenses
    assert "support" in root.get(f"{page(customer)}?tab=keys").content.decode()
    assert "account was opened" in root.get(f"{page(customer)}?tab=timeline").content.decode()


def test_every_number_leads_to_the_list_that_it_counts(
    signed_in, superadmin, customer, prospect, make_license, make_key, rf, clock, at
):
    """D5, D11: link and number have the same rows."""
    for kind, days in (("commercial", 10), ("commercial", 300), ("test", 20)):
        make_license(customer, kind=kind, expires_at=at + timedelta(days=days))
    make_license(customer, kind="commercial", status="revoked")
    make_license(prospect)
    make_key("support", account=customer)
    root = signed_in(superadmin)
    shown = root.get(page(customer)).context["numbers"]
    assert {number.slug for number, *_ in shown} >= {
        "licenses",
        "active",
        "expiring",
        "test",
        "keys",
        "events",
    }
    for number, text, url in shown:
        answer = root.get(url)
        assert answer.status_code == 200, number.slug
        assert str(answer.context["cl"].result_count) == text, number.slug


def test_a_long_timeline_goes_on_where_it_stopped(auditing, customer, at):
    from django.db import transaction

    from history.services import record

    for number in range(60):
        with transaction.atomic():
            record(
                kind="account.changed", subject=f"account:{customer.customer_id}", actor="cli:test",
                account=customer.customer_id, data={"fields": [f"field{number}"]}, at=at,
            )  # fmt: skip
    first = auditing.get(f"{page(customer)}?tab=timeline")
    assert len(first.context["entries"]) == 50
    second = auditing.get(first.context["older"])
    assert len(second.context["entries"]) == 11
    assert not second.context["older"]


@pytest.mark.parametrize("query", ["tab=nothing", "tab=timeline&before=x", "tab=timeline&before=" + "9" * 40])
def test_a_made_up_address_is_no_error(auditing, customer, query):
    assert auditing.get(f"{page(customer)}?{query}").status_code == 200


def test_an_unknown_account_is_a_404(manager):
    for name in ("change", *STEPS):
        assert manager.get(reverse(f"admin:accounts_account_{name}", args=[987])).status_code == 404
        assert manager.get(reverse(f"admin:accounts_account_{name}", args=["x"])).status_code == 404


def test_text_of_outsiders_is_text(manager, customer):
    """What outsiders typed is shown as text."""
    Account.objects.filter(pk=customer.pk).update(name="<script>alert(1)</script>", notes="<img src=x>")
    for address in (
        LIST,
        page(customer),
        page(customer, "edit"),
        page(customer, "merge"),
        page(customer, "delete"),
    ):
        content = manager.get(address).content.decode()
        assert "<script>alert" not in content
        assert "<img src=x>" not in content


# --- merging ---------------------------------------------------------------------------------------------


@pytest.fixture
def merging(manager, prospect, customer, make_license):
    """The way to merge Globex into Acme: its address, and a form filled in."""
    make_license(prospect)
    Account.objects.filter(pk=prospect.pk).update(email="it@globex.example")
    url = f"{page(prospect, 'merge')}?into={customer.pk}"
    form = {name: field.initial for name, field in manager.get(url).context["form"].fields.items()}
    return url, {**form, "confirmation": "globex"}


def test_the_merge_says_first_what_it_will_do(manager, merging):
    """D5: what moves, and which particulars are kept."""
    answer = manager.get(merging[0])
    assert answer.context["moves"] == ["1 license"]
    choices = answer.context["form"].fields
    assert choices["email"].initial == "loser"
    assert "customer id of Acme" in answer.content.decode()
    assert not Account.objects.filter(merged_into__isnull=False).exists()


def test_a_merge_takes_the_slug_typed_out(manager, merging, prospect, customer):
    """D5: merge two accounts with everything they own."""
    url, form = merging
    answer = manager.post(url, {**form, "confirmation": "globe"})
    assert answer.context["form"].errors["confirmation"] == [
        "Type globex, the slug of the account that closes."
    ]
    assert manager.post(url, form).headers["Location"] == page(customer)
    customer.refresh_from_db()
    assert customer.email == "it@globex.example"
    assert License.objects.get().account_id == customer.pk


def test_the_winner_s_page_names_what_was_merged_and_tells_its_history(manager, merging, prospect, customer):
    manager.post(*merging)
    assert page(prospect) in manager.get(page(customer)).content.decode()
    timeline = manager.get(f"{page(customer)}?tab=timeline").context["entries"]
    assert {event.account for event, *_ in timeline} == {customer.customer_id, prospect.customer_id}


def test_the_page_of_a_closed_account_leads_to_the_winner_and_offers_nothing(
    manager, merging, prospect, customer
):
    manager.post(*merging)
    answer = manager.get(page(prospect))
    assert page(customer) in answer.content.decode()
    assert not answer.context["buttons"]
    assert not answer.context["numbers"]


def test_an_account_is_not_merged_into_itself(manager, prospect):
    answer = manager.get(f"{page(prospect, 'merge')}?into={prospect.pk}")
    assert "An account cannot be merged into itself." in answer.content.decode()
    assert "merge-form" not in answer.content.decode()


@pytest.mark.parametrize("into", ["987", "x", ""])
def test_a_made_up_winner_is_refused_in_the_form(manager, prospect, into):
    answer = manager.get(f"{page(prospect, 'merge')}?into={into}")
    assert answer.status_code == 200
    assert "merge-form" not in answer.content.decode()


# --- deleting --------------------------------------------------------------------------------------------


def test_an_account_with_licenses_is_not_deleted_and_says_what_to_do_instead(manager, customer, make_license):
    """D5: an account with licenses cannot be deleted."""
    make_license(customer)
    asked = manager.get(page(customer, "delete")).content.decode()
    assert "Acme has 1 license. Merge it into another account instead." in asked
    assert page(customer, "merge") in asked
    assert "Acme has 1 license." in manager.get(page(customer)).content.decode()
    manager.post(page(customer, "delete"), {"post": "yes"})
    assert Account.objects.filter(pk=customer.pk).exists()


def test_an_account_without_licenses_is_deleted(manager, prospect):
    assert manager.post(page(prospect, "delete")).headers["Location"] == LIST
    assert not Account.objects.exists()


# --- who may ---------------------------------------------------------------------------------------------


def test_a_user_lacking_the_permission_gets_403_and_no_button(viewer, prospect):
    """D15: manage accounts."""
    answer = viewer.get(page(prospect))
    assert {button.slug for button, _ in answer.context["buttons"]} == {"test"}
    assert viewer.get(ADD).status_code == 403
    for step in STEPS:
        assert viewer.get(page(prospect, step)).status_code == 403
        assert viewer.post(page(prospect, step), {"name": "Hacked"}).status_code == 403
    prospect.refresh_from_db()
    assert (prospect.name, prospect.kind) == ("Globex", "prospect")


def test_who_sees_no_licenses_sees_no_number_of_them(make_user, signed_in, customer):
    """D15: what one may not open is not counted either."""
    from django.contrib.auth.models import Permission

    user = make_user()
    user.user_permissions.set(Permission.objects.filter(codename="view_account"))
    answer = signed_in(user).get(page(customer))
    assert answer.context["numbers"] == []
    assert [tab.slug for tab, _ in answer.context["tabs"]] == ["overview"]
    assert "licenses" not in {column.slug for column in parts.columns(answer.wsgi_request)}


def test_a_user_without_any_role_sees_no_accounts(signed_in, make_user, customer):
    """D15: view."""
    stranger = signed_in(make_user())
    assert stranger.get(LIST).status_code == 403
    assert stranger.get(page(customer)).status_code == 403


def test_nothing_is_posted_to_the_page_itself(manager, customer):
    assert manager.post(page(customer), EDIT).status_code == 405


def test_a_list_is_called_after_what_it_lists(viewer):
    """Browser tabs and screen readers tell lists apart by their titles."""
    assert viewer.get(LIST).context["title"] == "Accounts"
