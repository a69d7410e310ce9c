"""The funnel in the admin: chart, table and file."""

from __future__ import annotations

from datetime import timedelta

import pytest

from licenses.domain.heartbeats import Beat
from licenses.services.heartbeats import beat_apply
from trials.domain.touches import Touch
from trials.models import TrafficDay, Trial, TrialProgram
from trials.services.running import trial_convert, trial_sweep
from trials.services.traffic import visit_count

pytestmark = pytest.mark.django_db

FUNNEL = "/admin/trials/trial/funnel/"
NASTY = "<script>alert(1)</script>"
DAY = timedelta(days=1)


@pytest.fixture
def root(signed_in, superadmin, clock):
    return signed_in(superadmin)


@pytest.fixture
def story(program, ask, at):
    """Four visits, two of them of one campaign, of which one asks."""
    for touch in (Touch("hn", "post", "launch"), Touch("hn", "post", "launch"), Touch("mail"), Touch()):
        visit_count(touch=touch, at=at)
    return ask(program, first_touch=Touch("hn", "post", "launch")).granted.trial


def bars(page) -> dict[str, tuple[str, str]]:
    return {bar.name: (bar.count, bar.share) for bar in page.context["bars"]}


def csv_of(browser, **query) -> list[str]:
    answer = browser.get(FUNNEL, {**query, "format": "csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    return b"".join(answer.streaming_content).decode().splitlines()


def test_every_stage_has_its_number_and_its_share_of_the_one_before(root, story):
    """A28: visits → requests → issued → installed → active → pilot-ready → converted."""
    found = bars(root.get(FUNNEL))
    assert list(found) == [
        "Visits", "Requests", "Issued", "Installed", "Active", "Pilot-ready", "Converted",
    ]  # fmt: skip
    assert (found["Visits"], found["Requests"], found["Issued"]) == (("4", ""), ("1", "25%"), ("1", "100%"))
    assert (found["Installed"], found["Active"]) == (("0", "0%"), ("0", ""))


def test_the_table_tells_sources_apart(root, story):
    """A28: by UTM."""
    rows = {line.name: [cell.count for cell in cells] for line, cells in root.get(FUNNEL).context["lines"]}
    assert rows["hn / post / launch"][:3] == ["2", "1", "1"]
    assert rows["mail"][:3] == rows["direct"][:3] == ["1", "0", "0"]


@pytest.mark.parametrize(
    ("query", "visits"),
    [
        ({"period": "30"}, "0"),
        ({"period": "90"}, "4"),
        ({"period": "year"}, "4"),
        ({"period": "dates", "from": "2026-03-02", "to": "2026-03-02"}, "4"),
        ({"period": "dates", "from": "2026-03-03", "to": "2026-03-31"}, "0"),
        ({"period": "odd", "program": "\0"}, "0"),
    ],
)
def test_a_period_is_chosen(root, story, clock, query, visits):
    """A28: by period; both ends are counted."""
    clock.advance(40 * DAY)
    assert bars(root.get(FUNNEL, query))["Visits"][0] == visits


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("", "", "Give the first and the last day"),
        ("2026-02-30", "x", "Give the first and the last day"),
        ("2026-03-02", "2026-03-01", "turn them round"),
    ],
)
def test_dates_that_cannot_be_counted_are_told(root, story, first, last, said):
    page = root.get(FUNNEL, {"period": "dates", "from": first, "to": last, "format": "csv"})
    assert said in page.content.decode()


def test_a_program_counts_its_own_trials(root, story, make_program):
    make_program("other")
    assert bars(root.get(FUNNEL, {"program": "other"}))["Issued"][0] == "0"
    assert bars(root.get(FUNNEL, {"program": "demo-trial"}))["Issued"][0] == "1"


# --- the lists behind the numbers ---------------------------------------------------------------------


@pytest.fixture
def course(program, make_program, ask, at):
    """Six trials of four origins, as far as one can come; and one that used its license for a second time."""
    other = make_program("other", cooldown_days=0)
    touches = [
        Touch("hn", "post", "launch"),
        Touch("hn"),
        Touch(),
        Touch("(none)", "(x)"),
        Touch("a / b", "a"),
    ]
    trials = [
        ask(program, f"ada@company{number}.example", first_touch=touch).granted.trial
        for number, touch in enumerate([*touches, touches[0]])
    ]
    for number, days in enumerate((6, 2, 1, 0, 3, 6)):
        for day in range(days):
            beat(trials[number], at + day * DAY)
    trial_sweep(at=at + 5 * DAY)
    trial_convert(trial=trials[0], license=None, actor="user:1", at=at + 6 * DAY)
    again = ask(other, "eve@again.example").granted.trial
    beat(again, at + DAY)
    trial_sweep(at=at + 2 * DAY)
    later = again.ends_at + DAY
    trial_sweep(at=later)
    second = ask(other, "eve@again.example", when=later).granted.trial
    beat(second, later + DAY)
    beat(second, later + 2 * DAY)
    trial_sweep(at=later + 3 * DAY)
    return later + 5 * DAY


def beat(trial, when):
    beat_apply(license_pk=trial.license_id, beat=Beat("install-0001", "2.4.1", "Linux", 1), at=when)


@pytest.mark.parametrize("chosen", ["", "demo-trial", "other"])
def test_every_number_leads_to_a_list_of_as_many_rows(root, course, clock, chosen):
    """A28: no stage counts a row that does not exist; in all, by source and by program."""
    clock.set(course)
    page = root.get(FUNNEL, {"period": "90", "program": chosen})
    found = [(bar.count, bar.url) for bar in page.context["bars"]]
    for _, cells in page.context["lines"]:
        found += [(cell.count, cell.url) for cell in cells]
    linked = [(count, url) for count, url in found if url]
    assert len(linked) > 5
    for count, url in linked:
        assert f"{root.get(url).context['cl'].result_count:,}" == count, url
    assert all(count == "0" for count, url in found if not url)


def test_a_second_trial_of_one_license_is_active_by_its_own_days(root, course, clock):
    """A28: what was heard in a later trial is no use of the earlier one."""
    clock.set(course)
    other = TrialProgram.objects.get(slug="other").pk
    shown = root.get("/admin/trials/trial/", {"stage": "active", "program__id__exact": other})
    assert [row.started_at > course - 10 * DAY for row in shown.context["cl"].result_list] == [True]


def test_who_may_not_see_requests_gets_no_way_there(root, signed_in, make_user, story):
    """A number that leads nowhere is plain text."""
    sales = make_user("sales")
    role = sales.groups.get()
    role.permissions.remove(*role.permissions.filter(codename="view_trialrequest"))
    urls = {bar.name: bar.url for bar in signed_in(sales).get(FUNNEL).context["bars"]}
    assert urls["Requests"] == urls["Visits"] == ""
    assert urls["Issued"]


def test_the_file_holds_the_same_numbers(root, story):
    """A28: CSV."""
    header, first, *_ = csv_of(root)
    assert header == "Source,Medium,Campaign,Visits,Requests,Issued,Installed,Active,Pilot-ready,Converted"
    assert first == "hn,post,launch,2,1,1,0,0,0,0"


def test_hostile_sources_are_text_and_no_formula(root, at):
    """Trust: everything typed by outsiders is text; cells are no formulas."""
    visit_count(touch=Touch(NASTY, "=1+1"), at=at)
    assert NASTY not in root.get(FUNNEL).content.decode()
    assert csv_of(root)[1].startswith(f"{NASTY},'=1+1,")


@pytest.mark.parametrize(
    "query", [{"source": NASTY}, {"source": "\0"}, {"stage": "odd"}, {"medium": "((none))"}]
)
def test_odd_filters_break_no_list(root, story, query):
    for page in ("trial", "trialrequest"):
        answered = root.get(f"/admin/trials/{page}/", query)
        assert answered.status_code in {200, 302}
        assert NASTY not in answered.content.decode()


def test_many_sources_cost_no_more_queries(root, at, django_assert_max_num_queries):
    TrafficDay.objects.bulk_create(
        TrafficDay(day=at.date(), source=f"s{number}", visits=1, updated_at=at) for number in range(600)
    )
    with django_assert_max_num_queries(22):
        page = root.get(FUNNEL)
    assert (len(page.context["lines"]), page.context["more"]) == (500, 100)


def test_an_empty_funnel_says_so(root):
    assert "Nobody came by in this period" in root.get(FUNNEL).content.decode()
    assert not Trial.objects.exists()


def test_the_funnel_is_for_who_may_see_trials(signed_in, make_user, clock):
    assert signed_in(make_user()).get(FUNNEL).status_code == 403
    assert signed_in(make_user("sales")).get(FUNNEL).status_code == 200
    assert signed_in(make_user("auditor")).post(FUNNEL).status_code == 405
