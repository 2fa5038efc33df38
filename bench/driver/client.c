/* What every mode needs: a client, a topic, clocks, and an end with one line. */

#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

void fail(const char *what, const char *why) {
    fprintf(stderr, "driver: %s: %s\n", what, why);
    exit(1);
}

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

rd_kafka_t *open_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *const *settings) {
    char error[512];
    for (; *settings != NULL; settings += 2)
        if (rd_kafka_conf_set(conf, settings[0], settings[1], error, sizeof error) != RD_KAFKA_CONF_OK)
            fail(settings[0], error);
    rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
    if (client == NULL)
        fail("client", error);
    return client;
}

rd_kafka_topic_t *open_topic(rd_kafka_t *client, const options_t *options) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, options->topic, NULL);
    const struct rd_kafka_metadata *metadata;
    if (topic == NULL || rd_kafka_metadata(client, 0, topic, &metadata, 30000))
        fail(options->topic, "no metadata");
    rd_kafka_metadata_destroy(metadata);
    return topic;
}
