import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/** The Java share consumer (KIP-932): each way to acknowledge, delivery counts, who gets what another gave back. */
final class JavaShareConsumer {
    private static final String NAME = "java-share-consumer-";

    private JavaShareConsumer() {
    }

    public static void main(String[] arguments) throws Exception {
        implicit();
        explicit();
        limits();
        together();
        transactions();
        offsets();
    }

    private static final class Member implements AutoCloseable {
        final KafkaShareConsumer<String, String> consumer;
        final List<ConsumerRecord<String, String>> last = new ArrayList<>();

        Member(String group, String topic, Object... settings) {
            var all = new HashMap<String, Object>(Map.of("bootstrap.servers", Transcript.SERVERS, "group.id", NAME + group));
            for (int i = 0; i < settings.length; i += 2) {
                all.put((String) settings[i], settings[i + 1]);
            }
            consumer = new KafkaShareConsumer<>(all, new StringDeserializer(), new StringDeserializer());
            consumer.subscribe(List.of(NAME + topic));
        }

        /** Polls until there are records; answers what they are and which delivery of theirs this is. */
        List<String> records() {
            last.clear();
            long deadline = System.nanoTime() + Transcript.SOON.toNanos();
            while (last.isEmpty() && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(100)).forEach(last::add);
            }
            return last.stream().map(record -> record.value() + "/" + record.deliveryCount().orElse((short) -1)).toList();
        }

        Object commit() {
            var answer = new TreeMap<String, String>();
            consumer.commitSync().forEach((partition, error) ->
                answer.put(partition.topicPartition().toString(), error.map(Transcript::kind).orElse("done")));
            return answer;
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    /** A topic, and a group that begins with its first record. */
    private static void begin(String group, int partitions) throws Exception {
        Transcript.title(group);
        Transcript.create(NAME + group, partitions);
        configure(group, "share.auto.offset.reset", "earliest");
    }

    private static void configure(String group, String name, String value) throws Exception {
        try (var admin = Transcript.admin()) {
            var operation = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
            var resource = new ConfigResource(ConfigResource.Type.GROUP, NAME + group);
            Transcript.attempt(name + "=" + value,
                () -> admin.incrementalAlterConfigs(Map.of(resource, List.of(operation))).all().get());
        }
    }

    private static void produce(String topic, int partition, String... values) {
        try (var producer = JavaProducer.producer()) {
            for (var value : values) {
                producer.send(new ProducerRecord<>(NAME + topic, partition, "key", value));
            }
        }
    }

    private static void implicit() throws Exception {
        begin("implicit", 1);
        produce("implicit", 0, "a", "b", "c");
        try (var member = new Member("implicit", "implicit")) {
            Transcript.fact("first", member.records());
            produce("implicit", 0, "d");
            Transcript.fact("the next poll acknowledges", member.records());
            Transcript.fact("committed", member.commit());
            Transcript.attempt("acknowledge", () -> member.consumer.acknowledge(member.last.get(0)));
            Transcript.fact("lock", member.consumer.acquisitionLockTimeoutMs());
        }
        produce("implicit", 0, "e");
        try (var member = new Member("implicit", "implicit")) {
            Transcript.fact("another", member.records());
        }
        try (var member = new Member("implicit", "implicit")) {
            produce("implicit", 0, "f");
            Transcript.fact("closing acknowledges", member.records());
        }
    }

    private static void explicit() throws Exception {
        begin("explicit", 1);
        produce("explicit", 0, "a", "b", "c", "d");
        try (var member = new Member("explicit", "explicit", "share.acknowledgement.mode", "explicit")) {
            Transcript.fact("first", member.records());
            member.consumer.acknowledge(member.last.get(0), AcknowledgeType.ACCEPT);
            member.consumer.acknowledge(member.last.get(1), AcknowledgeType.RELEASE);
            member.consumer.acknowledge(member.last.get(2), AcknowledgeType.REJECT);
            Transcript.attempt("poll with one open", () -> member.consumer.poll(Duration.ofMillis(100)).count());
            member.consumer.acknowledge(member.last.get(3), AcknowledgeType.RENEW);
            Transcript.fact("committed", member.commit());
            Transcript.attempt("after a renewal", () -> member.records());
            member.last.forEach(record -> member.consumer.acknowledge(record, AcknowledgeType.ACCEPT));
            Transcript.fact("committed", member.commit());
            Transcript.attempt("what was released", () -> member.records());
            member.last.forEach(record -> member.consumer.acknowledge(record, AcknowledgeType.ACCEPT));
            Transcript.fact("committed", member.commit());
            Transcript.attempt("twice", () -> member.consumer.acknowledge(NAME + "explicit", 0, 0, AcknowledgeType.ACCEPT));
        }
    }

    private static void limits() throws Exception {
        begin("limits", 1);
        produce("limits", 0, "poison");
        try (var member = new Member("limits", "limits", "share.acknowledgement.mode", "explicit")) {
            for (int i = 0; i < 5; i++) {
                Transcript.fact("delivered", member.records());
                member.consumer.acknowledge(member.last.get(0), AcknowledgeType.RELEASE);
                Transcript.fact("committed", member.commit());
            }
            produce("limits", 0, "wholesome");
            Transcript.fact("given up", member.records());
            member.consumer.acknowledge(member.last.get(0), AcknowledgeType.ACCEPT);
        }
        configure("limits", "share.record.lock.duration.ms", "15000");
        configure("limits", "share.record.lock.duration.ms", "1");
        configure("limits", "share.isolation.level", "read_committed");
        configure("limits", "share.isolation.level", "serializable");
        produce("limits", 0, "one", "two", "three");
        try (var member = new Member("limits", "limits", "max.poll.records", 2, "share.acquire.mode", "record_limit")) {
            Transcript.fact("no more than asked for", member.records());
            Transcript.fact("lock", member.consumer.acquisitionLockTimeoutMs());
            Transcript.fact("the rest", member.records());
        }
    }

    private static void together() throws Exception {
        begin("together", 1);
        produce("together", 0, "a", "b");
        try (var first = new Member("together", "together", "share.acknowledgement.mode", "explicit")) {
            Transcript.fact("the first", first.records());
            produce("together", 0, "c");
            try (var second = new Member("together", "together")) {
                Transcript.fact("the second gets what is free", second.records());
                first.close();
                Transcript.fact("and what the first gave back", second.records());
                try (var admin = Transcript.admin()) {
                    var group = admin.describeShareGroups(List.of(NAME + "together")).all().get().get(NAME + "together");
                    Transcript.fact("the group", group.groupState() + ", members " + group.members().size() + " of "
                        + Transcript.sorted(group.members().iterator().next().assignment().topicPartitions()));
                }
            }
        }
    }

    private static void transactions() throws Exception {
        begin("transactions", 1);
        configure("transactions", "share.isolation.level", "read_committed");
        try (var producer = JavaProducer.producer("transactional.id", NAME + "transactions")) {
            producer.initTransactions();
            for (boolean isGood : new boolean[] {true, false, true}) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(NAME + "transactions", 0, "key", isGood ? "committed" : "aborted"));
                if (isGood) {
                    producer.commitTransaction();
                } else {
                    producer.flush();
                    producer.abortTransaction();
                }
            }
        }
        try (var member = new Member("transactions", "transactions")) {
            var found = new ArrayList<>(member.records());
            if (found.size() == 1) {
                found.addAll(member.records());
            }
            Transcript.fact("read_committed", found);
        }
    }

    private static void offsets() throws Exception {
        Transcript.title("offsets");
        try (var admin = Transcript.admin()) {
            var asked = Map.of(NAME + "implicit", new ListShareGroupOffsetsSpec());
            Transcript.attempt("where it is", () -> admin.listShareGroupOffsets(asked).partitionsToOffsetInfo(NAME + "implicit")
                .get().values().stream().map(info -> info.startOffset() + " lag " + info.lag()).toList());
            var partition = new TopicPartition(NAME + "implicit", 0);
            Transcript.attempt("alter", () -> admin.alterShareGroupOffsets(NAME + "implicit", Map.of(partition, 4L)).all().get());
            try (var member = new Member("implicit", "implicit")) {
                Transcript.fact("again", member.records());
                Transcript.attempt("alter with members",
                    () -> admin.alterShareGroupOffsets(NAME + "implicit", Map.of(partition, 0L)).all().get());
                Transcript.attempt("delete with members", () -> admin.deleteShareGroups(List.of(NAME + "implicit")).all().get());
            }
            Transcript.attempt("delete offsets",
                () -> admin.deleteShareGroupOffsets(NAME + "implicit", Set.of(NAME + "implicit")).all().get());
            Transcript.attempt("delete", () -> admin.deleteShareGroups(List.of(NAME + "implicit")).all().get());
            Transcript.attempt("delete twice", () -> admin.deleteShareGroups(List.of(NAME + "implicit")).all().get());
            Transcript.attempt("describe", () -> admin.describeShareGroups(List.of(NAME + "implicit")).all().get().size());
        }
    }
}
