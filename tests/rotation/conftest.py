"""The application as in the end-to-end tests."""

from __future__ import annotations

from tests.e2e.conftest import app, cluster, endpoint, first_site, user

__all__ = ["app", "cluster", "endpoint", "first_site", "user"]
