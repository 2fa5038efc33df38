/* The load driver of bench/broker.py: one JSON line on stdout for one run against one broker, whichever it is. */

#ifndef DRIVER_H
#define DRIVER_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *bootstrap;
    const char *topic;
    const char *codec;   /* none, zstd, lz4, snappy, gzip */
    const char *acks;    /* 0, 1, all */
    int partitions;
    int producers;       /* threads, each with a client of its own */
    int size;            /* bytes of a message */
    int run;             /* messages in a row for one partition */
    int rate;            /* messages a second, for latency */
    int64_t bytes;       /* stop after so many, */
    int64_t count;       /* so many messages, */
    double seconds;      /* or so long */
    double warmup;       /* seconds whose latencies are not counted */
} options_t;

/* Each answers the exit status. */
int produce(const options_t *options);
int consume(const options_t *options);
int latency(const options_t *options);

/* Log-like text, the same at every run; a message is a piece of it. */
#define TEXT_BYTES (32 * 1024 * 1024)
char *make_text(void);

/* The next `size` bytes of the text from `*position` on, from the start again where it ends. */
const char *next_piece(const char *text, size_t *position, size_t size);

/* A client with these settings (name, value, …, NULL); ends the program where that is impossible. */
rd_kafka_t *open_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *const *settings);
rd_kafka_topic_t *open_topic(rd_kafka_t *client, const options_t *options);

double seconds_now(void);
double cpu_seconds(void);
void fail(const char *what, const char *why);

#endif
