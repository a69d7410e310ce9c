"""Presets put in order by dragging."""

from __future__ import annotations

from playwright.sync_api import expect

from config.kit.clock import now
from licenses.models import Preset
from licenses.services.catalogue import preset_create


def test_a_preset_is_dragged_to_its_place(sign_in, office):
    """D9: below the last, then above the first; the focus is on its button, so that a keyboard goes on from there."""
    for name in ("Laptop", "Phone", "Server"):
        preset_create(name=name, plan=office, position=0, actor="cli:test", at=now())
    page = sign_in()
    page.goto("/admin/licenses/preset/")
    before = list(Preset.objects.values_list("name", flat=True))
    first, _, last = (page.get_by_role("row").filter(has_text=name) for name in before)
    size = last.bounding_box()
    first.get_by_title("Drag to move").drag_to(
        last, target_position={"x": size["width"] / 2, "y": size["height"] - 4}
    )
    expect(page.get_by_text(f"{before[0]} is number 3 now.")).to_be_visible()
    expect(page.get_by_role("button", name=f"Move {before[0]} up")).to_be_focused()
    assert list(Preset.objects.values_list("name", flat=True)) == [*before[1:], before[0]]
    last.get_by_title("Drag to move").drag_to(
        page.get_by_role("row").filter(has_text=before[1]), target_position={"x": size["width"] / 2, "y": 4}
    )
    expect(page.get_by_text(f"{before[2]} is number 1 now.")).to_be_visible()
    assert list(Preset.objects.values_list("name", flat=True)) == [before[2], before[1], before[0]]
