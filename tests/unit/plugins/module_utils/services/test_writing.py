"""One more entry in a file: the other lines stay, byte by byte."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.todo.cloud.plugins.module_utils.services.writing import (
    NotWritten,
    has_services,
    misfits,
    with_entry,
)

FILE = """\
---
# What the app is.
app: {name: shop, version: "{{ shop_version }}"}   # a tag

services:
  web:                # the page
    port: 3000
    calls:
      - orders
  orders:
    env: {LOG_LEVEL: info}   # loud
    # secrets: {A: b/c}

# Others read this, too.
other: !vault |
  $ANSIBLE_VAULT
"""


def test_it_comes_last_and_the_rest_stays() -> None:
    made = with_entry(FILE, "search", {"port": 9000, "health": "/up", "calls": ["orders"], "env": {"A": "1"}})
    lines = [
        "  search:", "    port: 9000", "    health: /up", "    calls: [orders]", "    env: {A: '1'}",
    ]  # fmt: skip
    place = FILE.index("\n# Others")
    assert made == FILE[:place] + "\n".join(lines) + "\n" + FILE[place:]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "services:\n  a: {}\n"),
        ("---\n# mine\n", "---\n# mine\n\nservices:\n  a: {}\n"),
        ("app: {}\n", "app: {}\n\nservices:\n  a: {}\n"),
        ("services:\n", "services:\n  a: {}\n"),
        ("services: {}  # none yet\napp: {}\n", "services:\n  a: {}  # none yet\napp: {}\n"),
        ("services: null\n", "services:\n  a: {}\n"),
        ("services: {b: {port: 1}, c: {}}\n", "services: {b: {port: 1}, c: {}, a: {}}\n"),
        ("services:\n    b:\n        port: 1", "services:\n    b:\n        port: 1\n    a: {}\n"),
        ("services:\n  b:\n\n\napp: {}\n", "services:\n  b:\n  a: {}\n\n\napp: {}\n"),
        ("services:\n  b: {}\n  # c: {}\n# end\n", "services:\n  b: {}\n  # c: {}\n  a: {}\n# end\n"),
        ("services:\n  b:\n    command:\n    - x\n    - |\n      y\n\n# end\n",
         "services:\n  b:\n    command:\n    - x\n    - |\n      y\n  a: {}\n\n# end\n"),
        ("services:\r\n  b: {}\r\n", "services:\r\n  b: {}\r\n  a: {}\r\n"),
        ("x: &x {port: 1}\nservices:\n  b:\n    <<: *x\n", "x: &x {port: 1}\nservices:\n  b:\n    <<: *x\n  a: {}\n"),
    ],
)  # fmt: skip
def test_forms_of_files(before: str, after: str) -> None:
    made = with_entry(before, "a", {})
    assert made == after
    assert "a" in yaml.safe_load(made)["services"]


@pytest.mark.parametrize(
    ("text", "name", "entry", "said"),
    [
        (FILE, "web", {}, "services.web is there already; change its entry, or take another name."),
        (FILE, "Web", {}, "services.Web is 'Web', which is not a name of lower-case letters, digits and hyphens"),
        (FILE, "my_web", {}, "services.my_web: names of services have hyphens; write my-web."),
        (FILE, "a", {"prot": 1}, "services.a has no key 'prot'; did you mean 'port'?"),
        (FILE, "a", {"alerts": "."}, "services.a.alerts: this collection does not build that yet."),
        (FILE, "backend-api", {}, "services.backend-api is there already"),
        ("services: [web]\n", "a", {}, "services is not a dictionary"),
        ("- a\n", "a", {}, "it is not a dictionary of variables."),
        ("services: {\n", "a", {}, "it cannot be read as YAML (line 2)."),
        ("services: &s\n  b: {}\nmore: *s\n", "a", {}, "write this into it: a: {}"),
    ],
)
def test_refusals(text: str, name: str, entry: dict[str, object], said: str) -> None:
    with pytest.raises(NotWritten) as refused:
        with_entry(text, name, entry, ["backend_api"])
    assert said in str(refused.value)


def test_which_files_say_services() -> None:
    assert has_services(FILE)
    assert not has_services("app: {}\n")


def test_what_the_others_and_the_app_lack_is_told() -> None:
    text = "app: {registry: ghcr.io/acme}\nservices:\n  web: {calls: [api]}\n  api: {calls: [nobody]}\n"
    tagged = {"app": {"version": "v1"}}
    assert misfits(text, "web", tagged) == []
    assert misfits(text, "web", {}) == ["services.web.image has no tag: say it, or set app.version."]
    assert misfits(text, "api", tagged) == ["services.api.calls: there is no service 'nobody'."]
    assert misfits(text, "api", {**tagged, "services": {"nobody": {"image": "x/y:1", "calls": ["web"]}}}) == [
        "services: web waits for api waits for nobody waits for web. "
        "Say in one of them what it really has to come after, for example services.web.after: []."
    ]
