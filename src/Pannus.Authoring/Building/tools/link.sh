#!/bin/sh
# Stands in the place of the linker, and notes what went into each program and library: the arguments, a map, which names the
# members of archives, and the objects that the compiler's driver is about to delete.
name=${0##*/}
real=
IFS=:
for folder in $PATH /usr/local/bin /usr/bin /bin; do
	[ "$folder" != "$PANNUS_TOOLS" ] && [ -x "$folder/$name" ] && { real=$folder/$name; break; }
done
unset IFS
[ -n "$real" ] || { echo "$name: not found" >&2; exit 127; }

output=a.out map= previous=
for argument; do
	case "$previous" in
	-o | --output) output=$argument ;;
	-Map | --Map) map=$argument ;;
	esac
	case "$argument" in
	--output=*) output=${argument#--output=} ;;
	-Map=* | --Map=*) map=${argument#*=} ;;
	-o?*) output=${argument#-o} ;;
	esac
	previous=$argument
done
case "$output" in
conftest* | */conftest* | *CMakeFiles/* | cmTC_* | */cmTC_* | *meson-private/* | a.out | /dev/null) exec "$real" "$@" ;;
esac

record=$(mktemp -d "$PANNUS_RECORD/link.XXXXXXXX") || exit 1
if [ -n "$map" ]; then
	"$real" "$@"
else
	"$real" "$@" "-Map=$record/map"
fi
status=$?
[ $status = 0 ] || { rm -rf "$record"; exit $status; }
[ -z "$map" ] || cp "$map" "$record/map"
printf '%s\0%s\0' "$PWD" "$output" >"$record/output"
printf '%s\0' "$@" >"$record/arguments"
ln "$output" "$record/binary" 2>/dev/null || cp "$output" "$record/binary"
# Objects in the folder for temporary files are deleted when the driver ends, as are lists of arguments.
for argument; do
	case "$argument" in
	@*) cat "${argument#@}" >>"$record/list" ;;
	esac
done
sed -n 's/^LOAD \(.*\)$/\1/p' "$record/map" | while read -r input; do
	case "$input" in
	"$TMPDIR"/*) mkdir -p "$record/objects" && cp "$input" "$record/objects/" ;;
	esac
done
mv "$record" "$PANNUS_RECORD/done.$(date +%s%N).${record##*.}"
exit 0
