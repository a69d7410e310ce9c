"""The chain of one trial, from its draft to the renewal's outcome, by services only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.kit.errors import Invalid
from history.models import Event
from trials.domain.evidence.stages import PILOT_PLAN, STAGES
from trials.domain.evidence.words import (
    AccessCheck,
    CheckResult,
    DeliveryState,
    HandoffKind,
    NotificationChannel,
    StageName,
    TrackingKind,
)
from trials.errors import TrialEnded
from trials.evidence_errors import (
    AlreadyApproved,
    DeliveryKnown,
    DigestDiffers,
    NotSuperseded,
    OwnPackage,
    PackageBlocked,
    PredecessorMissing,
)
from trials.evidence_path import writers_of
from trials.models import EvidencePackage, Handoff, TrialUse
from trials.services.evidence.approvals import SELF_SERVE, package_decide
from trials.services.evidence.checks import access_check_attest, license_check_run
from trials.services.evidence.daily import evidence_tend
from trials.services.evidence.drafting import (
    evidence_change,
    evidence_draft,
    evidence_open,
    trials_without_follow_up,
)
from trials.services.evidence.graces import grace_approve
from trials.services.evidence.handoffs import handoff_drop, handoff_set
from trials.services.evidence.notifying import evaluator_notify, notification_state_set
from trials.services.evidence.packages import latest_of, package_change, package_open
from trials.services.running import trial_convert, trial_extend, trial_revoke, trial_sweep

pytestmark = pytest.mark.django_db

ANN, BOB = {"actor": "user:1"}, {"actor": "user:2"}
S = StageName


@pytest.fixture
def late(running):
    """A moment after the end of the trial."""
    return running.ends_at + timedelta(hours=1)


@pytest.fixture
def expired(running, late):
    """A trial that ran out, with its drafts."""
    trial_sweep(at=late)
    assert evidence_draft(at=late) == 1
    running.refresh_from_db()
    return running


@pytest.fixture
def revoked(running, at):
    """A trial that was revoked, with its drafts."""
    trial_revoke(trial=running, reason="abuse", **ANN, at=at)
    assert evidence_draft(at=at) == 1
    running.refresh_from_db()
    return running


def approve(trial, stage, at, by=BOB):
    row = latest_of(trial, stage)
    return package_decide(package=row, digest=row.digest, approved=True, **by, at=at)


def codes(trial, stage):
    return latest_of(trial, stage).blockers


def escalate(trial, at):
    """Make the expiry ready and approved: escalated."""
    values = {
        "outcome": "escalated",
        "action_owner_ref": "user:1",
        "action_at": at,
        "escalation_ref": "CS-1187",
    }
    evidence_change(package=latest_of(trial, S.EXPIRY), values=values, **ANN, at=at)
    approve(trial, S.EXPIRY, at)


def follow_up(trial, at, kinds=HandoffKind):
    """Make the follow-up of an escalated trial ready and approved."""
    grace_approve(trial=trial, until=at + timedelta(days=14), **BOB, at=at)
    package = latest_of(trial, S.FOLLOW_UP)
    evidence_change(package=package, values={"commercial_handoff_ref": "handoff:sales"}, **ANN, at=at)
    for kind in kinds:
        handoff_set(
            package=latest_of(trial, S.FOLLOW_UP),
            kind=kind,
            owner_ref="user:7",
            next_action_ref="task:1",
            tracking_ref="task:2",
            **ANN,
            at=at,
        )
    evaluator_notify(
        package=latest_of(trial, S.FOLLOW_UP),
        channel=NotificationChannel.CRM_TASK,
        tracking_ref="task:9",
        **ANN,
        at=at,
    )
    approve(trial, S.FOLLOW_UP, at)


def test_a_trial_past_its_end_gets_its_drafts_once(expired, late):
    """B17, B2: access, expiry and follow-up; nothing is left that ended silently."""
    assert [row.stage for row in EvidencePackage.objects.order_by("id")] == ["access", "expiry", "follow_up"]
    assert not trials_without_follow_up(late).exists()
    assert evidence_draft(at=late) == 0
    assert Event.objects.filter(kind="evidence.drafted").count() == 3


def test_a_trial_that_is_drafted_has_ended(running, late):
    """B17: ahead of the sweep, too; what could be extended would end a second time without a draft."""
    evidence_draft(at=late)
    running.refresh_from_db()
    assert (running.outcome, running.ended_at) == ("expired", late)
    with pytest.raises(TrialEnded):
        trial_extend(trial=running, **ANN, at=late)


def test_self_serve_access_is_approved_by_policy_and_says_so(expired):
    """Architecture: nobody looked, and the record says who did not."""
    decision = latest_of(expired, S.ACCESS).approvals.get()
    assert (decision.by, decision.approver, decision.approved) == ("policy", SELF_SERVE, True)
    assert codes(expired, S.ACCESS) == []


def test_access_by_an_operator_waits_for_a_person(make_program, signing, ask, at):
    """B3, B19: nothing is approved by itself."""
    program = make_program("handpicked", default=True, approval="operator")
    from trials.services.requesting import request_approve

    asked = ask(program)
    trial = request_approve(request=asked.request, **ANN, at=at).trial
    evidence_draft(at=trial.ends_at)
    assert codes(trial, S.ACCESS) == ["release_not_approved"]
    assert codes(trial, S.EXPIRY)[:3] == [
        "access_evidence_not_ready", "access_approval_not_approved", "access_package_mismatch",
    ]  # fmt: skip
    evidence_change(
        package=latest_of(trial, S.ACCESS), values={"release_approval": "approved"}, **ANN, at=trial.ends_at
    )
    decision = approve(trial, S.ACCESS, trial.ends_at)
    assert latest_of(trial, S.EXPIRY).values["access_approval_ref"] == f"approval:{decision.pk}"
    assert codes(trial, S.EXPIRY) == ["outcome_invalid", "action_owner_ref_missing", "action_at_missing"]


def test_a_stage_that_a_person_opens_begins_with_what_is_known(expired, running, late):
    """B3, B4: as the daily job begins it; what the person says goes first."""
    drafted = latest_of(expired, S.EXPIRY).values
    EvidencePackage.objects.filter(stage=S.FOLLOW_UP).delete()
    EvidencePackage.objects.filter(stage=S.EXPIRY).delete()
    opened = evidence_open(trial=expired, stage=S.EXPIRY, values={"license_ref": "license:1"}, **ANN, at=late)
    assert opened.values == {**drafted, "license_ref": "license:1"}


def test_an_expired_trial_waits_for_somebody_to_say_how_it_ends(expired, late):
    """B5, B13: every blocker at once; the outcome brings the handoffs (B15, B16)."""
    assert codes(expired, S.EXPIRY) == ["outcome_invalid", "action_owner_ref_missing", "action_at_missing"]
    escalate(expired, late)
    assert codes(expired, S.EXPIRY) == []
    assert set(Handoff.objects.values_list("kind", flat=True)) == {"customer_success", "sales", "support"}
    assert codes(expired, S.FOLLOW_UP) == [
        "channel_invalid", "notification_ref_missing", "delivery_owner_ref_missing", "delivery_tracking_ref_missing",
        "grace_ref_missing", "grace_approval_ref_missing", "commercial_handoff_ref_missing",
        "handoff_owner_missing", "handoff_next_action_missing", "handoff_tracking_missing",
    ]  # fmt: skip


def test_a_revoked_trial_gets_its_closeout_handoff_from_its_facts(revoked):
    """B16, B4: the outcome, its owner and its references are in the history already."""
    expiry = latest_of(revoked, S.EXPIRY)
    assert (expiry.values["outcome"], expiry.values["action_owner_ref"]) == ("revoked", "user:1")
    assert expiry.values["license_revocation_ref"].startswith("event:")
    assert expiry.blockers == []
    follow = latest_of(revoked, S.FOLLOW_UP)
    assert follow.values["closeout_handoff_ref"] == f"handoff:{follow.uid}"
    assert set(follow.handoffs.values_list("kind", flat=True)) == {"customer_success", "support"}


def test_whoever_wrote_a_package_does_not_approve_it(expired, late):
    """B19: four eyes."""
    values = {
        "outcome": "escalated",
        "action_owner_ref": "user:1",
        "action_at": late,
        "escalation_ref": "CS-1",
    }
    row = evidence_change(package=latest_of(expired, S.EXPIRY), values=values, **ANN, at=late)
    with pytest.raises(OwnPackage):
        package_decide(package=row, digest=row.digest, approved=True, **ANN, at=late)
    package_decide(package=row, digest=row.digest, approved=True, **BOB, at=late)
    with pytest.raises(AlreadyApproved):
        package_decide(package=row, digest=row.digest, approved=True, **BOB, at=late)


def test_what_is_blocked_or_was_changed_is_not_approved(expired, late):
    """B8, B19: the digest that was read is the digest that is decided on."""
    row = latest_of(expired, S.EXPIRY)
    with pytest.raises(PackageBlocked) as refused:
        package_decide(package=row, digest=row.digest, approved=True, **BOB, at=late)
    assert refused.value.members["blockers"][0] == "outcome_invalid"
    read = row.digest
    evidence_change(package=row, values={"outcome": "escalated"}, **ANN, at=late)
    with pytest.raises(DigestDiffers):
        package_decide(package=row, digest=read, approved=True, **BOB, at=late)


def test_a_change_after_approval_makes_a_version_and_opens_what_followed(expired, late):
    """B7, B8, B19: the approved version stays as it was; the follow-up is blocked until the new one is approved."""
    escalate(expired, late)
    follow_up(expired, late)
    first = latest_of(expired, S.EXPIRY)
    second = evidence_change(package=first, values={"escalation_ref": "CS-2"}, **ANN, at=late)
    assert (second.version, second.latest) == (2, True)
    first.refresh_from_db()
    assert (first.latest, first.values["escalation_ref"]) == (False, "CS-1187")
    assert codes(expired, S.FOLLOW_UP) == ["expiry_approval_not_approved", "approval_package_mismatch"]
    approve(expired, S.EXPIRY, late)
    assert codes(expired, S.FOLLOW_UP) == ["approval_package_mismatch"]
    with pytest.raises(NotSuperseded):
        package_change(package=first, values={"escalation_ref": "CS-3"}, **ANN, at=late)
    evidence_change(package=latest_of(expired, S.FOLLOW_UP), values={}, **ANN, at=late)
    assert codes(expired, S.FOLLOW_UP) == []


def test_what_nobody_decided_on_is_built_anew_by_itself(expired, late):
    """B8, B13: an undecided follow-up has the digest of the expiry in use, with an event; nobody saves it for that."""
    escalate(expired, late)
    built = latest_of(expired, S.FOLLOW_UP)
    second = evidence_change(
        package=latest_of(expired, S.EXPIRY), values={"escalation_ref": "CS-2"}, **ANN, at=late
    )
    assert "expiry_approval_not_approved" in codes(expired, S.FOLLOW_UP)
    approve(expired, S.EXPIRY, late)
    follow = latest_of(expired, S.FOLLOW_UP)
    assert "approval_package_mismatch" not in follow.blockers
    assert (follow.version, follow.predecessor_digest) == (built.version, second.digest)
    assert follow.digest != built.digest
    told = Event.objects.filter(kind="evidence.changed", subject=f"evidence:{follow.uid}").last()
    assert (told.data["built_on"], told.actor) == (str(second.uid), "system:evidence")


def test_a_grace_that_is_approved_stands_in_the_follow_up(expired, late):
    """B10: and only such a one; whoever approved it may decide on the follow-up, for they did not write it."""
    escalate(expired, late)
    evidence_change(
        package=latest_of(expired, S.FOLLOW_UP), values={"grace_ref": "x:1", "grace_approval_ref": "x:1"},
        **ANN, at=late,
    )  # fmt: skip
    assert "grace_unknown" in codes(expired, S.FOLLOW_UP)
    grace = grace_approve(trial=expired, until=late + timedelta(days=14), **BOB, at=late)
    follow = latest_of(expired, S.FOLLOW_UP)
    assert follow.values["grace_ref"] == follow.values["grace_approval_ref"] == f"grace:{grace.uid}"
    assert "grace_unknown" not in follow.blockers
    assert BOB["actor"] not in writers_of(follow)


def test_a_grace_that_renews_moves_the_cooldown(running, at):
    """A21: the next trial is possible so long after the end that the grace gave."""
    use = TrialUse.objects.filter(program=running.program).order_by("-until").first()
    until = running.ends_at + timedelta(days=10)
    grace_approve(trial=running, until=until, renew=True, **BOB, at=at)
    use.refresh_from_db()
    assert use.until == until + timedelta(days=running.program.cooldown_days)


def test_a_grace_from_before_the_follow_up_stands_in_it_too(running, late):
    """B10, B16."""
    grace = grace_approve(trial=running, until=late + timedelta(days=14), **BOB, at=late)
    trial_sweep(at=late)
    evidence_draft(at=late)
    escalate(running, late)
    assert latest_of(running, S.FOLLOW_UP).values["grace_ref"] == f"grace:{grace.uid}"


def test_a_grace_ends_within_a_year(expired, late):
    """B10: a slip of the year is no grace."""
    with pytest.raises(Invalid):
        grace_approve(trial=expired, until=late.replace(year=9022), **BOB, at=late)


def test_a_notification_that_this_trial_has_not_blocks(expired, late):
    """B9, B18: rows of ours are looked up; what is followed elsewhere is free."""
    escalate(expired, late)
    typed = {"notification_channel": "email", "notification_ref": f"notification:{expired.uid}"}
    evidence_change(package=latest_of(expired, S.FOLLOW_UP), values=typed, **ANN, at=late)
    assert "notification_unknown" in codes(expired, S.FOLLOW_UP)
    elsewhere = {"notification_ref": "ticket:9", "delivery_tracking_ref": "T-9"}
    evidence_change(package=latest_of(expired, S.FOLLOW_UP), values=elsewhere, **ANN, at=late)
    assert "notification_unknown" not in codes(expired, S.FOLLOW_UP)


@pytest.mark.parametrize(("ends", "term"), [(None, "perpetual"), (timedelta(days=365), "limited")])
def test_a_purchase_says_how_the_trial_ended(running, make_license, late, ends, term):
    """B4, B5: with a new end, or for good."""
    bought = make_license(account=running.account, expires_at=late + timedelta(days=365))
    bought.expires_at = ends and late + ends
    bought.save(update_fields=["expires_at"])
    trial_convert(trial=running, license=bought, **ANN, at=late)
    evidence_draft(at=late)
    expiry = latest_of(running, S.EXPIRY)
    assert (expiry.values["outcome"], expiry.values["renewal_term"]) == ("renewed", term)
    assert ("new_expires_at" in expiry.values, expiry.blockers) == (ends is not None, [])


def test_a_rejected_version_is_not_approved_again_but_followed(expired, late):
    """B19: decisions are kept, and the next version carries the change."""
    row = latest_of(expired, S.EXPIRY)
    package_decide(package=row, digest=row.digest, approved=False, comment="owner is wrong", **BOB, at=late)
    second = evidence_change(package=row, values={"action_owner_ref": "user:9"}, **ANN, at=late)
    assert (second.version, row.approvals.get().approved) == (2, False)


def test_a_failed_notification_blocks_and_a_new_one_clears(expired, late):
    """B9, B18."""
    escalate(expired, late)
    package = latest_of(expired, S.FOLLOW_UP)
    told = evaluator_notify(package=package, channel=NotificationChannel.EMAIL, **ANN, at=late)
    assert latest_of(expired, S.FOLLOW_UP).values["notification_ref"] == f"notification:{told.uid}"
    notification_state_set(uid=told.uid, state=DeliveryState.FAILED, actor="system:mail", at=late)
    assert "notification_failed" in codes(expired, S.FOLLOW_UP)
    evaluator_notify(
        package=latest_of(expired, S.FOLLOW_UP), channel=NotificationChannel.EMAIL, **ANN, at=late
    )
    assert "notification_failed" not in codes(expired, S.FOLLOW_UP)


@pytest.mark.parametrize("actor", ["user:1", "api-key:x", "cli:root"])
def test_how_far_a_mail_came_is_for_the_send_log_to_say(expired, late, actor):
    """B18: a mail that failed is not declared delivered; the other channels move on, and never back to queued."""
    package = latest_of(expired, S.FOLLOW_UP)
    by_mail = evaluator_notify(package=package, channel=NotificationChannel.EMAIL, **ANN, at=late)
    notification_state_set(uid=by_mail.uid, state=DeliveryState.FAILED, actor="system:mail", at=late)
    with pytest.raises(DeliveryKnown):
        notification_state_set(uid=by_mail.uid, state=DeliveryState.DELIVERED, actor=actor, at=late)
    by_mail.refresh_from_db()
    assert by_mail.state == "failed"
    ticket = evaluator_notify(
        package=package, channel=NotificationChannel.SUPPORT_TICKET, tracking_ref="T-1", **ANN, at=late
    )
    assert (
        notification_state_set(uid=ticket.uid, state=DeliveryState.SENT, actor=actor, at=late).state == "sent"
    )
    with pytest.raises(DeliveryKnown):
        notification_state_set(uid=ticket.uid, state=DeliveryState.QUEUED, actor=actor, at=late)


@pytest.mark.parametrize("channel", sorted(set(NotificationChannel) - {NotificationChannel.EMAIL}))
def test_other_channels_say_where_they_are_followed(expired, late, channel):
    """B14, B9: a CRM task, too, where there is no CRM or nobody sees it; its reference is any then."""
    package = latest_of(expired, S.FOLLOW_UP)
    with pytest.raises(Invalid):
        evaluator_notify(package=package, channel=channel, **ANN, at=late)
    told = evaluator_notify(package=package, channel=channel, tracking_ref="T-1", **ANN, at=late)
    assert told.tracking_ref == "T-1"


def test_a_revoked_trial_is_closed_out_when_every_door_is_shut(revoked, at):
    """B25: the license is tried for real; an open door blocks, and shutting it clears."""
    approve(revoked, S.EXPIRY, at)
    for kind in (HandoffKind.CUSTOMER_SUCCESS, HandoffKind.SUPPORT):
        handoff_set(
            package=latest_of(revoked, S.FOLLOW_UP),
            kind=kind,
            owner_ref="user:7",
            next_action_ref="task:1",
            tracking_ref="task:2",
            **ANN,
            at=at,
        )
    evaluator_notify(
        package=latest_of(revoked, S.FOLLOW_UP),
        channel=NotificationChannel.SUPPORT_TICKET,
        tracking_ref="T-1",
        **ANN,
        at=at,
    )
    approve(revoked, S.FOLLOW_UP, at)
    values = {
        "cs_closeout_ref": "CS-1",
        "support_closeout_ref": "T-1",
        "billing_status": "not_billed",
        "renewal_owner_ref": "user:7",
    }
    package_open(trial=revoked, stage=S.CLOSEOUT, values=values, **ANN, at=at)
    assert codes(revoked, S.CLOSEOUT) == [f"access_check_missing:{check}" for check in AccessCheck]
    tried = license_check_run(trial=revoked, at=at)
    assert (tried.result, tried.reason, tried.by) == ("blocked", "revoked", "signet")
    for check in set(AccessCheck) - {AccessCheck.LICENSE_VALIDATION, AccessCheck.PACKAGE_PULL}:
        access_check_attest(
            trial=revoked, check=check, result=CheckResult.BLOCKED, reference="T-2", **ANN, at=at
        )
    access_check_attest(
        trial=revoked,
        check=AccessCheck.PACKAGE_PULL,
        result=CheckResult.ALLOWED,
        reference="T-3",
        **ANN,
        at=at,
    )
    assert codes(revoked, S.CLOSEOUT) == ["access_check_failed:package_pull"]
    access_check_attest(
        trial=revoked,
        check=AccessCheck.PACKAGE_PULL,
        result=CheckResult.BLOCKED,
        reference="T-4",
        **ANN,
        at=at,
    )
    assert codes(revoked, S.CLOSEOUT) == []


def test_a_license_in_its_grace_is_an_open_door(expired, late):
    """B25: the check tells what is, and passes after the grace."""
    assert license_check_run(trial=expired, at=late).result == "allowed"
    assert license_check_run(trial=expired, at=late + timedelta(days=60)).result == "blocked"


def test_the_license_is_no_matter_of_opinion(expired, late):
    """B25: what we can try ourselves is not attested."""
    with pytest.raises(Invalid):
        access_check_attest(
            trial=expired,
            check=AccessCheck.LICENSE_VALIDATION,
            result=CheckResult.BLOCKED,
            reference="T-1",
            **ANN,
            at=late,
        )


def test_the_whole_way_to_a_paid_pilot(expired, late):
    """B2, B22-B25: each stage consumes the approved one before; the license that goes on working blocks nothing."""
    escalate(expired, late)
    follow_up(expired, late)
    values = {
        "target": "paid_pilot", "customer_success_owner_ref": "user:7", "sales_owner_ref": "user:8",
        "support_owner_ref": "user:9", "entitlement_readiness": "ready", "onboarding_readiness": "ready",
        "commercial_approval": "approved", "technical_approval": "approved", "target_start_at": late,
    }  # fmt: skip
    package_open(trial=expired, stage=S.CONVERSION, values=values, **ANN, at=late)
    approve(expired, S.CONVERSION, late)
    plan = {name: late if name.endswith("_at") else "ref:1" for name in PILOT_PLAN}
    package_open(trial=expired, stage=S.ACTIVATION, values=plan, **ANN, at=late)
    approve(expired, S.ACTIVATION, late)
    evidence_tend(at=late)  # as it runs every hour
    license_check_run(trial=expired, at=late)
    members = [field.name for field in STAGES[S.CLOSEOUT].fields if field.name != "billing_status"]
    values = {**dict.fromkeys(members, "ref:1"), "billing_status": "paid", "renewal_owner_ref": "user:8"}
    package_open(trial=expired, stage=S.CLOSEOUT, values=values, **ANN, at=late)
    approve(expired, S.CLOSEOUT, late)
    values = {"outcome": "renewed", "renewal_owner_ref": "user:9", "outcome_ref": "ref:2", "decided_at": late}
    row = package_open(trial=expired, stage=S.RENEWAL_OUTCOME, values=values, **ANN, at=late)
    assert row.blockers == ["renewal_owner_differs"]
    evidence_change(package=row, values={"renewal_owner_ref": "user:8"}, **ANN, at=late)
    assert codes(expired, S.RENEWAL_OUTCOME) == []


def test_no_stage_begins_before_the_one_before(expired, late):
    """B2."""
    with pytest.raises(PredecessorMissing):
        package_open(trial=expired, stage=S.ACTIVATION, **ANN, at=late)


def test_members_are_checked_one_by_one(expired, late):
    """B1, B13, B21: nothing is kept when one of them is refused."""
    row = latest_of(expired, S.EXPIRY)
    with pytest.raises(Invalid) as refused:
        evidence_change(
            package=row,
            values={
                "outcome": "gone", "action_owner_ref": "ann@example.com", "action_at": "soon", "note": "x",
                "renewal_ref": "R-1",
            },
            **ANN, at=late,
        )  # fmt: skip
    assert [(error.field, error.code) for error in refused.value.errors] == [
        ("outcome", "unknown_word"), ("action_owner_ref", "email_address"), ("action_at", "not_an_instant"),
        ("note", "unknown_member"),
    ]  # fmt: skip
    assert "renewal_ref" not in latest_of(expired, S.EXPIRY).values


def test_a_handoff_is_replaced_and_dropped(expired, late):
    """B12, B15: one of a kind, with its tracking; a CRM task is what was typed where there is no CRM."""
    escalate(expired, late)
    package = latest_of(expired, S.FOLLOW_UP)
    handoff_set(
        package=package, kind=HandoffKind.SALES, owner_ref="user:1", next_action_ref="task:1", **ANN, at=late
    )
    digest = latest_of(expired, S.FOLLOW_UP).digest
    handoff_set(
        package=package, kind=HandoffKind.SALES, owner_ref="user:2", next_action_ref="task:1", **ANN, at=late
    )
    assert latest_of(expired, S.FOLLOW_UP).digest != digest
    handed = handoff_set(
        package=package, kind=HandoffKind.SALES, tracking_kind=TrackingKind.CRM_TASK, **ANN, at=late
    )
    assert (handed.tracking_ref, "handoff_tracking_missing" in codes(expired, S.FOLLOW_UP)) == ("", True)
    handoff_drop(package=package, kind=HandoffKind.SALES, **ANN, at=late)
    assert not Handoff.objects.filter(kind="sales").exists()


def test_dropping_a_handoff_that_is_not_there_leaves_the_approval(expired, late):
    """B12, B19: no version, no event, and what was decided stays decided."""
    escalate(expired, late)
    handoff_drop(package=latest_of(expired, S.FOLLOW_UP), kind=HandoffKind.SUPPORT, **ANN, at=late)
    follow_up(expired, late, kinds=set(HandoffKind) - {HandoffKind.SUPPORT})
    row, events = latest_of(expired, S.FOLLOW_UP), Event.objects.count()
    handoff_drop(package=row, kind=HandoffKind.SUPPORT, **ANN, at=late)
    assert latest_of(expired, S.FOLLOW_UP) == row
    assert row.approvals.get().approved
    assert Event.objects.count() == events
    assert handoff_drop(package=row, kind=HandoffKind.SALES, **ANN, at=late).version == row.version + 1


def test_events_of_evidence_hold_ids_states_and_digests(expired, late):
    """B20: nothing of what the members say goes into the history."""
    escalate(expired, late)
    told = [row.data for row in Event.objects.filter(kind__startswith="evidence.")]
    assert all("CS-1187" not in str(data) for data in told)
    assert {"trial", "stage", "version", "digest"} <= set(told[0])
