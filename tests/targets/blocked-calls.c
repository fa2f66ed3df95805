// The calls of blocked.c: how each blocks, how it is woken, and what a right end is.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blocked.h"

static int quiet[2], pipe_read[2], child_pipe[2], pair[2]; // nobody writes to quiet
static int pipe_written[2], all[2], full, ring;
static char many[1 << 18], fifo[sizeof "/tmp/blocked-XXXXXX.fifo"];
static struct sockaddr_un full_address = { .sun_family = AF_UNIX };
static socklen_t full_address_size;
static int listener, timed_listener, epoll, notify, lock_held, lock_wanted, semaphores, messages;
static struct sockaddr_in listener_address;
static char notify_dir[] = "/tmp/blocked-XXXXXX";
static pid_t child;
static sem_t semaphore;
static mqd_t queue;
static aio_context_t aio;
static volatile sig_atomic_t unpaused;

static void on_usr1(int signal) { unpaused = signal; }

// 0 when a call gave the result it should give, and with -1 the errno it should; else its errno.
static int ended(long result, long right, int right_error)
{
	if (result == right && (result != -1 || errno == right_error))
		return 0;
	return result == -1 ? errno : EPROTO;
}

static struct timeval timeout_us(void) { return (struct timeval){ timeout_ms / 1000, timeout_ms % 1000 * 1000 }; }

static struct timespec deadline(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_sec += timeout_ms / 1000;
	t.tv_nsec += timeout_ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

// Ended by a timeout.

static int timed_accept(void) { return ended(accept(timed_listener, NULL, NULL), -1, EAGAIN); }
static int timed_recv(void) { char b; return ended(recv(pair[0], &b, 1, 0), -1, EAGAIN); }
static int timed_poll(void) { struct pollfd p = { quiet[0], POLLIN, 0 }; return ended(poll(&p, 1, timeout_ms), 0, 0); }

static int timed_ppoll(void)
{
	struct pollfd p = { quiet[0], POLLIN, 0 };
	struct timespec t = timeout();

	return ended(ppoll(&p, 1, &t, NULL), 0, 0);
}

static int timed_select(void)
{
	struct timeval t = timeout_us();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(quiet[0], &set);
	return ended(select(quiet[0] + 1, &set, NULL, NULL, &t), 0, 0);
}

static int timed_pselect(void)
{
	struct timespec t = timeout();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(quiet[0], &set);
	return ended(pselect(quiet[0] + 1, &set, NULL, NULL, &t, NULL), 0, 0);
}

static int timed_epoll_wait(void) { struct epoll_event e; return ended(epoll_wait(epoll, &e, 1, timeout_ms), 0, 0); }

static int timed_epoll_pwait(void)
{
	struct epoll_event e;
	sigset_t none;

	sigemptyset(&none);
	return ended(epoll_pwait(epoll, &e, 1, timeout_ms, &none), 0, 0);
}

// glibc uses epoll_pwait2 only when it is called by name.
static int timed_epoll_pwait2(void)
{
	struct __kernel_timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
	struct epoll_event e;

	return ended(syscall(SYS_epoll_pwait2, epoll, &e, 1, &t, NULL, 0L), 0, 0);
}

static int timed_recvmsg(void)
{
	char b;
	struct iovec vector = { &b, 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

	return ended(recvmsg(pair[0], &message, 0), -1, EAGAIN);
}

static int timed_nanosleep(void) { struct timespec t = timeout(); return ended(nanosleep(&t, NULL), 0, 0); }

// clock_nanosleep returns its error instead of setting errno.
static int timed_clock_nanosleep(void)
{
	struct timespec t = timeout();

	return clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL);
}

static int timed_clock_nanosleep_until(void)
{
	struct timespec t = deadline(CLOCK_MONOTONIC);

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int timed_futex(void)
{
	struct timespec t = timeout();
	int word = 0;

	return ended(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0), -1, ETIMEDOUT);
}

static int timed_sigtimedwait(void)
{
	struct timespec t = timeout();
	sigset_t usr2;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	return ended(sigtimedwait(&usr2, NULL, &t), -1, EAGAIN);
}

static int timed_semtimedop(void)
{
	struct timespec t = timeout();
	struct sembuf down = { 0, -1, 0 };

	return ended(semtimedop(semaphores, &down, 1, &t), -1, EAGAIN);
}

// The real io_getevents: libaio is only this.
static int timed_io_getevents(void)
{
	struct timespec t = timeout();
	struct io_event event;

	return ended(syscall(SYS_io_getevents, aio, 1L, 1L, &event, &t), 0, 0);
}

static int timed_mq_receive(void)
{
	struct timespec t = deadline(CLOCK_REALTIME);
	char message[8];

	return ended(mq_timedreceive(queue, message, sizeof message, NULL, &t), -1, ETIMEDOUT);
}

// Sockets whose timeout other calls than those named for sockets meet.

static int timed_readv(void)
{
	char b;
	struct iovec vector = { &b, 1 };

	return ended(readv(pair[0], &vector, 1), -1, EAGAIN);
}

static int timed_splice(void)
{
	int p[2];

	return pipe(p) ? errno : ended(splice(pair[0], NULL, p[1], NULL, 1, 0), -1, EAGAIN);
}

static int timed_send(void) { return ended(send(full, "", 1, 0), -1, EAGAIN); }
static int timed_write(void) { return ended(write(full, "", 1), -1, EAGAIN); }

static int timed_writev(void)
{
	struct iovec vector = { (char *)"", 1 };

	return ended(writev(full, &vector, 1), -1, EAGAIN);
}

static int timed_sendfile(void)
{
	int file = open("/proc/self/exe", O_RDONLY);

	return ended(sendfile(full, file, NULL, 100), -1, EAGAIN);
}

static int timed_connect(void)
{
	struct timeval t = timeout_us();
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
	return ended(connect(s, (struct sockaddr *)&full_address, full_address_size), -1, EAGAIN);
}

static int timed_futex_waitv(void)
{
	struct timespec end = deadline(CLOCK_MONOTONIC);
	struct __kernel_timespec t = { end.tv_sec, end.tv_nsec };
	unsigned word = 0;
	struct { unsigned long long value, address; unsigned flags, unused; } waiter = { 0, (unsigned long)&word, FUTEX_32 | FUTEX_PRIVATE_FLAG, 0 };

	return ended(syscall(SYS_futex_waitv, &waiter, 1, 0, &t, CLOCK_MONOTONIC), -1, ETIMEDOUT);
}

static int timed_io_uring(void)
{
	struct __kernel_timespec t = { timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
	struct io_uring_getevents_arg wait = { .sigmask_sz = 8, .ts = (unsigned long)&t };

	return ended(syscall(SYS_io_uring_enter, ring, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &wait, sizeof wait), -1, ETIME);
}

// Woken.

// A stop that is felt ends these with a part of their work done.
static int block_write(void) { return ended(write(pipe_written[1], many, sizeof many), sizeof many, 0); }
static void wake_write(pthread_t t)
{
	struct pollfd written = { .fd = pipe_written[0], .events = POLLIN };

	(void)t;
	// All that comes: less than was asked for where a stop was felt.
	while (poll(&written, 1, 300) > 0 && read(pipe_written[0], many, sizeof many) > 0)
		;
}
static int block_recv_all(void) { char b[2]; return ended(recv(all[0], b, 2, MSG_WAITALL), 2, 0); }
static void wake_recv_all(pthread_t t) { (void)t; if (send(all[1], "", 1, 0) != 1) perror("send"); }
static int block_lock(void) { struct flock l = { .l_type = F_WRLCK }; return ended(fcntl(lock_wanted, F_OFD_SETLKW, &l), 0, 0); }
static void wake_lock(pthread_t t) { struct flock l = { .l_type = F_UNLCK }; (void)t; fcntl(lock_held, F_OFD_SETLK, &l); }

static int block_open(void) { int f = open(fifo, O_RDONLY); return f < 0 ? errno : close(f); }
static void wake_open(pthread_t t) { (void)t; close(open(fifo, O_WRONLY)); }

static int block_read(void) { char b; return ended(read(pipe_read[0], &b, 1), 1, 0); }
static void wake_read(pthread_t t) { (void)t; if (write(pipe_read[1], "", 1) != 1) perror("write"); }

static int block_accept(void) { int s = accept(listener, NULL, NULL); return s < 0 ? errno : close(s); }

static void wake_accept(pthread_t t)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);

	(void)t;
	if (connect(s, (struct sockaddr *)&listener_address, sizeof listener_address))
		perror("connect");
	close(s);
}

static int block_msgrcv(void) { long type; return ended(msgrcv(messages, &type, 0, 0, 0), 0, 0); }
static void wake_msgrcv(pthread_t t) { long type = 1; (void)t; if (msgsnd(messages, &type, 0, 0)) perror("msgsnd"); }

static int block_inotify(void)
{
	char event[sizeof(struct inotify_event) + NAME_MAX + 1];

	return read(notify, event, sizeof event) > 0 ? 0 : errno;
}

static void wake_inotify(pthread_t t)
{
	char path[sizeof notify_dir + 2];

	(void)t;
	snprintf(path, sizeof path, "%s/f", notify_dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	unlink(path);
}

static int block_waitid(void) { siginfo_t info; return ended(waitid(P_PID, child, &info, WEXITED), 0, 0); }
static void wake_waitid(pthread_t t) { (void)t; close(child_pipe[1]); }

static int block_flock(void) { return ended(flock(lock_wanted, LOCK_EX), 0, 0); }
static void wake_flock(pthread_t t) { (void)t; flock(lock_held, LOCK_UN); }

// pause always returns EINTR, and rightly only after its handler has run.
static int block_pause(void) { pause(); return unpaused ? 0 : EINTR; }
static void wake_pause(pthread_t t) { pthread_kill(t, SIGUSR1); }

static int block_sem_wait(void) { return ended(sem_wait(&semaphore), 0, 0); }
static void wake_sem_wait(pthread_t t) { (void)t; sem_post(&semaphore); }

#define TIMED(name, block) { name, block, NULL, 0, 0, 0 }
#define WOKEN(name) { #name, block_##name, wake_##name, 0, 0, 0 }

struct blocked_call blocked_calls[] = {
	TIMED("accept_timeout", timed_accept), TIMED("recv_timeout", timed_recv), TIMED("poll", timed_poll),
	TIMED("ppoll", timed_ppoll), TIMED("select", timed_select), TIMED("pselect", timed_pselect),
	TIMED("epoll_wait", timed_epoll_wait), TIMED("epoll_pwait", timed_epoll_pwait),
	TIMED("epoll_pwait2", timed_epoll_pwait2), TIMED("recvmsg_timeout", timed_recvmsg),
	TIMED("nanosleep", timed_nanosleep), TIMED("clock_nanosleep", timed_clock_nanosleep),
	TIMED("clock_nanosleep_until", timed_clock_nanosleep_until), TIMED("futex", timed_futex),
	TIMED("sigtimedwait", timed_sigtimedwait), TIMED("semtimedop", timed_semtimedop),
	TIMED("io_getevents", timed_io_getevents), TIMED("mq_timedreceive", timed_mq_receive),
	TIMED("readv_timeout", timed_readv), TIMED("splice_timeout", timed_splice), TIMED("send_timeout", timed_send),
	TIMED("write_timeout", timed_write), TIMED("writev_timeout", timed_writev), TIMED("sendfile_timeout", timed_sendfile),
	TIMED("connect_timeout", timed_connect), TIMED("futex_waitv", timed_futex_waitv), TIMED("io_uring_enter", timed_io_uring),
	WOKEN(write), WOKEN(recv_all), WOKEN(lock), WOKEN(open),
	WOKEN(read), WOKEN(accept), WOKEN(msgrcv), WOKEN(inotify), WOKEN(waitid), WOKEN(flock), WOKEN(pause),
	WOKEN(sem_wait), { 0 },
};

static int listen_on_loopback(struct sockaddr_in *address)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof *address;

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (s < 0 || bind(s, (struct sockaddr *)address, size) || listen(s, 1))
		return -1;
	return getsockname(s, (struct sockaddr *)address, &size) ? -1 : s;
}

static int setup_files(void)
{
	char name[] = "/tmp/blocked-lock-XXXXXX";

	lock_held = mkstemp(name);
	lock_wanted = open(name, O_RDWR);
	unlink(name);
	notify = inotify_init();
	if (!mkdtemp(notify_dir) || inotify_add_watch(notify, notify_dir, IN_CREATE) < 0)
		return -1;
	return lock_held < 0 || lock_wanted < 0 || flock(lock_held, LOCK_EX)
		|| fcntl(lock_held, F_OFD_SETLK, &(struct flock){ .l_type = F_WRLCK }) ? -1 : 0;
}

// A socket that takes no more, and a listener that takes no more connections.
static int setup_full(void)
{
	struct timeval t = timeout_us();
	char name[32] = { 0 };
	int s[2], waiting = socket(AF_UNIX, SOCK_STREAM, 0), listening = socket(AF_UNIX, SOCK_STREAM, 0);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) || socketpair(AF_UNIX, SOCK_STREAM, 0, all) || pipe(pipe_written))
		return -1;
	full = s[0];
	while (send(full, many, 4096, MSG_DONTWAIT) > 0)
		;
	while (send(full, many, 1, MSG_DONTWAIT) > 0)
		;
	setsockopt(full, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
	full_address_size = offsetof(struct sockaddr_un, sun_path) + 1 + sprintf(name, "blocked-%d", (int)getpid());
	memcpy(full_address.sun_path + 1, name, sizeof name);
	if (bind(listening, (struct sockaddr *)&full_address, full_address_size) || listen(listening, 0)
		|| connect(waiting, (struct sockaddr *)&full_address, full_address_size) || send(all[1], "", 1, 0) != 1)
		return -1;
	snprintf(fifo, sizeof fifo, "%s.fifo", notify_dir);
	return mkfifo(fifo, 0600);
}

static int setup_ipc(void)
{
	struct mq_attr attributes = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[32];

	snprintf(name, sizeof name, "/blocked-%d", (int)getpid());
	queue = mq_open(name, O_CREAT | O_RDWR, 0600, &attributes);
	mq_unlink(name);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	messages = msgget(IPC_PRIVATE, 0600);
	return queue < 0 || semaphores < 0 || messages < 0 || sem_init(&semaphore, 0, 0) ? -1 : 0;
}

int blocked_setup(void)
{
	struct sockaddr_in unused;
	struct timeval t = timeout_us();
	struct sigaction action = { .sa_handler = on_usr1 };
	sigset_t usr2;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &usr2, NULL);
	sigaction(SIGUSR1, &action, NULL);
	if (pipe(quiet) || pipe(pipe_read) || pipe(child_pipe) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	child = fork();
	if (child == 0) {
		char b;

		close(child_pipe[1]);
		_exit(read(child_pipe[0], &b, 1) != 0);
	}
	listener = listen_on_loopback(&listener_address);
	timed_listener = listen_on_loopback(&unused);
	setsockopt(timed_listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, quiet[0], &(struct epoll_event){ .events = EPOLLIN });
	ring = syscall(SYS_io_uring_setup, 4, &(struct io_uring_params){ 0 });
	syscall(SYS_io_setup, 1L, &aio); // a kernel without it shows in the call's own line
	return child < 0 || listener < 0 || timed_listener < 0 || epoll < 0 || setup_files() || setup_full() ? -1 : setup_ipc();
}

void blocked_clean(void)
{
	unlink(fifo);
	rmdir(notify_dir);
	semctl(semaphores, 0, IPC_RMID);
	msgctl(messages, IPC_RMID, NULL);
}
