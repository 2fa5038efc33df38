/* Text as services write it: four formats, times that go on, ids and numbers that do not repeat. */

#include "driver.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 88172645463325252ULL;

static uint32_t any(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

static const char *const LEVELS[] = {"INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"};
static const char *const SERVICES[] = {"checkout", "catalogue", "payment", "search", "mail", "stock", "login", "cart"};
static const char *const PATHS[] = {"/api/orders", "/api/items", "/api/cart", "/login", "/static/app.js", "/healthz"};
static const char *const VERBS[] = {"reserved", "charged", "packed", "shipped", "refunded", "cancelled"};
static const int STATUSES[] = {200, 200, 200, 200, 201, 204, 304, 404, 500, 502};

#define ONE_OF(list) (list)[any(sizeof(list) / sizeof((list)[0]))]

typedef struct {
    unsigned hour, minute, second, ms;
} moment_t;

static int write_access(char *out, size_t room, moment_t at) {
    return snprintf(out, room,
                    "10.%u.%u.%u - - [22/Nov/2026:%02u:%02u:%02u +0000] \"GET %s/%u HTTP/1.1\" %d %u \"-\" "
                    "\"Mozilla/5.0 (X11; Linux x86_64)\" %u.%03u\n",
                    any(4), any(256), any(256), at.hour, at.minute, at.second, ONE_OF(PATHS), any(100000),
                    ONE_OF(STATUSES), any(50000), any(3), any(1000));
}

static int write_plain(char *out, size_t room, moment_t at) {
    return snprintf(out, room,
                    "2026-11-22T%02u:%02u:%02u.%03uZ %s %s: order %u of customer %u was %s in %u ms\n",
                    at.hour, at.minute, at.second, at.ms, ONE_OF(LEVELS), ONE_OF(SERVICES), any(100000000), any(50000),
                    ONE_OF(VERBS), any(900));
}

static int write_json(char *out, size_t room, moment_t at) {
    return snprintf(out, room,
                    "{\"ts\":\"2026-11-22T%02u:%02u:%02u.%03uZ\",\"level\":\"%s\",\"service\":\"%s\","
                    "\"trace_id\":\"%08x%08x\",\"message\":\"request done\",\"status\":%d,\"duration_ms\":%u}\n",
                    at.hour, at.minute, at.second, at.ms, ONE_OF(LEVELS), ONE_OF(SERVICES), any(UINT32_MAX),
                    any(UINT32_MAX), ONE_OF(STATUSES), any(2000));
}

static int write_syslog(char *out, size_t room, moment_t at) {
    return snprintf(out, room,
                    "Nov 22 %02u:%02u:%02u web-%u %s[%u]: level=%s user=%u path=%s/%u cache=%s took=%uus\n",
                    at.hour, at.minute, at.second, any(12), ONE_OF(SERVICES), 1000 + any(30000), ONE_OF(LEVELS),
                    any(50000), ONE_OF(PATHS), any(100000), any(3) ? "hit" : "miss", any(100000));
}

static int write_line(char *out, size_t room, uint64_t ms) {
    moment_t at = {.hour = ms / 3600000 % 24, .minute = ms / 60000 % 60, .second = ms / 1000 % 60, .ms = ms % 1000};
    switch (any(4)) {
    case 0: return write_access(out, room, at);
    case 1: return write_plain(out, room, at);
    case 2: return write_json(out, room, at);
    default: return write_syslog(out, room, at);
    }
}

char *make_text(void) {
    char *text = malloc(TEXT_BYTES + 1024);
    if (text == NULL)
        fail("text", "out of memory");
    size_t end = 0;
    for (uint64_t ms = 36000000; end < TEXT_BYTES; ms += any(3))
        end += (size_t)write_line(text + end, 1024, ms);
    return text;
}

const char *next_piece(const char *text, size_t *position, size_t size) {
    if (*position + size > TEXT_BYTES)
        *position = 0;
    const char *piece = text + *position;
    *position += size;
    return piece;
}
