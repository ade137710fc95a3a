"""Prometheus by its operator, Alertmanager and VictoriaLogs beside the app. `make monitoring` runs it; it is no part of
`make test`."""
