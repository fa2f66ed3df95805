#!/bin/bash
# build.sh CORPUS PACKAGE [configured]: builds the tree that it runs in by the package's recipe; with a third word it is
# configured already.
set -e
export CC=${CC:-gcc} CXX=${CXX:-g++} CFLAGS=${CFLAGS--O2 -g} LC_ALL=C
export CXXFLAGS=${CXXFLAGS-$CFLAGS}
jobs=${JOBS:-2}
# Generated files that the source came with are taken as they are.
shipped="ACLOCAL=: AUTOCONF=: AUTOMAKE=: AUTOHEADER=: MAKEINFO=:"
. "$1/recipes/$2.sh"
cd "$dir"
[ -n "$3" ] || configure
build
