# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labels and annotations of ours. Label values hold 63 characters at most."""

from __future__ import annotations

ENVIRONMENT = "todo.cloud/environment"
INPUTS = "todo.cloud/inputs"
CHART = "todo.cloud/chart"
WATCHED = "todo.cloud/watched"
# The revision a run meant to make: a Helm call by hand copies our labels, but not its number.
REVISION = "todo.cloud/revision"
