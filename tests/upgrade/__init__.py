"""Dapr's upgrade under load on the local cluster. `make dapr-upgrade` runs it; it is no part of `make test`."""
