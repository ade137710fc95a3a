#!/bin/bash
# The kubelet sets these sysctls, which are the whole machine's: it is shown files that say what it wants to hear.
set -euo pipefail
[[ ! -e /run/hidden-sysctls ]] || exit 0
mkdir --parents /run/hidden-sysctls
while read -r name value; do
    [[ -e /proc/sys/$name ]] || continue
    file=/run/hidden-sysctls/${name//\//-}
    echo "$value" >"$file"
    mount --bind "$file" "/proc/sys/$name"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
