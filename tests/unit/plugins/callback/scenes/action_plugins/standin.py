# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shows the live lines of the stand-in, as those of release_apply are shown."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.todo.cloud.plugins.plugin_utils.live import LiveActionModule


class ActionModule(LiveActionModule):
    """See plugin_utils/live.py."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        if text := self._task.args.get("unreachable"):
            raise AnsibleConnectionFailure(text)
        return super().run(tmp, task_vars)
