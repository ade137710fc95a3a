"""HTTPS on the local cluster: Traefik, cert-manager and Pebble. `make edge` runs it; it is no part of `make test`."""
