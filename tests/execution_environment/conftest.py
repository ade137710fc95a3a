"""The fixtures of the end-to-end tests, on a cluster of their own."""

from tests.e2e.conftest import cluster

__all__ = ["cluster"]
