/** Kafka's tools that are clients: console, performance and verifiable ones, and the copier of its system tests. */
final class KafkaClientTools {
    private static final String NAME = "kafka-client-tools-";

    private KafkaClientTools() {
    }

    public static void main(String[] arguments) throws Exception {
        for (var topic : new String[] {"console", "performance", "verifiable", "copied", "latency", "compatibility"}) {
            Transcript.create(NAME + topic, 1);
        }
        console();
        performance();
        verifiable();
        System.exit(0);
    }

    private static String named(String arguments) {
        return arguments.replace("@", NAME);
    }

    private static void console() {
        Transcript.title("console");
        Tool.PRODUCE.run(named("--topic @console --reader-property parse.headers=true --reader-property parse.key=true"
            + " --compression-codec lz4 --sync"), "h1:v1,h2:v2\tkey\tvalue\nh:v\tk\tv\n");
        Tool.PRODUCE.run(named("--topic @console --batch-size 1 --request-required-acks 1"), "plain\nlast\n");
        var printing = " --formatter-property print.key=true --formatter-property print.headers=true"
            + " --formatter-property print.partition=true --formatter-property print.offset=true";
        Tool.CONSUME.run(named("--topic @console --from-beginning --max-messages 4" + printing));
        Tool.CONSUME.run(named("--topic @console --partition 0 --offset 2 --max-messages 2" + printing));
        Tool.CONSUME.run(named("--topic @console --partition 0 --offset latest --timeout-ms 500"));
        Tool.CONSUME.run(named("--include @cons.* --from-beginning --max-messages 4"
            + " --isolation-level read_committed --consumer-property group.protocol=consumer"));
        Tool.CONSUME.run(named("--topic @bad/name --timeout-ms 500"));
        Tool.CONFIGS.run(named("--alter --group @console --add-config share.auto.offset.reset=earliest"));
        Tool.SHARE.run(named("--topic @console --group @console --max-messages 4 --formatter-property print.delivery=true"));
    }

    private static void performance() {
        Transcript.title("performance");
        Tool.PRODUCER_PERFORMANCE.runFor(named("--topic @performance --num-records 20000 --record-size 100 --throughput -1"
            + " --command-property acks=all"), "^20000 records sent(?=,)");
        Tool.PRODUCER_PERFORMANCE.runFor(named("--topic @performance --num-records 5000 --record-size 100 --throughput -1"
            + " --transactional-id @performance --transaction-duration-ms 100"), "^5000 records sent(?=,)");
        Tool.CONSUMER_PERFORMANCE.runFor(named("--topic @performance --num-records 25000 --group @performance"),
            "\\b25000\\b");
        Tool.CONFIGS.run(named("--alter --group @sharing --add-config share.auto.offset.reset=earliest"));
        Tool.SHARE_PERFORMANCE.runFor(named("--topic @performance --num-records 25000 --group @sharing"), "\\b25000\\b");
        Tool.LATENCY.runFor(named("--topic @latency --num-records 50 --producer-acks all --record-size 100"), "Percentiles");
    }

    private static void verifiable() throws Exception {
        Transcript.title("verifiable clients");
        Tool.VERIFIABLE_PRODUCER.runAlone(named("--topic @verifiable --max-messages 100 --acks -1"));
        for (var protocol : new String[] {"classic", "consumer"}) {
            Tool.VERIFIABLE_CONSUMER.runAlone(named("--topic @verifiable --group-id @" + protocol
                + " --group-protocol " + protocol + " --max-messages 100 --reset-policy earliest"));
        }
        Tool.COPIER.runFor(named("--transactional-id @copier --consumer-group @copier --input-topic @verifiable"
            + " --input-partition 0 --output-topic @copied --max-messages 100 --transaction-size 10"),
            "\"remaining\":\"?0\\b|\"consumed\":\"?100\\b");
        Tool.CONSUME.runFor(named("--topic @copied --from-beginning --max-messages 100 --isolation-level read_committed"),
            "Processed a total of.*");
        Tool.COMPATIBILITY.runFor(named("--topic @compatibility --offsets-for-times-supported true --cluster-id-supported true"
            + " --expect-record-too-large-exception false --num-cluster-nodes 1 --idempotent-producer-supported true"
            + " --describe-acls-supported true --describe-configs-supported true --create-topics-supported true"),
            "SUCCESS.*|FAILED.*");
        Tool.VERSIONS.runFor("", "\\w+\\(\\d+\\): .*");
    }
}
