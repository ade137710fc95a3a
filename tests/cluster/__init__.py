"""A real Kubernetes on this machine: built from Go modules, with a registry and PostgreSQL."""
