"""The base of every operation."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.kit.api.routing import by_method
from config.kit.api.views import Operation


def test_an_operation_without_a_scope_does_not_start():
    class Open(Operation):
        pass

    with pytest.raises(ImproperlyConfigured, match="Open names no required_scope"):
        by_method(get=Open)
