# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/services.md and docs/schemas/services.json, from the table of the keys: ``python3 -m tests.services_page``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "collections"))

from ansible_collections.todo.cloud.plugins.module_utils.services.spec import (  # noqa: E402 the path is set above
    APP,
    APP_TYPE,
    ENTRY,
    ENTRY_TYPE,
    NAME,
)
from ansible_collections.todo.cloud.plugins.module_utils.services.types import (  # noqa: E402 the path is set above
    Either,
    Key,
    ListOf,
    Struct,
    Type,
)

PAGE, SCHEMA = TOP / "docs/services.md", TOP / "docs/schemas/services.json"
_HEAD = """\
# `services:` — what a team runs

<!-- Made by `make schemas` from plugins/module_utils/services/spec.py. -->

A service is one entry. Everything but the image is optional, and even the image follows from `app.registry` and
`app.version`. Whoever has not deployed one yet begins with [your-own-services.md](your-own-services.md).

```yaml
# inventories/staging/group_vars/all/services.yml
app: {registry: ghcr.io/acme, version: v1.4.0}
services:
  frontend:
    port: 3000
    public: shop.example.com
    health: /api/health
    calls: [backend-api]
  backend-api:
    secrets: {DATABASE_URL: database/url}
    needs: [database]
    dapr: {publishes: [orders]}
```

```yaml
# inventories/staging/services.yml, beside hosts.yml
plugin: todo.cloud.services
```

**Layers.** `app` and `services` come from the file that `app:` of the plugin's file names (what the app is, for all
environments), then from `group_vars/all` of the inventory (what differs there), and `service:` in the `host_vars` of a
service comes last. Under all of them is the entry of its `role`, in `roles/<role>/vars/main.yml`: the Todo app's five
services are entries like any other ([inventories/app.yml](../inventories/app.yml)). Dictionaries are merged, all else
is replaced, `null` takes a key or a service away. Ansible itself does not merge two files of `group_vars/all` that both
say `services`: the last one counts.

**Names.** The name of an entry is that of the release, of the inventory host, in DNS and, unless said, for Dapr. It has
hyphens; `--limit` and `host_vars` take underscores as well. The host of an entry with a `role` has underscores. Values
may hold templates, names of services may not. Dapr's Configuration and the Secrets of the broker and the database have
the names in `app_service_configuration` (`todo`), `app_service_broker_secret` (`kafka-credentials`) and
`app_service_database_secret` (`database`).

**What follows.** Waves from `after`, else from `calls` and `needs`; they come after hosts that are written by hand.
Network policies at both ends of `calls` and `needs`, Dapr's scopes and topics from `dapr`: with `--limit` only what it
names is deployed, so a new `calls`, `needs` or topic takes a run without it. Restarts when a Secret of `secrets`, or
one that the sidecar reads, changes. Quota and LimitRange allow at least what all entries ask for at their most
pods, the one more of a rolling update and sidecars included (a value with a template counts as its default);
`environment_quota` and `environment_values` go over that.

**What exactly follows** from an entry, and which file says what, needs no cluster:
`ansible-playbook playbooks/explain.yml -i <inventory> -e service=<name>`. Without a service, and in
`playbooks/plan.yml -v`, it is the table of all connections that the network policies allow.

**Mistakes** end the program before anything is done: all of them, each with its path, unknown keys with the nearest
name. [schemas/services.json](schemas/services.json) tells an editor the same. For VS Code, in the first line of a file:
`# yaml-language-server: $schema=<path to services.json>`.

**Hosts written by hand** work beside entries; see the role `app_service`.
"""


def page() -> str:
    """docs/services.md."""
    parts = [
        _HEAD,
        "## `app`: what all services share\n",
        *_table(APP),
        "\n## An entry of `services`\n",
        *_table(ENTRY),
    ]
    for key in ENTRY:
        for struct in dict.fromkeys(_structs(key.type)):
            if not key.later:
                parts += [f"\n### `{key.name}` as a dictionary\n", *_table(struct.keys)]
                within: dict[Struct, list[str]] = {}  # keys of the same form share a table
                for inner in struct.keys:
                    for each in _structs(inner.type):
                        within.setdefault(each, []).append(f"`{key.name}.{inner.name}`")
                for each, names in within.items():
                    parts += [f"\n### {' and '.join(names)}\n", *_table(each.keys)]
    later = {key.later: [] for key in ENTRY if key.later}  # type: dict[str, list[str]]
    for key in ENTRY:
        if key.later:
            later[key.later].append(f"`{key.name}`")
    parts.append("\n## Not yet\n")
    parts += [f"- {', '.join(names)}: refused; {reason}" for reason, names in later.items()]
    return "\n".join(parts) + "\n"


def schema() -> dict[str, Any]:
    """docs/schemas/services.json: of a file with ``app`` and ``services``, other variables beside them."""
    entry = {"anyOf": [ENTRY_TYPE.schema(), {"type": "null"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "app and services of todo.cloud",
        "type": "object",
        "properties": {
            "app": APP_TYPE.schema(),
            "services": {"type": "object", "patternProperties": {NAME.pattern: entry}, "additionalProperties": False},
        },
    }


def _structs(kind: Type) -> Iterator[Struct]:
    if isinstance(kind, Struct):
        yield kind
    for inner in kind.forms if isinstance(kind, Either) else (kind.item,) if isinstance(kind, ListOf) else ():
        yield from _structs(inner)


def _table(keys: tuple[Key, ...]) -> Iterator[str]:
    yield "| key | type | default | example | |\n|---|---|---|---|---|"
    for key in keys:
        if not key.later:
            example = f"`{key.example}`" if key.example else ""
            default = key.default or ("required" if key.required else "")
            yield f"| `{key.name}` | {_title(key.type)} | {default} | {example} | {key.doc} |"


def _title(kind: Type) -> str:
    """The type in a cell of a table; dictionaries have tables of their own."""
    if isinstance(kind, Either):
        return ", or ".join(_title(form) for form in kind.forms)
    if isinstance(kind, ListOf):
        return f"list of {kind.of or _title(kind.item)}"
    return "dictionary (below)" if isinstance(kind, Struct) else kind.title()


def main() -> None:
    PAGE.write_text(page())
    SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
