"""A real Kubernetes on this machine: built from its Go modules, run in namespaces of its own, with a registry and a PostgreSQL."""
