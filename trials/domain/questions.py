"""Questions of a program that are asked besides the address: declared as data, answered as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST_ANSWER = 500
KINDS = ("text", "choice", "flag")
MOST = 20


def question_problems(questions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with the questions of a program, in words for staff."""
    if len(questions) > MOST:
        yield f"At most {MOST} questions."
    names = [question.get("name") for question in questions]
    if len(set(map(str, names))) != len(names):
        yield "Two questions have one name."
    for question in questions:
        yield from _problems_of(question)


def _problems_of(question: Mapping[str, Any]) -> Iterator[str]:
    name = question.get("name")
    if not (isinstance(name, str) and name.isidentifier() and len(name) <= 40):  # noqa: PLR2004 - a short name
        yield "A question has a name of letters, digits and underscores."
    if not question.get("label"):
        yield f"The question {name} has no label."
    if question.get("kind", "text") not in KINDS:
        yield f"The question {name} is one of {', '.join(KINDS)}."
    if question.get("kind") == "choice" and not question.get("choices"):
        yield f"The question {name} has no choices."


def answer_problems(
    questions: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Name, code and sentence of every answer that does not fit its question."""
    known = {str(question["name"]): question for question in questions}
    for name in sorted(set(map(str, answers)) - known.keys())[:MOST]:
        yield name[:40], "unknown_field", "This is not asked."
    for name, question in known.items():
        problem = _problem(question, answers.get(name))
        if problem:
            yield name, *problem


def _problem(question: Mapping[str, Any], answer: Any) -> tuple[str, str] | None:
    if answer in (None, ""):
        return ("required", "Please answer this.") if question.get("required") else None
    kind = question.get("kind", "text")
    if kind == "flag" and not isinstance(answer, bool):
        return "invalid", "This is true or false."
    if kind == "choice" and answer not in question.get("choices", ()):
        return "invalid", "This is not one of the choices."
    if kind == "text" and not (isinstance(answer, str) and len(answer) <= LONGEST_ANSWER):
        return "invalid", f"A text of at most {LONGEST_ANSWER} characters."
    return None
