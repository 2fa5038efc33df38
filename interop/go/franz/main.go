// franz-go, which has a protocol of its own, not librdkafka's: producing, transactions, groups, and what its admin client asks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	wait = 240 * time.Second
	name = "franz"
)

var (
	servers = os.Getenv("BOOTSTRAP_SERVERS")
	ctx     = context.Background()
	names   = []string{"none", "gzip", "snappy", "lz4", "zstd"}
	codecs  = []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
)

func main() {
	admin := kadm.NewClient(client())
	defer admin.Close()
	producing(admin)
	transactions(admin)
	group(admin)
	administration(admin)
}

func client(options ...kgo.Opt) *kgo.Client {
	made, err := kgo.NewClient(append(options, kgo.SeedBrokers(servers))...)
	if err != nil {
		panic(err)
	}
	return made
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// code is Kafka's name of an error.
func code(err error) string {
	var found *kerr.Error
	if errors.As(err, &found) {
		return found.Message
	}
	return fmt.Sprint(err)
}

func create(admin *kadm.Client, topic string, partitions int32, replicas int16) {
	created, err := admin.CreateTopic(ctx, partitions, replicas, nil, topic)
	fmt.Println("create", topic, created.NumPartitions, code(err))
}

func producing(admin *kadm.Client) {
	fmt.Println("# producing")
	for number, codec := range names {
		topic := name + "-" + codec
		create(admin, topic, 1, 1)
		producer := client(kgo.ProducerBatchCompression(codecs[number]), kgo.DefaultProduceTopic(topic))
		for number := range 3 {
			record := &kgo.Record{Key: []byte("key"), Value: fmt.Appendf(nil, "value %d", number)}
			record.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}
			sent, err := producer.ProduceSync(ctx, record).First()
			fmt.Println(codec, sent.Partition, sent.Offset, code(err))
		}
		producer.Close()
		read(topic, 3, kgo.ReadUncommitted())
	}
}

func read(topic string, count int, level kgo.IsolationLevel) {
	consumer := client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(level))
	defer consumer.Close()
	for found := 0; found < count; {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			panic(err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			found++
			fmt.Println("read", record.Offset, string(record.Key), string(record.Value), len(record.Headers))
		})
	}
}

func transactions(admin *kadm.Client) {
	fmt.Println("# transactions")
	topic := name + "-transactional"
	create(admin, topic, 1, 1)
	producer := client(kgo.TransactionalID(name), kgo.DefaultProduceTopic(topic))
	defer producer.Close()
	for number, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		fmt.Println("begin", producer.BeginTransaction())
		sent, err := producer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint("in transaction ", number))).First()
		fmt.Println("sent", sent.Offset, code(err))
		fmt.Println("end", code(producer.EndTransaction(ctx, end)))
	}
	read(topic, 2, kgo.ReadCommitted())
	read(topic, 3, kgo.ReadUncommitted())
	for _, described := range must(admin.DescribeTransactions(ctx, name, name+"-missing")).Sorted() {
		fmt.Println("transaction", described.TxnID, code(described.Err))
	}
}

func group(admin *kadm.Client) {
	fmt.Println("# a group")
	topic := name + "-shared"
	create(admin, topic, 4, 1)
	members := make([]*kgo.Client, 2)
	assigned := make([]int, 2)
	for number := range members {
		count := func(by int) func(context.Context, *kgo.Client, map[string][]int32) {
			return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
				assigned[number] += by * len(partitions[topic])
			}
		}
		members[number] = client(
			kgo.ConsumeTopics(topic), kgo.ConsumerGroup(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
			kgo.HeartbeatInterval(200*time.Millisecond),
			kgo.OnPartitionsAssigned(count(1)), kgo.OnPartitionsRevoked(count(-1)), kgo.OnPartitionsLost(count(-1)),
		)
	}
	for deadline := time.Now().Add(wait); assigned[0] != 2 || assigned[1] != 2; {
		if time.Now().After(deadline) {
			fmt.Println("never two each")
			break
		}
		for _, member := range members {
			brief, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			member.PollFetches(brief)
			member.AllowRebalance()
			cancel()
		}
	}
	fmt.Println("two each", assigned)
	for _, described := range must(admin.DescribeGroups(ctx, topic)).Sorted() {
		fmt.Println("described", described.State, described.ProtocolType, described.Protocol, len(described.Members))
	}
	for _, deleted := range must(admin.DeleteGroups(ctx, topic)).Sorted() {
		fmt.Println("delete while it has members", code(deleted.Err))
	}
	for _, member := range members {
		member.Close()
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 7, -1)
	fmt.Println("commit from outside", code(admin.CommitAllOffsets(ctx, topic, offsets)))
	fetched := must(admin.FetchOffsets(ctx, topic))
	fetched.Each(func(found kadm.OffsetResponse) { fmt.Println("committed", found.Partition, found.At) })
	for _, deleted := range must(admin.DeleteGroups(ctx, topic, "nothing")).Sorted() {
		fmt.Println("deleted", deleted.Group, code(deleted.Err))
	}
}

func administration(admin *kadm.Client) {
	fmt.Println("# administration")
	topic := name + "-administered"
	create(admin, topic, 2, 1)
	create(admin, topic, 2, 1)
	create(admin, "with space", 1, 1)
	create(admin, name+"-replicated", 1, 3)
	for _, total := range []int{4, 1} {
		for _, grown := range must(admin.UpdatePartitions(ctx, total, topic)).Sorted() {
			fmt.Println("partitions", total, code(grown.Err))
		}
	}
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("1000")}}
	for _, altered := range must(admin.AlterTopicConfigs(ctx, change, topic)) {
		fmt.Println("altered", altered.Name, code(altered.Err))
	}
	ended := must(admin.ListEndOffsets(ctx, topic, name+"-none"))
	lines := []string{}
	ended.Each(func(found kadm.ListedOffset) {
		lines = append(lines, fmt.Sprint("end ", found.Topic, " ", found.Partition, " ", found.Offset, " ", found.Err))
	})
	records := kadm.Offsets{}
	records.AddOffset(name+"-none", 0, 2, -1)
	records.AddOffset(topic, 0, 9, -1)
	deleted := must(admin.DeleteRecords(ctx, records))
	deleted.Each(func(found kadm.DeleteRecordsResponse) {
		lines = append(lines, fmt.Sprint("records ", found.Topic, " ", found.LowWatermark, " ", code(found.Err)))
	})
	sort.Strings(lines) // kadm's maps have no order
	fmt.Println(strings.Join(lines, "\n"))
	directories := must(admin.DescribeAllLogDirs(ctx, nil))
	fmt.Println("brokers with log directories", len(directories))
	features := must(admin.ApiVersions(ctx)).Sorted()
	fmt.Println("brokers", len(features))
	elected, err := admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, kadm.TopicsSet{topic: {0: struct{}{}}})
	fmt.Println("elected", code(elected[topic][0].Err), code(err))
	acls := kadm.NewACLs().Topics().ResourcePatternType(kadm.ACLPatternAny).Operations().Allow().AllowHosts()
	_, err = admin.DescribeACLs(ctx, acls)
	fmt.Println("acls", code(err))
	quotas, err := admin.DescribeClientQuotas(ctx, false, []kadm.DescribeClientQuotaComponent{{Type: "user"}})
	fmt.Println("quotas", len(quotas), code(err))
	metadata := must(admin.Metadata(ctx, topic))
	fmt.Println("metadata", len(metadata.Brokers), metadata.Controller, len(metadata.Topics[topic].Partitions))
	listed := must(admin.ListGroups(ctx)).Groups()
	sort.Strings(listed)
	fmt.Println("groups", strings.Join(listed, " "))
	for _, gone := range []string{topic, name + "-missing"} {
		removed, err := admin.DeleteTopic(ctx, gone)
		fmt.Println("delete", removed.Topic, code(err))
	}
}
