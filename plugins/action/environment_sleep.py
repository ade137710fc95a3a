# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Live progress of the module environment_sleep."""

from __future__ import annotations

from ansible_collections.todo.cloud.plugins.plugin_utils.live import LiveActionModule


class ActionModule(LiveActionModule):
    """See plugin_utils/live.py."""
