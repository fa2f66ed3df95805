// For cpp.cpp: exceptions come through this function, out of it, and are caught in it. Its destructors count ten.
#include <atomic>

extern "C" {
extern std::atomic<int> cleaned;
int callback(int what);
int guarded_plug(int what);
}

struct Cleaner {
    ~Cleaner() { cleaned += 10; }
};

static int caught(int what)
{
    try {
        Cleaner cleaner;
        throw what;
    } catch (int thrown) {
        return thrown + 100;
    }
}

static int again(int what)
{
    try {
        Cleaner cleaner;
        return callback(what);
    } catch (...) {
        Cleaner cleaner;
        throw;
    }
}

static int nested()
{
    try {
        return again(1);
    } catch (int thrown) {
        Cleaner cleaner;
        throw thrown + caught(1);
    }
}

int guarded_plug(int what)
{
    Cleaner cleaner;

    switch (what) {
    case 11:
        throw 8;
    case 12:
        return caught(12);
    case 13:
        return again(1);
    case 14:
        return nested();
    }
    return callback(what) + 2;
}
