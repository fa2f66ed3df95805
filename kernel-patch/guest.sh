#!/bin/bash
# Process 1 of the guest. The host's files are its root, read-only, and memory is mounted where programs write. From the
# kernel's command line come in the environment:
#   KEEP  folders, separated by colons, that stay to be seen although they may lie where memory is mounted
#   RUN   the command to run, with '+' for spaces
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
IFS=: read -ra keep <<< "$KEEP"
for i in "${!keep[@]}"; do
    mkdir -p "/run/keep/$i"
    mount --bind "${keep[i]}" "/run/keep/$i"
done
for folder in /tmp /dev/shm /var/tmp; do mount -t tmpfs tmpfs "$folder"; done
for i in "${!keep[@]}"; do
    [ -d "${keep[i]}" ] || mkdir -p "${keep[i]}"
    mount --bind "/run/keep/$i" "${keep[i]}"
    umount "/run/keep/$i"
done
ip link set lo up
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
cd /tmp
${RUN//+/ }
code=$?
dmesg --level=emerg,alert,crit,err,warn | sed 's/^/kernel: /'
# Nothing is to come between, and all of it is to be out before the end.
dmesg -n 1
echo
echo "The guest ended with $code"
sleep 1
echo b > /proc/sysrq-trigger
sleep 60
