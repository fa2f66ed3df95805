// Scenario: the C++ runtime unwinds through a patched function: an exception thrown by what it calls, and the
// cancellation of a thread that sleeps in what it calls. Destructors on the way must run.
// commands: throw | cancel | value | quit
//   throw: "caught N cleaned N"; cancel: "cancelled N cleaned N"; value: "value N"
#include <atomic>
#include <pthread.h>

#include "target.h"

extern "C" {
// The number of Cleaner objects whose destructor ran; the patch has its own kind and counts here too.
std::atomic<int> cleaned;

// Throws 42 for 1, waits to be cancelled for 2.
PATCHABLE int callback(int what)
{
    if (what == 1)
        throw 42;
    while (what == 2)
        pause();
    return what;
}

struct Cleaner {
    ~Cleaner() { cleaned++; }
};

PATCHABLE int guarded(int what)
{
    Cleaner cleaner;

    return callback(what) + 1;
}
}

static void *sleeper(void *)
{
    Cleaner cleaner;

    guarded(2);
    return nullptr;
}

static int cancel()
{
    pthread_t thread;
    void *result = nullptr;

    if (pthread_create(&thread, nullptr, sleeper, nullptr))
        return 0;
    usleep(100000);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    return result == PTHREAD_CANCELED;
}

int main()
{
    target_ready();
    while (const char *command = next_command()) {
        cleaned = 0;
        if (!strcmp(command, "throw")) {
            try {
                guarded(1);
            } catch (int thrown) {
                printf("caught %d cleaned %d\n", thrown, cleaned.load());
            }
        } else if (!strcmp(command, "cancel")) {
            int cancelled = cancel();
            printf("cancelled %d cleaned %d\n", cancelled, cleaned.load());
        } else if (!strcmp(command, "value")) {
            printf("value %d\n", guarded(0));
        }
    }
}
