"""The section, as a superadmin walks it: switched on with a key, off without loss, and on again."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from crm.models import Task

pytestmark = pytest.mark.own_license


@pytest.fixture
def at():
    """By the real clock: the server has no other."""
    from config.kit.clock import now

    return now()


def switch(page: Page, key: str = "") -> None:
    page.goto("/admin/crm/section/")
    page.get_by_label("License key").fill(key)
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("The CRM is switched on.")).to_be_visible()


def test_the_section_comes_with_a_key_goes_without_loss_and_comes_back(sign_in, own_key, at):
    """D17, D18: activated, in the menu; deactivated, 404 and no entry; activated again, everything is there."""
    from crm.services.people import person_create
    from crm.services.tasks import task_create

    _, key = own_key("pro")
    person = person_create(name="Grace Hopper", email="grace@navy.example", actor="cli:test", at=at)
    task_create(title="Call Grace", person=person, actor="cli:test", at=at)
    page = sign_in()
    people = page.locator('a[href="/admin/crm/person/"]', has_text="People")
    expect(people).to_have_count(0)
    assert page.request.get("/admin/crm/person/").status == 404

    switch(page, key)
    expect(people).to_have_count(1)
    people.click()
    expect(page.get_by_role("link", name="Grace Hopper")).to_be_visible()
    page.goto("/admin/crm/task/board/")
    page.locator('[data-column="open"]').get_by_role("button", name="Start: Call Grace").click()
    expect(page.locator('[data-column="in_progress"]').get_by_text("Call Grace").first).to_be_visible()

    page.goto("/admin/crm/section/")
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("The CRM is switched off. Its data stays.")).to_be_visible()
    expect(people).to_have_count(0)
    assert page.request.get("/admin/crm/task/board/").status == 404

    switch(page)
    page.goto(f"/admin/crm/person/{person.pk}/change/")
    expect(page.get_by_text("grace@navy.example").first).to_be_visible()
    assert Task.objects.get().status == "in_progress"
