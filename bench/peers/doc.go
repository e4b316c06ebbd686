// Package peers puts umbra beside what people mirror with today: the same load,
// from the same Apache Kafka, in the same run, copied by each of them in turn.
//
//	umbra        the whole process
//	mm2_default  MirrorMaker 2 as it comes, into an Apache Kafka
//	mm2_tuned    the same with a tuned data path, as people run it for throughput
//	follower     Kafka's own replication: a second broker takes replicas of the topic
//	go           a plain consume-and-produce program (franz-go), into the same Kafka
//	discard      a net.Conn that fetches and throws away: what reading alone costs
//
// Every part is a process of its own, kept for the whole run so that it is warm;
// what only idles is watched as well, so that it is not taken for somebody else.
// Rounds are interleaved, in an order drawn by lot, and ratios are taken within a
// round: a machine that changes its mind spoils a round, not the comparison.
//
// Read Options and Run first, then system (what each of them can do) and the files
// of their names.
package peers
