#!/bin/bash
# cgroup v1 only: controllers without a hierarchy are not to be seen by this node's systemd.
set -euo pipefail
[[ ! -e /sys/fs/cgroup/cgroup.controllers ]] || exit 0
awk '$1 ~ /^#/ || $2 != 0' /proc/cgroups >/kind/cgroups
mount --bind /kind/cgroups /proc/cgroups
