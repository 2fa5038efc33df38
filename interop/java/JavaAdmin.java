import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/** The Java admin client, call by call: topics, records, offsets, groups, transactions. */
final class JavaAdmin {
    private static final String NAME = "java-admin-";
    private static final TopicPartition FIRST = new TopicPartition(NAME + "records", 0);

    private JavaAdmin() {
    }

    public static void main(String[] arguments) throws Exception {
        try (var admin = Transcript.admin()) {
            cluster(admin);
            topics(admin);
            configs(admin);
            records(admin);
            groups(admin);
            transactions(admin);
        }
    }

    private static Object sortedKeys(Map<String, ? extends KafkaFuture<?>> results) {
        var answers = new TreeMap<String, Object>();
        results.forEach((name, future) -> answers.put(name, Transcript.outcome(future::get)));
        return answers;
    }

    private static void cluster(Admin admin) {
        Transcript.title("cluster");
        var cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
        Transcript.attempt("nodes", () -> cluster.nodes().get().stream().map(node -> node.id() + " " + node.rack()).toList());
        Transcript.attempt("controller", () -> cluster.controller().get().id());
        Transcript.attempt("operations", () -> Transcript.sorted(cluster.authorizedOperations().get()));
        Transcript.attempt("cluster id", () -> cluster.clusterId().get().length());
    }

    private static void topics(Admin admin) throws Exception {
        Transcript.title("topics");
        var created = admin.createTopics(List.of(new NewTopic(NAME + "one", Optional.empty(), Optional.empty()),
            new NewTopic(NAME + "two", 2, (short) 1), new NewTopic(NAME + "bad/name", 1, (short) 1),
            new NewTopic(NAME + "replicated", 1, (short) 2), new NewTopic(NAME + "assigned", Map.of(0, List.of(1))),
            new NewTopic(NAME + "misconfigured", 1, (short) 1).configs(Map.of("cleanup.policy", "burn"))));
        Transcript.fact("created", sortedKeys(created.values()));
        Transcript.attempt("partitions", () -> created.numPartitions(NAME + "two").get());
        Transcript.attempt("replicas", () -> created.replicationFactor(NAME + "one").get());
        Transcript.attempt("a configuration", () -> created.config(NAME + "two").get().get("cleanup.policy").value());
        var validated = admin.createTopics(List.of(new NewTopic(NAME + "dry", 1, (short) 1)),
            new CreateTopicsOptions().validateOnly(true));
        Transcript.attempt("validated", () -> validated.all().get());
        Transcript.attempt("not made", () -> admin.describeTopics(List.of(NAME + "dry")).allTopicNames().get());
        Transcript.await("known", () ->
            Transcript.outcome(() -> admin.describeTopics(List.of(NAME + "two")).allTopicNames().get()) instanceof Map<?, ?>);
        Transcript.attempt("listed", () -> Transcript.sorted(admin.listTopics().names().get().stream()
            .filter(name -> name.startsWith(NAME)).toList()));
        var options = new DescribeTopicsOptions().includeAuthorizedOperations(true).partitionSizeLimitPerResponse(1);
        var two = admin.describeTopics(List.of(NAME + "two"), options).allTopicNames().get().get(NAME + "two");
        Transcript.fact("described", two.partitions().stream().map(partition -> partition.partition() + " led by "
            + partition.leader().id() + ", " + partition.replicas().size() + " replicas, " + partition.isr().size()
            + " in sync, elr " + partition.elr()).toList());
        Transcript.fact("operations", Transcript.sorted(two.authorizedOperations()));
        var ids = TopicCollection.ofTopicIds(List.of(two.topicId()));
        Transcript.attempt("by id", () -> admin.describeTopics(ids).allTopicIds().get().get(two.topicId()).name());
        var unknown = TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()));
        Transcript.attempt("by an unknown id", () -> admin.describeTopics(unknown).allTopicIds().get());
        var grown = admin.createPartitions(Map.of(NAME + "two", NewPartitions.increaseTo(4), NAME + "one",
            NewPartitions.increaseTo(1), NAME + "none", NewPartitions.increaseTo(2), NAME + "assigned",
            NewPartitions.increaseTo(2, List.of(List.of(2)))));
        Transcript.fact("grown", sortedKeys(grown.values()));
        Transcript.fact("deleted", sortedKeys(admin.deleteTopics(List.of(NAME + "one", NAME + "none")).topicNameValues()));
        Transcript.attempt("deleted by id", () -> admin.deleteTopics(ids).all().get());
    }

    private static void configs(Admin admin) {
        Transcript.title("configs");
        var topic = new ConfigResource(ConfigResource.Type.TOPIC, NAME + "assigned");
        var operations = List.of(
            operation("retention.ms", "1000", AlterConfigOp.OpType.SET),
            operation("cleanup.policy", "compact", AlterConfigOp.OpType.APPEND),
            operation("segment.ms", "", AlterConfigOp.OpType.DELETE));
        Transcript.attempt("altered", () -> admin.incrementalAlterConfigs(Map.of(topic, operations)).all().get());
        Transcript.until("set", () -> overrides(admin, topic), List.of("cleanup.policy=delete,compact", "retention.ms=1000"));
        for (var asked : List.of(operation("retention.ms", "soon", AlterConfigOp.OpType.SET),
                operation("no.such", "1", AlterConfigOp.OpType.SET),
                operation("retention.ms", "1", AlterConfigOp.OpType.APPEND),
                operation("cleanup.policy", "burn", AlterConfigOp.OpType.SUBTRACT))) {
            Transcript.attempt(asked.opType() + " " + asked.configEntry().name() + " " + asked.configEntry().value(),
                () -> admin.incrementalAlterConfigs(Map.of(topic, List.of(asked))).all().get());
        }
        var policy = List.of(operation("cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT));
        Transcript.attempt("one value less", () -> admin.incrementalAlterConfigs(Map.of(topic, policy)).all().get());
        Transcript.until("set", () -> overrides(admin, topic), List.of("cleanup.policy=compact", "retention.ms=1000"));
        var none = new ConfigResource(ConfigResource.Type.TOPIC, NAME + "none");
        Transcript.attempt("of no topic", () -> overrides(admin, none));
    }

    private static AlterConfigOp operation(String name, String value, AlterConfigOp.OpType type) {
        return new AlterConfigOp(new ConfigEntry(name, value), type);
    }

    private static Object overrides(Admin admin, ConfigResource topic) throws Exception {
        return Transcript.sorted(admin.describeConfigs(List.of(topic)).all().get().get(topic).entries().stream()
            .filter(entry -> entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG)
            .map(entry -> entry.name() + "=" + entry.value()).toList());
    }

    private static void records(Admin admin) throws Exception {
        Transcript.title("records");
        Transcript.create(FIRST.topic(), 1, Map.of("retention.ms", "-1"));
        try (var producer = JavaProducer.producer()) {
            for (long time : new long[] {1000, 3000, 2000}) {
                producer.send(new ProducerRecord<>(FIRST.topic(), 0, 1_500_000_000_000L + time, "key", "value")).get();
            }
        }
        var specs = new TreeMap<String, OffsetSpec>(Map.of("earliest", OffsetSpec.earliest(), "latest", OffsetSpec.latest(),
            "max timestamp", OffsetSpec.maxTimestamp(), "earliest local", OffsetSpec.earliestLocal(), "latest tiered",
            OffsetSpec.latestTiered(), "pending upload", OffsetSpec.earliestPendingUpload(), "at 2000",
            OffsetSpec.forTimestamp(1_500_000_002_000L), "at 4000", OffsetSpec.forTimestamp(1_500_000_004_000L)));
        specs.forEach((name, spec) -> Transcript.attempt(name, () -> offset(admin, FIRST, spec)));
        Transcript.attempt("of no topic", () -> offset(admin, new TopicPartition(NAME + "none", 0), OffsetSpec.latest()));
        for (long before : new long[] {1, 1, 99, -1}) {
            Transcript.attempt("deleted before " + before, () -> admin.deleteRecords(
                Map.of(FIRST, RecordsToDelete.beforeOffset(before))).lowWatermarks().get(FIRST).get().lowWatermark());
        }
        Transcript.attempt("earliest", () -> offset(admin, FIRST, OffsetSpec.earliest()));
    }

    private static Object offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        var options = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED).timeoutMs(3000);
        var found = admin.listOffsets(Map.of(partition, spec), options).partitionResult(partition).get();
        return found.offset() + " at " + found.timestamp() + " of " + found.leaderEpoch();
    }

    private static void groups(Admin admin) {
        Transcript.title("groups");
        var group = NAME + "group";
        Transcript.attempt("offsets of no group", () -> admin.listConsumerGroupOffsets(group)
            .partitionsToOffsetAndMetadata().get());
        Transcript.attempt("describe no group", () -> admin.describeConsumerGroups(List.of(group)).all().get());
        Transcript.attempt("describe no classic group", () -> admin.describeClassicGroups(List.of(group)).all().get());
        Transcript.attempt("delete no group", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
        Transcript.attempt("alter", () -> admin.alterConsumerGroupOffsets(group,
            Map.of(FIRST, new OffsetAndMetadata(2, Optional.of(0), "text"))).all().get());
        Transcript.attempt("alter for no topic", () -> admin.alterConsumerGroupOffsets(group,
            Map.of(new TopicPartition(NAME + "none", 0), new OffsetAndMetadata(2))).all().get());
        Transcript.attempt("alter, metadata too long", () -> admin.alterConsumerGroupOffsets(group,
            Map.of(FIRST, new OffsetAndMetadata(2, "x".repeat(5000)))).all().get());
        Transcript.attempt("offsets", () -> admin.listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec()))
            .all().get());
        Transcript.attempt("listed", () -> Transcript.sorted(admin.listGroups().all().get().stream()
            .filter(one -> one.groupId().equals(group)).map(one -> one.type() + " '" + one.protocol() + "' "
            + one.groupState()).toList()));
        Transcript.attempt("described", () -> admin.describeConsumerGroups(List.of(group)).all().get().values().stream()
            .map(one -> one.type() + " " + one.groupState() + " '" + one.partitionAssignor() + "' " + one.members()).toList());
        Transcript.attempt("remove a member", () -> admin.removeMembersFromConsumerGroup(group,
            new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("nobody")))).all().get());
        Transcript.attempt("remove all members", () -> admin.removeMembersFromConsumerGroup(group,
            new RemoveMembersFromConsumerGroupOptions()).all().get());
        Transcript.attempt("delete offsets", () -> admin.deleteConsumerGroupOffsets(group, Set.of(FIRST)).all().get());
        Transcript.attempt("delete", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
        Transcript.attempt("as a share group", () -> admin.describeShareGroups(List.of(group)).all().get());
        Transcript.attempt("as a streams group", () -> admin.describeStreamsGroups(List.of(group)).all().get());
    }

    private static void transactions(Admin admin) throws Exception {
        Transcript.title("transactions");
        var id = NAME + "transaction";
        Transcript.attempt("none", () -> admin.describeTransactions(List.of(id)).all().get());
        try (var producer = JavaProducer.producer("transactional.id", id)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(FIRST.topic(), 0, "key", "value")).get();
            Transcript.attempt("listed", () -> Transcript.sorted(admin.listTransactions().all().get().stream()
                .filter(one -> one.transactionalId().equals(id)).map(one -> one.state()).toList()));
            var described = admin.describeTransactions(List.of(id)).all().get().get(id);
            Transcript.fact("described", described.state() + " " + described.topicPartitions() + " epoch "
                + described.producerEpoch() + " timeout " + described.transactionTimeoutMs());
            var active = admin.describeProducers(List.of(FIRST)).partitionResult(FIRST).get().activeProducers().stream()
                .filter(one -> one.producerId() == described.producerId()).findFirst().orElseThrow();
            Transcript.fact("producer", "epoch " + active.producerEpoch() + " sequence " + active.lastSequence()
                + " coordinator " + active.coordinatorEpoch() + " from " + active.currentTransactionStartOffset());
            Transcript.attempt("stable end", () -> offset(admin, FIRST, OffsetSpec.latest()));
            var wrong = new AbortTransactionSpec(FIRST, described.producerId(), (short) (described.producerEpoch() - 1), 0);
            Transcript.attempt("abort with an old epoch", () -> admin.abortTransaction(wrong).all().get());
            var right = new AbortTransactionSpec(FIRST, described.producerId(), (short) described.producerEpoch(), 0);
            Transcript.attempt("abort", () -> admin.abortTransaction(right).all().get());
            Transcript.attempt("stable end", () -> offset(admin, FIRST, OffsetSpec.latest()));
            Transcript.attempt("fence", () -> admin.fenceProducers(List.of(id)).all().get());
            Transcript.attempt("the producer commits", producer::commitTransaction);
        }
        Transcript.attempt("terminate", () -> admin.forceTerminateTransaction(id).result().get());
        Transcript.attempt("terminate none", () -> admin.forceTerminateTransaction(NAME + "none").result().get());
    }
}
