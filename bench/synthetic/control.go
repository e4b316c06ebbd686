package synthetic

import (
	"cmp"
	"net"
	"strconv"

	"umbra/kafkaproto"
)

// control answers everything but Fetch.
func (s *Source) control(req kafkaproto.Message) kafkaproto.Message {
	switch req := req.(type) {
	case *kafkaproto.ApiVersionsRequest:
		return versions()
	case *kafkaproto.MetadataRequest:
		return s.metadata()
	case *kafkaproto.ListOffsetsRequest:
		return s.listOffsets(req)
	case *kafkaproto.OffsetForLeaderEpochRequest:
		return s.epochs(req)
	case *kafkaproto.DescribeConfigsRequest:
		resp := &kafkaproto.DescribeConfigsResponse{}
		for _, r := range req.Resources {
			resp.Resources = append(resp.Resources, kafkaproto.DescribeConfigsResponseResource{ResourceType: r.ResourceType, ResourceName: r.ResourceName})
		}
		return resp
	}
	return nil
}

func versions() *kafkaproto.ApiVersionsResponse {
	resp := &kafkaproto.ApiVersionsResponse{FinalizedFeaturesEpoch: -1}
	for _, key := range []int16{kafkaproto.KeyFetch, kafkaproto.KeyListOffsets, kafkaproto.KeyMetadata, kafkaproto.KeyApiVersions,
		kafkaproto.KeyOffsetForLeaderEpoch, kafkaproto.KeyDescribeConfigs} {
		api, _ := kafkaproto.Lookup(key)
		resp.ApiKeys = append(resp.ApiKeys, kafkaproto.ApiVersionsResponseApiKey{ApiKey: key, MinVersion: api.Min, MaxVersion: api.Max})
	}
	return resp
}

// metadata tells of all topics, whichever were asked for.
func (s *Source) metadata() *kafkaproto.MetadataResponse {
	host, port, _ := net.SplitHostPort(cmp.Or(s.cfg.Advertise, s.Addr()))
	n, _ := strconv.Atoi(port)
	cluster := "synthetic-" + s.TopicID().String()
	resp := &kafkaproto.MetadataResponse{ClusterID: &cluster, ControllerID: 1,
		Brokers: []kafkaproto.MetadataResponseBroker{{NodeID: 1, Host: host, Port: int32(n)}}}
	one := []int32{1}
	for i := range s.names {
		t := kafkaproto.MetadataResponseTopic{Topic: &s.names[i], TopicID: s.ids[i]}
		for p := range s.partitions {
			t.Partitions = append(t.Partitions, kafkaproto.MetadataResponseTopicPartition{Partition: int32(p), Leader: 1, LeaderEpoch: s.cfg.LeaderEpoch, Replicas: one, ISR: one})
		}
		resp.Topics = append(resp.Topics, t)
	}
	return resp
}

func (s *Source) listOffsets(req *kafkaproto.ListOffsetsRequest) *kafkaproto.ListOffsetsResponse {
	resp := &kafkaproto.ListOffsetsResponse{}
	for _, t := range req.Topics {
		out := kafkaproto.ListOffsetsResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			a := kafkaproto.ListOffsetsResponseTopicPartition{Partition: p.Partition, Timestamp: -1, LeaderEpoch: s.cfg.LeaderEpoch}
			if slot, ok := s.slot(t.Topic, kafkaproto.TopicID{}, p.Partition); !ok {
				a.ErrorCode = int16(kafkaproto.UnknownTopicOrPartition)
			} else if p.Timestamp == kafkaproto.TimestampLatest {
				a.Offset = s.high[slot].Load()
			}
			out.Partitions = append(out.Partitions, a)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

func (s *Source) epochs(req *kafkaproto.OffsetForLeaderEpochRequest) *kafkaproto.OffsetForLeaderEpochResponse {
	resp := &kafkaproto.OffsetForLeaderEpochResponse{}
	for _, t := range req.Topics {
		out := kafkaproto.OffsetForLeaderEpochResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			a := kafkaproto.OffsetForLeaderEpochResponseTopicPartition{Partition: p.Partition, LeaderEpoch: s.cfg.LeaderEpoch, EndOffset: -1}
			if slot, ok := s.slot(t.Topic, kafkaproto.TopicID{}, p.Partition); !ok {
				a.ErrorCode = int16(kafkaproto.UnknownTopicOrPartition)
			} else {
				a.EndOffset = s.high[slot].Load()
			}
			out.Partitions = append(out.Partitions, a)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}
