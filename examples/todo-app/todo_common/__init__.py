"""What the five services share: settings, logs, metrics, probes, graceful shutdown, Dapr."""
