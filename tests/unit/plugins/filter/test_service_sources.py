# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What explain.yml shows of an entry; that it knows file and line, tests/unit/plugins/inventory."""

from __future__ import annotations

from typing import Any

from ansible.parsing.vault import EncryptedString
from ansible_collections.todo.cloud.plugins.filter.service_sources import service_sources


class Vars:
    """As Ansible's hostvars."""

    def __init__(self, entry: Any) -> None:
        self._entry = entry

    def raw_get(self, host: str) -> dict[str, Any]:
        return {"service_entry": self._entry} if host == "web" else {}


def shown(entry: Any) -> dict[str, str]:
    return {each["key"]: each["value"] for each in service_sources("web", Vars(entry), "/")}


def test_as_it_is_written() -> None:
    entry = {"port": 3000, "image": "web", "env": {"A": "{{ a }}"}, "calls": ["api"], "secrets": {"A_TOKEN": "a/key"}}
    assert shown(entry) == {
        "port": "3000", "image": "web", "env.A": "{{ a }}", "calls": '["api"]', "secrets.A_TOKEN": "a/key",
    }  # fmt: skip


def test_nothing_secret_is_shown() -> None:
    vaulted = EncryptedString(ciphertext="$ANSIBLE_VAULT;1.1;AES256\n00")
    canary = "canaryEXP-4k1Zq8"
    assert shown({
        "values": {"pin": canary, "list": [canary], "from": "{{ vault_pin }}", "vaulted": vaulted},
        "env": {"API_TOKEN": canary, "URL": f"postgres://u:{canary}@db/x", "vaulted": vaulted},
        "args": [f"--password={canary}", vaulted],
    }) == {
        "values.pin": "(not shown)", "values.list": "(not shown)", "values.from": "{{ vault_pin }}",
        "values.vaulted": "(in a vault)", "env.API_TOKEN": "***", "env.URL": "***", "env.vaulted": "(in a vault)",
        "args": '["--password=***", "(in a vault)"]',
    }  # fmt: skip
