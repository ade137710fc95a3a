"""A container engine for a machine that has none: Debian's Docker in namespaces of its own, with kind's node image.

Nothing is installed on the machine, and no packet leaves it. What `make engine` starts is for tests, and for whoever
wants to see kind's road on such a machine.
"""
