"""axe finds nothing serious on the pages that staff work on, in light and in dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from config.kit.clock import now
from licenses.models import LicenseNote, SigningKey
from licenses.services.catalogue import plan_create
from notifications.mail_templates.license_delivery import sample
from notifications.models import Delivery
from notifications.services.messages import message_queue
from notifications.services.suppressions import suppression_add
from notifications.services.webhooks import webhook_create
from trials.services.evidence.drafting import access_draft
from trials.services.programs import program_create
from trials.services.requesting import Asking, trial_request

AXE = Path(__file__).parents[2] / ".tools/node_modules/axe-core/axe.min.js"
GRAVE = {"serious", "critical"}
# Motion is ended where it leads to: a colour half way to another one is no finding.
SETTLE = """() => document.getAnimations().forEach((each) => {
  try { each.finish() } catch { each.cancel() }
})"""
LICENSE_TABS = ("overview", "timeline", "issuances", "installations", "mail", "files")


@pytest.fixture(scope="session")
def axe() -> str:
    """The program that looks; it runs beside the page, outside of its Content-Security-Policy."""
    if not AXE.exists():
        pytest.fail(f"{AXE} is missing: make test-browser installs it, with npm")
    return AXE.read_text("utf-8")


@pytest.fixture
def inspect(axe):
    """Return a reader of what is gravely wrong on a page: rule, element and why, in light and in dark."""

    def findings(page: Page, address: str) -> list[str]:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.evaluate(axe)
        # In the dark the same elements have other colours: nothing else can differ.
        found = _run(page, "light", {}) + _run(page, "dark", {"runOnly": ["color-contrast"]})
        return [f"{address} {each}" for each in found]

    return findings


def _run(page: Page, theme: str, options: dict[str, Any]) -> list[str]:
    page.evaluate("theme => Alpine.$data(document.documentElement).switchTheme(theme)", theme)
    page.wait_for_function("theme => document.documentElement.classList.contains(theme)", arg=theme)
    page.evaluate(SETTLE)
    result = page.evaluate(
        "options => axe.run(document, options)", {"resultTypes": ["violations"], **options}
    )
    return [
        f"{theme}: {rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in result["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def check(inspect, page: Page, addresses: list[str]) -> None:
    found = [finding for address in addresses for finding in inspect(page, f"/admin/{address}")]
    assert not found, "\n".join(["", *found])


def test_who_is_not_signed_in_meets_no_barrier(tab, ada, inspect):
    check(inspect, tab, ["login/"])


def test_the_license_office_bars_nobody(sign_in, license_, inspect):
    check(inspect, sign_in(), [
        "", "licenses/license/", "licenses/license/test-key/", "licenses/license/add/", "licenses/license/inspect/",
        "licenses/job/", "licenses/installation/", "licenses/job/generate/", "licenses/job/import/", "licenses/preset/",
    ])  # fmt: skip


def test_no_tab_of_a_license_bars_anybody(sign_in, license_, ada, inspect):
    LicenseNote.objects.create(license=license_, author=ada, text="They pay by wire.")
    page = f"licenses/license/{license_.pk}"
    tabs = [f"{page}/change/?tab={name}" for name in LICENSE_TABS]
    check(inspect, sign_in(), [*tabs, f"{page}/renew/", f"{page}/revoke/", f"{page}/reissue/"])


def test_the_pages_of_trials_bar_nobody(sign_in, office, inspect):
    by: dict[str, Any] = {"actor": "cli:test", "at": now()}
    plan = plan_create(
        product=office.product, slug="trial", name="Trial", kind="trial", duration_days=30, **by
    )
    program = program_create(slug="demo", name="Demo", product=office.product, plan=plan, **by)
    asking = Asking(email="ada@initech.example", name="Ada", company="Initech", trusted=True)
    asked = trial_request(program=program, asking=asking, **by)
    evidence = access_draft(trial=asked.granted.trial, at=now())
    check(inspect, sign_in(), [
        "trials/trial/", f"trials/trial/{asked.granted.trial.pk}/change/", "trials/trialrequest/",
        f"trials/trialrequest/{asked.request.pk}/change/", "trials/trialprogram/",
        f"trials/trialprogram/{program.pk}/change/", "trials/trial/board/", "trials/trial/funnel/",
        f"trials/trial/{asked.granted.trial.pk}/nudge/", "trials/trialprogram/add/", "notifications/dripstep/",
        f"trials/evidencepackage/{evidence.pk}/change/", f"trials/evidencepackage/{evidence.pk}/edit/",
        "trials/evidencepackage/", "trials/evidencepackage/board/", "trials/evidencepackage/inbox/",
        "trials/evidencepackage/silent/",
    ])  # fmt: skip


def test_reports_keys_and_logs_bar_nobody(sign_in, license_, make_account, inspect):
    by: dict[str, Any] = {"actor": "cli:test", "at": now()}
    endpoint, _ = webhook_create(name="Hook", url="https://hooks.example/x", **by)
    delivery = Delivery.objects.create(endpoint=endpoint, kind="license.issued", body="{}", state="dead")
    suppression = suppression_add(address="gone@acme.example", reason="manual", **by)
    key, other = SigningKey.objects.latest("pk"), make_account("Initech")
    check(inspect, sign_in(), [
        "licenses/licenseusage/", "licenses/licenseusage/summary/", "licenses/signingkey/",
        f"licenses/signingkey/{key.pk}/change/", "notifications/suppression/",
        f"notifications/suppression/{suppression.pk}/change/", "notifications/noticepolicy/",
        "notifications/delivery/", f"notifications/delivery/{delivery.pk}/change/",
        f"accounts/account/{license_.account_id}/merge/?into={other.pk}",
    ])  # fmt: skip


def test_the_pages_around_it_bar_nobody(sign_in, license_, inspect):
    message = message_queue(
        template="license_delivery", to="ada@acme.example", context=sample(), stream="notice", dedupe_key="one",
        account=license_.account, actor="cli:test", at=now(),
    )  # fmt: skip
    check(inspect, sign_in(), [
        "accounts/account/", f"accounts/account/{license_.account_id}/change/", "notifications/message/",
        f"notifications/message/{message.pk}/change/", "notifications/message/templates/",
        "notifications/expirydigest/", "notifications/expirydigest/add/", "attention/",
        "notifications/webhookendpoint/", "notifications/webhookendpoint/add/", "accounts/user/",
        "accounts/user/add/", "accounts/role/", "second-factor/", "history/event/", "own-license/",
    ])  # fmt: skip
