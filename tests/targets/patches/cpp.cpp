// For cpp.cpp: the exception passes through this function, whose destructor counts ten.
#include <atomic>

extern "C" {
extern std::atomic<int> cleaned;
int callback(int what);
int guarded_plug(int what);
}

struct Cleaner {
    ~Cleaner() { cleaned += 10; }
};

int guarded_plug(int what)
{
    Cleaner cleaner;

    return callback(what) + 2;
}
