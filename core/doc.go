// Package core is a folder: each package below it is one noun of the broker,
// with one reason to exist.
//
//	auth       who a client is and what it may do
//	metadata   what the cluster is: topics, configs, links, on etcd, read as immutable snapshots
//	placement  keeps each shard's open partitions equal to the metadata
//	broker     answers Kafka requests
//	link       shadows a source cluster: definition, data plane, failover, verification
//	observe    metrics, health and logs
//	config     the TOML file, composed from each package's own settings
//	units      sizes and durations as people write them
//
// broker and link never meet. What one must tell the other is a fact in
// metadata: whether a shadow topic is writable.
//
// # Glossary
//
//	link            what copies topics from one source cluster to this one
//	source          the cluster that is read; it knows nothing of the link
//	shadow topic    a topic a link copies; read-only until it is failed over
//	term            the epoch of one shadow topic; every append carries it and a stale one is refused
//	failover        cutting a shadow topic from its source and making it writable; needs no source
//	receipt         the record of a failover: what is here, what is known to be lost
//	fault           what stops a shadow topic, or one partition of it, until an operator resumes it; the topic is FAULTED
//	note            what is to be known of a shadow topic that goes on; it clears by itself
//	lag             how far the shadow is behind: records, bytes and seconds, always "as of"
//	gap             offsets the source had dropped before they could be copied
//	cut             batches taken off a shadow's tail because the source changed its mind
//	segment         one file of a partition's log, in Kafka's own format
//	batch           Kafka's record batch v2, the unit that is copied, never rewritten
//	shard           one core's loop and everything it owns
//	slab            memory outside the Go heap in which record bytes arrive and are written from
package core
