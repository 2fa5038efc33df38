import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Kafka's tools for topics, their configuration and offsets, groups and transactions. */
final class KafkaTools {
    private static final String NAME = "kafka-tools-";

    private KafkaTools() {
    }

    public static void main(String[] arguments) throws Exception {
        topics();
        configs();
        offsets();
        consumerGroups();
        shareGroups();
        transactions();
        System.exit(0);
    }

    /** Runs a tool; "@" in the arguments stands for what all names here begin with. */
    private static void run(Tool tool, String... commands) {
        for (var command : commands) {
            tool.run(command.replace("@", NAME));
        }
    }

    private static void topics() {
        Transcript.title("topics");
        run(Tool.TOPICS,
            "--create --topic @one --partitions 3 --replication-factor 1 --config retention.ms=60000",
            "--create --topic @one",
            "--create --if-not-exists --topic @one",
            "--create --topic @bad/name",
            "--create --topic @a.b",
            "--create --topic @a_b",
            "--create --topic @three --replication-factor 3",
            "--create --topic @four --config nonsense=1",
            "--create --topic @four --config retention.ms=soon",
            "--create --topic @four --partitions 0",
            "--create --topic @assigned --replica-assignment 1,1",
            "--create --topic @elsewhere --replica-assignment 7",
            "--describe --topic @assigned",
            "--describe --topic @one --topics-with-overrides",
            "--describe --topic @none",
            "--describe --topic @none --if-exists",
            "--describe --topic-id AAAAAAAAAAAAAAAAAAAAAA",
            "--describe --topic @one --under-replicated-partitions",
            "--describe --topic @one --unavailable-partitions",
            "--describe --topic @one --under-min-isr-partitions",
            "--describe --topic @one --at-min-isr-partitions",
            "--alter --topic @one --partitions 5",
            "--alter --topic @one --partitions 2",
            "--alter --topic @one --partitions 5",
            "--alter --topic @none --partitions 5",
            "--alter --topic @one --partitions 6 --replica-assignment 1,1,1,1,1,1",
            "--describe --topic @one",
            "--list --topic @.*",
            "--delete --topic @one",
            "--delete --topic @one",
            "--delete --topic @a.*");
    }

    private static void configs() {
        Transcript.title("configurations");
        run(Tool.TOPICS, "--create --topic @configs --config retention.ms=60000");
        run(Tool.CONFIGS,
            "--alter --topic @configs --add-config retention.ms=70000,cleanup.policy=[compact,delete],segment.bytes=1048576",
            "--alter --topic @configs --delete-config retention.ms",
            "--alter --topic @configs --delete-config retention.bytes",
            "--alter --topic @configs --add-config nonsense=1",
            "--alter --topic @configs --add-config retention.ms=soon",
            "--alter --topic @configs --add-config segment.bytes=1",
            "--describe --topic @none",
            "--describe --entity-type brokers --entity-default",
            "--describe --broker 7",
            "--alter --broker 1 --add-config log.dirs=/x",
            "--describe --client-metrics @metrics",
            "--alter --client-metrics @metrics --add-config interval.ms=1000",
            "--alter --group @group --add-config share.auto.offset.reset=earliest,consumer.session.timeout.ms=50000",
            "--alter --group @group --add-config consumer.session.timeout.ms=1",
            "--describe --group @group",
            "--alter --group @group --delete-config share.auto.offset.reset");
        run(Tool.TOPICS, "--describe --topic @configs");
    }

    private static void offsets() throws IOException {
        Transcript.title("offsets");
        run(Tool.TOPICS, "--create --topic @offsets --partitions 2");
        Tool.PRODUCE.run("--topic " + NAME + "offsets --reader-property parse.key=true",
            "k1\tone\nk2\ttwo\nk3\tthree\nk1\tfour\n");
        for (var time : List.of("earliest", "latest", "earliest-local", "latest-tiered", "earliest-pending-upload", "0",
                "-1", "-2", "9999999999999", "yesterday")) {
            run(Tool.OFFSETS, "--topic @offsets --time " + time);
        }
        run(Tool.OFFSETS,
            "--topic-partitions @offsets:0,@configs:0-1",
            "--topic @none",
            "--topic @offsets --partitions 7",
            "--topic @.* --exclude-internal-topics");
        var file = Files.createTempFile("records", ".json");
        Files.writeString(file, """
            {"version": 1, "partitions": [
              {"topic": "kafka-tools-offsets", "partition": 0, "offset": 1},
              {"topic": "kafka-tools-offsets", "partition": 1, "offset": 99}]}
            """);
        Tool.DELETE_RECORDS.run("--offset-json-file " + file);
        run(Tool.OFFSETS, "--topic @offsets --time earliest");
        Files.delete(file);
    }

    private static void consumerGroups() {
        Transcript.title("consumer groups");
        run(Tool.CONSUME, "--topic @offsets --group @readers --from-beginning --max-messages 3"
            + " --formatter-property print.key=true --formatter-property print.offset=true");
        run(Tool.CONSUMER_GROUPS,
            "--describe --group @readers",
            "--describe --group @readers --offsets --verbose",
            "--describe --group @readers --members --verbose",
            "--describe --group @readers --state",
            "--describe --group @readers --state --verbose",
            "--describe --group @none");
        for (var where : List.of("--to-earliest", "--to-latest", "--to-offset 1", "--shift-by 1", "--shift-by -1",
                "--to-current", "--by-duration P1D", "--to-datetime 2020-01-01T00:00:00.000",
                "--to-datetime 2040-01-01T00:00:00.000", "--to-offset 99")) {
            run(Tool.CONSUMER_GROUPS, "--reset-offsets --group @readers --topic @offsets --execute " + where);
        }
        run(Tool.CONSUMER_GROUPS,
            "--reset-offsets --group @new --topic @offsets:0 --to-latest --execute",
            "--reset-offsets --group @readers --all-topics --to-earliest --dry-run",
            "--reset-offsets --group @readers --all-topics --to-earliest --export",
            "--reset-offsets --group @readers --topic @none --to-earliest --execute",
            "--delete-offsets --group @readers --topic @offsets:0",
            "--delete-offsets --group @readers --topic @none",
            "--describe --group @readers",
            "--validate-regex kafka-(tools|toys)");
        run(Tool.GROUPS, "--list --group-type share", "--list --protocol nonsense");
        run(Tool.CONSUMER_GROUPS, "--delete --group @readers", "--delete --group @none");
    }

    private static void shareGroups() {
        Transcript.title("share groups");
        run(Tool.CONFIGS, "--alter --group @sharers --add-config share.auto.offset.reset=earliest");
        run(Tool.TOPICS, "--create --topic @shared");
        Tool.PRODUCE.run("--topic " + NAME + "shared", "one\ntwo\nthree\n");
        run(Tool.SHARE, "--topic @shared --group @sharers --max-messages 3");
        run(Tool.SHARE_GROUPS,
            "--describe --group @sharers",
            "--describe --group @sharers --members --verbose",
            "--describe --group @sharers --state",
            "--describe --group @none",
            "--reset-offsets --group @sharers --topic @shared --to-earliest --dry-run",
            "--reset-offsets --group @sharers --topic @shared --to-latest --execute",
            "--delete-offsets --group @sharers --topic @shared",
            "--delete --group @sharers",
            "--delete --group @sharers");
    }

    private static void transactions() throws Exception {
        Transcript.title("transactions");
        run(Tool.TOPICS, "--create --topic @transactions");
        try (var producer = JavaProducer.producer("transactional.id", NAME + "id")) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(NAME + "transactions", 0, "key", "value")).get();
            Tool.TRANSACTIONS.runFor("describe --transactional-id " + NAME + "id", "Ongoing|kafka-tools-transactions-0|60000");
            Tool.TRANSACTIONS.runFor("describe-producers --topic " + NAME + "transactions --partition 0", "^ProducerId.*|\\b0\\b");
            Tool.TRANSACTIONS.runFor("list", NAME + "id.*(?=\\t)");
            Tool.TRANSACTIONS.runFor("find-hanging --broker-id 1", NAME + ".*");
            run(Tool.TRANSACTIONS, "abort --topic @transactions --partition 0 --start-offset 7");
            run(Tool.TRANSACTIONS, "abort --topic @transactions --partition 0 --start-offset 0");
            run(Tool.OFFSETS, "--topic @transactions");
            run(Tool.TRANSACTIONS, "forceTerminateTransaction --transactionalId @id",
                "forceTerminateTransaction --transactionalId @none");
        }
        run(Tool.TRANSACTIONS, "describe --transactional-id @none");
    }
}
