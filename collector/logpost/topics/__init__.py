"""`logpost topics`: creates, lists, describes and deletes topics of any Kafka, writes to them and reads them."""
