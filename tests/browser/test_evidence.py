"""Two trials in a browser, two people at it: one becomes a paid pilot, another is revoked and closed out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from config.kit.clock import now
from history.services import checkpoint, sequence
from licenses.services.catalogue import plan_create
from tests.trials.services.evidence.test_export import holds, recomputed
from trials.domain.evidence.stages import PILOT_PLAN, STAGES
from trials.domain.evidence.words import StageName
from trials.services.evidence.daily import evidence_tend
from trials.services.evidence.drafting import evidence_draft
from trials.services.evidence.packages import latest_of
from trials.services.programs import program_create
from trials.services.requesting import Asking, trial_request
from trials.services.running import trial_revoke, trial_sweep

BY: dict[str, Any] = {"actor": "cli:test"}
TODAY = f"{now():%Y-%m-%dT%H:%M}"


@pytest.fixture
def ended(office):
    """A trial that ran out ten days ago, and one that was revoked, both drafted by the daily job."""
    at = now() - timedelta(days=40)
    plan = plan_create(
        product=office.product, slug="trial", name="Trial", kind="trial", duration_days=30, **BY, at=at
    )
    program = program_create(slug="demo", name="Demo", product=office.product, plan=plan, **BY, at=at)
    found = []
    for company in ("initech", "hooli"):
        asking = Asking(email=f"ada@{company}.example", company=company.title(), trusted=True)
        found.append(trial_request(program=program, asking=asking, **BY, at=at).granted.trial)
    trial_revoke(trial=found[1], reason="abuse", actor="user:999", at=at + timedelta(days=1))
    trial_sweep(at=now())
    assert evidence_draft(at=now()) == 2
    return found


@pytest.fixture
def people(tab, window, chromium, live_server, signed_in, make_user):
    """Pages of who writes evidence and of who decides on it; each has their own session."""
    second = chromium.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    pages = []
    for role, context in (("sales", window), ("evidence approver", second)):
        session = signed_in(make_user(role)).cookies["signet_session"].value
        context.add_cookies([{"name": "signet_session", "value": session, "url": live_server.url}])
        pages.append(tab if context is window else context.new_page())
    yield pages
    second.close()


def path(page: Page, trial: Any) -> None:
    row = latest_of(trial, StageName.ACCESS)
    page.goto(f"/admin/trials/evidencepackage/{row.pk}/change/")


def press(page: Page, trial: Any, button: str, *, stage: str = "", **fields: str) -> None:
    """Open the form behind a button of the path, fill it in, and send it."""
    path(page, trial)
    place = page.locator(f"#stage-{stage}") if stage else page
    link = place.locator("a.sg-button", has_text=button).first
    page.goto(str(link.get_attribute("href")))
    send(page, **fields)


def begin(page: Page, trial: Any, stage: str) -> None:
    path(page, trial)
    link = page.locator("a.sg-button", has_text="Begin the next stage")
    page.goto(str(link.get_attribute("href")))
    send(page, stage=stage)


def send(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        field = page.locator(f"#action-form [name={name}]")
        if field.evaluate("node => node.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.locator("#action-form button[name=_do]").click()
    expect(page.locator("#action-form")).to_have_count(0)


def decide(page: Page, trial: Any, stage: str) -> None:
    press(page, trial, "Decide", stage=stage, decision="approve")
    path(page, trial)
    expect(page.locator(f"#stage-{stage}")).to_contain_text("Approved by")


def exported(page: Page) -> dict[str, Any]:
    """The file behind the button, its proofs checked with foreign code."""
    sequence(at=now())
    checkpoint(at=now())
    with page.expect_download() as got:
        page.get_by_role("link", name="Export JSON").click()
    document: dict[str, Any] = json.loads(got.value.path().read_text())
    for package in document["packages"]:
        proof = package["history"]["proof"]
        assert holds(proof), package["stage"]
        assert json.loads(proof["leaf"])["data"]["digest"] == recomputed(document, package), package["stage"]
    return document


def follow_up(writer: Page, trial: Any, *kinds: str) -> None:
    for kind in kinds:
        press(
            writer,
            trial,
            "Hand over",
            stage="follow_up",
            kind=kind,
            owner_ref="user:7",
            next_action_ref="task:1",
            tracking_ref="task:2",
        )
    press(writer, trial, "Tell the evaluator", stage="follow_up", channel="crm_task", tracking_ref="task:9")


def test_an_expired_trial_becomes_a_paid_pilot(people, ended):
    """B2-B25: escalated, given grace, handed to sales, converted, closed out; foreign code checks the export."""
    (writer, approver), trial = people, ended[0]
    path(writer, trial)
    expect(writer.locator("#stage-expiry [data-blocker=outcome_invalid]")).to_be_visible()
    press(writer, trial, "Fill in", stage="expiry", outcome="escalated", action_owner_ref="user:1",
          action_at=TODAY, escalation_ref="CS-1187")  # fmt: skip
    path(writer, trial)
    expect(writer.locator("#stage-expiry")).to_contain_text("An evidence approver decides on it.")
    decide(approver, trial, "expiry")
    press(approver, trial, "Approve a grace period", until=f"{now() + timedelta(days=14):%Y-%m-%dT%H:%M}")
    press(writer, trial, "Fill in", stage="follow_up", commercial_handoff_ref="handoff:sales")
    follow_up(writer, trial, "customer_success", "sales", "support")
    decide(approver, trial, "follow_up")
    begin(writer, trial, "conversion")
    press(writer, trial, "Fill in", stage="conversion", target="paid_pilot", customer_success_owner_ref="user:7",
          sales_owner_ref="user:8", support_owner_ref="user:9", entitlement_readiness="ready",
          onboarding_readiness="ready", commercial_approval="approved", technical_approval="approved",
          target_start_at=TODAY)  # fmt: skip
    decide(approver, trial, "conversion")
    begin(writer, trial, "activation")
    plan = {name: TODAY if name.endswith("_at") else "ref:1" for name in PILOT_PLAN}
    press(writer, trial, "Fill in", stage="activation", **plan)
    decide(approver, trial, "activation")
    evidence_tend(at=now())  # as it runs every hour: the license goes on working, and that blocks nothing
    press(writer, trial, "Try the license")
    begin(writer, trial, "closeout")
    members = [field.name for field in STAGES[StageName.CLOSEOUT].fields if field.name != "billing_status"]
    press(
        writer, trial, "Fill in", stage="closeout", billing_status="paid", **dict.fromkeys(members, "user:8")
    )
    decide(approver, trial, "closeout")
    document = exported(approver)
    assert [package["stage"] for package in document["packages"]] == [
        "access", "expiry", "follow_up", "conversion", "activation", "closeout",
    ]  # fmt: skip
    assert document["counts"]["approved"] == document["counts"]["ready"] == 6


def test_a_revoked_trial_is_closed_out(people, ended):
    """B11, B16, B24, B25: its facts say how it ended; every door is shut, the license tried for real."""
    (writer, approver), trial = people, ended[1]
    decide(approver, trial, "expiry")
    follow_up(writer, trial, "customer_success", "support")
    decide(approver, trial, "follow_up")
    begin(writer, trial, "closeout")
    press(writer, trial, "Fill in", stage="closeout", cs_closeout_ref="CS-1", support_closeout_ref="T-1",
          billing_status="not_billed", renewal_owner_ref="user:7")  # fmt: skip
    press(writer, trial, "Try the license")
    for door in ("package_pull", "trial_portal_access", "report_render", "support_handoff"):
        press(writer, trial, "Attest a door", check=door, result="blocked", reference="T-2")
    decide(approver, trial, "closeout")
    document = exported(approver)
    assert [check["result"] for check in document["access_checks"]] == ["blocked"] * 5
    assert document["packages"][-1]["stage"] == "closeout"
