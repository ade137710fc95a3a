"""Autoscaling with a real metrics server. `make autoscaling` runs it; it is no part of `make test`."""
