"""What is shown in public: checked by a foreign validator, and by a few lines that know RFC 6962 alone."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
from datetime import timedelta

import jsonschema
import pytest
from django.core.management import CommandError, call_command

from config.kit.sealing import unseal
from history.models import Event
from history.services import checkpoint, sequence
from licenses.models import SigningKey
from licenses.selectors import latest_issuance
from licenses.services.artifacts import artifact_text
from trials.domain.evidence.stages import STAGES
from trials.domain.evidence.words import AccessCheck, StageName
from trials.evidence_export import evidence_export, evidence_markdown, schema_text
from trials.evidence_lists import expired_without_follow_up, license_checks_due, waiting_for_approval
from trials.models import BlockedAccessCheck, EvidencePackage, Handoff, Trial, TrialProgram
from trials.services.evidence.daily import evidence_tend
from trials.services.evidence.drafting import evidence_change, evidence_draft
from trials.services.evidence.packages import latest_of
from trials.services.running import trial_revoke, trial_sweep
from trials.tasks import draft_evidence

pytestmark = pytest.mark.django_db
ANN = {"actor": "user:1"}
SCHEMA = json.loads(schema_text())


@pytest.fixture
def revoked(running, at):
    trial_revoke(trial=running, reason="abuse", **ANN, at=at)
    evidence_draft(at=at)
    running.refresh_from_db()
    return running


def run(*arguments):
    out = io.StringIO()
    try:
        call_command("evidence", *map(str, arguments), stdout=out, stderr=io.StringIO())
    except SystemExit as left:
        return left.code, out.getvalue()
    return 0, out.getvalue()


def holds(proof):
    """RFC 6962, section 2.1.1, from the proof alone: the leaf is in the tree of that root."""
    digest = hashlib.sha256(b"\x00" + proof["leaf"].encode()).digest()
    assert digest == base64.b64decode(proof["leafHash"])
    index, last = proof["leafIdx"], proof["treeSize"] - 1
    for sibling in map(base64.b64decode, proof["proof"]):
        if index % 2 or index == last:
            digest = hashlib.sha256(b"\x01" + sibling + digest).digest()
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            digest = hashlib.sha256(b"\x01" + digest + sibling).digest()
        index, last = index // 2, last // 2
    return digest == base64.b64decode(proof["root"])


def recomputed(document, package):
    """The digest of what the document shows of a package: ten lines of anybody's."""
    times = {name: text for name, text in package["times"].items() if name != "opened_at"}
    names = {
        "kind": "kind",
        "owner": "owner",
        "next": "next_action",
        "via": "tracking_kind",
        "at": "tracking",
    }
    bound = {
        "trial": document["trial"].removeprefix("trial:"), "stage": package["stage"], "version": package["version"],
        "predecessor": package["predecessor_digest"],
        "values": {**package["labels"], **times, **package["references"]},
        "handoffs": [{name: row[shown] for name, shown in names.items()} for row in package["handoffs"]],
    }  # fmt: skip
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_export_fits_its_published_schema(revoked, at):
    """B20: judged by a validator that is not ours."""
    document = evidence_export(trial=revoked, **ANN, at=at)
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    assert [package["stage"] for package in document["packages"]] == ["access", "expiry", "follow_up"]
    assert document["packages"][0]["decisions"][0]["by"] == "policy"
    assert Event.objects.filter(kind="evidence.exported").count() == 1


def test_a_reader_outside_checks_that_the_record_existed(revoked, at):
    """The position and the proof, by foreign code; a changed leaf does not hold."""
    assert "pending" in evidence_export(trial=revoked, **ANN, at=at)["packages"][0]["history"]
    sequence(at=at)
    checkpoint(at=at)
    document = evidence_export(trial=revoked, **ANN, at=at)
    jsonschema.validate(document, SCHEMA)
    for package in document["packages"]:
        proof = package["history"]["proof"]
        assert holds(proof)
        leaf = json.loads(proof["leaf"])
        assert leaf["subject"] == package["package"]
        assert leaf["data"]["digest"] == package["digest"] == recomputed(document, package)
    package["references"]["follow_up_ref"] = "follow-up:another"
    assert recomputed(document, package) != leaf["data"]["digest"]


def test_a_proof_is_of_what_is_shown(revoked, at):
    """B20: until a checkpoint covers the change, the export proves nothing about the package."""
    sequence(at=at)
    checkpoint(at=at)
    change = {"license_revocation_ref": "event:1"}
    evidence_change(package=latest_of(revoked, StageName.EXPIRY), values=change, **ANN, at=at)
    shown = {row["stage"]: row["history"] for row in evidence_export(trial=revoked, **ANN, at=at)["packages"]}
    assert ("proof" in shown["access"], "pending" in shown["expiry"]) == (True, True)
    sequence(at=at)
    checkpoint(at=at)
    document = evidence_export(trial=revoked, **ANN, at=at)
    leaf = json.loads(document["packages"][1]["history"]["proof"]["leaf"])
    assert leaf["data"]["digest"] == recomputed(document, document["packages"][1])


def test_the_schema_is_there_for_everybody(client, revoked, at):
    """B20: the document names the address, and the address answers without a credential."""
    address = evidence_export(trial=revoked, **ANN, at=at)["$schema"]
    answer = client.get(address.removeprefix("http://testserver"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/schema+json")
    assert answer.json()["$id"] == address
    jsonschema.Draft202012Validator.check_schema(answer.json())


def test_nothing_forbidden_ever_gets_out(revoked, at, caplog):
    """B20, B21: canaries of the nine classes, past the checks into every place of the rows that an export shows."""
    expiry, follow_up = latest_of(revoked, StageName.EXPIRY), latest_of(revoked, StageName.FOLLOW_UP)
    key = artifact_text(issuance=latest_issuance(revoked.license), actor="user:1", at=at)
    signing_key = unseal(bytes(SigningKey.objects.first().private_sealed)).decode()
    canaries = {
        "customer record": "Ann Canary, 12 Main Street",
        "CRM credential": "crm-token-xoxb-canary-1",
        "license key": key,
        "signing key": signing_key,
        "registry token": "ghp_canaryCANARY0123456789canaryCANARY01",
        "tenant secret": "https://tenant:canary@db.example.com/x",
        "license-service code": "def issue_canary(row): return 1",
        "trial artifact bytes": "UEsDBBQACAgI" + "Zk39dkfL" * 6,
        "paid policy pack": "pack.canary { allow = true }",
    }
    texts = itertools.cycle(canaries.values())
    for row in (expiry, follow_up):  # a text in each member: references, words and instants alike
        values = {field.name: next(texts) for field in STAGES[StageName(row.stage)].fields}
        EvidencePackage.objects.filter(pk=row.pk).update(values=values)
    for field in ("owner_ref", "next_action_ref", "tracking_ref"):
        Handoff.objects.filter(package=follow_up).update(**{field: next(texts)})
    told = {"actor": "user:1", "result": "blocked", "by": "attested", "checked_at": at}
    for check in AccessCheck:
        given = {"reason": next(texts)[:60], "reference": next(texts)[:120]}
        BlockedAccessCheck.objects.create(trial=revoked, check_name=check, **given, **told)
    document = evidence_export(trial=revoked, **ANN, at=at)
    jsonschema.validate(document, SCHEMA)
    shown = json.dumps(document) + evidence_markdown(document) + caplog.text
    shown += json.dumps(list(Event.objects.values_list("data", flat=True)))
    for name, text in canaries.items():
        assert max(text.split(), key=len)[:40] not in shown, name
    assert "anary" not in shown
    members = sum(len(STAGES[stage].fields) for stage in (StageName.EXPIRY, StageName.FOLLOW_UP))
    handed = 3 * Handoff.objects.filter(package=follow_up).count()
    assert document["counts"]["redacted"] == members + handed + 2 * len(AccessCheck)


def test_no_person_stands_in_an_export(revoked, at):
    """B20: neither address nor name of who tried, nor the account's."""
    document = evidence_export(trial=revoked, **ANN, at=at)
    text = json.dumps(document) + evidence_markdown(document)
    for personal in (revoked.email, revoked.account.name, revoked.account.slug, revoked.email.split("@")[1]):
        assert personal not in text


def test_the_daily_job_leaves_nothing_silent(running, at, monkeypatch):
    """B17, B25: empty right after it; after three days what is still blocked is listed."""
    late = running.ends_at + timedelta(hours=1)
    trial_sweep(at=late)
    assert list(expired_without_follow_up(late)) == [running]
    monkeypatch.setattr("config.kit.clock.now", lambda: late)
    draft_evidence()
    assert not expired_without_follow_up(late).exists()
    assert list(expired_without_follow_up(late + timedelta(days=3))) == [running]
    # how it ends is for a person to say: until then nothing has to be shut
    assert not BlockedAccessCheck.objects.exists()


def test_the_job_tries_the_license_of_who_was_revoked_until_it_is_shut(running, revoked, at):
    """B25: once a day while it is found open, and no more after that."""
    evidence_tend(at=at)
    found = BlockedAccessCheck.objects.get()
    assert (found.result, found.by, list(license_checks_due(at + timedelta(days=2)))) == (
        "blocked",
        "signet",
        [],
    )
    BlockedAccessCheck.objects.update(result="allowed")
    assert not license_checks_due(at + timedelta(hours=23)).exists()
    assert list(license_checks_due(at + timedelta(days=1))) == [revoked]
    evidence_change(
        package=latest_of(revoked, StageName.EXPIRY), values={"outcome": "escalated"}, **ANN, at=at
    )
    assert not license_checks_due(at + timedelta(days=1)).exists()


def test_a_late_follow_up_is_told_once_a_trial(running, at):
    """B17: readers of history learn of it, by ids and counts; a follow-up that is done is not late."""
    trial_sweep(at=running.ends_at)
    evidence_tend(at=running.ends_at)
    overdue = Event.objects.filter(kind="evidence.overdue")
    evidence_tend(at=running.ends_at + timedelta(days=2))
    assert not overdue.exists()
    for days in (3, 4):
        evidence_tend(at=running.ends_at + timedelta(days=days))
    told = overdue.get()
    package = latest_of(running, StageName.FOLLOW_UP)
    assert told.subject == f"trial:{running.uid}"
    assert told.data == {
        "program": running.program.slug, "license": running.license.public_id, "package": str(package.uid),
        "version": 1, "blockers": len(package.blockers),
    }  # fmt: skip


def test_one_trial_that_cannot_be_drafted_keeps_no_other_from_its_drafts(running, program, ask):
    """B17: it stays in the report of what ended silently."""
    other = ask(program, "bo@globex.example").granted.trial
    # a program whose row holds a word that no version knows
    broken = TrialProgram.objects.get(pk=program.pk)
    broken.pk, broken.slug, broken.default, broken.access_channel = None, "broken", False, "pigeon"
    broken.save(force_insert=True)
    Trial.objects.filter(pk=running.pk).update(program=broken)
    late = max(running.ends_at, other.ends_at) + timedelta(hours=1)
    assert evidence_draft(at=late) == 1
    assert list(expired_without_follow_up(late)) == [running]


def test_ready_packages_wait_for_an_approver(revoked):
    """B19: the inbox holds what nobody has decided."""
    assert [row.stage for row in waiting_for_approval()] == ["expiry"]


def test_the_command_shows_evaluates_exports_and_decides(revoked, at):
    """The way of an operator: read the digest, decide on it, see what is left."""
    assert run("show", revoked.uid)[1].startswith(f"# Evidence of trial:{revoked.uid}")
    code, told = run("evaluate", revoked.uid, "--json")
    assert (code, json.loads(told)["expiry"]) == (1, {"state": "ready", "blockers": []})
    row = latest_of(revoked, StageName.EXPIRY)
    assert run("approve", row.uid, "--digest", row.digest) == (0, "approved\n")
    with pytest.raises(CommandError, match="already_approved"):
        run("approve", row.uid, "--digest", row.digest)
    assert json.loads(run("export", revoked.uid)[1])["packages"][1]["approved"] is True
    # in March its follow-up was opened, and nobody has seen to it since
    assert run("draft")[1] == "0 trials got drafts, 1 wait for their follow-up\n"
    assert run("evaluate") == (0, "0 packages changed\n")


def test_the_command_refuses_what_is_not_there(revoked):
    with pytest.raises(CommandError, match="not_found"):
        run("show", "018f0000-0000-7000-8000-000000000000")


def test_a_change_of_the_gates_is_caught_up_with(revoked, at):
    """B13: what is kept beside the packages follows the gates, whoever changed them."""
    EvidencePackage.objects.update(state="ready", blockers=[])
    code, told = run("evaluate", "--json")
    assert (code, json.loads(told)["changed"]) == (0, 1)
    assert latest_of(revoked, StageName.FOLLOW_UP).state == "blocked"


def test_an_outcome_is_corrected_by_a_person(revoked, at):
    """B4: what the facts said may be overruled, as a change like any other."""
    row = evidence_change(
        package=latest_of(revoked, StageName.EXPIRY), values={"outcome": "escalated"}, **ANN, at=at
    )
    assert row.blockers == ["escalation_ref_missing"]
