#!/bin/bash
# prepare.sh CORPUS ID FOLDER CACHE: makes FOLDER/base, the source as it is before the fix ID of CORPUS/corpus.tsv, and
# FOLDER/fix.diff. The source comes from the archives that this machine takes its packages from; apt's own configuration stays
# as it is. Says what of the recipe's needs is missing, or installs it as root.
set -e -o pipefail
corpus=$1 id=$2 folder=$3 cache=$4
IFS=$'\t' read -r _ package version patch _ < <(awk -F'\t' -v id="$id" '$1 == id' "$corpus/corpus.tsv")
[ -n "$patch" ] || { echo "$corpus/corpus.tsv has no fix $id" >&2; exit 2; }
needs=$(sed -n 's/^needs="\(.*\)"$/\1/p' "$corpus/recipes/$package.sh")
missing=$(for p in dpkg-dev patch build-essential $needs; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok' || echo "$p"
done)
if [ -n "$missing" ]; then
	[ "$(id -u)" = 0 ] || { echo "to be installed: $missing" >&2; exit 3; }
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y --no-install-recommends $missing >/dev/null
fi

apt=$cache/apt
options="-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$apt/sources -o Dir::State::Lists=$apt/lists
	-o Dir::Cache=$apt/cache -o APT::Sandbox::User=root -o Acquire::Languages=none"
if ! ls "$cache/${package}"_*.dsc >/dev/null 2>&1; then
	if [ ! -e "$apt/updated" ]; then
		mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial"
		for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
			[ ! -e "$list" ] || sed -n 's/^deb /deb-src /p' "$list" >"$apt/sources/$(basename "$list" .list).list"
		done
		for list in /etc/apt/sources.list.d/*.sources; do
			[ ! -e "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$apt/sources/$(basename "$list")"
		done
		apt-get -qq $options update || :
		touch "$apt/updated"
	fi
	# Where the version is no longer to be had, a newer one has the fix as well, most often.
	(cd "$cache" && { apt-get -qq $options source --only-source --download-only "$package=$version" 2>/dev/null ||
		apt-get -qq $options source --only-source --download-only "$package"; }) >/dev/null
fi
rm -rf "$folder/base"
mkdir -p "$folder"
dpkg-source --no-check --skip-patches -x "$(ls "$cache/${package}"_*.dsc | tail -1)" "$folder/base" >/dev/null
found=
while read -r p; do
	[ "$p" != "$patch" ] || { found=1; break; }
	patch -d "$folder/base" -p1 -t -s -N -E --no-backup-if-mismatch <"$folder/base/debian/patches/$p"
done < <(sed 's/#.*//; s/[[:space:]].*//' "$folder/base/debian/patches/series" | grep .)
[ -n "$found" ] || { echo "$package has no patch $patch any more" >&2; exit 1; }
cp "$folder/base/debian/patches/$patch" "$folder/fix.diff"
