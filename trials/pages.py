"""The hosted trial page: a form that a vendor links to or embeds, without scripts, cookies or a session.

There is no CSRF cookie, for there is nothing it could guard: the page knows no session and no credential, so
another site gains nothing by posting here that it could not post by itself; and inside a frame of another
site a browser withholds the cookie. Instead the form carries a signed token: a post comes from a form that
this program handed out within a day.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from redis.exceptions import RedisError

from config.kit.addresses import address_of
from config.kit.api import problems
from config.kit.api.throttling import demand, take
from config.kit.clock import now
from config.kit.errors import FieldError, Invalid, Refusal, Unavailable
from trials import selectors
from trials.api import shapes
from trials.domain.touches import clean, read_touch
from trials.errors import CodeLapsed, CodeWrong, NoProgram, RequestDecided, TrialCooldown
from trials.models import TrialProgram
from trials.services.programs import is_origin
from trials.services.requesting import CODE_TRIES, OPEN, request_confirm
from trials.services.traffic import visit_count
from trials.strangers import stranger_asks

SALT = "trials.pages.form"
TOKEN_LASTS = timedelta(days=1)
TOUCHES = {"first": "first_touch", "last": "last_touch"}
PARTS = ("source", "medium", "campaign")
TEXTS = ("email", "name", "company", "website", "captcha")
SAYABLE = (CodeWrong, CodeLapsed, RequestDecided, TrialCooldown)
"""Refusals that may be told: they say nothing that whoever holds the code does not know."""
NO_ADDRESS = "Please enter your address."
LATER = "We cannot do that at the moment. Please try again in a few minutes."

View = Callable[..., HttpResponse]


@dataclass(slots=True)
class Question:
    """One question of the program as an input."""

    id: str
    name: str
    label: str
    kind: str
    required: bool
    choices: list[str]
    value: str = ""
    error: str = ""


@dataclass(slots=True)
class Shown:
    """What the form shows: what was typed, and what is wrong with it."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    said: str = ""
    status: int = 200
    retry_after: int | None = None


def public_page(*methods: str) -> Callable[[View], View]:
    """A page of an active, public program; any other name is not found, in plain words."""

    def wrap(view: View) -> View:
        @csrf_exempt  # see above: a signed token in its stead
        @require_http_methods([*methods, "HEAD"])
        @wraps(view)
        def answer(request: HttpRequest, slug: str, **more: Any) -> HttpResponse:
            program = None
            try:
                with suppress(NoProgram):
                    program = selectors.program_get(slug)
                if program is None or not (program.active and program.public):
                    return _finish(TemplateResponse(request, "trials/missing.html", status=404), None)
                return _finish(view(request, program, **more), program)
            except Exception as error:
                refusal = problems.refusal_of(error)
                if not isinstance(refusal, Unavailable):
                    raise
                page = TemplateResponse(request, "trials/later.html", {"said": LATER}, status=503)
                page.headers["Retry-After"] = str(refusal.retry_after)
                return _finish(page, program)

        return answer

    return wrap


@public_page("GET", "POST")
def ask(request: HttpRequest, program: TrialProgram) -> HttpResponse:
    """The form; POST asks for the trial and leads to the code, or to the mail."""
    at = now()
    if request.method != "POST":
        if request.method == "GET":
            _count_visit(request, at)
        return _form(request, program, Shown(_entry(request.GET)), at)
    values = {name: _line(str(value)) for name, value in request.POST.items()}
    try:
        _demand(request)
        _check_token(program, values.get("token", ""), at)
        received = stranger_asks(
            program=program, values=_read(program, values, at), address=address_of(request), at=at
        )
    except Refusal as refusal:
        return _form(request, program, _shown(values, refusal), at)
    where = "trial-page-code" if received.needs_code else "trial-page-mail"
    more = {"uid": received.uid} if received.needs_code else {}
    return HttpResponseRedirect(reverse(where, kwargs={"slug": program.slug, **more}), status=303)


@public_page("GET")
def sent(request: HttpRequest, program: TrialProgram) -> HttpResponse:
    """Look into your mail: the same words, whoever asked."""
    waits = program.approval == TrialProgram.Approval.OPERATOR
    return TemplateResponse(request, "trials/mail.html", {"program": program, "waits": waits})


@public_page("GET", "POST")
def code(request: HttpRequest, program: TrialProgram, uid: uuid.UUID) -> HttpResponse:
    """The mailed code. An id that nobody has shows the same form, and every code has lapsed for it."""
    shown = Shown()
    if request.method == "POST":
        try:
            _demand(request)
            row = selectors.request_by_uid(uid)
            if row is None or row.program_id != program.pk:
                raise CodeLapsed
            request_confirm(request=row, code=_line(request.POST.get("code", ""))[:20], at=now())
        except Refusal as refusal:
            shown = _shown({}, refusal)
        else:
            return HttpResponseRedirect(reverse("trial-page-mail", kwargs={"slug": program.slug}), status=303)
    return _code_form(request, program, uid, shown)


# --- the form ---------------------------------------------------------------------------------------


def _entry(query: Mapping[str, str]) -> dict[str, str]:
    """Where the visitor came from (A23): the page's own link, and the first entry that the embedding site kept."""
    last = {part: clean(query.get(f"utm_{part}")) for part in PARTS}
    first = {part: clean(query.get(f"first_{part}")) for part in PARTS}
    first = first if any(first.values()) else last
    return {
        f"{touch}_{part}": found[part]
        for touch, found in (("first", first), ("last", last))
        for part in PARTS
    }


def _read(program: TrialProgram, values: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """The form as a body of the API, under the API's own checks. Raises Invalid."""
    body: dict[str, Any] = {name: values.get(name, "") for name in TEXTS}
    body["answers"] = {
        question.name: values.get(question.id) == "yes" if question.kind == "flag" else question.value
        for question in _questions(program, values)
    }
    body["terms_version"] = program.terms_version if values.get("terms") == "yes" else ""
    for touch, name in TOUCHES.items():
        came = {part: values.get(f"{touch}_{part}", "") for part in PARTS}
        if any(came.values()):
            body[name] = {**came, "at": at}
    given = shapes.TrialRequestInput(data=body)
    if not given.is_valid():
        raise Invalid(list(problems.field_errors(_details(given.errors))))
    missing = [
        FieldError(f"answers.{question['name']}", "required", "Please tick this.")
        for question in program.fields
        if question.get("kind") == "flag"
        and question.get("required")
        and not body["answers"][str(question["name"])]
    ]
    if missing:
        raise Invalid(missing)
    checked: dict[str, Any] = given.validated_data
    return checked


def _details(errors: Any) -> Any:
    """DRF's errors with a message and a code each."""
    if isinstance(errors, Mapping):
        return {name: _details(value) for name, value in errors.items()}
    return [{"message": str(error), "code": getattr(error, "code", "invalid")} for error in errors]


def _questions(program: TrialProgram, values: Mapping[str, str]) -> list[Question]:
    found: list[dict[str, Any]] = program.fields
    return [
        Question(
            id=f"answer_{question['name']}",
            name=str(question["name"]),
            label=str(question["label"]),
            kind=str(question.get("kind", "text")),
            required=bool(question.get("required")),
            choices=[str(choice) for choice in question.get("choices", ())],
            value=values.get(f"answer_{question['name']}", ""),
        )
        for question in found
    ]


def _shown(values: Mapping[str, str], refusal: Refusal) -> Shown:
    """A refusal as the form tells it: at its fields, else in one sentence above."""
    shown = Shown(values, status=refusal.status, retry_after=getattr(refusal, "retry_after", None))
    if isinstance(refusal, Invalid):
        for error in refusal.errors:
            name = error.field.replace("answers.", "answer_").replace("terms_version", "terms")
            detail = NO_ADDRESS if (name, error.code) == ("email", "blank") else error.detail
            shown.errors.setdefault(name, detail)
        other = [name for name in shown.errors if name in {"captcha", "token"} or "_touch" in name]
        shown.said = " ".join(shown.errors.pop(name) for name in other)
    elif shown.retry_after is not None or isinstance(refusal, SAYABLE):
        shown.said = refusal.detail
    else:
        shown.said = LATER
    return shown


def _form(request: HttpRequest, program: TrialProgram, shown: Shown, at: datetime) -> HttpResponse:
    questions = _questions(program, shown.values)
    for question in questions:
        question.error = shown.errors.get(question.id, "")
    labels = {
        "email": "Your e-mail address",
        "name": "Your name",
        "company": "Your company",
        "terms": "The terms",
    }
    labels |= {question.id: question.label for question in questions}
    context = {
        "program": program,
        "product": program.product.name,
        "values": shown.values,
        "errors": shown.errors,
        "wrong": [(name, labels.get(name, name), text) for name, text in shown.errors.items()],
        "first_wrong": next(iter(shown.errors), ""),
        "said": shown.said,
        "questions": questions,
        "touches": {
            f"{touch}_{part}": shown.values.get(f"{touch}_{part}", "") for touch in TOUCHES for part in PARTS
        },
        "token": signing.dumps([program.slug, at.timestamp()], salt=SALT),
    }
    return _with_retry(TemplateResponse(request, "trials/ask.html", context, status=shown.status), shown)


def _code_form(request: HttpRequest, program: TrialProgram, uid: uuid.UUID, shown: Shown) -> HttpResponse:
    row = selectors.request_by_uid(uid)
    known = row if row is not None and row.program_id == program.pk else None
    if request.method != "POST" and known is not None and known.state in {*OPEN, "granted"}:
        return HttpResponseRedirect(reverse("trial-page-mail", kwargs={"slug": program.slug}))
    tries = known.code_tries if known else 0
    late = known is not None and known.code_until is not None and now() >= known.code_until
    context = {
        "program": program,
        "said": shown.said,
        "left": CODE_TRIES - tries,
        "lapsed": late or tries >= CODE_TRIES,
        "again": reverse("trial-page", kwargs={"slug": program.slug}),
    }
    return _with_retry(TemplateResponse(request, "trials/code.html", context, status=shown.status), shown)


def _with_retry(page: HttpResponse, shown: Shown) -> HttpResponse:
    if shown.retry_after is not None:
        page.headers["Retry-After"] = str(shown.retry_after)
    return page


# --- who asks, and from where -----------------------------------------------------------------------


def _check_token(program: TrialProgram, token: str, at: datetime) -> None:
    """Raises Invalid for a form that this program did not hand out within a day."""
    with suppress(signing.BadSignature, ValueError, TypeError):
        slug, then = signing.loads(token, salt=SALT)
        if slug == program.slug and 0 <= at.timestamp() - then <= TOKEN_LASTS.total_seconds():
            return
    raise Invalid(
        [FieldError("token", "form_lapsed", "This form was open for too long. Please send it again.")]
    )


def _demand(request: HttpRequest) -> None:
    """The count of the API's strangers: whoever is out of tries there is out of them here."""
    demand(f"TRIAL_LIMIT:{address_of(request)}", settings.TRIAL_LIMIT)


def _count_visit(request: HttpRequest, at: datetime) -> None:
    """Count a visit of the page (A24), unless the visitor asks not to be tracked or comes too often."""
    if request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1":
        return
    with suppress(RedisError, OSError):  # a figure: the page opens without it
        if take(f"API_ANONYMOUS_LIMIT:{address_of(request)}", settings.API_ANONYMOUS_LIMIT)[0]:
            visit_count(touch=read_touch(request.GET), at=at)


def _line(value: str) -> str:
    """What was typed without what no keyboard types."""
    return "".join(character for character in value if character.isprintable() or character.isspace()).strip()


def _finish(page: HttpResponse, program: TrialProgram | None) -> HttpResponse:
    """Headers of every page here: framed by the program's own sites alone, and kept by nobody."""
    origins = (
        [origin for origin in program.origins if is_origin(origin) and "," not in origin] if program else []
    )
    ancestors = " ".join(map(str, origins)) or "'none'"
    page.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}"
    )
    # X-Frame-Options knows no list of sites; with one, frame-ancestors alone decides
    vars(page)["xframe_options_exempt"] = bool(origins)
    page.headers["Cache-Control"] = "no-store"
    return page
