from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from history.models import Checkpoint, Entry, Event, ParkedEvent
from history.services import reader_register, sequence
from history.services.feed import ATTEMPTS, reader_run, reader_unregister

pytestmark = pytest.mark.django_db


def run(*arguments):
    """Run the command; return its exit code and what it printed."""
    out = io.StringIO()
    try:
        call_command("history", *map(str, arguments), stdout=out, stderr=io.StringIO())
    except SystemExit as left:
        return left.code, out.getvalue()
    return 0, out.getvalue()


def test_a_history_from_the_first_event_to_the_auditor_s_check(happen, tmp_path):
    """The journey: record, sequence, sign, keep the checkpoint, grow, verify against it, prove."""
    happen(20)
    assert run("sequence")[1] == "20 events sequenced\n"
    kept = tmp_path / "checkpoint"
    kept.write_text(run("checkpoint")[1])
    _, keys = run("key")
    happen(5)
    run("sequence")
    code, told = run("verify", "--checkpoint", kept, "--key", keys.strip())
    assert code == 0
    assert told.startswith("ok: 26 entries, 2 checkpoints")
    proof = json.loads(run("prove", 7, "--json")[1])
    assert (proof["leafIdx"], proof["treeSize"]) == (7, 20)


def test_a_checkpoint_covers_what_was_committed_before_it(happen):
    """What still waits for its position gets one first: the checkpoint says what there is."""
    happen(3)
    run("checkpoint")
    assert Checkpoint.objects.latest("id").size >= 3
    assert Event.objects.filter(entry=None, id__lte=3).count() == 0


def test_a_bad_history_is_told_with_position_and_exit_code(history_of, tamper, tmp_path):
    history_of(20)
    event = Entry.objects.get(position=4).event_id
    tamper(f"UPDATE history_event SET actor = 'user:2' WHERE id = {event}")
    code, told = run("verify")
    assert code == 1
    assert told.startswith("BAD at position 4: event_changed.")
    code, told = run("verify", "--json")
    assert (code, json.loads(told)["first_bad_position"]) == (1, 4)


def test_a_range_is_told_when_only_a_root_gives_it_away(history_of, tamper):
    kept = history_of(20)
    tamper("UPDATE history_checkpoint SET note = ''")
    code, told = run("verify")
    assert code == 1
    assert f"a position from 0 to {kept.size - 1}" in told


def test_a_sound_history_as_json(history_of):
    history_of(20)
    code, told = run("verify", "--json")
    result = json.loads(told)
    assert (code, result["ok"], result["size"], result["first_bad_position"]) == (0, True, 20, None)


@pytest.mark.parametrize("arguments", [("--checkpoint", "/nowhere/file"), ("--key", "nonsense")])
def test_a_wrong_argument_is_a_usage_error(arguments):
    with pytest.raises(CommandError) as caught:
        run("verify", *arguments)
    assert caught.value.returncode == 2


def test_an_export_goes_to_a_file_or_to_the_output(history_of, tmp_path):
    history_of(3)
    file = tmp_path / "history.jsonl"
    run("export", "--output", file)
    assert file.read_text() == run("export")[1]
    assert len(file.read_text().splitlines()) == 4


def test_a_proof_is_told_to_people_too(history_of):
    history_of(3)
    uid = Event.objects.order_by("id").first().uid
    told = run("prove", uid)[1]
    assert "license.issued license:L-0, position 0" in told
    assert told.endswith(Checkpoint.objects.get().note)


@pytest.mark.parametrize("name", ["99", "01890a5d-ac96-774b-bcce-b302099a8057"])
def test_what_is_not_there_is_not_proved(history_of, name):
    history_of(1)
    with pytest.raises(CommandError, match="no such event"):
        run("prove", name)


@pytest.mark.parametrize("name", ["-1", "xyz", str(2**63)])
def test_what_is_no_id_is_a_usage_error(name):
    with pytest.raises(CommandError, match=r"ID|arguments"):
        run("prove", name)


def test_growth_is_proved(history_of):
    history_of(9)
    assert json.loads(run("consistency", 4, 9)[1])["size1"] == 4


def test_an_empty_history_is_not_signed():
    with pytest.raises(CommandError, match="empty"):
        run("checkpoint")


def test_a_checkpoint_is_printed_again_when_nothing_happened(at, history_of):
    history_of(2)
    sequence(at=at)
    assert run("checkpoint")[1] == run("checkpoint")[1]


def test_a_new_key_is_printed_first():
    first = run("key")[1].strip()
    lines = run("key", "--new")[1].splitlines()
    assert lines[1] == first != lines[0]


def test_parked_events_are_listed_and_run_again(at, happen):
    def fail(event, *, at):
        if ParkedEvent.objects.exists():
            return
        raise RuntimeError("down")

    reader_register("failing", fail)
    try:
        happen(1)
        sequence(at=at)
        for _ in range(ATTEMPTS):
            reader_run("failing", at=at)
        assert "failing  license.issued license:L-0  RuntimeError: down" in run("rerun")[1]
        parked = ParkedEvent.objects.get()
        assert run("rerun", parked.pk)[1] == f"{parked.pk} done\n"
        assert run("rerun")[1] == ""
    finally:
        reader_unregister("failing")
