module logpost/interop/confluent_v2

go 1.22

require github.com/confluentinc/confluent-kafka-go/v2 v2.12.0
