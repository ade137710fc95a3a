# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of rules for custom resources that the conventions alone would misread, or could not read at all.

One row per kind, with the source of what its status means. Everything else is for conventions.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from .custom_clouds import CLOUDS
from .custom_databases import DATABASES
from .custom_delivery import DELIVERY
from .custom_monitoring import MONITORING
from .custom_rollouts import ROLLOUTS
from .rule import Rule

TABLE: Mapping[str, Rule] = {**DATABASES, **ROLLOUTS, **CLOUDS, **MONITORING, **DELIVERY}
