"""The hosted trial page over HTTP: what a visitor sees, types and is told."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.test import Client

from licenses.models import License
from trials.models import TrafficDay, Trial, TrialRequest
from trials.services.requesting import code_of
from trials.services.running import trial_sweep

pytestmark = pytest.mark.django_db

PAGE = "/trial/demo-trial"
ADA = {"email": "ada@initech.example", "name": "Ada", "company": "Initech"}
NASTY = '"><script>alert(1)</script>'
QUESTIONS = [
    {"name": "size", "label": "How many?", "kind": "choice", "choices": ["few", "many"], "required": True},
    {"name": "news", "label": "Tell me news", "kind": "flag"},
]


@pytest.fixture
def visitor():
    """A browser without cookies, whose posts are checked like anybody's."""
    return Client(enforce_csrf_checks=True)


def hidden(page) -> dict[str, str]:
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    return {name: html.unescape(value) for name, value in found}


def send(visitor, said, query="", page=PAGE):
    """Open the form, fill it in and send it."""
    return visitor.post(page, {**hidden(visitor.get(page + query)), **said})


def test_a_visitor_asks_and_is_sent_to_the_mail(visitor, program, clock):
    """A21: the license goes by mail, the page shows none."""
    answer = send(visitor, ADA)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/mail")
    told = visitor.get(f"{PAGE}/mail")
    assert "Look into your mail" in told.content.decode()
    row = Trial.objects.get()
    assert (row.email, row.name) == ("ada@initech.example", "Ada")
    assert TrialRequest.objects.get().created_by == "public:trial"
    assert row.license.public_id not in told.content.decode()


def test_where_a_visitor_came_from_survives_to_the_trial(visitor, program, clock):
    """A23: first and last touch through the hidden fields."""
    came = "?utm_source=mail&utm_medium=letter&first_source=hn&first_campaign=launch"
    send(visitor, ADA, came)
    row = Trial.objects.get()
    assert (row.first_touch["source"], row.first_touch["campaign"]) == ("hn", "launch")
    assert (row.last_touch["source"], row.last_touch["medium"]) == ("mail", "letter")


def test_without_an_earlier_entry_this_one_is_the_first(visitor, program, clock):
    """A23."""
    send(visitor, ADA, "?utm_source=hn")
    assert Trial.objects.get().first_touch["source"] == "hn"


def test_hostile_words_are_shown_as_text(visitor, program, clock):
    """Trust: everything typed by outsiders is text."""
    opened = visitor.get(PAGE, {"utm_source": NASTY, "first_campaign": NASTY})
    again = visitor.post(PAGE, {**hidden(opened), "name": NASTY, "company": NASTY, "email": NASTY})
    assert again.status_code == 400
    for page in (opened, again):
        assert "<script" not in page.content.decode()


def test_a_mistake_stands_at_its_field_and_what_was_typed_is_kept(visitor, make_program, signing, clock):
    make_program(fields=QUESTIONS, terms_version="2026-01", terms_url="https://acme.example/terms")
    answer = send(visitor, {**ADA, "email": "ada"})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert set(answer.context["errors"]) == {"email", "answer_size", "terms"}
    assert 'value="Initech"' in text
    assert 'id="email-error"' in text
    assert not TrialRequest.objects.exists()


def test_answers_and_terms_are_kept(visitor, make_program, signing, clock):
    make_program(fields=QUESTIONS, terms_version="2026-01", terms_url="https://acme.example/terms")
    answer = send(visitor, {**ADA, "answer_size": "many", "terms": "yes"})
    row = TrialRequest.objects.get()
    assert (answer.status_code, row.answers) == (303, {"size": "many", "news": False})
    assert (row.terms_version, row.terms_accepted_at) == ("2026-01", clock.at)


def test_the_hidden_field_is_told_what_everybody_is_told(visitor, program, clock):
    answer = send(visitor, {**ADA, "website": "https://spam.example"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}/mail")
    assert not TrialRequest.objects.exists()


def test_the_hidden_field_is_out_of_everybodys_way(visitor, program):
    text = visitor.get(PAGE).content.decode()
    field = text[text.index('class="besides"') :][:250]
    assert 'aria-hidden="true"' in field
    assert 'tabindex="-1"' in field


def test_who_has_had_the_trial_is_told_what_everybody_is_told(visitor, api, program, clock):
    """People: whoever asks learns nothing about an address; of the API neither."""
    send(visitor, ADA)
    clock.advance(timedelta(days=31))
    trial_sweep(at=clock.at)
    assert send(visitor, ADA).headers["Location"] == f"{PAGE}/mail"
    assert api.post("/api/v1/trials", {"email": ADA["email"], "program": "demo-trial"}).status_code == 202
    assert Trial.objects.count() == 1


def test_a_form_of_elsewhere_or_of_yesterday_is_shown_again(visitor, program, make_program, clock):
    make_program("other")
    opened = hidden(visitor.get(PAGE))
    foreign = visitor.post("/trial/other", {**opened, **ADA})
    made_up = visitor.post(PAGE, {**ADA, "token": "made up"})
    clock.advance(timedelta(days=2))
    late = visitor.post(PAGE, {**opened, **ADA})
    for answer in (foreign, made_up, late):
        assert (answer.status_code, "open for too long" in answer.content.decode()) == (400, True)
    assert 'value="ada@initech.example"' in late.content.decode()
    assert visitor.post(PAGE, {**hidden(late), **ADA}).status_code == 303


# --- the code ---------------------------------------------------------------------------------------


@pytest.fixture
def proving(make_program, signing, clock):
    return make_program(verify_address=True)


def test_a_code_is_asked_for_and_taken(visitor, proving):
    """A21: the address is proven before anything is issued."""
    where = send(visitor, ADA).headers["Location"]
    row = TrialRequest.objects.get()
    assert where == f"{PAGE}/code/{row.uid}"
    assert "5 tries left" in visitor.get(where).content.decode()
    wrong = visitor.post(where, {"code": "nonsense"})
    assert (wrong.status_code, "4 tries left" in wrong.content.decode()) == (400, True)
    assert License.objects.count() == 0
    done = visitor.post(where, {"code": f" {code_of(row)} "})
    assert (done.status_code, done.headers["Location"]) == (303, f"{PAGE}/mail")
    assert License.objects.count() == 1
    assert visitor.get(where).headers["Location"] == f"{PAGE}/mail"


def test_tries_come_to_an_end(visitor, proving):
    where = send(visitor, ADA).headers["Location"]
    pages = [visitor.post(where, {"code": "nonsense"}) for _ in range(5)]
    assert "This code has lapsed" in pages[-1].content.decode()
    right = visitor.post(where, {"code": code_of(TrialRequest.objects.get())})
    assert (right.status_code, License.objects.count()) == (409, 0)


def test_a_code_lapses_after_an_hour(visitor, proving, clock):
    where = send(visitor, ADA).headers["Location"]
    clock.advance(timedelta(hours=1))
    assert "This code has lapsed" in visitor.get(where).content.decode()


def test_a_code_of_another_program_or_of_nobody_is_none(visitor, proving, make_program):
    make_program("other")
    uid = send(visitor, ADA).headers["Location"].rpartition("/")[2]
    code = code_of(TrialRequest.objects.get())
    assert visitor.post(f"/trial/other/code/{uid}", {"code": code}).status_code == 409
    nobody = f"{PAGE}/code/00000000-0000-4000-8000-000000000000"
    assert (visitor.get(nobody).status_code, visitor.post(nobody, {"code": "1"}).status_code) == (200, 409)


# --- who may see it, and where ----------------------------------------------------------------------


@pytest.mark.parametrize("closed", [{"public": False}, {"active": False}])
def test_a_program_that_is_not_open_has_no_page(visitor, make_program, closed):
    make_program(**closed)
    for path in (PAGE, f"{PAGE}/mail", "/trial/nothing"):
        answer = visitor.get(path)
        assert (answer.status_code, "No trial here" in answer.content.decode()) == (404, True)
        assert "/admin/" not in answer.content.decode()


def test_the_page_is_framed_by_nobody(visitor, program):
    answer = visitor.get(PAGE)
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_is_framed_by_the_programs_own_sites(visitor, make_program):
    make_program(origins=["https://www.acme.example", "https://acme.example:8443"])
    answer = visitor.get(PAGE)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://www.acme.example https://acme.example:8443")
    assert "default-src 'none'" in policy
    assert "X-Frame-Options" not in answer.headers


def test_the_page_sets_no_cookie_and_runs_no_script(visitor, program):
    answer = visitor.get(PAGE)
    assert not answer.cookies
    assert not re.search(r"<script|<style|style=| on\w+=", answer.content.decode())


def test_strangers_are_counted_together_with_those_of_the_api(visitor, api, program, settings, clock):
    settings.TRIAL_LIMIT = "2/hour"
    api.post("/api/v1/trials", {"email": ADA["email"], "program": "demo-trial"})
    answers = [send(visitor, ADA) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 429]
    assert answers[1].headers["Retry-After"]
    assert 'value="Initech"' in answers[1].content.decode()


def test_strangers_are_refused_while_nothing_counts(visitor, program, monkeypatch, clock):
    """Trust: limits are closed for trials when Redis is gone; the page itself opens."""

    def gone(*_args, **_more):
        raise OSError("down")

    monkeypatch.setattr("config.kit.api.throttling.take", gone)
    monkeypatch.setattr("trials.pages.take", gone)
    assert visitor.get(PAGE).status_code == 200
    assert send(visitor, ADA).status_code == 503
    assert not TrialRequest.objects.exists()


def test_a_captcha_hook_is_asked(visitor, program, settings, clock):
    settings.TRIAL_CAPTCHA = "operator.eq"
    answer = send(visitor, {**ADA, "captcha": "a bot"})
    assert (answer.status_code, "show that you are a person" in answer.content.decode()) == (400, True)
    assert send(visitor, {**ADA, "captcha": "127.0.0.1"}).status_code == 303


def test_a_visit_of_the_page_is_counted(visitor, program, clock):
    """A24: by source, and not of whoever asks not to be tracked."""
    visitor.get(PAGE, {"utm_source": "hn"})
    visitor.get(PAGE, {"utm_source": "hn"}, headers={"Sec-GPC": "1"})
    visitor.get(PAGE, {"utm_source": "hn"}, headers={"DNT": "1"})
    visitor.head(PAGE, {"utm_source": "hn"})
    row = TrafficDay.objects.get()
    assert (row.source, row.visits) == ("hn", 1)


@pytest.mark.parametrize(
    "said", [{"name": "a\x00b"}, {"name": "a" * 5000}, {"email": "a@" + "b" * 4000}, {"first_source": "\x00"}]
)
def test_no_input_is_a_fault_of_ours(visitor, program, clock, said):
    """Trust 9."""
    assert send(visitor, {**ADA, **said}).status_code in {303, 400}
