"""What needs attention: found, counted, tried again, set aside; and the page of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config import attention
from config.attention import (
    MOST,
    CannotBeSetAside,
    NothingToTry,
    count,
    look,
    problem_retry,
    problem_set_aside,
)
from config.kit import attention as registry
from config.kit.attention import Problem, Source, source_register
from config.kit.errors import Conflict, NotFound
from config.models import SetAside
from history.models import Event

pytestmark = pytest.mark.django_db

PAGE = "/admin/attention/"
DO = "/admin/attention/do/"
ASIDE = "/admin/attention/aside/"
COUNT = "/admin/attention/count/"
NASTY = "<script>alert(1)</script>"
SEE, MANAGE = "licenses.view_license", "licenses.revoke_license"


class Fake:
    """A source of the tests: its problems, and what was tried."""

    def __init__(self, *titles):
        self.problems = [
            Problem(key=str(n), title=title, cause="It broke.") for n, title in enumerate(titles)
        ]
        self.tried = []
        self.asked = 0

    def find(self, at):
        self.asked += 1
        yield from self.problems

    def retry(self, key, *, actor, at):
        self.tried.append((key, actor))
        if key == "9":
            raise Conflict("Not now.")
        return f"Tried {key}."


@pytest.fixture
def register(monkeypatch):
    """Only the sources of the test are there."""
    monkeypatch.setattr(registry, "_sources", {})

    def add(fake, **fields):
        given = {"name": "fake", "title": "Fakes", "find": fake.find, "permissions": (SEE,), "manage": MANAGE,
                 "retry": fake.retry}  # fmt: skip
        source = Source(**{**given, **fields})
        source_register(source)
        return source

    return add


@pytest.fixture
def manager(signed_in, license_manager, clock):
    """Sees the fakes and may do something about them."""
    return signed_in(license_manager)


@pytest.fixture
def viewer(signed_in, auditor, clock):
    """Sees them only."""
    return signed_in(auditor)


def text(answered):
    return answered.content.decode()


def do(browser, what, key="0", source="fake"):
    return browser.post(DO, {"do": what, "source": source, "key": key}, follow=True)


# --- looking ----------------------------------------------------------------------------------------


def test_the_page_shows_cause_since_and_link(manager, register, at):
    """Needs attention: each with its cause, since when, link."""
    fake = Fake()
    fake.problems = [
        Problem(
            key="1",
            title="Mail to Ada",
            cause="The server said no.",
            since=at - timedelta(hours=3),
            url="/x/",
        )
    ]
    register(fake)
    shown = text(manager.get(PAGE))
    for words in (
        "Mail to Ada",
        "The server said no.",
        "Since 2026-03-02 06:30 UTC",
        "3\xa0hours",
        'href="/x/"',
    ):
        assert words in shown


def test_what_is_urgent_comes_first(manager, register):
    calm, urgent = Fake("Calm"), Fake()
    urgent.problems = [Problem(key="1", title="Burning", cause="!", urgent=True)]
    register(calm, name="calm")
    register(urgent, name="urgent")
    shown = text(manager.get(PAGE))
    assert shown.index("Burning") < shown.index("Calm")


def test_without_problems_all_is_well(manager, register):
    """The empty state."""
    register(Fake())
    shown = text(manager.get(PAGE))
    assert "All is well" in shown
    assert "Fakes" in shown


def test_a_source_that_breaks_is_a_problem_itself(manager, register):
    """It never breaks the page, and keeps no other source from being shown."""

    def broken(at):
        raise RuntimeError(f"{NASTY} password=hunter2hunter2")
        yield

    register(Fake("Other"))
    register(Fake(), name="broken", title="Broken part", find=broken)
    shown = text(manager.get(PAGE))
    assert "Broken part: nobody knows how it stands" in shown
    assert "Other" in shown
    assert NASTY not in shown
    assert "hunter2" not in shown


def test_a_source_may_break_half_way(register, at):
    def half(at):
        yield Problem(key="1", title="One", cause="x")
        raise RuntimeError("gone")

    source = register(Fake(), find=half)
    assert [problem.key for problem in look(source, at=at).problems] == [attention.BROKEN]


def test_of_thousands_the_newest_are_shown(manager, register, at):
    def endless(at):
        for number in range(10**9):
            yield Problem(key=str(number), title=f"Problem {number}", cause="x")

    source = register(Fake(), find=endless, url=lambda: "/all/")
    found = look(source, at=at)
    assert (len(found.problems), found.more, found.number) == (MOST, True, f"{MOST}+")
    assert "there are more" in text(manager.get(PAGE))


def test_everything_is_shown_as_text(manager, register):
    fake = Fake(NASTY)
    fake.problems.append(Problem(key="7", title="x", cause=NASTY))
    register(fake)
    assert NASTY not in text(manager.get(PAGE))
    do(manager, "aside")
    assert NASTY not in text(manager.get(ASIDE))


# --- the number -------------------------------------------------------------------------------------


def test_the_menu_has_the_page_and_its_number(manager, register):
    register(Fake("One", "Two"))
    assert PAGE in text(manager.get(reverse("admin:index")))
    answered = manager.get(COUNT)
    assert answered.json() == {"count": 2, "more": False}
    assert "no-store" in answered.headers["Cache-Control"]


def test_a_source_is_asked_once_in_some_seconds(register, at):
    """Cheap: however many pages are open."""
    fake = Fake("One")
    source = register(fake)
    assert {count([source], at=at) for _ in range(5)} == {(1, False)}
    assert fake.asked == 1


def test_a_cache_that_fails_costs_time_and_nothing_else(register, at, monkeypatch):
    def down(*_, **__):
        raise ConnectionError("redis")

    for name in ("get", "set", "delete"):
        monkeypatch.setattr(cache, name, down)
    source = register(Fake("One"))
    assert count([source], at=at) == (1, False)
    assert problem_set_aside(source=source, key="0", actor="user:1", at=at)


def test_each_sees_the_number_of_what_they_may_see(manager, register):
    register(Fake("One"))
    register(Fake("Secret"), name="other", permissions=("accounts.manage_credentials",))
    assert manager.get(COUNT).json()["count"] == 1
    assert "Secret" not in text(manager.get(PAGE))


def test_the_other_pages_of_the_admin_do_not_wait_for_the_number(manager, register):
    fake = Fake("One")
    register(fake)
    manager.get(reverse("admin:index"))
    assert fake.asked == 0


def test_the_page_costs_the_same_for_few_and_for_many(manager, register):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(PAGE).status_code == 200
        return len(queries)

    fake = Fake("One")
    register(fake)
    few = cost()
    fake.problems = Fake(*map(str, range(50))).problems
    assert cost() == few


# --- trying again -----------------------------------------------------------------------------------


def test_one_is_tried_again_and_says_so(manager, register, license_manager):
    fake = Fake("One")
    register(fake)
    assert "Tried 0." in text(do(manager, "retry"))
    assert fake.tried == [("0", f"user:{license_manager.pk}")]


def test_a_refusal_is_told(manager, register):
    register(Fake("One"))
    assert "Not now." in text(do(manager, "retry", key="9"))


def test_all_are_tried_again_whatever_one_refuses(manager, register):
    fake = Fake(*map(str, range(11)))
    fake.problems.append(Problem(key="11", title="Not this one", cause="x", retryable=False))
    register(fake)
    shown = text(do(manager, "retry_all"))
    assert "10 tried again." in shown
    assert "1 refused: Not now." in shown
    assert "11" not in {key for key, _ in fake.tried}


def test_a_source_without_a_way_says_so(register, at):
    source = register(Fake("One"), retry=None)
    with pytest.raises(NothingToTry):
        problem_retry(source=source, key="0", actor="user:1", at=at)


def test_trying_again_is_for_posts_only(manager, register):
    register(Fake("One"))
    assert manager.get(DO).status_code == 405


def test_it_is_checked_that_the_post_came_from_the_page(license_manager, register):
    """CSRF"""
    from django.test import Client

    fake = Fake("One")
    register(fake)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(license_manager)
    assert browser.post(DO, {"do": "retry", "source": "fake", "key": "0"}).status_code == 403
    assert fake.tried == []


# --- setting aside ----------------------------------------------------------------------------------


def test_what_is_set_aside_is_shown_no_more_and_can_be_brought_back(manager, register, license_manager):
    fake = Fake("One", "Two")
    register(fake)
    shown = text(do(manager, "aside"))
    assert ">One<" not in shown
    assert "1 set aside" in shown
    assert manager.get(COUNT).json()["count"] == 1
    assert "One" in text(manager.get(ASIDE))
    do(manager, "back")
    assert "One" in text(manager.get(PAGE))
    kinds = list(Event.objects.filter(subject="problem:fake/0").order_by("id").values_list("kind", flat=True))
    assert kinds == ["attention.set_aside", "attention.brought_back"]


def test_setting_aside_twice_is_once(register, at):
    source = register(Fake("One"))
    first = problem_set_aside(source=source, key="0", actor="user:1", at=at)
    with pytest.raises(NotFound):
        problem_set_aside(source=source, key="0", actor="user:1", at=at)
    assert SetAside.objects.get() == first


def test_what_lasts_cannot_be_set_aside(manager, register, at):
    source = register(Fake("One"), lasting=True)
    with pytest.raises(CannotBeSetAside):
        problem_set_aside(source=source, key="0", actor="user:1", at=at)
    assert "Set aside" not in text(manager.get(PAGE))


def test_what_is_not_there_any_more_is_told(manager, register):
    register(Fake("One"))
    assert "not there any more" in text(do(manager, "aside", key="5"))


# --- who may ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["retry", "retry_all", "aside", "back"])
def test_who_may_only_look_has_no_button_and_no_way(viewer, register, what):
    """D15: missing permission means no button, no page, 403."""
    fake = Fake("One", "Two")
    register(fake)
    shown = text(viewer.get(PAGE))
    assert "One" in shown
    assert 'name="do"' not in shown
    assert do(viewer, what).status_code == 403
    assert fake.tried == []


def test_without_a_permission_of_its_own_only_superadmins_act(manager, signed_in, superadmin, register):
    fake = Fake("One")
    register(fake, manage="")
    assert do(manager, "retry").status_code == 403
    do(signed_in(superadmin), "retry")
    assert len(fake.tried) == 1


@pytest.mark.parametrize("url", [PAGE, COUNT, ASIDE])
def test_who_sees_no_source_sees_no_page(signed_in, make_user, register, url):
    """D15"""
    register(Fake("One"))
    nobody = make_user()
    nobody.is_staff = True
    nobody.save()
    assert signed_in(nobody).get(url).status_code == 403


@pytest.mark.parametrize(
    "given",
    [
        {"do": "retry", "source": "nothing"},
        {"do": "explode", "source": "fake"},
        {"do": "retry", "source": "fake", "key": "a\0b"},
    ],
)
def test_nonsense_is_not_found(manager, register, given):
    register(Fake("One"))
    assert manager.post(DO, given).status_code == 404
