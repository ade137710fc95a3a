"""The same cluster by kind, where a container engine answers: a node, PostgreSQL beside it, and the app's images in it.

Published images are pulled; with the engine of ``make engine``, which reaches no registry, the same names are loaded
from the local cluster's parts.
"""
