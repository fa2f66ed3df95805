#!/bin/bash
# Runs in the guest: the kselftests in a folder, and the stress test for so many seconds, half with callers of 32 bits.
#   kselftest.sh FOLDER SECONDS
dmesg -n 5
for program in "$1"/*_test_*; do
    echo "== ${program##*/}"
    "$program"
done
for bits in 64 32; do
    echo "== stress_$bits"
    "$1/stress_$bits" $(($2 / 2))
done
