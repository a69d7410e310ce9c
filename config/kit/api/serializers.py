"""Base of every input serializer: a member that no field takes is refused by name, never dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

MOST_NAMED = 20


class Input(serializers.Serializer[Any]):
    """The body of a request. An unknown member is an error of that member, code `unknown_field`."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                raise serializers.ValidationError(
                    {
                        name: [serializers.ErrorDetail("There is no such field.", code="unknown_field")]
                        for name in unknown[:MOST_NAMED]
                    }
                )
        return super().to_internal_value(data)
