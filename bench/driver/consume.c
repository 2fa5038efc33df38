/* Reading: all partitions from their beginning, in batches, until `count` messages are here. */

#include "driver.h"

#include <stdio.h>

#define BATCH 2000
#define WAIT_MS 1000

int consume(const options_t *options) {
    const char *settings[] = {"bootstrap.servers", options->bootstrap, "queued.min.messages", "1000000", NULL};
    rd_kafka_t *client = open_client(RD_KAFKA_CONSUMER, rd_kafka_conf_new(), settings);
    rd_kafka_topic_t *topic = open_topic(client, options);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    double cpu = cpu_seconds(), started = seconds_now(), ended = started;
    for (int partition = 0; partition < options->partitions; partition++)
        if (rd_kafka_consume_start_queue(topic, partition, RD_KAFKA_OFFSET_BEGINNING, queue))
            fail("consume", rd_kafka_err2str(rd_kafka_last_error()));
    int64_t messages = 0, bytes = 0, failed = 0;
    static rd_kafka_message_t *batch[BATCH];
    while (messages < options->count && ended - started < options->seconds) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, WAIT_MS, batch, BATCH);
        for (ssize_t number = 0; number < got; number++) {
            if (batch[number]->err) {
                failed++;
                fprintf(stderr, "driver: %s\n", rd_kafka_message_errstr(batch[number]));
            } else {
                messages++;
                bytes += (int64_t)batch[number]->len;
            }
            rd_kafka_message_destroy(batch[number]);
        }
        ended = seconds_now();
    }
    printf("{\"messages\": %lld, \"bytes\": %lld, \"failed\": %lld, \"seconds\": %.6f, \"client_cpu_seconds\": %.3f}\n",
           (long long)messages, (long long)bytes, (long long)failed, ended - started, cpu_seconds() - cpu);
    return 0;
}
