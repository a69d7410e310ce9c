"""Values in their form, their hash, and who wins in a field."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from crm.domain.sync.fields import FieldType, ObjectKind, RemoteField, Rule, Target, mapping_detect
from crm.domain.sync.payloads import Facts, as_theirs, decide, digest, same, wanted

PERSON, TASK = ObjectKind.PERSON, ObjectKind.TASK
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "ours", "sent", "theirs", "decision"),
    [
        (Rule.IF_EMPTY, "Ada", None, "", "send"),
        (Rule.IF_EMPTY, "Ada", None, "A.", "keep"),
        (Rule.IF_EMPTY, "Ada", "Ada", "A.", "take"),
        (Rule.IF_EMPTY, "Ann", "Ada", "A.", "conflict"),
        (Rule.IF_EMPTY, "Ann", "Ada", "Ada", "keep"),
        (Rule.IF_EMPTY, "", None, "A.", "take"),
        (Rule.IF_EMPTY, "Ada", "Ada", "", "conflict"),
        (Rule.ALWAYS, "Ada", None, "A.", "conflict"),
        (Rule.ALWAYS, "Ann", "Ada", "Ada", "send"),
        (Rule.ALWAYS, "Ada", "Ada", "A.", "conflict"),
        (Rule.NEVER, "Ada", None, "", "keep"),
        (Rule.ALWAYS, "Ada", "A.", "Ada", "keep"),
    ],
)
def test_the_side_that_did_not_change_gives_way(rule, ours, sent, theirs, decision):
    """D18: the per-field overwrite rule; what both changed is nobody's to lose silently."""
    assert decide(PERSON, "job_title", rule, ours=ours, sent=sent, theirs=theirs).value == decision


@pytest.mark.parametrize(
    ("rule", "theirs", "decision"),
    [(Rule.ALWAYS, "dormant", "send"), (Rule.IF_EMPTY, "dormant", "keep"), (Rule.IF_EMPTY, None, "send")],
)
def test_a_fact_of_ours_just_follows_its_rule(rule, theirs, decision):
    """A20: nobody types an engagement."""
    assert decide(PERSON, "engagement", rule, ours="active", sent=None, theirs=theirs).value == decision


@pytest.mark.parametrize(
    ("name", "rule", "ours", "sent", "theirs", "decision"),
    [
        ("status", Rule.ALWAYS, "TODO", "TODO", "DONE", "take"),
        ("status", Rule.ALWAYS, "IN_PROGRESS", "TODO", "DONE", "conflict"),
        ("status", Rule.ALWAYS, "DONE", "TODO", "TODO", "send"),
        ("status", Rule.ALWAYS, "TODO", None, "DONE", "send"),
        ("status", Rule.NEVER, "TODO", "TODO", "DONE", "keep"),
        ("title", Rule.ALWAYS, "Call", "Call", "Ring", "conflict"),
        ("title", Rule.IF_EMPTY, "Call", "Call", "Ring", "keep"),
        ("text", Rule.ALWAYS, "a\r\nb", "a\r\nb", "a\nb\n", "keep"),
    ],
)
def test_of_a_task_nothing_that_was_typed_there_is_written_over(name, rule, ours, sent, theirs, decision):
    """D18: a task that is done there is done."""
    assert decide(TASK, name, rule, ours=ours, sent=sent, theirs=theirs).value == decision


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (3, "3", True),
        (3, 3.0, True),
        ("2026-03-02T09:30:00.000Z", "2026-03-02T09:30:00+00:00", True),
        ("acme.example", "https://acme.example/", True),
        (None, "", True),
        ("007", "7", False),
        (0, "", False),
    ],
)
def test_two_spellings_of_one_value_are_no_change(one, other, alike):
    """A20"""
    assert same(one, other) is alike


def test_values_take_the_form_of_their_field():
    """D18: a value that a field cannot hold is left out, so that the record is not refused for it."""

    def theirs(kind, value, options=()):
        return as_theirs(TASK, "status", value, Target("x", Rule.ALWAYS, type=kind, options=options))

    assert theirs(FieldType.CHOICE, "open", ("TODO", "DONE")) == "TODO"
    assert theirs(FieldType.CHOICE, "dropped", ("NOT_STARTED", "DEFERRED")) == "DEFERRED"
    assert theirs(FieldType.CHOICE, "open", ("Red",)) is None
    assert theirs(FieldType.INSTANT, date(2026, 3, 2)) == "2026-03-02T12:00:00.000Z"
    assert theirs(FieldType.DATE, AT) == "2026-03-02"
    assert theirs(FieldType.NUMBER, "many") is None
    assert theirs(FieldType.NUMBER, 0) == 0
    assert theirs(FieldType.TEXT, "a\x00\ud800b") == "a?b"


def test_what_was_chosen_stays_through_a_new_detection():
    """D18: the workspace's own names are detected, whatever their spelling; a person's choice stands above it."""
    there = [RemoteField("emails.primaryEmail", ""), RemoteField("signet_last_seen", "", FieldType.INSTANT),
             RemoteField("health", "", FieldType.CHOICE, ("ACTIVE",))]  # fmt: skip
    first = mapping_detect(PERSON, there, {})
    assert (first["last_seen"].to, first["last_seen"].type) == ("signet_last_seen", FieldType.INSTANT)
    assert first["version"].to == ""
    chosen = {**first, "engagement": Target("health", Rule.IF_EMPTY, chosen=True),
              "last_seen": Target("", Rule.ALWAYS, chosen=True)}  # fmt: skip
    again = mapping_detect(PERSON, there, chosen)
    assert (again["engagement"].to, again["engagement"].options) == ("health", ("ACTIVE",))
    assert again["last_seen"].to == ""
    assert mapping_detect(PERSON, there[:2], again)["engagement"].to == ""


def test_the_hash_sees_what_is_sent_and_nothing_else():
    """A20: dirty tracking."""
    mapped = {"engagement": Target("a", Rule.ALWAYS), "version": Target("", Rule.ALWAYS),
              "phone": Target("p", Rule.NEVER)}  # fmt: skip

    def of(**values):
        return digest(Facts(kind=PERSON, object_id=1, uid="u", identity="a@b.example", values=values), mapped)

    assert of(engagement="active") == of(engagement="active", version="2", phone="1")
    assert of(engagement="active") != of(engagement="stuck")
    facts = Facts(kind=PERSON, object_id=1, uid="u", identity="", values={"phone": "1"})
    assert wanted(facts, mapped) == {"engagement": ""}
