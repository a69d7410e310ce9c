"""A trial's evidence in the admin: the path, its forms, who may decide, and the pages over all of it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from config.kit.clock import now
from trials.domain.evidence.words import AccessCheck, CheckResult, StageName
from trials.models import EvidencePackage
from trials.services.evidence.checks import access_check_attest, license_check_run
from trials.services.evidence.drafting import evidence_change, evidence_draft
from trials.services.evidence.packages import latest_of
from trials.services.running import trial_revoke, trial_sweep

pytestmark = pytest.mark.django_db

S = StageName
BOARD = "/admin/trials/evidencepackage/board/"
INBOX = "/admin/trials/evidencepackage/inbox/"
SILENT = "/admin/trials/evidencepackage/silent/"
NASTY = "<script>alert(1)</script>"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def expired(running, clock):
    """A trial that ran out, with its drafts, an hour later."""
    clock.set(running.ends_at + timedelta(hours=1))
    trial_sweep(at=now())
    assert evidence_draft(at=now()) == 1
    running.refresh_from_db()
    return running


@pytest.fixture
def sales(signed_in, make_user, expired):
    """Somebody who writes evidence."""
    return signed_in(make_user("sales"))


@pytest.fixture
def approver(signed_in, make_user, expired):
    """Somebody who decides on it."""
    return signed_in(make_user("evidence approver"))


def page(trial, stage=S.EXPIRY):
    return reverse("admin:trials_evidencepackage_change", args=[latest_of(trial, stage).pk])


def dialog(trial, slug, stage=S.EXPIRY):
    return reverse(f"admin:trials_evidencepackage_{slug}", args=[latest_of(trial, stage).pk])


def steps(browser, trial):
    return {shown.step.stage.name: shown for shown in browser.get(page(trial)).context["steps"]}


def slugs(shown):
    return [button.slug for button, _ in shown.buttons]


def escalate(browser, trial, **more):
    given = {"outcome": "escalated", "action_owner_ref": "user:1", "action_at": "2026-04-02T09:30",
             "escalation_ref": "CS-1187", "original_expires_at": "", **more}  # fmt: skip
    return browser.post(dialog(trial, "edit"), given)


def test_the_path_says_what_is_missing_and_leads_to_where(sales, expired):
    """B13: every blocker in plain words, each with a link to the form or the part where it is cleared."""
    answer = sales.get(page(expired))
    text = answer.content.decode()
    assert [shown.step.stage.name for shown in answer.context["steps"]] == list(StageName)
    for code in ("outcome_invalid", "action_owner_ref_missing", "action_at_missing"):
        assert f'data-blocker="{code}"' in text
    gaps = {gap.blocker.code: gap.url for gap in steps(sales, expired)[S.FOLLOW_UP].missing}
    assert gaps["notification_ref_missing"] == dialog(expired, "edit", S.FOLLOW_UP)
    assert gaps["handoff_owner_missing"] == dialog(expired, "handoff", S.FOLLOW_UP)
    assert gaps["expiry_evidence_not_ready"] == "#stage-expiry"
    assert "Approved by the policy self-serve-access: nobody looked" in text


def test_a_form_is_made_from_the_stage_and_saves_what_was_changed(sales, expired):
    """B4, B13: references, words and instants; an instant that nobody touched keeps its seconds."""
    kept = latest_of(expired, S.EXPIRY).values["original_expires_at"]
    form = sales.get(dialog(expired, "edit")).context["form"]
    shown = form.initial["original_expires_at"].strftime("%Y-%m-%dT%H:%M")
    given = {name: form.initial.get(name, "") for name in form.fields}
    given |= {"outcome": "escalated", "action_owner_ref": "user:1", "action_at": "2026-04-02T09:30",
              "escalation_ref": "CS-1187", "original_expires_at": shown}  # fmt: skip
    answer = sales.post(dialog(expired, "edit"), given, follow=True)
    assert "Expiry: version 1 is ready and waits for an approver." in answer.content.decode()
    assert latest_of(expired, S.EXPIRY).values["original_expires_at"] == kept


def test_a_refusal_stands_at_its_field(sales, expired):
    """B1, B21."""
    answer = escalate(sales, expired, action_owner_ref="ann@example.com", escalation_ref=NASTY)
    errors = answer.context["form"].errors
    assert set(errors) == {"action_owner_ref", "escalation_ref"}
    assert "e-mail address" in errors["action_owner_ref"][0]
    assert NASTY not in answer.content.decode()


def test_whoever_wrote_it_gets_no_button_and_is_told_why(signed_in, superadmin, approver, expired):
    """B19: four eyes, on the page, in the inbox and by the service."""
    root = signed_in(superadmin)
    escalate(root, expired)
    mine = steps(root, expired)[S.EXPIRY]
    assert ("decide" in slugs(mine), mine.note) == (
        False,
        "You wrote in this version: somebody else decides on it.",
    )
    assert "You wrote in this version" in root.get(INBOX).content.decode()
    digest = latest_of(expired, S.EXPIRY).digest
    given = {"digest": digest, "decision": "approve", "comment": ""}
    assert "does not approve it" in root.post(dialog(expired, "decide"), given).content.decode()
    assert "decide" in slugs(steps(approver, expired)[S.EXPIRY])
    assert approver.post(dialog(expired, "decide"), given).status_code == 302
    assert steps(root, expired)[S.EXPIRY].step.approved


def test_a_decision_is_bound_to_what_was_read(sales, approver, expired):
    """B8: the dialog carries the digest of the page, and a change in between refuses it."""
    escalate(sales, expired)
    html = approver.get(dialog(expired, "decide")).content.decode()
    read = re.search(
        r'name="digest"[^>]*value="([0-9a-f]{64})"|value="([0-9a-f]{64})"[^>]*name="digest"', html
    )
    assert read is not None
    evidence_change(
        package=latest_of(expired, S.EXPIRY), values={"escalation_ref": "CS-2"}, actor="user:1", at=now()
    )
    given = {"digest": read.group(1) or read.group(2), "decision": "approve"}
    assert "changed since you read it" in approver.post(dialog(expired, "decide"), given).content.decode()
    assert not latest_of(expired, S.EXPIRY).approvals.exists()


def test_rights_are_needed_for_writing_and_deciding(sales, approver, expired):
    """B19, D15: no button and 403."""
    escalate(sales, expired)
    assert slugs(steps(sales, expired)[S.EXPIRY]) == ["edit"]
    assert slugs(steps(approver, expired)[S.EXPIRY]) == ["decide"]
    assert sales.get(dialog(expired, "decide")).status_code == 403
    assert approver.get(dialog(expired, "edit")).status_code == 403


def test_a_follow_up_is_worked_with_its_buttons(sales, approver, expired):
    """B9, B10, B12, B15, B18: grace, handoffs, telling the evaluator and how far that came."""
    escalate(sales, expired)
    approver.post(dialog(expired, "grace"), {"until": "2026-04-20T12:00"})
    form = sales.get(dialog(expired, "edit", S.FOLLOW_UP)).context["form"]
    given = {name: form.initial.get(name, "") for name in form.fields}
    sales.post(dialog(expired, "edit", S.FOLLOW_UP), {**given, "commercial_handoff_ref": "handoff:sales"})
    for kind in ("customer_success", "sales", "support"):
        given = {
            "kind": kind,
            "owner_ref": "user:7",
            "next_action_ref": "task:1",
            "tracking_ref": "task:2",
            "tracking_kind": "crm_task",
        }
        sales.post(dialog(expired, "handoff", S.FOLLOW_UP), given)
    assert "How far it came" not in sales.get(page(expired)).content.decode()
    sales.post(dialog(expired, "notify", S.FOLLOW_UP), {"channel": "crm_task", "tracking_ref": "task:9"})
    sales.post(dialog(expired, "delivery", S.FOLLOW_UP), {"state": "delivered"})
    shown = steps(sales, expired)[S.FOLLOW_UP]
    assert {gap.blocker.code for gap in shown.missing} == {
        "expiry_approval_not_approved",
        "approval_package_mismatch",
    }
    assert [told.state for told in shown.step.notifications] == ["delivered"]
    sales.post(dialog(expired, "drop", S.FOLLOW_UP), {"kind": "support"})
    offered = sales.get(dialog(expired, "drop", S.FOLLOW_UP)).context["form"].fields["kind"].choices
    assert [value for value, _ in offered] == ["customer_success", "sales"]
    assert len(steps(sales, expired)[S.FOLLOW_UP].step.handoffs) == 2


def test_the_next_stage_is_begun_and_doors_are_attested(sales, expired):
    """B2, B25."""
    sales.post(dialog(expired, "open"), {"stage": "conversion"})
    assert latest_of(expired, S.CONVERSION) is not None
    sales.post(dialog(expired, "check"))
    sales.post(dialog(expired, "attest"), {"check": "package_pull", "result": "allowed", "reference": "T-1"})
    answer = sales.get(page(expired))
    assert [check.check_name for check, _ in answer.context["checks"]] == [
        "license_validation",
        "package_pull",
    ]
    assert "still allowed" in answer.content.decode()


def test_an_earlier_version_is_kept_and_shown(sales, approver, expired):
    """B19: what was decided on stays as it was."""
    escalate(sales, expired)
    first = latest_of(expired, S.EXPIRY)
    approver.post(
        dialog(expired, "decide"), {"digest": first.digest, "decision": "reject", "comment": "owner"}
    )
    escalate(sales, expired, escalation_ref="CS-2")
    text = sales.get(reverse("admin:trials_evidencepackage_change", args=[first.pk])).content.decode()
    assert "An earlier version" in text
    assert "CS-1187" in text
    assert first.digest in text


def test_exports_come_as_files(sales, expired):
    """B20."""
    told = sales.get(dialog(expired, "export"), {"format": "json"})
    assert json.loads(told.content)["trial"] == f"trial:{expired.uid}"
    assert told.headers["Content-Disposition"].endswith('.json"')
    text = sales.get(dialog(expired, "export"), {"format": "markdown"})
    assert text.content.decode().startswith(f"# Evidence of trial:{expired.uid}")
    assert expired.email not in told.content.decode() + text.content.decode()


def test_every_number_of_the_board_is_the_length_of_its_list(sales, approver, expired, clock):
    """B17: late ones first; they are blocked, too."""
    escalate(sales, expired)
    clock.set(now() + timedelta(days=3))
    answer = sales.get(BOARD)
    found = {}
    for stage, cells in answer.context["lines"]:
        for standing, number, url in cells:
            found[stage.name, standing] = int(number)
            rows = sales.get(url).context["cl"].result_list
            assert len(rows) == int(number), (stage.name, standing)
    wanted = {(S.ACCESS, "approved"), (S.EXPIRY, "waiting"), (S.FOLLOW_UP, "blocked"), (S.FOLLOW_UP, "late")}
    assert {cell for cell, number in found.items() if number} == wanted


def test_the_inbox_shows_what_waits_until_it_is_decided(sales, approver, expired):
    """B19."""
    assert "Nothing waits for an approver." in approver.get(INBOX).content.decode()
    escalate(sales, expired)
    assert [card["row"].stage for card in approver.get(INBOX).context["cards"]] == ["expiry"]
    given = {"digest": latest_of(expired, S.EXPIRY).digest, "decision": "approve"}
    answer = approver.post(f"{dialog(expired, 'decide')}?next={INBOX}", given)
    assert answer.headers["Location"] == INBOX
    assert approver.get(INBOX).context["cards"] == []


def test_the_report_is_empty_after_the_job_and_lists_what_is_late(sales, expired, clock):
    """B17."""
    assert "No trial ended silently." in sales.get(SILENT).content.decode()
    clock.set(now() + timedelta(days=3))
    assert [line["row"] for line in sales.get(SILENT).context["lines"]] == [expired]


def test_the_report_goes_on_page_by_page(sales, expired, program, ask, clock, monkeypatch):
    """B17: each of them is reached from the page."""
    monkeypatch.setattr("trials.admin.evidence_pages.MOST", 1)
    other = ask(program, "bo@globex.example").granted.trial
    clock.set(max(other.ends_at, expired.ends_at) + timedelta(days=9))
    first = sales.get(SILENT)
    assert 'href="?p=2"' in first.content.decode()
    second = sales.get(SILENT, {"p": "2"})
    assert 'href="?p=1"' in second.content.decode()
    assert 'href="?p=3"' not in second.content.decode()
    assert {first.context["lines"][0]["row"], second.context["lines"][0]["row"]} == {expired, other}


def test_a_trial_shows_its_evidence_and_drafts_it(signed_in, make_user, running, clock):
    """B16: the access of a running trial is drafted at a press; then the button is gone."""
    browser = signed_in(make_user("sales"))
    trial = reverse("admin:trials_trial_change", args=[running.pk])
    assert "Nothing is drafted yet." in browser.get(trial).content.decode()
    browser.post(reverse("admin:trials_trial_draft", args=[running.pk]))
    assert [row.stage for row in EvidencePackage.objects.all()] == ["access"]
    text = browser.get(trial).content.decode()
    assert 'id="evidence-stages"' in text
    assert "Draft evidence" not in text


def test_a_closed_license_says_so(signed_in, make_user, running, clock, at):
    """B25: whoever tried it, the page tells what our validation said."""
    trial_revoke(trial=running, reason="abuse", actor="user:1", at=at)
    evidence_draft(at=at)
    license_check_run(trial=running, at=at)
    text = signed_in(make_user("auditor")).get(page(running)).content.decode()
    assert "blocked, as expected" in text


def test_a_door_that_is_open_to_a_revoked_trial_calls_for_a_person(signed_in, make_user, running, clock, at):
    """B25: until it is found shut; who goes on may keep theirs open."""
    browser = signed_in(make_user("sales"))
    trial_revoke(trial=running, reason="abuse", actor="user:1", at=at)
    evidence_draft(at=at)
    door = {
        "trial": running,
        "check": AccessCheck.PACKAGE_PULL,
        "reference": "T-1",
        "actor": "user:1",
        "at": at,
    }

    def waits():
        return 'data-source="evidence-doors"' in browser.get("/admin/attention/").content.decode()

    assert not waits()
    access_check_attest(result=CheckResult.ALLOWED, **door)
    assert waits()
    expiry = latest_of(running, S.EXPIRY)
    evidence_change(package=expiry, values={"outcome": "escalated"}, actor="user:1", at=at)
    assert not waits()
    evidence_change(package=expiry, values={"outcome": "revoked"}, actor="user:1", at=at)
    access_check_attest(result=CheckResult.BLOCKED, **door)
    assert not waits()


def test_a_late_follow_up_stands_wherever_staff_look(sales, expired, clock):
    """B17: needs attention, and the trial board with the list behind the number."""
    assert 'data-source="evidence"' not in sales.get("/admin/attention/").content.decode()
    clock.set(now() + timedelta(days=3))
    waits = sales.get("/admin/attention/").content.decode()
    assert 'data-source="evidence"' in waits
    assert f"{page(expired, S.FOLLOW_UP)}#stage-follow_up" in waits
    told = {
        name: (number, url)
        for _, name, number, url in sales.get("/admin/trials/trial/board/").context["waiting"]
    }
    number, url = told["follow-up late"]
    assert (number, [row.trial for row in sales.get(url).context["cl"].result_list]) == ("1", [expired])


def test_a_trial_that_the_job_left_out_waits_after_a_day(signed_in, make_user, running, clock):
    """B17: nothing ends silently, were the job not to run."""
    browser = signed_in(make_user("sales"))
    clock.set(running.ends_at + timedelta(hours=25))
    assert "ended without a follow-up" in browser.get("/admin/attention/").content.decode()


def test_programs_say_what_access_is_drafted_with(signed_in, superadmin, program):
    """B3, B21: the five members stand on the page of a program."""
    page = signed_in(superadmin).get(reverse("admin:trials_trialprogram_change", args=[program.pk]))
    names = {"release_ref", "artifact_ref", "access_channel", "support_owner_ref", "onboarding_ref"}
    assert names <= set(page.context["adminform"].form.fields)
