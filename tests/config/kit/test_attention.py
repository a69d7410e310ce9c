"""The registry of what waits for a person."""

from __future__ import annotations

import pytest

from config.kit.attention import Problem, Source, source_register, source_unregister, sources


@pytest.fixture
def register():
    """Register sources for the length of a test."""
    names = []

    def add(name, **fields):
        names.append(name)
        source = Source(
            **{"name": name, "title": name.title(), "find": lambda at: (), "permissions": ("x.y",), **fields}
        )
        source_register(source)
        return source

    yield add
    for name in names:
        source_unregister(name)


def test_a_source_is_registered_with_one_call(register):
    source = register("demo")
    assert source in sources()


def test_a_source_of_the_same_name_takes_its_place(register):
    register("demo")
    second = register("demo", title="Other")
    assert [source for source in sources() if source.name == "demo"] == [second]


def test_what_is_not_there_is_forgotten_quietly():
    source_unregister("nothing")


def test_a_problem_needs_no_more_than_words():
    problem = Problem(key="1", title="It broke", cause="Nobody knows why.")
    assert (problem.since, problem.url, problem.urgent, problem.retryable) == (None, "", False, True)
