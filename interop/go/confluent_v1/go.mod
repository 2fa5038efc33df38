module logpost/interop/confluent_v1

go 1.21

require github.com/confluentinc/confluent-kafka-go v1.9.2
