// Package clients drives stock Kafka clients against any broker: kcat, the Java
// console tools of three releases, franz-go, sarama, kafka-go, kafkajs and
// confluent-kafka for Python. Each can produce and consume one assigned partition,
// without a group, in every codec it has.
//
// Read Client and Target first; RoundTrip is one client's whole exercise. A client
// that misbehaves against a real Kafka is left out of the list, so that a failure
// against umbra is umbra's.
package clients
