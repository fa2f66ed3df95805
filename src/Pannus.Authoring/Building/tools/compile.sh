#!/bin/sh
# Stands in the place of gcc's own compilers (cc1, cc1plus), where COMPILER_PATH leads the driver, however it was called.
# The real one does what it was told, and gives each function and variable a section of its own, and debug information.
name=${0##*/}
known=$PANNUS_TOOLS/known.$name.$(printf %s "$COLLECT_GCC" | tr / _)
[ -e "$known" ] || {
	env -u COMPILER_PATH "$COLLECT_GCC" "-print-prog-name=$name" >"$known.$$" && mv "$known.$$" "$known"
}
read -r real <"$known"
case "$real" in
/*) ;;
*) echo "$COLLECT_GCC has no $name" >&2; exit 1 ;;
esac
[ -n "$PANNUS_SECTIONS" ] || exec "$real" "$@"
exec "$real" "-ffile-prefix-map=$PANNUS_TREE=$PANNUS_SOURCE" "$@" -ffunction-sections -fdata-sections -g -gno-split-dwarf \
	-fno-debug-types-section
