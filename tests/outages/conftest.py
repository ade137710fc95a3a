# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fixtures are those of the end-to-end tests."""

from tests.e2e.conftest import app, cluster, endpoint, first_site, user

__all__ = ["app", "cluster", "endpoint", "first_site", "user"]
