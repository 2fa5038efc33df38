/* Latency: messages at a fixed rate, whatever the broker does. A message's time runs from when it was meant to be sent,
 * so that a stall counts for all that had to wait behind it, until its acknowledgement is here. */

#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define FLUSH_MS 30000

typedef struct {
    double started;
    double interval;
    int64_t first;     /* the first message that counts */
    float *seconds;    /* of those acknowledged */
    int64_t taken;
    int64_t failed;
    atomic_int ended;
} measure_t;

static double intended(const measure_t *measure, int64_t number) {
    return measure->started + (double)number * measure->interval;
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client;
    measure_t *measure = opaque;
    int64_t number = (int64_t)(intptr_t)message->_private;
    if (message->err)
        measure->failed++;
    else if (number >= measure->first)
        measure->seconds[measure->taken++] = (float)(seconds_now() - intended(measure, number));
}

typedef struct {
    rd_kafka_t *client;
    measure_t *measure;
} poller_t;

static void *poll_answers(void *argument) {
    poller_t *poller = argument;
    while (!atomic_load(&poller->measure->ended))
        rd_kafka_poll(poller->client, 10);
    return NULL;
}

static void sleep_until(double moment) {
    struct timespec until = {.tv_sec = (time_t)moment, .tv_nsec = (long)((moment - (double)(time_t)moment) * 1e9)};
    if (moment > seconds_now())
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int ascending(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(const measure_t *measure, double part) {
    int64_t number = (int64_t)(part * (double)measure->taken);
    if (measure->taken == 0)
        fail("latency", "no message was acknowledged");
    return 1000.0 * (double)measure->seconds[number < measure->taken ? number : measure->taken - 1];
}

static void send_all(const options_t *options, rd_kafka_topic_t *topic, measure_t *measure, int64_t count) {
    char *text = make_text();
    size_t position = 0;
    prctl(PR_SET_TIMERSLACK, 1);
    measure->started = seconds_now();
    for (int64_t number = 0; number < count; number++) {
        sleep_until(intended(measure, number));
        void *piece = (void *)next_piece(text, &position, (size_t)options->size);
        int32_t partition = (int32_t)(number % options->partitions);
        void *opaque = (void *)(intptr_t)number;
        if (rd_kafka_produce(topic, partition, 0, piece, (size_t)options->size, NULL, 0, opaque))
            fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
    }
}

int latency(const options_t *options) {
    /* Few requests in flight, as idempotent producers have: where the broker is behind, batches grow by themselves. */
    const char *settings[] = {
        "bootstrap.servers", options->bootstrap, "compression.codec", options->codec, "request.required.acks",
        options->acks, "queue.buffering.max.messages", "10000000", "linger.ms", "0", "max.in.flight", "5",
        "socket.nagle.disable", "true", NULL};
    int64_t count = (int64_t)((options->warmup + options->seconds) * options->rate);
    measure_t measure = {.interval = 1.0 / options->rate, .first = (int64_t)(options->warmup * options->rate)};
    measure.seconds = calloc((size_t)count + 1, sizeof *measure.seconds);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, &measure);
    poller_t poller = {.client = open_client(RD_KAFKA_PRODUCER, conf, settings), .measure = &measure};
    pthread_t thread;
    pthread_create(&thread, NULL, poll_answers, &poller);
    send_all(options, open_topic(poller.client, options), &measure, count);
    double deadline = seconds_now() + FLUSH_MS / 1000.0;
    while (rd_kafka_outq_len(poller.client) > 0 && seconds_now() < deadline)
        sleep_until(seconds_now() + 0.01);
    int open = rd_kafka_outq_len(poller.client);
    double seconds = seconds_now() - measure.started;
    atomic_store(&measure.ended, 1);
    pthread_join(thread, NULL);
    qsort(measure.seconds, (size_t)measure.taken, sizeof *measure.seconds, ascending);
    printf("{\"messages\": %lld, \"bytes\": %lld, \"failed\": %lld, \"seconds\": %.6f, \"client_cpu_seconds\": %.3f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f}\n",
           (long long)measure.taken, (long long)count * options->size, (long long)measure.failed + open, seconds,
           cpu_seconds(), percentile_ms(&measure, 0.5), percentile_ms(&measure, 0.99), percentile_ms(&measure, 0.999),
           percentile_ms(&measure, 1));
    return 0;
}
