"""Questions and origins of a program as fields that people fill in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from trials.domain.questions import KINDS, MOST

EMPTY_ROWS = 2
PARTS = ("label", "name", "kind", "choices")
KIND_WORDS = {"text": "a text", "choice": "one of several", "flag": "yes or no"}


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(**{"required": False, "widget": widget, **kwargs})

    def to_python(self, value: Any) -> Any:
        text = value if isinstance(value, str) else "\n".join(map(str, value or ()))
        return [line.strip() for line in text.splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(map(str, value or ()))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial) != self.to_python(data))


class QuestionsWidget(forms.Widget):
    """A row of inputs for each question and two for new ones; a row without a text is taken away."""

    use_fieldset = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, Any]]:
        rows = [
            {
                **{part: str(data.get(f"{name}-{number}-{part}", "")).strip() for part in PARTS},
                "required": bool(data.get(f"{name}-{number}-required")),
            }
            for number in range(MOST)
        ]
        return [question_of(row) for row in rows if row["label"]]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-0-label" not in data

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        rows = [*(value or ()), *({} for _ in range(EMPTY_ROWS))][:MOST]
        context = {
            "name": name,
            "rows": [{**row, "lines": ", ".join(map(str, row.get("choices") or ()))} for row in rows],
            "kinds": [(kind, KIND_WORDS[kind]) for kind in KINDS],
            "input": " ".join(UnfoldAdminTextInputWidget().attrs["class"].split()),
            "select": " ".join(UnfoldAdminSelectWidget().attrs["class"].split()),
        }
        return SafeString(render_to_string("admin/signet/questions.html", context))


def question_of(row: dict[str, Any]) -> dict[str, Any]:
    """A question as programs keep it; its name comes from its text when none is given."""
    kind = row["kind"] if row["kind"] in KINDS else "text"
    name = row["name"] or slugify(row["label"]).replace("-", "_")[:40]
    choices = [choice.strip() for choice in row["choices"].split(",") if choice.strip()]
    found = {"name": name, "label": row["label"], "kind": kind, "required": row["required"]}
    return {**found, "choices": choices} if kind == "choice" else found


class QuestionsField(forms.Field):
    """Gives the questions as the model keeps them. What is wrong with one, the service says."""

    widget = QuestionsWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs})

    def clean(self, value: Sequence[dict[str, Any]] | None) -> list[dict[str, Any]]:
        return list(value or ())

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _whole(initial) != _whole(data)


def _whole(questions: Any) -> list[dict[str, Any]]:
    """With every default written out, so that a shorter row of the API equals what the form makes of it."""
    return [
        {"kind": "text", "required": False, **{k: v for k, v in row.items() if k != "choices" or v}}
        for row in questions or ()
    ]
