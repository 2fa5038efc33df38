/* Throughput: so many producers as fast as they can, until all is acknowledged. */

#include "driver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_KBYTES (64 * 1024) /* of all producers together */
#define QUEUE_MIN_KBYTES 1024
#define FLUSH_MS 60000

typedef struct {
    const options_t *options;
    const char *text;
    pthread_barrier_t *ready;
    int number;
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    int64_t sent;
    int64_t failed;
    double started;
    double ended;
    char error[256];
} producer_t;

/* Called for failures only: a call for each message would make the client the slow side. */
static void delivery_failed(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    producer_t *producer = opaque;
    producer->failed++;
    snprintf(producer->error, sizeof producer->error, "%s", rd_kafka_err2str(message->err));
}

static void open_producer(producer_t *producer) {
    const options_t *options = producer->options;
    int share = QUEUE_KBYTES / options->producers;
    char kbytes[32];
    snprintf(kbytes, sizeof kbytes, "%d", share < QUEUE_MIN_KBYTES ? QUEUE_MIN_KBYTES : share);
    const char *settings[] = {
        "bootstrap.servers", options->bootstrap, "compression.codec", options->codec, "request.required.acks",
        options->acks, "queue.buffering.max.kbytes", kbytes, "queue.buffering.max.messages", "1000000", "linger.ms",
        "5", "compression.level", "1", "delivery.report.only.error", "true", NULL};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, delivery_failed);
    rd_kafka_conf_set_opaque(conf, producer);
    producer->client = open_client(RD_KAFKA_PRODUCER, conf, settings);
    producer->topic = open_topic(producer->client, options);
}

static void send_one(producer_t *producer, int partition, size_t *position) {
    size_t size = (size_t)producer->options->size;
    void *piece = (void *)next_piece(producer->text, position, size);
    while (rd_kafka_produce(producer->topic, partition, 0, piece, size, NULL, 0, NULL)) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(producer->client, 1);
    }
    producer->sent++;
}

static void *run_producer(void *argument) {
    producer_t *producer = argument;
    const options_t *options = producer->options;
    size_t position = TEXT_BYTES / (size_t)options->producers * (size_t)producer->number;
    int partition = producer->number % options->partitions;
    for (int each = 0; each < options->partitions; each++) /* connects, and opens every partition; not counted */
        send_one(producer, each, &position);
    if (rd_kafka_flush(producer->client, FLUSH_MS))
        fail("connect", "no answer");
    producer->sent = 0;
    int64_t share = options->bytes / options->producers / options->size;
    pthread_barrier_wait(producer->ready);
    producer->started = seconds_now();
    double deadline = producer->started + options->seconds;
    while (producer->sent < share) {
        send_one(producer, partition, &position);
        if (producer->sent % options->run == 0)
            partition = (partition + 1) % options->partitions;
        if (producer->sent % 256 == 0) {
            rd_kafka_poll(producer->client, 0);
            if (seconds_now() > deadline)
                break;
        }
    }
    if (rd_kafka_flush(producer->client, FLUSH_MS))
        producer->failed += rd_kafka_outq_len(producer->client);
    producer->ended = seconds_now();
    return NULL;
}

static int report(const options_t *options, const producer_t *producers, double cpu) {
    int64_t sent = 0, failed = 0;
    double started = producers[0].started, ended = producers[0].ended;
    const char *error = "";
    for (int number = 0; number < options->producers; number++) {
        const producer_t *producer = &producers[number];
        sent += producer->sent;
        failed += producer->failed;
        started = producer->started < started ? producer->started : started;
        ended = producer->ended > ended ? producer->ended : ended;
        error = producer->failed ? producer->error : error;
    }
    int64_t delivered = sent - failed;
    printf("{\"messages\": %lld, \"bytes\": %lld, \"failed\": %lld, \"error\": \"%s\", \"seconds\": %.6f, "
           "\"client_cpu_seconds\": %.3f}\n",
           (long long)delivered, (long long)delivered * options->size, (long long)failed, error, ended - started, cpu);
    return 0;
}

int produce(const options_t *options) {
    char *text = make_text();
    producer_t *producers = calloc((size_t)options->producers, sizeof *producers);
    pthread_t *threads = calloc((size_t)options->producers, sizeof *threads);
    pthread_barrier_t ready;
    pthread_barrier_init(&ready, NULL, (unsigned)options->producers + 1);
    for (int number = 0; number < options->producers; number++) {
        producer_t *producer = &producers[number];
        *producer = (producer_t){.options = options, .text = text, .ready = &ready, .number = number};
        open_producer(producer);
        pthread_create(&threads[number], NULL, run_producer, producer);
    }
    pthread_barrier_wait(&ready);
    double cpu = cpu_seconds();
    for (int number = 0; number < options->producers; number++)
        pthread_join(threads[number], NULL);
    return report(options, producers, cpu_seconds() - cpu);
}
