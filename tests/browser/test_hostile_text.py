"""Text typed by outsiders is text on every page and in every mail: no script runs, the policy has nothing to report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.urls import NoReverseMatch, reverse
from playwright.sync_api import Page, expect

from accounts.models import Account
from billing.models import Fulfilment, Offer, Payment, StripeEvent
from billing.services.merchants import merchant_default_ensure
from config.kit.clock import now
from config.kit.sealing import seal, unseal
from config.navigation import MENU
from licenses.models import License
from licenses.services.catalogue import plan_create
from licenses.services.notes import note_add
from notifications.mail_templates import TEMPLATES
from notifications.models import Delivery, DeliveryAttempt, ExpiryDigest, Message
from notifications.rendering import render
from notifications.services.digests import digest_create
from notifications.services.webhooks import webhook_create
from trials.models import TrialRequest
from trials.services.programs import program_create

V1 = "/api/v1"
OWN = "window.owned=1;alert(1)"
MARK = "zq"  # what each nasty text begins or ends with, to find it on a page
NASTY = (
    f"{MARK}<script>{OWN}</script>",
    f"{MARK}\"'><img src=x onerror=\"{OWN}\"><svg onload={OWN}>",
    f"{MARK}</textarea></title></style></script><iframe srcdoc='<script>parent.owned=1</script>'>",
    f"{MARK}{{{{ request.user }}}}{{% debug %}}${{{OWN}}}`{OWN}`",
    f"{MARK}' x-init='{OWN}' x-data='{OWN}",
    f'=HYPERLINK("javascript:{OWN}") {MARK}',
    f"+1+cmd|' /C calc'!A0 {MARK}",
    f"{MARK}\u202egnp.exe\u202c \U0001f4a3\U0001f469\u200d\U0001f4bb",
    MARK + "W" * 120,
)  # fmt: skip
ALL = " ".join(NASTY)
# A heartbeat takes nothing else than this (A18).
VERSION, SYSTEM = "2.4.1+zq-script", "Linux (zq)/script"


@pytest.fixture
def outsiders(office, back_office, api, ada) -> License:
    """An office in which every field that others fill in says something nasty; gives a license of it."""
    by: dict[str, Any] = {"actor": "cli:test", "at": now()}
    for text in NASTY:
        account = done(
            back_office.post(f"{V1}/accounts", {"name": text, "notes": ALL, "crm_ref": text[:100]})
        )
        asked = {"account": account["slug"], "product_key": "demo", "plan": "enterprise", "machines": 20}
        done(back_office.post(f"{V1}/licenses", {**asked, "comment": ALL[:1000]}))
    row = License.objects.latest("pk")
    for other in License.objects.exclude(pk=row.pk)[:3]:
        done(back_office.post(f"{V1}/licenses/{other.public_id}/suspend", {"reason": ALL[:400]}))
    note_add(license=row, text=ALL, author=ada, **by)
    done(back_office.post(f"{V1}/licenses/{row.public_id}/renew", {"months": 12, "reason": ALL[:400]}))
    digest_create(name="Sales", recipients=["ada@signet.example"], days_ahead=365, **by)
    _installed(api, row)
    _trials(api, office, by)
    _paid(row, by["at"])
    _answered(by)
    return row


def done(answer: Any) -> Any:
    assert answer.status_code < 300, answer.content
    return answer.json()


def _installed(api: Any, row: License) -> None:
    """What a machine under the license says of itself."""
    text = unseal(bytes(row.issuances.latest("pk").artifact)).decode()
    machine = api.as_(text)
    beat = {"install_id": "install-zq-1", "version": VERSION, "os": SYSTEM, "nodes": 1}
    done(machine.post(f"{V1}/heartbeats", beat))
    for text in NASTY:
        done(machine.post(f"{V1}/activations", {"fingerprint": text, "label": text[:100]}))


def _trials(api: Any, office: Any, by: dict[str, Any]) -> None:
    """Requests of strangers: some are granted at once, one waits for an operator."""
    plan = plan_create(
        product=office.product, slug="trial", name="Trial", kind="trial", duration_days=30, **by
    )
    for slug, approval in (("quick", "self_serve"), ("slow", "operator")):
        program_create(
            slug=slug, name=slug, product=office.product, plan=plan, public=True, approval=approval, fields=[], **by
        )  # fmt: skip
    for number, text in enumerate(NASTY):
        touch = {"source": text, "medium": text, "campaign": text}
        for slug in ("quick", "slow"):
            cache.clear()  # strangers are counted by their address, and these have one
            done(api.post(f"{V1}/trials", {
                "email": f"zq{number}@outsider-{number}-{slug}.example", "program": slug, "name": text[:150],
                "company": text, "first_touch": touch, "last_touch": touch,
            }))  # fmt: skip


def _paid(row: License, at: datetime) -> None:
    """What a buyer typed at Stripe, and an event of theirs that could not be worked on."""
    merchant = merchant_default_ensure()
    for number, text in enumerate(NASTY):
        offer = Offer.objects.create(
            slug=f"o{number}",
            lookup_key=f"o{number}",
            name=text[:100],
            plan=row.plan,
            amount_minor=1,
            type="one_off",
            interval="",
        )
        payment = Payment.objects.create(
            merchant=merchant, source="checkout", reference=f"cs_{number}", account=row.account, offer=offer,
            customer_name=text[:200], customer_email=f"zq{number}@buyer.example", currency="eur", amount_minor=1,
            expected_minor=1, paid_at=at, recorded_at=at,
        )  # fmt: skip
        Fulfilment.objects.create(payment=payment, license=row, created_at=at)
        event = {"id": f"evt_{number}", "type": text[:100], "data": {"object": {"id": text, "name": ALL}}}
        StripeEvent.objects.create(
            merchant=merchant, event_id=event["id"], type=event["type"], object_id=text[:200], received_at=at,
            raw=seal(json.dumps(event).encode()), state="parked", reason="unknown", detail=ALL[:1000],
        )  # fmt: skip


def _answered(by: dict[str, Any]) -> None:
    """What a receiver of webhooks says back."""
    endpoint, _ = webhook_create(name="Hook", url="https://hooks.example/x", **by)
    for text in NASTY:
        delivery = Delivery.objects.create(
            endpoint=endpoint, kind="license.issued", body="{}", state="dead", last_status=500,
            last_error=text[:500], attempts=1, settled_at=by["at"],
        )  # fmt: skip
        DeliveryAttempt.objects.create(
            delivery=delivery, number=1, at=by["at"], status=500, error=text[:500], answer=ALL[:1000]
        )


def lists_and_rows() -> list[str]:
    """Every list of the admin, and the page of the row that was written last."""
    found = []
    for model in admin.site._registry:
        named = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{named}_changelist"))
        newest = model._default_manager.order_by("-pk").first()
        if newest is not None:
            with suppress(NoReverseMatch):  # what has one page has none for its row
                found.append(reverse(f"{named}_change", args=[newest.pk]))
    return found


def special_pages(row: License) -> Iterator[str]:
    """The menu, pages of their own, dialogs, and what people look for, said back to them."""
    # mail files are there only where mail is written into files
    yield from (
        reverse(entry.url) for _, entries in MENU for entry in entries if entry.url != "admin:mail_files"
    )
    digest = ExpiryDigest.objects.latest("pk")
    yield from (
        f"/admin/notifications/expirydigest/{digest.pk}/{look}" for look in ("preview/", "preview/mail/")
    )
    page = f"/admin/licenses/license/{row.pk}"
    yield from (
        f"{page}/change/?tab={tab}"
        for tab in ("timeline", "issuances", "installations", "mail", "files", "payments")
    )
    yield from (f"{page}/{name}/" for name in ("renew", "extend", "reissue", "suspend", "revoke", "send"))
    yield from (f"/admin/accounts/account/{row.account_id}/{name}/" for name in ("edit", "merge"))
    for slug in ("quick", "slow"):
        asked = TrialRequest.objects.filter(program__slug=slug).latest("pk")
        yield f"/admin/trials/trialrequest/{asked.pk}/change/"
    for template in Message.objects.order_by().values_list("template", flat=True).distinct():
        message = Message.objects.filter(template=template).latest("pk")
        yield from (f"/admin/notifications/message/{message.pk}/{look}" for look in ("change/", "html/"))
    yield from ("/admin/", "/admin/attention/", f"/admin/licenses/license/test-key/?account={row.account_id}")
    said = urlencode({"q": ALL[:300]})
    for name in ("licenses/license", "accounts/account", "notifications/message", "trials/trialrequest"):
        yield f"/admin/{name}/?{said}"
    yield f"/admin/licenses/license/?{urlencode({'account': NASTY[1], 'ends': NASTY[1], 'plan': NASTY[1]})}"


def owned(page: Page) -> list[str]:
    """Signs that something that was typed is more than text."""
    return page.evaluate(
        """() => [
          ...(window.owned === undefined ? [] : ["a script ran"]),
          ...[...document.querySelectorAll("[onerror], [onload], [srcdoc*=owned], [x-init*=owned]")]
            .map((each) => each.outerHTML.slice(0, 200)),
          ...[...document.scripts].filter((each) => each.text.includes("owned") && !each.type.endsWith("json"))
            .map((each) => each.outerHTML.slice(0, 200)),
        ]"""
    )


def test_text_that_became_more_would_be_noticed(window):
    """What the tests below look for is there when nothing is escaped."""
    page = window.new_page()
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.set_content(ALL)
    page.wait_for_function("window.owned === 1")
    assert len(owned(page)) > 2


def test_nothing_that_outsiders_typed_is_more_than_text_on_any_page(sign_in, outsiders, crm_shown):
    """No script runs, no tag is cut open, and the policy reports nothing: see `complaints`."""
    page = sign_in()
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for address in dict.fromkeys([*lists_and_rows(), *special_pages(outsiders)]):
        page.goto(address)
        page.wait_for_load_state()
        assert owned(page) == [], address

    page.goto("/admin/accounts/account/")
    shown = page.locator("#result_list").text_content()
    assert [text for text in NASTY if text not in shown] == []


def test_suggestions_and_the_palette_show_names_as_they_were_typed(sign_in, outsiders):
    """What scripts put into a page comes from the same people."""
    page = sign_in()
    page.goto("/admin/licenses/license/test-key/")
    page.get_by_label("Account", exact=True).fill(f"{MARK}<script>")
    expect(page.get_by_role("option", name=NASTY[0]).first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type(f"{MARK}<script>")
    expect(page.get_by_role("option", name=NASTY[0]).first).to_be_visible()
    assert owned(page) == []


def test_no_cell_of_an_export_is_a_formula(sign_in, outsiders):
    page = sign_in()
    answer = page.request.get("/admin/licenses/license/export/")
    rows = list(csv.reader(io.StringIO(answer.body().decode("utf-8-sig"))))
    assert len(rows) == 1 + License.objects.count()
    assert [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r" and cell] == []


def nasty(value: Any, text: str) -> Any:
    """A template's sample in which every text that is no address of ours says something nasty."""
    if isinstance(value, dict):
        return {name: nasty(each, text) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [nasty(each, text) for each in value]
    return text if isinstance(value, str) and not value.startswith(("http", "/")) else value


def test_nothing_that_outsiders_typed_runs_in_any_mail(tab):
    """Opened without any policy: whatever could run would."""
    tab.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for name, template in TEMPLATES.items():
        for state, sample in template.samples.items():
            tab.set_content(render(name, nasty(sample(), ALL)).html)
            assert owned(tab) == [], (name, state)
            assert tab.locator("script, iframe, svg").count() == 0, (name, state)


def test_nul_is_refused_where_it_is_typed(back_office, signed_in, ada):
    """PostgreSQL keeps no NUL: a form and the API say so, instead of failing."""
    refused = back_office.post(f"{V1}/accounts", {"name": "a\x00b"})
    assert refused.status_code == 400
    answer = signed_in(ada).post(
        reverse("admin:accounts_account_add"), {"name": "a\x00b", "kind": "prospect"}
    )
    assert answer.status_code == 200
    assert b"ull characters" in answer.content
    assert not Account.objects.exists()
