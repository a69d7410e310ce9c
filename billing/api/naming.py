"""One shape under two spellings: ours in snake case, the License Operator's in camel case."""

from __future__ import annotations

from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers

from config.kit.api.serializers import Input
from config.kit.api.views import Operation

OPERATOR_TAGS = ["license operator"]
Shape = TypeVar("Shape", bound=type[serializers.BaseSerializer[Any]])


def camel(name: str) -> str:
    """`managed_products` → `managedProducts`."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def in_camel(shape: type[serializers.Serializer[Any]], *, name: str) -> type[serializers.Serializer[Any]]:
    """The same shape in camel case, under a name of its own; what it takes and gives is the same."""
    base = Input if issubclass(shape, Input) else serializers.Serializer
    fields = {camel(field): _renamed(one, field) for field, one in shape().fields.items()}
    return type(name, (base,), {"__doc__": shape.__doc__, "__module__": shape.__module__, **fields})


def _renamed(field: Any, name: str) -> Any:
    given = dict(field._kwargs)  # noqa: SLF001 - what DRF itself copies a declared field by
    if camel(name) != name:
        given.setdefault("source", name)
    return type(field)(*field._args, **given)  # noqa: SLF001 - as above


def for_operator(
    view: type[Operation], *, operation_id: str, given: type[serializers.Serializer[Any]],
    answer: type[serializers.Serializer[Any]], status: int,
) -> type[Operation]:  # fmt: skip
    """The same operation under the License Operator's path: its spelling, and a name of its own in the schema."""
    named = type(f"Operator{view.__name__}", (view,), {"given": given, "answer": answer})
    told: type[Operation] = extend_schema_view(
        post=extend_schema(
            operation_id=operation_id, tags=OPERATOR_TAGS, request=given, responses={status: answer}
        )
    )(named)
    return told
