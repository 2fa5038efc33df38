// confluent-kafka-go v2: the producer with delivery reports, groups of both protocols, transactions, the admin client.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	wait = 240 * time.Second
	name = "confluent-v2"
)

var servers = os.Getenv("BOOTSTRAP_SERVERS")

func main() {
	admin := must(kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": servers}))
	defer admin.Close()
	welcome("myTopic", []string{"Welcome", "to", "the", "post", "office"})
	producing(admin)
	transactions(admin)
	for _, protocol := range []string{"classic", "consumer"} {
		group(admin, protocol)
	}
	administration(admin)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func code(err error) string {
	if found, ok := err.(kafka.Error); ok {
		return found.Code().String()
	}
	return fmt.Sprint(err)
}

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), wait)
}

func create(admin *kafka.AdminClient, topic string, partitions int, config map[string]string) {
	ctx, cancel := within()
	defer cancel()
	specification := kafka.TopicSpecification{
		Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, Config: config,
	}
	for _, result := range must(admin.CreateTopics(ctx, []kafka.TopicSpecification{specification})) {
		fmt.Println("create", result.Topic, result.Error.Code())
	}
}

func producing(admin *kafka.AdminClient) {
	fmt.Println("# producing")
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		topic := name + "-" + codec
		create(admin, topic, 1, nil)
		producer := must(kafka.NewProducer(&kafka.ConfigMap{
			"bootstrap.servers": servers, "compression.type": codec, "enable.idempotence": true,
		}))
		for number := range 3 {
			fmt.Println(codec, send(producer, topic, fmt.Sprint("value ", number)))
		}
		producer.Close()
		read(topic, 3, "read_committed")
	}
}

// send waits for the delivery report.
func send(producer *kafka.Producer, topic, value string) string {
	reports := make(chan kafka.Event, 1)
	message := kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: 0},
		Key:            []byte("key"),
		Value:          []byte(value),
		Headers:        []kafka.Header{{Key: "h", Value: []byte("v")}},
	}
	if err := producer.Produce(&message, reports); err != nil {
		return code(err)
	}
	report := (<-reports).(*kafka.Message)
	if report.TopicPartition.Error != nil {
		return code(report.TopicPartition.Error)
	}
	return fmt.Sprint("delivered at ", report.TopicPartition.Offset)
}

func read(topic string, count int, isolation string) {
	consumer := must(kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": servers, "group.id": name, "isolation.level": isolation,
	}))
	defer consumer.Close()
	first := []kafka.TopicPartition{{Topic: &topic, Partition: 0, Offset: kafka.OffsetBeginning}}
	if err := consumer.Assign(first); err != nil {
		panic(err)
	}
	for range count {
		message := must(consumer.ReadMessage(wait))
		fmt.Println("read", message.TopicPartition.Offset, string(message.Key), string(message.Value), message.Headers)
	}
	low, high, err := consumer.QueryWatermarkOffsets(topic, 0, int(wait.Milliseconds()))
	fmt.Println("from", low, "to", high, err)
}

func transactions(admin *kafka.AdminClient) {
	fmt.Println("# transactions")
	topic := name + "-transactional"
	create(admin, topic, 1, nil)
	producer := must(kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": servers, "transactional.id": name}))
	defer producer.Close()
	fmt.Println("init", producer.InitTransactions(nil))
	for number, end := range []func(context.Context) error{
		producer.CommitTransaction, producer.AbortTransaction, producer.CommitTransaction,
	} {
		fmt.Println("begin", producer.BeginTransaction())
		fmt.Println(send(producer, topic, fmt.Sprint("in transaction ", number)))
		fmt.Println("end", end(nil))
	}
	read(topic, 2, "read_committed")
	read(topic, 3, "read_uncommitted")
}

func group(admin *kafka.AdminClient, protocol string) {
	fmt.Println("# a group of the", protocol, "protocol")
	topic := name + "-" + protocol
	create(admin, topic, 4, nil)
	members := []*kafka.Consumer{}
	for range 2 {
		member := must(kafka.NewConsumer(&kafka.ConfigMap{
			"bootstrap.servers": servers, "group.id": topic, "group.protocol": protocol, "enable.auto.commit": false,
		}))
		if err := member.SubscribeTopics([]string{topic}, nil); err != nil {
			panic(err)
		}
		members = append(members, member)
	}
	for deadline := time.Now().Add(wait); ; {
		owned := []int{}
		for _, member := range members {
			member.Poll(50)
			owned = append(owned, len(must(member.Assignment())))
		}
		if owned[0] == 2 && owned[1] == 2 {
			fmt.Println("two each")
			break
		}
		if time.Now().After(deadline) {
			fmt.Println("never two each")
			break
		}
	}
	ctx, cancel := within()
	defer cancel()
	for _, described := range must(admin.DescribeConsumerGroups(ctx, []string{topic})).ConsumerGroupDescriptions {
		fmt.Println("described", described.State, described.Type, len(described.Members), described.Error.Code())
	}
	for _, member := range members {
		fmt.Println("closed", member.Close())
	}
	for _, deleted := range must(admin.DeleteConsumerGroups(ctx, []string{topic, "nothing"})).ConsumerGroupResults {
		fmt.Println("deleted", deleted.Group, deleted.Error.Code())
	}
}

func administration(admin *kafka.AdminClient) {
	fmt.Println("# administration")
	topic := name + "-administered"
	create(admin, topic, 2, map[string]string{"retention.ms": "1000"})
	create(admin, topic, 2, nil)
	create(admin, "with space", 1, nil)
	create(admin, name+"-wrong", 1, map[string]string{"retention.ms": "soon"})
	ctx, cancel := within()
	defer cancel()
	for _, total := range []int{3, 1} {
		more := []kafka.PartitionsSpecification{{Topic: topic, IncreaseTo: total}}
		for _, result := range must(admin.CreatePartitions(ctx, more)) {
			fmt.Println("partitions", total, result.Error.Code())
		}
	}
	resource := []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: topic}}
	for _, result := range must(admin.DescribeConfigs(ctx, resource)) {
		fmt.Println("retention.ms", result.Config["retention.ms"].Value, result.Config["retention.ms"].Source)
	}
	cluster := must(admin.DescribeCluster(ctx))
	fmt.Println("cluster", len(cluster.Nodes), len(*cluster.ClusterID))
	for _, result := range must(admin.DeleteTopics(ctx, []string{topic, name + "-missing"})) {
		fmt.Println("delete", result.Topic, result.Error.Code())
	}
}
