"""Trial programs in the admin."""

from __future__ import annotations

import pytest
from django.forms import model_to_dict
from django.urls import reverse

from history.models import Event
from trials.admin.program_fields import PARTS
from trials.models import TrialProgram
from trials.services.programs import program_update

pytestmark = pytest.mark.django_db

LIST = "/admin/trials/trialprogram/"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


def page(row):
    return reverse("admin:trials_trialprogram_change", args=[row.pk])


def given(row, *questions, **changed):
    """What the form posts."""
    data = {name: value for name, value in model_to_dict(row).items() if value not in (False, None)}
    data |= {"fields-0-label": "", "origins": "\n".join(row.origins), **changed}
    for number, question in enumerate(questions):
        data |= {f"fields-{number}-{part}": question.get(part, "") for part in PARTS}
        data |= {f"fields-{number}-required": "1"} if question.get("required") else {}
    return {
        name: value for name, value in data.items() if name not in {"fields", "id"} and value is not False
    }


def test_a_program_is_added(root, product, trial):
    """E21: a program per product."""
    row = TrialProgram(slug="quick", name="Quick", product=product, plan=trial)
    root.post(f"{LIST}add/", given(row, default="on"))
    made = TrialProgram.objects.get()
    assert (made.slug, made.default, made.duration_days, made.seats, made.nodes) == ("quick", True, 30, 10, 1)
    assert Event.objects.filter(kind="trial_program.changed").exists()


def test_questions_and_origins_are_filled_in_without_json(root, program):
    size = {"label": "How large?", "kind": "choice", "choices": "small, large", "required": True}
    root.post(page(program), given(program, size, origins="https://a.example\nhttps://b.example"))
    program.refresh_from_db()
    assert program.fields == [
        {"name": "how_large", "label": "How large?", "kind": "choice", "required": True, "choices": ["small", "large"]}
    ]  # fmt: skip
    assert program.origins == ["https://a.example", "https://b.example"]
    assert 'value="small, large"' in root.get(page(program)).content.decode()


def test_a_question_without_a_text_is_taken_away(root, make_program):
    program = make_program(fields=[{"name": "nodes", "label": "How many?"}])
    root.post(page(program), given(program))
    program.refresh_from_db()
    assert program.fields == []


def test_saving_what_is_there_changes_nothing(root, make_program):
    program = make_program(fields=[{"name": "nodes", "label": "How many?"}])
    before = Event.objects.count()
    root.post(page(program), given(program, {"name": "nodes", "label": "How many?"}))
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"origins": "nonsense"}, "nonsense is no origin"),
        ({"duration_days": 400}, "1 to 365 days."),
        ({"ready_days": 9}, "Not more than the window has days."),
        ({"terms_version": "2"}, "Where the terms are to be read."),
    ],
)
def test_what_is_wrong_stands_at_its_field(root, program, changed, words):
    assert words in root.post(page(program), given(program, **changed)).content.decode()


def test_what_is_wrong_with_a_question_is_said_and_stays_typed(root, program):
    odd = {"label": NASTY, "kind": "choice", "name": "1x"}
    found = root.post(page(program), given(program, odd)).content.decode()
    assert "has no choices" in found
    assert "&lt;script&gt;" in found
    assert NASTY not in found


def test_a_program_leads_to_its_trials(root, running):
    found = root.get(page(running.program)).content.decode()
    assert f"{reverse('admin:trials_trial_changelist')}?program__id__exact={running.program_id}" in found
    assert "1 running" in found


def test_a_program_shows_its_page_and_the_html_that_embeds_it(root, program, settings):
    """E21: a hosted, embeddable page for vendors without a storefront."""
    settings.BASE_URL = "https://licenses.example.com"
    program_update(
        program=program, origins=["https://www.example.com"], actor="user:1", at=program.created_at
    )
    page = root.get(f"/admin/trials/trialprogram/{program.pk}/change/")
    shown = page.context["page"]
    assert (shown.url, shown.open) == ("https://licenses.example.com/trial/demo-trial", True)
    assert 'data-signet-trial="https://licenses.example.com/trial/demo-trial"' in shown.snippet
    assert 'src="https://licenses.example.com/static/signet/embed.js"' in shown.snippet
    assert "https://www.example.com" in page.content.decode()


@pytest.mark.parametrize("closed", [{"public": False}, {"active": False}])
def test_a_page_that_is_not_open_is_told_so(root, make_program, closed):
    row = make_program("closed", **closed)
    page = root.get(f"/admin/trials/trialprogram/{row.pk}/change/")
    assert not page.context["page"].open
    assert "opens when the program is active and public" in page.content.decode()


def test_who_may_not_change_programs_only_looks(signed_in, auditor, program, clock):
    """D15: trials.change_trialprogram."""
    browser = signed_in(auditor)
    assert 'name="_save"' not in browser.get(page(program)).content.decode()
    assert browser.post(page(program), given(program, duration_days=7)).status_code == 403
    assert browser.get(f"{LIST}add/").status_code == 403


def test_the_list_costs_the_same_for_many(root, make_program, django_assert_max_num_queries):
    for number in range(5):
        make_program(f"p{number}")
    with django_assert_max_num_queries(14):
        root.get(LIST)
