# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module release_bundle. Its result holds values of charts, so it is not shown with ``-v``."""

from __future__ import annotations

from typing import Any

from ansible_collections.todo.cloud.plugins.plugin_utils.live import LiveActionModule


class ActionModule(LiveActionModule):
    """See plugin_utils/live.py."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result; a failure is shown as always."""
        return {**super().run(tmp, task_vars), "_ansible_verbose_override": True}
