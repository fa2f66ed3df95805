// Scenario: the C++ runtime unwinds through a patched function: exceptions, the cancellation and the end of a thread,
// backtraces, from a signal handler too. Destructors on the way must run, those of the patch and those of the target.
// commands: throw | by | in | again | nested | cancel | exit | trace | signal | jump | value | quit
//   throw, by, again, nested: "caught N cleaned N"; cancel, exit: "ended N cleaned N"; trace, signal: "main N";
//   jump: "jumped"; in, value: "value N"
#include <atomic>
#include <pthread.h>
#include <setjmp.h>
#include <unwind.h>

#include "target.h"

int main();

extern "C" {
// The number of Cleaner objects whose destructor ran; the patch has its own kind and counts here too.
std::atomic<int> cleaned;

static jmp_buf back;
static volatile int reached;
}

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *)
{
    if (_Unwind_FindEnclosingFunction((void *)(_Unwind_GetIP(context) - 1)) == (void *)main)
        reached = 1;
    return _URC_NO_REASON;
}

static void handler(int)
{
    _Unwind_Backtrace(look, nullptr);
}

extern "C" {
// Throws 42 for 1, waits to be cancelled for 2.
PATCHABLE int callback(int what)
{
    switch (what) {
    case 1:
        throw 42;
    case 2:
        for (;;)
            pause();
    case 3:
        pthread_exit(&cleaned);
    case 4:
        _Unwind_Backtrace(look, nullptr);
        break;
    case 5:
        raise(SIGUSR1);
        break;
    case 6:
        longjmp(back, 1);
    }
    return what;
}

struct Cleaner {
    ~Cleaner() { cleaned++; }
};

PATCHABLE int guarded(int what)
{
    Cleaner cleaner;

    if (what == 11)
        throw 7;
    return callback(what) + 1;
}
}

static void *sleeper(void *what)
{
    Cleaner cleaner;

    guarded((int)(long)what);
    return nullptr;
}

static int end(int what)
{
    pthread_t thread;
    void *result = nullptr;

    if (pthread_create(&thread, nullptr, sleeper, (void *)(long)what))
        return 0;
    usleep(50000);
    if (what == 2)
        pthread_cancel(thread);
    pthread_join(thread, &result);
    return what == 2 ? result == PTHREAD_CANCELED : result == &cleaned;
}

static void trace(int what)
{
    reached = 0;
    guarded(what);
    printf("main %d\n", reached);
}

int main()
{
    static const struct { const char *name; int what; } throwing[] = {
        { "throw", 1 }, { "by", 11 }, { "again", 13 }, { "nested", 14 },
    };

    signal(SIGUSR1, handler);
    target_ready();
    while (const char *command = next_command()) {
        cleaned = 0;
        for (auto &t : throwing) {
            if (strcmp(command, t.name))
                continue;
            try {
                printf("value %d\n", guarded(t.what));
            } catch (int thrown) {
                printf("caught %d cleaned %d\n", thrown, cleaned.load());
            }
        }
        if (!strcmp(command, "cancel") || !strcmp(command, "exit")) {
            int ended = end(command[0] == 'c' ? 2 : 3);
            printf("ended %d cleaned %d\n", ended, cleaned.load());
        } else if (!strcmp(command, "trace")) {
            trace(4);
        } else if (!strcmp(command, "signal")) {
            trace(5);
        } else if (!strcmp(command, "jump")) {
            if (!setjmp(back))
                guarded(6);
            else
                puts("jumped");
        } else if (!strcmp(command, "in")) {
            printf("value %d\n", guarded(12));
        } else if (!strcmp(command, "value")) {
            printf("value %d\n", guarded(0));
        }
    }
}
