#!/bin/bash
# base-image.sh ROOT: turns a minimal Debian into kind's base image, as the Dockerfile in kind's images/base does.
# By the environment: KIND_FILES (kind's images/base/files), BIN (the cache's programs), CNI (the CNI plugins), HERE.
set -euo pipefail
root=$1

# kind's own files
cp --recursive --no-preserve=mode "$KIND_FILES/etc/." "$root/etc/"
mkdir --parents "$root/kind" "$root/etc/kubernetes/manifests" "$root/opt/cni/bin" "$root/usr/local/sbin"
cp --recursive --no-preserve=mode "$KIND_FILES/kind/." "$root/kind/"
cp --no-preserve=mode "$KIND_FILES"/usr/local/bin/* "$root/usr/local/bin/"
chmod 755 "$root"/usr/local/bin/* "$root/kind" "$root/kind/bin" "$root"/kind/bin/*

# systemd starts the kubelet and containerd, and little else
wants=$root/lib/systemd/system
rm --force "$wants/sysinit.target.wants/systemd-tmpfiles-setup.service" "$wants"/multi-user.target.wants/* \
    "$root"/etc/systemd/system/*.wants/* "$wants"/local-fs.target.wants/* "$wants"/sockets.target.wants/*udev* \
    "$wants"/sockets.target.wants/*initctl* "$wants"/basic.target.wants/*
echo ReadKMsg=no >>"$root/etc/systemd/journald.conf"
ln --symbolic --force /usr/lib/systemd/systemd "$root/sbin/init"
chroot "$root" systemctl enable kubelet.service containerd.service undo-mount-hacks.service
chroot "$root" systemctl mask systemd-binfmt.service

# programs
for name in containerd containerd-shim-runc-v2 ctr crictl; do cp --dereference "$BIN/$name" "$root/usr/local/bin/"; done
cp --dereference "$(command -v runc)" "$root/usr/local/sbin/runc"
for name in host-local loopback ptp portmap; do cp --dereference "$CNI/$name" "$root/opt/cni/bin/"; done
chroot "$root" /usr/local/bin/ctr oci spec |
    chroot "$root" jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
        >"$root/etc/containerd/cri-base.json"

# What a machine with cgroup v1 and without all capabilities needs besides; on others it does no harm.
# 1. An oom_score_adj below one's own is refused there.
sed --in-place 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$root/etc/containerd/config.toml"
# 2. systemd would mount controllers that have no hierarchy yet, and so change the machine's own.
# 3. The kubelet would set sysctls of the whole machine: both are shown files that say otherwise.
install --mode=755 "$HERE/hide-controllers.sh" "$HERE/hide-sysctls.sh" "$root/kind/bin/"
sed --in-place 's#^fix_cgroup() {#&\n  /kind/bin/hide-controllers.sh#' "$root/usr/local/bin/entrypoint"
grep --quiet hide-controllers "$root/usr/local/bin/entrypoint"
rm --force "$root"/usr/lib/sysctl.d/*.conf
printf '[Service]\nExecStartPre=/kind/bin/hide-sysctls.sh\n' >"$root/etc/systemd/system/kubelet.service.d/20-machine.conf"
# 4. Kubernetes 1.35 and later refuse cgroup v1 unless told.
sed --in-place 's#^KUBELET_EXTRA_ARGS=.*#& --fail-cgroupv1=false#' "$root/etc/default/kubelet"
