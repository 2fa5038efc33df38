package main

import (
	"fmt"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// welcome is the producer example of the client's documentation: reports arrive in a goroutine, a flush ends it.
func welcome(topic string, words []string) {
	fmt.Println("# delivery reports in a goroutine")
	producer := must(kafka.NewProducer(&kafka.ConfigMap{"bootstrap.servers": servers}))
	defer producer.Close()

	reports := make(chan error, len(words))
	go func() {
		for event := range producer.Events() {
			if message, ok := event.(*kafka.Message); ok {
				reports <- message.TopicPartition.Error
			}
		}
	}()
	for _, word := range words {
		place := kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}
		if err := producer.Produce(&kafka.Message{TopicPartition: place, Value: []byte(word)}, nil); err != nil {
			panic(err)
		}
	}
	for range words {
		fmt.Println("delivered to", topic, <-reports)
	}
	fmt.Println("left after the flush:", producer.Flush(int(wait.Milliseconds())))
}
