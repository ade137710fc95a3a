# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The application as in the end-to-end tests."""

from __future__ import annotations

from tests.e2e.conftest import app, cluster, first_site

__all__ = ["app", "cluster", "first_site"]
