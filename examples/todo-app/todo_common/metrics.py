"""Prometheus metrics that every service has; a service's own stand in its package."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "http_request_duration_seconds",
    "Seconds until a response began",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BUILD = Gauge("build_info", "Always 1; the labels say what runs", ["service", "version"])
PUBLISHED = Counter("events_published_total", "Events handed to the Dapr sidecar", ["type", "result"])
RECEIVED = Counter("events_received_total", "Events that the Dapr sidecar delivered", ["type", "outcome"])
