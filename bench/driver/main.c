/* driver produce|consume|latency --bootstrap HOST:PORT --topic NAME … : see driver.h for the options. */

#include "driver.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option NAMES[] = {
    {"bootstrap", required_argument, NULL, 'b'},
    {"topic", required_argument, NULL, 't'},
    {"codec", required_argument, NULL, 'c'},
    {"acks", required_argument, NULL, 'a'},
    {"partitions", required_argument, NULL, 'p'},
    {"producers", required_argument, NULL, 'n'},
    {"size", required_argument, NULL, 's'},
    {"run", required_argument, NULL, 'r'},
    {"rate", required_argument, NULL, 'R'},
    {"bytes", required_argument, NULL, 'B'},
    {"count", required_argument, NULL, 'C'},
    {"seconds", required_argument, NULL, 'S'},
    {"warmup", required_argument, NULL, 'w'},
    {NULL, 0, NULL, 0}};

static void take(options_t *options, int name, const char *value) {
    switch (name) {
    case 'b': options->bootstrap = value; break;
    case 't': options->topic = value; break;
    case 'c': options->codec = value; break;
    case 'a': options->acks = value; break;
    case 'p': options->partitions = atoi(value); break;
    case 'n': options->producers = atoi(value); break;
    case 's': options->size = atoi(value); break;
    case 'r': options->run = atoi(value); break;
    case 'R': options->rate = atoi(value); break;
    case 'B': options->bytes = atoll(value); break;
    case 'C': options->count = atoll(value); break;
    case 'S': options->seconds = atof(value); break;
    case 'w': options->warmup = atof(value); break;
    default: exit(2);
    }
}

int main(int argc, char **argv) {
    options_t options = {.codec = "none", .acks = "1", .partitions = 1, .producers = 1, .size = 200, .run = 1,
                         .rate = 1000, .bytes = INT64_MAX, .count = INT64_MAX, .seconds = 60};
    for (int name; (name = getopt_long(argc, argv, "", NAMES, NULL)) != -1;)
        take(&options, name, optarg);
    const char *mode = optind < argc ? argv[optind] : "";
    if (options.bootstrap == NULL || options.topic == NULL)
        fail("usage", "driver produce|consume|latency --bootstrap HOST:PORT --topic NAME");
    if (strcmp(mode, "produce") == 0)
        return produce(&options);
    if (strcmp(mode, "consume") == 0)
        return consume(&options);
    if (strcmp(mode, "latency") == 0)
        return latency(&options);
    fail("usage", "the mode is produce, consume or latency");
}
