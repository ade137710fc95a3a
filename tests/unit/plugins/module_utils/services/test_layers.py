"""Layers of services: what an environment says goes over what the app is."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.module_utils.services.layers import layered, merged


def test_dictionaries_are_merged_and_all_else_is_replaced() -> None:
    base = {"env": {"A": "1", "B": "2"}, "calls": ["x"], "scale": 2}
    assert merged(base, {"env": {"B": "3"}, "calls": ["y"], "scale": {"min": 1}}) == {
        "env": {"A": "1", "B": "3"},
        "calls": ["y"],
        "scale": {"min": 1},
    }
    assert base["env"] == {"A": "1", "B": "2"}


def test_null_takes_a_key_away() -> None:
    assert merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "d": None, "e": None}) == {"a": {"c": 2}}


def test_an_environment_changes_services_and_leaves_some_out() -> None:
    shared = {"web": {"port": 3000}, "mail": {"image": "x/mail:1"}, "worker": None}
    assert layered(shared, {"web": {"scale": 2}, "mail": None}) == (
        {"web": {"port": 3000, "scale": 2}, "worker": {}},
        [],
    )


def test_a_service_of_one_environment_only_says_what_runs() -> None:
    _, found = layered({"frontend": {}}, {"frontned": {"scale": 2}})
    assert found == [
        "services.frontned is not in the app's file; did you mean 'frontend'? If it is only in this environment, "
        "it needs image, chart, manifests or role."
    ]
    assert layered({"frontend": {}}, {"mail": {"image": "x/mail:1"}})[1] == []


def test_one_layer_is_enough() -> None:
    assert layered(None, {"web": None}) == ({"web": {}}, [])
    assert layered({"web": None}, None) == ({"web": {}}, [])


def test_services_are_a_dictionary() -> None:
    assert layered(None, ["web"]) == (
        {},
        ["services is not a dictionary; it takes names of services, each with a dictionary of its keys."],
    )


def test_names_are_texts_whatever_yaml_made_of_them() -> None:
    assert layered({1: {}}, {True: {"image": "x/y:1"}}) == ({"1": {}, "True": {"image": "x/y:1"}}, [])
