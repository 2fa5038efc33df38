// confluent-kafka-go under its import path without a version: 1.9.2, with librdkafka 1.9.2 inside, which speaks old versions
// of every API. A producer whose delivery reports arrive in a goroutine, and a consumer in a group.
package main

import (
	"fmt"
	"os"
	"sort"
	"time"

	"github.com/confluentinc/confluent-kafka-go/kafka"
)

const wait = 240 * time.Second

func main() {
	servers := os.Getenv("BOOTSTRAP_SERVERS")
	produce(servers, "myTopic", []string{"Welcome", "to", "the", "post", "office", "for", "data"})
	consume(servers, "myTopic", "confluent-v1-group", 7)
}

func produce(servers, topic string, words []string) {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": servers})
	if err != nil {
		panic(err)
	}
	defer producer.Close()

	reports := make(chan string)
	go func() {
		for event := range producer.Events() {
			if message, ok := event.(*kafka.Message); ok {
				if message.TopicPartition.Error != nil {
					reports <- fmt.Sprintf("%s failed: %v", message.Value, message.TopicPartition.Error)
				} else {
					reports <- fmt.Sprintf("%s delivered to %s", message.Value, *message.TopicPartition.Topic)
				}
			}
		}
	}()
	for _, word := range words {
		place := kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}
		if err := producer.Produce(&kafka.Message{TopicPartition: place, Value: []byte(word)}, nil); err != nil {
			panic(err)
		}
	}
	told := make([]string, 0, len(words))
	for range words {
		told = append(told, <-reports)
	}
	fmt.Println("left after the flush:", producer.Flush(int(wait.Milliseconds())))
	show(told)
}

func consume(servers, topic, group string, count int) {
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest",
	})
	if err != nil {
		panic(err)
	}
	defer consumer.Close()
	if err := consumer.SubscribeTopics([]string{topic}, nil); err != nil {
		panic(err)
	}
	var read []string
	for len(read) < count {
		message, err := consumer.ReadMessage(wait)
		if err != nil {
			panic(err)
		}
		read = append(read, fmt.Sprintf("read %s at %v", message.Value, message.TopicPartition.Offset))
	}
	show(read)
	committed, err := consumer.Commit()
	fmt.Println("committed:", len(committed), err)
}

func show(lines []string) {
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
