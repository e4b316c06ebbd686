// Package broker answers Kafka requests.
//
// A client's connection lives on the shard that accepted it (conn); its
// requests are answered in the order they came, each by the handler that the
// table in api.go names for its key. What a handler needs of a partition on
// another shard it asks for by message, and the answer comes back by message:
// nothing on a loop waits.
//
// The package refuses to know where a shadow topic's records come from. A topic
// is writable or not: that is a fact of the metadata snapshot. Error codes are
// chosen here and nowhere else (errors.go).
//
// Read Broker, conn and request first, then produce.go and fetch.go.
//
// # Adding an API
//
//  1. kafkaproto has its codec and its row in the version table.
//  2. A file of its own here with a handler, a func(*request): the versions
//     served, the behaviour, where it differs from Kafka and why, stand above it.
//     decode reads the body, and has closed the connection where it returns
//     false. The handler runs on the connection's loop and must not block:
//     what a snapshot can answer is answered at once with reply, everything
//     else (etcd, files) goes into offLoop, whose work returns the response.
//  3. One line in handlerFor (api.go). ApiVersions advertises what stands there.
//  4. Go errors become codes by code(err), and messages by message(err), in
//     errors.go.
package broker
