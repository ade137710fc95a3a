"""The cluster is that of the end-to-end tests."""

from tests.e2e.conftest import cluster

__all__ = ["cluster"]
