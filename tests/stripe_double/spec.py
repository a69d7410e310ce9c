"""Requests are checked against stripe-python's own parameter types, which Stripe generates from its API.

The SDK leaves its lists of words open (`Literal[…] | str`) and mixes options of the client into some types;
both would let mistakes pass, so its source is read with these two things taken out, and compiled by pydantic.
Without pydantic nothing is checked: a shop to try out needs it less than tests do.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import typing_extensions

from tests.stripe_double.refusals import Refused

try:
    import pydantic
except ImportError:  # the product's own dependencies do not include it
    pydantic = None

WORDS = r"""Literal\[(?!''\]|""\])[^\]]*\]"""  # but an empty text beside any text is meant so
OPEN_UNION = re.compile(rf"Union\[\s*({WORDS}),\s*str,?\s*\]")
OPEN_PIPE = re.compile(rf"({WORDS})\s*\|\s*str\b")
UNTYPED = re.compile(r"\|UntypedStripeObject\[[^\]]*\]")
SNAKE = re.compile(r"(?<!^)(?=[A-Z])")


def closed(source: str) -> str:
    """The source of a parameter module with closed lists of words and nothing of the client in it."""
    source = OPEN_UNION.sub(r"\1", source.replace("(RequestOptions):", "(TypedDict):"))
    return UNTYPED.sub("", OPEN_PIPE.sub(r"\1", source))


@cache
def module_of(name: str) -> ModuleType:
    """Compile the parameter module of `checkout.SessionCreateParams`, changed as `closed` says."""
    package, _, kind = name.rpartition(".")
    short = ".".join(filter(None, ("stripe.params", package, "_" + SNAKE.sub("_", kind).lower())))
    found = importlib.util.find_spec(short)
    if found is None or found.origin is None:
        raise LookupError(short)
    module = ModuleType(f"closed.{short}")
    vars(module)["TypedDict"] = typing_extensions.TypedDict
    sys.modules[module.__name__] = module
    code = compile(closed(Path(found.origin).read_text()), found.origin, "exec", dont_inherit=True)
    exec(code, vars(module))
    for value in list(vars(module).values()):
        if typing_extensions.is_typeddict(value):
            value.__pydantic_config__ = {"extra": "forbid", "arbitrary_types_allowed": True}
    return module


@cache
def adapter(name: str) -> Any:
    """The validator of one parameter type, as `checkout.SessionCreateParams`."""
    module = module_of(name)
    made = pydantic.TypeAdapter(getattr(module, name.rpartition(".")[2]))
    made.rebuild(force=True, raise_errors=True, _types_namespace=vars(module))
    return made


def checked(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The values as Stripe would read them: "1" is a number where one belongs. Raises Refused (400)."""
    if pydantic is None or not name:
        return given
    try:
        return adapter(name).validate_python(given)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        param = "".join(f"[{part}]" if n else str(part) for n, part in enumerate(first["loc"]))
        kind = {"extra_forbidden": "parameter_unknown", "missing": "parameter_missing"}.get(first["type"], "")
        said = {
            "parameter_unknown": "Received unknown parameter",
            "parameter_missing": "Missing required param",
        }
        text = f"{said.get(kind, 'Invalid value')}: {param} ({first['msg'][:200]})"
        raise Refused(400, text, code=kind, param=param) from error
