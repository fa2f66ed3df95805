// For Debian's redis 7.0.15: a PING without an argument is answered "+PATCHED" instead of "+PONG".
//
// The function is redis's own pingCommand (src/server.c) but for that word. redis's binary is stripped, but exports
// this function and all that it calls. Debian ships no server.h: what is declared here is the head of its `struct client`,
// and the offsets were compared with those in the machine code of the binary's pingCommand.
#include <stddef.h>
#include <stdint.h>

typedef struct redisObject robj;

typedef struct client {
	uint64_t id;
	uint64_t flags;
	void *conn;
	int resp; // the protocol's version, 2 or 3
	void *db;
	robj *name;
	char *querybuf;
	size_t qb_pos;
	size_t querybuf_peak;
	int argc;
	robj **argv;
} client;

_Static_assert(offsetof(client, flags) == 0x08 && offsetof(client, resp) == 0x18, "redis 7.0");
_Static_assert(offsetof(client, argc) == 0x48 && offsetof(client, argv) == 0x50, "redis 7.0");

#define CLIENT_PUBSUB (1ULL << 18)

void addReplyArrayLen(client *c, long length);
void addReplyBulk(client *c, robj *obj);
void addReplyBulkCBuffer(client *c, const void *p, size_t len);
void addReplyErrorArity(client *c);
void addReplyStatus(client *c, const char *status);

void pingCommand_plug(client *c);

void pingCommand_plug(client *c)
{
	if (c->argc > 2) {
		addReplyErrorArity(c);
		return;
	}

	// A subscribed client of protocol 2 expects a message.
	if (c->flags & CLIENT_PUBSUB && c->resp == 2) {
		addReplyArrayLen(c, 2);
		addReplyBulkCBuffer(c, "pong", 4);
		if (c->argc == 1)
			addReplyBulkCBuffer(c, "", 0);
		else
			addReplyBulk(c, c->argv[1]);
	} else if (c->argc == 1) {
		addReplyStatus(c, "PATCHED");
	} else {
		addReplyBulk(c, c->argv[1]);
	}
}
