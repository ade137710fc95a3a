"""Differences as people read them: by object, readable, without a Secret's content."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.todo.cloud.plugins.module_utils.planning.diff import manifest_diffs, text_of

TWO = """\
kind: Deployment
metadata: {name: api}
spec: {replicas: 1}
---
kind: ConfigMap
metadata: {name: same}
"""


def secret(**data: str) -> str:
    lines = "".join(f"  {key}: {value}\n" for key, value in data.items())
    return f"kind: Secret\nmetadata: {{name: s}}\ndata:\n{lines}stringData:\n  plain: canary-plain\n"


def test_only_objects_that_changed_are_shown_and_each_is_named() -> None:
    (entry,) = manifest_diffs("api", TWO, 3, TWO.replace("replicas: 1", "replicas: 2"), "revision 4")
    assert entry["before_header"] == "api: Deployment/api (revision 3)"
    assert entry["after_header"] == "api: Deployment/api (revision 4)"
    assert "replicas: 1" in entry["before"]
    assert "replicas: 2" in entry["after"]
    assert manifest_diffs("api", TWO, 3, TWO, "revision 4") == []


def test_new_and_removed_objects_say_so() -> None:
    first = manifest_diffs("api", "", 0, TWO, "revision 1")
    assert [(e["before_header"], e["before"]) for e in first] == [
        ("api: ConfigMap/same (not installed)", ""), ("api: Deployment/api (not installed)", ""),
    ]  # fmt: skip
    (added,) = manifest_diffs("api", TWO, 3, TWO + "---\nkind: Service\nmetadata: {name: s, namespace: shop}\n", "now")
    assert added["before_header"] == "api: Service/s in shop (not there)"
    (removed,) = manifest_diffs("api", TWO, 3, TWO.partition("---")[0], "revision 4")
    assert removed["after_header"] == "api: ConfigMap/same (removed)"


def test_objects_that_only_carry_another_version_are_reported_together() -> None:
    def manifest(version: str, replicas: int) -> str:
        labels = f"labels: {{app.kubernetes.io/version: {version}, app: api}}"
        return "---\n".join(
            f"kind: {kind}\nmetadata: {{name: api, {labels}}}\nspec: {{replicas: {replicas if kind == 'B' else 1}}}\n"
            for kind in "ABC"
        )

    first, both = manifest_diffs("api", manifest("v1", 1), 3, manifest("v2", 2), "revision 4")
    assert first["after_header"] == "api: B/api (revision 4)"
    assert both == {
        "before_header": "api: labels of A/api, C/api (revision 3)",
        "after_header": "api: labels of A/api, C/api (revision 4)",
        "before": "app.kubernetes.io/version: v1\n",
        "after": "app.kubernetes.io/version: v2\n",
    }


def test_it_reports_which_key_of_a_secret_changed_and_never_its_value() -> None:
    was, now = secret(a="Y2FuYXJ5LTE=", b="Y2FuYXJ5LTI="), secret(a="Y2FuYXJ5LTE=", b="Y2FuYXJ5LTM=")
    (entry,) = manifest_diffs("api", was, 1, now, "revision 2")
    assert "canary" not in str(entry)
    assert "Y2Fu" not in str(entry)
    for text, word in ((entry["before"], "before"), (entry["after"], "after")):
        assert "a: (hidden)\n" in text
        assert f"b: (hidden, {word})\n" in text
    for pair in (("", now), (now, "")):
        (entry,) = manifest_diffs("api", pair[0], 1, pair[1], "x")
        assert "Y2Fu" not in str(entry)
        assert "canary" not in str(entry)


def test_text_of_several_lines_is_readable_and_long_lines_stay_whole() -> None:
    long = "word " * 100
    text = text_of({"data": {"script": "a\nb\n", "long": long}})
    assert "script: |\n    a\n    b\n" in text
    assert long.strip() in text
    assert text_of(None) == ""
    shared = {"x": 1}
    assert "&id" not in text_of({"a": shared, "b": shared})


def one_of(kind: str, **parts: Any) -> str:
    return json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, **parts})


def shown(before: str, after: str) -> tuple[str, str]:
    (entry,) = manifest_diffs("api", before, 1, after, "revision 2")
    assert "canary" not in str(entry)
    return entry["before"], entry["after"]


@pytest.mark.parametrize("value", ["admin", "root", "1234", "canary-long-1"])
def test_kubectls_copy_of_a_secret_is_hidden_as_a_whole(value: str) -> None:
    """Short and common words too, which are not hidden elsewhere."""
    encoded = base64.b64encode(value.encode()).decode()
    copy = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"password": encoded}}), "a": "b"}
    named = {"metadata": {"name": "x", "annotations": copy}}
    texts = shown(
        one_of("Secret", data={"password": encoded}, **named), one_of("Secret", data={"password": "eA=="}, **named)
    )
    assert all(encoded not in text and "a: b" in text for text in texts)


@pytest.mark.parametrize("odd", ["canary", ["canary"], 5, {"a": {"b": "canary"}}, {"a": None}, {1: "canary"}])
def test_secrets_that_a_chart_has_wrong_are_hidden_and_no_stack_trace(odd: Any) -> None:
    for before, after in ((odd, {"a": "Y2FuYXJ5"}), ({"a": "Y2FuYXJ5"}, odd)):
        shown(one_of("Secret", data=before, stringData=before), one_of("Secret", data=after, stringData=after))


def test_a_list_of_secrets_may_leave_their_kind_out() -> None:
    def listed(value: str) -> str:
        items = [{"metadata": {"name": "s"}, "data": {"a": value}}]
        return json.dumps({"apiVersion": "v1", "kind": "SecretList", "items": items})

    before, after = shown(listed("Y2FuYXJ5MQ=="), listed("Y2FuYXJ5Mg=="))
    assert ("a: (hidden, before)" in before, "a: (hidden, after)" in after) == (True, True)


def test_credentials_in_other_objects_are_hidden_by_their_names_and_forms() -> None:
    def config(value: str, other: str = "1") -> str:
        held = {
            "token": value, "url": f"postgres://u:{value}@db/x", "env": json.dumps({"apiKey": value}),
            "app.properties": f"db.password={value}\nsize={other}\n",
        }  # fmt: skip
        return one_of("ConfigMap", data=held, env=[{"name": "DB_PASSWORD", "value": value}])

    before, after = shown(config("canary-one-1"), config("canary-two-2"))
    assert (before.count("(hidden, before)"), after.count("(hidden, after)")) == (5, 5)
    assert "db.password=(hidden, after)\n" in after
    same = shown(config("canary-one-1"), config("canary-one-1", "2"))
    assert [text.count("(hidden)") for text in same] == [5, 5]
