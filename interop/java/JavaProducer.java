import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The Java producer: codecs, acknowledgements, what is refused, transactions and their fencing. */
final class JavaProducer {
    private static final String TOPIC = "java-producer-";

    private JavaProducer() {
    }

    public static void main(String[] arguments) throws Exception {
        codecs();
        acknowledgements();
        transactions();
        refusals();
        fencing();
    }

    static KafkaProducer<String, String> producer(Object... settings) {
        var all = new HashMap<String, Object>(Map.of("bootstrap.servers", Transcript.SERVERS));
        for (int i = 0; i < settings.length; i += 2) {
            all.put((String) settings[i], settings[i + 1]);
        }
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    private static RecordMetadata send(KafkaProducer<String, String> producer, ProducerRecord<String, String> sent)
            throws Exception {
        return producer.send(sent).get();
    }

    private static ProducerRecord<String, String> sent(String topic, String value) {
        return new ProducerRecord<>(TOPIC + topic, 0, "key", value);
    }

    /** All records of partition 0, as a reader of this isolation level sees them. */
    private static List<ConsumerRecord<String, String>> read(String topic, String isolation) {
        var partition = new TopicPartition(TOPIC + topic, 0);
        var settings = Map.<String, Object>of("bootstrap.servers", Transcript.SERVERS, "isolation.level", isolation);
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            var found = new ArrayList<ConsumerRecord<String, String>>();
            while (consumer.position(partition) < end) {
                consumer.poll(Duration.ofMillis(100)).forEach(found::add);
            }
            return found;
        }
    }

    private static List<String> values(String topic, String isolation) {
        return read(topic, isolation).stream().map(record -> record.offset() + "=" + record.value()).toList();
    }

    private static void codecs() throws Exception {
        for (var codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            Transcript.title("codec " + codec);
            Transcript.create(TOPIC + codec, 1);
            try (var producer = producer("compression.type", codec, "linger.ms", 50)) {
                for (int i = 0; i < 500; i++) {
                    var record = new ProducerRecord<>(TOPIC + codec, 0, 1_000_000L + i, "key " + i, "value " + i);
                    record.headers().add("number", String.valueOf(i).getBytes());
                    producer.send(record);
                }
                producer.send(new ProducerRecord<>(TOPIC + codec, 0, null, null));
            }
            var records = read(codec, "read_committed");
            Transcript.fact("records", records.size());
            boolean isWhole = true;
            for (int i = 0; i < 500; i++) {
                var record = records.get(i);
                isWhole &= record.offset() == i && record.timestamp() == 1_000_000L + i
                    && record.value().equals("value " + i) && record.key().equals("key " + i)
                    && new String(record.headers().lastHeader("number").value()).equals(String.valueOf(i));
            }
            Transcript.fact("as they were sent", isWhole);
            Transcript.fact("the last", records.get(500).key() + ", " + records.get(500).value());
        }
    }

    private static void acknowledgements() throws Exception {
        Transcript.title("acknowledgements");
        Transcript.create(TOPIC + "acks", 1);
        for (var acks : List.of("0", "1", "all")) {
            try (var producer = producer("acks", acks, "enable.idempotence", acks.equals("all"))) {
                var answer = send(producer, sent("acks", acks));
                Transcript.fact("offset of acks=" + acks, answer.offset());
                producer.flush();
            }
        }
        Transcript.await("acks=0 arrived", () -> values("acks", "read_committed").size() == 3);
        Transcript.create(TOPIC + "stamped", 1, Map.of("message.timestamp.type", "LogAppendTime"));
        try (var producer = producer()) {
            var answer = send(producer, new ProducerRecord<>(TOPIC + "stamped", 0, 1L, "key", "value"));
            Transcript.fact("stamped by the broker", answer.timestamp() > 1);
            var record = read("stamped", "read_committed").get(0);
            Transcript.fact("timestamp", record.timestampType() + " " + (record.timestamp() == answer.timestamp()));
        }
    }

    private static void refusals() {
        Transcript.title("what is refused");
        Transcript.create(TOPIC + "small", 1, Map.of("max.message.bytes", "1000"));
        Transcript.create(TOPIC + "compacted", 1, Map.of("cleanup.policy", "compact"));
        Transcript.create(TOPIC + "timely", 1, Map.of("message.timestamp.before.max.ms", "1000"));
        Transcript.create(TOPIC + "strict", 1, Map.of("min.insync.replicas", "2"));
        try (var producer = producer("max.request.size", 10_000_000, "max.block.ms", 2000, "delivery.timeout.ms", 3000,
                "request.timeout.ms", 1000)) {
            Transcript.attempt("too large", () -> send(producer, sent("small", "x".repeat(5000))).offset());
            Transcript.attempt("small enough", () -> send(producer, sent("small", "x")).offset());
            var keyless = new ProducerRecord<String, String>(TOPIC + "compacted", "no key");
            Transcript.attempt("without a key", () -> send(producer, keyless).offset());
            var old = new ProducerRecord<>(TOPIC + "timely", 0, 1L, "key", "old");
            Transcript.attempt("too old", () -> send(producer, old).offset());
            var future = new ProducerRecord<>(TOPIC + "small", 0, Long.MAX_VALUE / 2, "key", "future");
            Transcript.attempt("in the future", () -> send(producer, future).offset());
            Transcript.attempt("too few replicas", () -> send(producer, sent("strict", "x")).offset());
            Transcript.attempt("an illegal name", () -> send(producer, sent("bad/name", "x")).offset());
            var nowhere = new ProducerRecord<>(TOPIC + "small", 7, "key", "nowhere");
            Transcript.attempt("a partition that is not", () -> send(producer, nowhere).offset());
            Transcript.attempt("an internal topic",
                () -> send(producer, new ProducerRecord<>("__consumer_offsets", 0, "key", "x")).offset());
            Transcript.attempt("still working", () -> send(producer, sent("small", "y")).offset());
        }
    }

    private static void transactions() throws Exception {
        Transcript.title("transactions");
        Transcript.create(TOPIC + "txn", 1);
        try (var producer = producer("transactional.id", TOPIC + "id")) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, sent("txn", "committed"));
            Transcript.fact("while it is open", values("txn", "read_committed") + " " + values("txn", "read_uncommitted"));
            producer.commitTransaction();
            producer.beginTransaction();
            send(producer, sent("txn", "aborted"));
            producer.abortTransaction();
            producer.beginTransaction();
            send(producer, sent("txn", "with offsets"));
            var offsets = Map.of(new TopicPartition(TOPIC + "txn", 0), new OffsetAndMetadata(3, Optional.of(0), "here"));
            producer.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata(TOPIC + "group"));
            Transcript.attempt("offsets while it is open", () -> committed());
            producer.commitTransaction();
            Transcript.attempt("offsets", () -> committed());
            producer.beginTransaction();
            producer.commitTransaction();
            producer.beginTransaction();
            var lost = Map.of(new TopicPartition(TOPIC + "txn", 0), new OffsetAndMetadata(9));
            producer.sendOffsetsToTransaction(lost, new ConsumerGroupMetadata(TOPIC + "group"));
            producer.abortTransaction();
            Transcript.attempt("offsets of an aborted one", () -> committed());
        }
        Transcript.fact("read_committed", values("txn", "read_committed"));
        Transcript.fact("read_uncommitted", values("txn", "read_uncommitted"));
        try (var producer = producer("transactional.id", TOPIC + "long", "transaction.timeout.ms", 10_000_000)) {
            Transcript.attempt("a timeout too long", () -> producer.initTransactions());
        }
    }

    private static Map<String, Object> committed() throws Exception {
        try (var admin = Transcript.admin()) {
            var found = admin.listConsumerGroupOffsets(TOPIC + "group").partitionsToOffsetAndMetadata().get();
            var plain = new TreeMap<String, Object>();
            found.forEach((partition, offset) -> plain.put(partition.toString(), offset));
            return plain;
        }
    }

    private static void fencing() throws Exception {
        Transcript.title("fencing");
        try (var first = producer("transactional.id", TOPIC + "fenced");
                var second = producer("transactional.id", TOPIC + "fenced")) {
            first.initTransactions();
            first.beginTransaction();
            send(first, sent("txn", "of the first"));
            second.initTransactions();
            second.beginTransaction();
            Transcript.attempt("the first sends", () -> send(first, sent("txn", "too late")).offset());
            Transcript.attempt("the first commits", () -> first.commitTransaction());
            Transcript.attempt("the first aborts", () -> first.abortTransaction());
            send(second, sent("txn", "of the second"));
            Transcript.attempt("the second commits", () -> second.commitTransaction());
        }
        Transcript.fact("read_committed", values("txn", "read_committed"));
        try (var late = producer("transactional.id", TOPIC + "late", "transaction.timeout.ms", 1000)) {
            late.initTransactions();
            late.beginTransaction();
            send(late, sent("txn", "timed out"));
            Transcript.await("it is aborted by its timeout", () -> isDecided());
            Transcript.attempt("it sends", () -> send(late, sent("txn", "too late")).offset());
            Transcript.attempt("it commits", () -> late.commitTransaction());
            Transcript.attempt("it aborts", () -> late.abortTransaction());
            Transcript.attempt("it begins anew", () -> {
                late.beginTransaction();
                send(late, sent("txn", "anew"));
                late.commitTransaction();
            });
        }
        Transcript.fact("read_committed", values("txn", "read_committed"));
    }

    private static boolean isDecided() {
        try (var admin = Transcript.admin()) {
            var state = admin.describeTransactions(List.of(TOPIC + "late")).description(TOPIC + "late").get().state();
            return state.toString().equals("CompleteAbort");
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
