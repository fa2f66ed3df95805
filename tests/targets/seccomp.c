// Scenario: the target may make few syscalls, and dies of any other: those that map a patch must not reach its filter.
// usage: seccomp strict | filter      strict: only read, write, exit; filter: kills for memfd_create, mmap and close
// commands: value | quit
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "target.h"

static volatile int one = 1;

PATCHABLE int work(int x)
{
	return x + one;
}

static int forbid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = { sizeof code / sizeof *code, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

// No stdio from here on: it may allocate.
int main(int argc, char **argv)
{
	char command;

	target_ready();
	if (argc > 1 && !strcmp(argv[1], "strict") ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) : forbid())
		return 1;
	if (write(1, "confined\n", 9) != 9)
		return 1;
	while (read(0, &command, 1) == 1) {
		char value[] = "value 0\n";

		value[6] += work(1);
		if (command == '\n' && write(1, value, 8) != 8)
			return 1;
	}
	syscall(SYS_exit, 0);
}
