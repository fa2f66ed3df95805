# For demonstrations: demo/ID/run.sh TREE says what a build does, by this file's functions. Here each is asked three times,
# of one process: as it was built, patched, and with the patch taken back. Between them it says "@patch PID" and "@undo PID" on
# its output and waits for a line; what it has to say begins with "@said".
here=$(dirname "$(realpath "$0")")
tree=$(realpath "${1:?tree}")
work=$(mktemp -d)
trap 'kill $daemon 2>/dev/null; rm -rf "$work"' EXIT
exec 8<&0 9>&1

# asks "$@" before, patched and after, where the process $1 is the one to patch.
rounds() { # PID COMMAND...
	local pid=$1
	shift
	echo "@said $("$@" | tail -1)" >&9
	echo "@patch $pid" >&9
	read -r _ <&8
	echo "@said $("$@" | tail -1)" >&9
	echo "@undo $pid" >&9
	read -r _ <&8
	echo "@said $("$@" | tail -1)" >&9
}

# One line in, one line out, of the program that reads $work/in and writes $work/out.
line() {
	echo 1 >&7
	read -r answer <&6
	echo "$answer"
}

through_lines() { # COMMAND...
	mkfifo "$work/in" "$work/out"
	"$@" <"$work/in" >"$work/out" 8<&- 9>&- &
	daemon=$!
	exec 7>"$work/in" 6<"$work/out"
	rounds "$daemon" line
}

# Runs a command three times: as built, patched, and patched and undone before it does its work.
thrice() { # COMMAND...
	for step in built patched undone; do echo "@said $("$@" | tail -1)" >&9; done
}

# A program that waits for its work on its input: it is patched while it waits.
feed() { # WORK COMMAND...
	local work_list=$1
	shift
	rm -f "$work/in"
	mkfifo "$work/in"
	"$@" <"$work/in" 8<&- &
	local pid=$!
	exec 7>"$work/in"
	if [ $step != built ]; then
		sleep 0.5
		echo "@patch $pid" >&9
		read -r _ <&8
		[ $step = patched ] || { echo "@undo $pid" >&9; read -r _ <&8; }
	fi
	echo "$work_list" >&7
	exec 7>&-
	wait $pid
}

program() { # LIBDIR LIB [compiler arguments]
	local folder=$tree/$1 library=$2 source=$here/demo.c compiler=${CC:-gcc}
	shift 2
	[ -e "$source" ] || { source=$here/demo.cc compiler=${CXX:-g++}; }
	$compiler -O1 -o "$work/demo" "$source" "$@" -L"$folder" -l"$library" -Wl,-rpath,"$folder" && through_lines "$work/demo"
}

free_port() {
	command python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A daemon is asked by ask.py.
python3() {
	rounds "$daemon" command python3 "$@"
}
