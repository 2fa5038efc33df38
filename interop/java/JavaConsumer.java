import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** The Java consumer with both group protocols: offsets, rebalances, patterns, static members, and a change of protocol. */
final class JavaConsumer {
    private static final String NAME = "java-consumer-";
    private static final long START = 1_500_000_000_000L;

    private JavaConsumer() {
    }

    public static void main(String[] arguments) throws Exception {
        Transcript.create(NAME + "four", 4, Map.of("retention.ms", "-1"));
        fill(NAME + "four", 4);
        for (var protocol : List.of("classic", "consumer")) {
            offsets(protocol);
            members(protocol);
            patterns(protocol);
            staticMembers(protocol);
            assignors(protocol);
        }
        migration();
    }

    /** Ten records in each partition, a second between them */
    private static void fill(String topic, int partitions) {
        try (var producer = JavaProducer.producer()) {
            for (int i = 0; i < 10 * partitions; i++) {
                long time = START + 1000L * (1 + i / partitions);
                producer.send(new ProducerRecord<>(topic, i % partitions, time, "key", "value " + i));
            }
        }
    }

    /** A consumer of a group, and what it was given. */
    private static final class Member implements AutoCloseable {
        final KafkaConsumer<String, String> consumer;
        int records;

        Member(String protocol, String group, Object... settings) {
            var all = new HashMap<String, Object>(Map.of("bootstrap.servers", Transcript.SERVERS, "group.id", NAME + group,
                "group.protocol", protocol, "auto.offset.reset", "earliest", "enable.auto.commit", false));
            if (protocol.equals("classic")) {
                all.put("heartbeat.interval.ms", 200);
            }
            for (int i = 0; i < settings.length; i += 2) {
                all.put((String) settings[i], settings[i + 1]);
            }
            consumer = new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
        }

        Member on(String... topics) {
            consumer.subscribe(names(topics));
            return this;
        }

        private static List<String> names(String... topics) {
            return Arrays.stream(topics).map(topic -> NAME + topic).toList();
        }

        int poll() {
            int count = consumer.poll(Duration.ofMillis(20)).count();
            records += count;
            return count;
        }

        Set<String> assigned() {
            var names = new TreeSet<String>();
            consumer.assignment().forEach(partition -> names.add(partition.toString().substring(NAME.length())));
            return names;
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    /** Polls all of them until each has so many partitions. */
    private static void await(String what, Map<Member, Integer> wanted) {
        Transcript.await(what, () -> {
            wanted.keySet().forEach(Member::poll);
            return wanted.entrySet().stream().allMatch(one -> one.getKey().assigned().size() == one.getValue());
        });
    }

    private static TopicPartition partition(int number) {
        return new TopicPartition(NAME + "four", number);
    }

    private static void offsets(String protocol) throws Exception {
        Transcript.title(protocol + ": offsets");
        try (var member = new Member(protocol, protocol).on("four")) {
            Transcript.await("all records", () -> member.poll() >= 0 && member.records == 40);
            var consumer = member.consumer;
            Transcript.attempt("position", () -> consumer.position(partition(2)));
            consumer.commitSync(Map.of(partition(0), new OffsetAndMetadata(5, "half"), partition(1), new OffsetAndMetadata(10)));
            Transcript.attempt("committed", () -> new TreeMap<>(Map.of("0", consumer.committed(Set.of(partition(0))).toString(),
                "3", consumer.committed(Set.of(partition(3))).toString())));
            Transcript.attempt("beginning", () -> consumer.beginningOffsets(List.of(partition(0))));
            Transcript.attempt("end", () -> consumer.endOffsets(List.of(partition(0))));
            for (long time : new long[] {0, 2500, 10_000, 10_001}) {
                Transcript.attempt("at " + time, () -> consumer.offsetsForTimes(Map.of(partition(0), START + time)));
            }
            consumer.seek(partition(0), 8);
            Transcript.attempt("lag after a seek", () -> consumer.position(partition(0)));
            Transcript.attempt("offset far away", () -> consumer.commitSync(Map.of(partition(2), new OffsetAndMetadata(99))));
            Transcript.attempt("a topic that is not", () -> consumer.commitSync(
                Map.of(new TopicPartition(NAME + "none", 0), new OffsetAndMetadata(1)), Duration.ofSeconds(2)));
        }
        try (var member = new Member(protocol, protocol).on("four")) {
            Transcript.await("the rest", () -> member.poll() >= 0 && member.records >= 5 + 10 && member.assigned().size() == 4);
            Transcript.attempt("where it began", () -> new TreeSet<>(List.of(member.consumer.position(partition(0)))));
        }
        try (var member = new Member(protocol, protocol + "-none", "auto.offset.reset", "none").on("four")) {
            Transcript.attempt("without offsets", () -> pollUntilError(member));
        }
        try (var member = new Member(protocol, protocol + "-by-duration", "auto.offset.reset", "by_duration:P10000D").on("four")) {
            await("by duration", Map.of(member, 4));
            Transcript.await("all records", () -> member.poll() >= 0 && member.records == 40);
        }
    }

    private static Object pollUntilError(Member member) {
        long deadline = System.nanoTime() + Transcript.SOON.toNanos();
        while (System.nanoTime() < deadline) {
            member.poll();
        }
        return "no error";
    }

    private static void members(String protocol) {
        Transcript.title(protocol + ": members come and go");
        var group = protocol + "-members";
        try (var first = new Member(protocol, group).on("four")) {
            await("one has all", Map.of(first, 4));
            try (var second = new Member(protocol, group).on("four")) {
                await("two have half each", Map.of(first, 2, second, 2));
                var all = new TreeSet<>(first.assigned());
                all.addAll(second.assigned());
                Transcript.fact("together", all);
                Transcript.attempt("the group", () -> described(group));
            }
            await("one has all again", Map.of(first, 4));
            Transcript.create(NAME + protocol + "-later", 2);
            first.on("four", protocol + "-later");
            await("with another topic", Map.of(first, 6));
            first.consumer.unsubscribe();
            Transcript.fact("unsubscribed", first.assigned());
        }
        Transcript.attempt("the group", () -> described(group));
    }

    private static Object described(String group) throws Exception {
        try (var admin = Transcript.admin()) {
            var found = admin.describeConsumerGroups(List.of(NAME + group)).describedGroups().get(NAME + group).get();
            var members = found.members().stream().map(member -> member.assignment().topicPartitions().size()
                + (member.groupInstanceId().isPresent() ? " as " + member.groupInstanceId().get() : "")
                + member.upgraded().map(upgraded -> upgraded ? " upgraded" : " not upgraded").orElse("")).sorted().toList();
            return found.type() + " " + found.groupState() + " " + found.partitionAssignor() + " " + members;
        }
    }

    private static void patterns(String protocol) {
        Transcript.title(protocol + ": patterns");
        var topic = NAME + protocol + "-pattern-";
        Transcript.create(topic + "a", 1);
        try (var member = new Member(protocol, protocol + "-pattern", "metadata.max.age.ms", 500)) {
            if (protocol.equals("classic")) {
                member.consumer.subscribe(Pattern.compile(topic + "[a-c]"));
            } else {
                member.consumer.subscribe(new SubscriptionPattern(topic + "[a-c]"));
            }
            await("the first", Map.of(member, 1));
            Transcript.create(topic + "b", 2);
            Transcript.create(topic + "z", 2);
            await("a new one", Map.of(member, 3));
            Transcript.fact("assigned", member.assigned());
        }
        try (var member = new Member(protocol, protocol + "-bad-pattern")) {
            member.consumer.subscribe(new SubscriptionPattern("(unclosed"));
            Transcript.attempt("a pattern that is none", () -> pollUntilError(member));
        } catch (RuntimeException error) {
            Transcript.fact("a server's pattern", Transcript.kind(error));
        }
    }

    private static void staticMembers(String protocol) {
        Transcript.title(protocol + ": static members");
        var group = protocol + "-static";
        var revoked = new AtomicInteger();
        try (var first = new Member(protocol, group, "group.instance.id", "first");
                var second = new Member(protocol, group, "group.instance.id", "second").on("four")) {
            first.consumer.subscribe(List.of(NAME + "four"), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    revoked.addAndGet(partitions.size());
                }

                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                }
            });
            await("half each", Map.of(first, 2, second, 2));
            int before = revoked.get();
            var had = second.assigned();
            second.consumer.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
            try (var back = new Member(protocol, group, "group.instance.id", "second").on("four")) {
                await("back", Map.of(first, 2, back, 2));
                Transcript.fact("it has what it had", had.equals(back.assigned()));
                Transcript.fact("revoked from the other", revoked.get() - before);
                Transcript.attempt("the group", () -> described(group));
                try (var twin = new Member(protocol, group, "group.instance.id", "second").on("four")) {
                    Transcript.attempt("a twin", () -> pollBoth(twin, back));
                }
            }
        }
    }

    /** The error of one of the two; each is polled in turn. */
    private static Object pollBoth(Member twin, Member back) {
        long deadline = System.nanoTime() + Transcript.SOON.toNanos();
        while (System.nanoTime() < deadline) {
            try {
                twin.poll();
            } catch (RuntimeException error) {
                return "the twin gets " + Transcript.kind(error);
            }
            try {
                back.poll();
            } catch (RuntimeException error) {
                return "the elder gets " + Transcript.kind(error);
            }
        }
        return "no error";
    }

    private static void assignors(String protocol) {
        Transcript.title(protocol + ": assignors");
        boolean isClassic = protocol.equals("classic");
        var setting = isClassic ? "partition.assignment.strategy" : "group.remote.assignor";
        var prefix = isClassic ? "org.apache.kafka.clients.consumer." : "";
        var names = isClassic ? List.of("RangeAssignor", "RoundRobinAssignor", "StickyAssignor", "CooperativeStickyAssignor")
            : List.of("range", "uniform", "none-such");
        for (var name : names) {
            var group = protocol + "-" + name;
            try (var first = new Member(protocol, group, setting, prefix + name).on("four");
                    var second = new Member(protocol, group, setting, prefix + name).on("four")) {
                if (name.equals("none-such")) {
                    Transcript.attempt(name, () -> pollUntilError(first));
                    continue;
                }
                await(name, Map.of(first, 2, second, 2));
                Transcript.attempt("the group", () -> described(group));
            }
        }
    }

    private static void migration() {
        Transcript.title("from the classic protocol to the new one and back, while members read");
        try (var old = new Member("classic", "moving").on("four")) {
            await("a classic member has all", Map.of(old, 4));
            Transcript.attempt("the group", () -> described("moving"));
            try (var young = new Member("consumer", "moving").on("four")) {
                await("half each", Map.of(old, 2, young, 2));
                Transcript.attempt("the group", () -> described("moving"));
                old.consumer.commitSync();
                old.close();
                await("the new one has all", Map.of(young, 4));
                Transcript.attempt("the group", () -> described("moving"));
                try (var back = new Member("classic", "moving").on("four")) {
                    await("half each", Map.of(back, 2, young, 2));
                    young.close();
                    await("a classic member has all", Map.of(back, 4));
                    Transcript.attempt("the group", () -> described("moving"));
                }
            }
        }
    }
}
