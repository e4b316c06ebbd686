package observe

// Kind is a metric's type in the exposition format.
type Kind string

const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Family describes the series of one name.
type Family struct {
	Name   string
	Kind   Kind
	Labels []string
	// Help is a sentence that names the unit.
	Help string
}

func f(kind Kind, name, help string, labels ...string) Family {
	return Family{Name: name, Kind: kind, Labels: labels, Help: help}
}

// Families is the catalogue, in the order of the exposition.
func Families() []Family {
	var out []Family
	for _, part := range [][]Family{processFamilies(), linkFamilies(), kafkaFamilies(), storageFamilies(), shardFamilies()} {
		out = append(out, part...)
	}
	return out
}

func processFamilies() []Family {
	return []Family{
		f(Gauge, "umbra_build_info", "Always 1; the labels say what runs.", "version", "commit", "goversion"),
		f(Gauge, "umbra_ready", "1 when this process serves, 0 otherwise. A lost source does not change it."),
		f(Gauge, "umbra_start_timestamp_seconds", "Unix time in seconds at which the process began."),
		f(Gauge, "umbra_start_duration_seconds", "Seconds from the beginning of the process until it was ready the first time; 0 until then."),
		f(Counter, "umbra_log_messages_total", "Log lines written, rate-limited repetitions not counted.", "level"),
		f(Counter, "umbra_metrics_errors_total", "Samples left out of a scrape: their name or labels are not in the catalogue, or a shard did not answer in time."),
		f(Gauge, "umbra_memory_budget_bytes", "Bytes of memory set aside, by what holds them; the daemon starts only when their sum fits.", "holder"),
		f(Gauge, "umbra_memory_limit_bytes", "Bytes of memory the process may use: the machine's or its control group's."),
		f(Gauge, "umbra_metadata_revision", "Revision of the metadata snapshot in force."),
		f(Gauge, "umbra_metadata_topics", "Topics of this cluster, shadow topics included."),
		f(Gauge, "umbra_metadata_partitions", "Partitions of this cluster, those of shadow topics included."),
	}
}

func linkFamilies() []Family {
	return []Family{
		f(Gauge, "umbra_link_lag_records", "Offsets between the end of the copy and the source's high watermark as last seen; at least so many when the source is away.", "link", "topic", "partition"),
		f(Gauge, "umbra_link_lag_seconds", "Seconds for which committed records of the source may be missing here; grows while the source is away; left out until the source was seen.", "link", "topic", "partition"),
		f(Gauge, "umbra_link_topic_lag_records_max", "Largest lag of a topic's partitions in records.", "link", "topic"),
		f(Gauge, "umbra_link_topic_lag_records_sum", "Sum of the lag of a topic's partitions in records.", "link", "topic"),
		f(Gauge, "umbra_link_topic_lag_seconds_max", "Largest lag of a topic's partitions in seconds.", "link", "topic"),
		f(Gauge, "umbra_link_rpo_seconds", "Seconds of data that a failover now could lose: the worst partition's lag; grows while the source is away; left out until the source was seen.", "link"),
		f(Gauge, "umbra_link_partitions_unseen", "Partitions about which the source has not spoken since the process began; no lag includes them.", "link"),
		f(Gauge, "umbra_link_rpo_target_seconds", "Seconds of loss the link is meant to stay below.", "link"),
		f(Gauge, "umbra_link_source_up", "1 when a source broker answered lately, 0 otherwise.", "link"),
		f(Gauge, "umbra_link_source_last_seen_timestamp_seconds", "Unix time in seconds of the last answer of any source broker.", "link"),
		f(Gauge, "umbra_link_topics", "Shadow topics by state.", "link", "state"),
		f(Gauge, "umbra_link_paused", "1 when an operator paused the link.", "link"),
		f(Gauge, "umbra_link_partitions_faulted", "Partitions that a fault has stopped: one by one while the others of their topic go on, or all of a topic.", "link"),
		f(Gauge, "umbra_link_topic_faulted", "1 for each shadow topic that is FAULTED, with all of its partitions or with some; the label says why.", "link", "topic", "reason"),
		f(Gauge, "umbra_link_topic_noted", "1 for each shadow topic that goes on although something is to be known: deleted at the source, a gap, access refused; the label says what.", "link", "topic", "reason"),
		f(Counter, "umbra_link_fetched_bytes_total", "Bytes received from the source, record data only, what was thrown away included.", "link", "shard"),
		f(Counter, "umbra_link_written_bytes_total", "Bytes of record batches appended to shadow partitions.", "link", "shard"),
		f(Counter, "umbra_link_fetched_records_total", "Records received from the source in batches whose bytes were right.", "link", "shard"),
		f(Counter, "umbra_link_written_records_total", "Records appended to shadow partitions.", "link", "shard"),
		f(Counter, "umbra_link_backlog_seconds_total", "Seconds for which a link did not read from its source because the local disk had much to write.", "link", "shard"),
		f(Counter, "umbra_link_discarded_bytes_total", "Record bytes received and thrown away because no memory was free for them or nobody wanted them any more; they are fetched again.", "link", "shard"),
		f(Counter, "umbra_link_refused_total", "Answers of the source dropped because their bytes were wrong; nothing of them was appended.", "link"),
		f(Counter, "umbra_link_errors_total", "Failed exchanges with a source broker by kind; broker bootstrap is whichever answered the link's control questions.", "link", "kind", "broker"),
		f(Counter, "umbra_link_gap_records_total", "Offsets the source dropped before they were copied, since the process began; the gap ledger has them all.", "link"),
		f(Counter, "umbra_link_cut_records_total", "Offsets cut from shadow partitions because the source replaced them, since the process began; the cut ledger has them all.", "link"),
		f(Histogram, "umbra_link_fetch_seconds", "Seconds from a fetch request to the end of its answer; an idle source holds it for fetch_max_wait.", "link"),
		f(Histogram, "umbra_link_apply_seconds", "Seconds from the arrival of a partition's records until they are readable here; a sample.", "link"),
		f(Gauge, "umbra_link_verify_last_success_timestamp_seconds", "Unix time in seconds at which a verification last found the topic equal.", "link", "topic"),
		f(Counter, "umbra_link_verify_mismatches_total", "Partitions that a verification found different from the source.", "link", "topic"),
		f(Counter, "umbra_shadow_writes_rejected_total", "Writes of clients to shadow topics that were refused: somebody writes to the wrong side.", "topic"),
		f(Histogram, "umbra_failover_duration_seconds", "Seconds from the decision of a failover until its last topic was writable.", "link"),
		f(Counter, "umbra_failovers_total", "Failovers by result.", "link", "result"),
	}
}

func kafkaFamilies() []Family {
	return []Family{
		f(Histogram, "umbra_kafka_request_seconds", "Seconds from the last byte of a request to its answer being handed to the socket; a fetch waits in it for records."),
		f(Counter, "umbra_kafka_requests_total", "Requests begun.", "request"),
		f(Counter, "umbra_kafka_request_bytes_total", "Bytes of requests received."),
		f(Counter, "umbra_kafka_response_bytes_total", "Bytes of responses sent."),
		f(Counter, "umbra_kafka_request_errors_total", "Error codes answered, by Kafka's name.", "error"),
		f(Gauge, "umbra_kafka_connections", "Client connections open."),
		f(Counter, "umbra_kafka_connections_cut_total", "Client connections closed because of what the client sent."),
		f(Counter, "umbra_kafka_reads_starved_total", "Times a client connection was not read because no memory was free."),
		f(Counter, "umbra_kafka_produces_stalled_total", "Times a produce request had to wait for memory or for its log's writes."),
		f(Gauge, "umbra_kafka_frame_bytes", "Bytes of requests that have arrived in part or wait for their turn."),
		f(Gauge, "umbra_kafka_fetches_parked", "Fetches that wait for records."),
		f(Gauge, "umbra_kafka_fetch_sessions", "Incremental fetch sessions of clients."),
		f(Gauge, "umbra_kafka_fetch_session_partitions", "Partitions of all fetch sessions."),
		f(Counter, "umbra_kafka_fetch_sessions_evicted_total", "Fetch sessions given up for newer ones."),
		f(Counter, "umbra_kafka_fetch_sessions_refused_total", "Times a client that asked for a fetch session was served without one."),
		f(Gauge, "umbra_partition_high_watermark", "Offset below which the partition's records are readable.", "topic", "partition"),
		f(Gauge, "umbra_partition_log_start_offset", "First offset the partition still holds.", "topic", "partition"),
		f(Gauge, "umbra_partition_size_bytes", "Bytes of the partition's segment files.", "topic", "partition"),
	}
}

func storageFamilies() []Family {
	return []Family{
		f(Gauge, "umbra_storage_engine_info", "Always 1; the labels say how files are written and why so.", "engine", "reason"),
		f(Gauge, "umbra_storage_free_bytes", "Bytes free for umbra on the file system of the data directory.", "dir"),
		f(Gauge, "umbra_storage_size_bytes", "Bytes of the file system of the data directory.", "dir"),
		f(Counter, "umbra_fsyncs_total", "Flushes to stable storage asked of the kernel.", "dir"),
		f(Counter, "umbra_fsyncs_shared_total", "Operations made durable by a flush that another one asked for.", "dir"),
		f(Gauge, "umbra_storage_syncfs_usable", "1 if many files can be flushed at once here, which takes Linux 5.17 and xfs or ext4 with a journal; with thousands of busy partitions it costs much less.", "dir", "reason"),
		f(Counter, "umbra_storage_syncfs_total", "Flushes of the whole file system, each for the many files that wanted one at once.", "dir"),
		f(Counter, "umbra_storage_syncfs_files_total", "Files that they flushed.", "dir"),
		f(Counter, "umbra_storage_syncfs_rests_total", "Times that one took more than 100 ms, or wrote or would have written much that is not the shard's; files are then flushed one by one for a while, a minute at most.", "dir"),
		f(Counter, "umbra_storage_syncfs_failed_total", "Of the flushes, the ones with an error; files are then flushed one by one until a restart.", "dir"),
		f(Counter, "umbra_storage_operations_total", "Reads, writes and flushes done.", "dir"),
		f(Counter, "umbra_storage_operations_failed_total", "Reads, writes and flushes that ended with an error.", "dir"),
		f(Counter, "umbra_storage_inline_writes_total", "Small writes to the page cache that a shard's loop made itself.", "dir"),
		f(Counter, "umbra_storage_inline_writes_slow_total", "Of those, the ones that took more than a millisecond, a wait for a processor included; worker threads then write for ten seconds.", "dir"),
	}
}

func shardFamilies() []Family {
	return []Family{
		f(Counter, "umbra_shard_busy_seconds_total", "Seconds the shard's loop spent working; its rate is the share of a core.", "shard"),
		f(Gauge, "umbra_shard_busy_ratio", "Share of the time since the last scrape that the shard's loop spent working, 0 to 1.", "shard"),
		f(Gauge, "umbra_shard_queue_depth", "Messages waiting in the shard's mailbox.", "shard"),
		f(Gauge, "umbra_shard_queue_limit", "Messages the shard's mailbox holds.", "shard"),
		f(Counter, "umbra_shard_queue_at_limit_seconds_total", "Seconds the shard's mailbox was full.", "shard"),
		f(Gauge, "umbra_shard_stalled_seconds", "Seconds for which the shard's loop has not answered; 0 when it answers.", "shard"),
		f(Gauge, "umbra_shard_lag_seconds", "Seconds the shard's loop last took to answer a probe.", "shard"),
		f(Histogram, "umbra_shard_turn_seconds", "Seconds the shard's loop was busy in one turn, for an event and all that was due with it; nothing else of the shard ran meanwhile.", "shard"),
		f(Gauge, "umbra_shard_connections", "Connections the shard owns, accepted and dialled.", "shard"),
		f(Gauge, "umbra_shard_partitions", "Partitions the shard owns.", "shard"),
		f(Gauge, "umbra_shard_reading_bytes", "Bytes under way from the disk for readers; at most a little more than 4 MiB, but for one larger read.", "shard"),
		f(Gauge, "umbra_shard_reads_waiting", "Reads of the disk that wait until fewer bytes are under way.", "shard"),
		f(Gauge, "umbra_shard_arena_budget_bytes", "Bytes of buffers the shard may use.", "shard"),
		f(Gauge, "umbra_shard_arena_used_bytes", "Bytes of buffers the shard uses.", "shard"),
		f(Counter, "umbra_shard_arena_at_limit_seconds_total", "Seconds the shard had no buffer to give.", "shard"),
		f(Counter, "umbra_shard_arena_refusals_total", "Times a buffer was refused because the budget was used up.", "shard"),
		f(Counter, "umbra_shard_connections_refused_total", "Connections closed at once because a bound was reached.", "shard", "bound"),
	}
}
