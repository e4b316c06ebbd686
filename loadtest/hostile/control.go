package hostile

import (
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// versions is what the server speaks.
func versions() []struct{ key, min, max int16 } {
	return []struct{ key, min, max int16 }{
		{1, 4, 16}, {2, 1, 7}, {3, 1, 12}, {18, 0, 3}, {23, 2, 4}, {32, 1, 4}, {60, 0, 0},
	}
}

// answer serves the control APIs, all of them truthfully; nil hangs up.
func (s *Server) answer(req kmsg.Request) kmsg.Response {
	switch req := req.(type) {
	case *kmsg.ApiVersionsRequest:
		return answerVersions(req)
	case *kmsg.MetadataRequest:
		return s.answerMetadata(req)
	case *kmsg.ListOffsetsRequest:
		return s.answerListOffsets(req)
	case *kmsg.OffsetForLeaderEpochRequest:
		return s.answerEpochs(req)
	case *kmsg.DescribeConfigsRequest:
		return answerConfigs(req)
	case *kmsg.DescribeClusterRequest:
		return s.answerCluster(req)
	}
	return nil
}

func answerVersions(req *kmsg.ApiVersionsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
	if req.Version > 3 {
		resp.SetVersion(0)
		resp.ErrorCode = kerr.UnsupportedVersion.Code
	}
	for _, v := range versions() {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = v.key, v.min, v.max
		resp.ApiKeys = append(resp.ApiKeys, k)
	}
	return resp
}

// endpoints calls f with each broker's id, host and port.
func (s *Server) endpoints(f func(id int32, host string, port int32)) {
	for i, l := range s.listeners {
		host, port, _ := net.SplitHostPort(l.Addr().String())
		n, _ := strconv.Atoi(port)
		f(int32(i+1), host, int32(n))
	}
}

func (s *Server) answerMetadata(req *kmsg.MetadataRequest) kmsg.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	resp.ClusterID, resp.ControllerID = &s.clusterID, 1
	s.endpoints(func(id int32, host string, port int32) {
		b := kmsg.NewMetadataResponseBroker()
		b.NodeID, b.Host, b.Port = id, host, port
		resp.Brokers = append(resp.Brokers, b)
	})
	if req.Topics == nil {
		for _, t := range s.topics {
			resp.Topics = append(resp.Topics, t.metadata())
		}
	}
	for _, want := range req.Topics {
		resp.Topics = append(resp.Topics, s.metadataOf(want))
	}
	return resp
}

func (s *Server) metadataOf(want kmsg.MetadataRequestTopic) kmsg.MetadataResponseTopic {
	for _, t := range s.topics {
		if want.Topic != nil && *want.Topic == t.Name || want.Topic == nil && want.TopicID == t.ID {
			return t.metadata()
		}
	}
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.TopicID, out.ErrorCode = want.Topic, want.TopicID, kerr.UnknownTopicOrPartition.Code
	return out
}

func (t *Topic) metadata() kmsg.MetadataResponseTopic {
	out := kmsg.NewMetadataResponseTopic()
	out.Topic, out.TopicID = kmsg.StringPtr(t.Name), t.ID
	for i, p := range t.Partitions {
		mp := kmsg.NewMetadataResponseTopicPartition()
		mp.Partition, mp.Leader, mp.LeaderEpoch = int32(i), p.Leader, p.Epoch
		mp.Replicas, mp.ISR = []int32{p.Leader}, []int32{p.Leader}
		out.Partitions = append(out.Partitions, mp)
	}
	return out
}

func (s *Server) answerListOffsets(req *kmsg.ListOffsetsRequest) kmsg.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for _, t := range req.Topics {
		out := kmsg.NewListOffsetsResponseTopic()
		out.Topic = t.Topic
		for _, rp := range t.Partitions {
			op := kmsg.NewListOffsetsResponseTopicPartition()
			op.Partition, op.LeaderEpoch = rp.Partition, -1
			switch p := s.find(t.Topic, [16]byte{}, rp.Partition); {
			case p == nil:
				op.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case rp.Timestamp == -1:
				op.Offset, op.LeaderEpoch = p.end(), p.Epoch
			case rp.Timestamp == -2:
				op.Offset, op.LeaderEpoch = p.Start, p.Epoch
			default:
				op.Offset, op.Timestamp, op.LeaderEpoch = p.at(rp.Timestamp)
			}
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// at is the first record at or after a time; all records of a batch have its time.
func (p *Partition) at(ms int64) (offset, timestamp int64, epoch int32) {
	for _, b := range p.batches {
		if ts := timeOf(b); ts >= ms && lastOf(b) >= p.Start {
			return max(baseOf(b), p.Start), ts, p.Epoch
		}
	}
	return -1, -1, -1
}

func (s *Server) answerEpochs(req *kmsg.OffsetForLeaderEpochRequest) kmsg.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for _, t := range req.Topics {
		out := kmsg.NewOffsetForLeaderEpochResponseTopic()
		out.Topic = t.Topic
		for _, rp := range t.Partitions {
			op := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
			op.Partition, op.LeaderEpoch, op.EndOffset = rp.Partition, -1, -1
			if p := s.find(t.Topic, [16]byte{}, rp.Partition); p == nil {
				op.ErrorCode = kerr.UnknownTopicOrPartition.Code
			} else if rp.LeaderEpoch >= p.Epoch {
				op.LeaderEpoch, op.EndOffset = p.Epoch, p.end()
			}
			out.Partitions = append(out.Partitions, op)
		}
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}

// answerConfigs says that every topic has defaults only.
func answerConfigs(req *kmsg.DescribeConfigsRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
	for _, r := range req.Resources {
		out := kmsg.NewDescribeConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		resp.Resources = append(resp.Resources, out)
	}
	return resp
}

func (s *Server) answerCluster(req *kmsg.DescribeClusterRequest) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.DescribeClusterResponse)
	resp.ClusterID, resp.ControllerID = s.clusterID, 1
	s.endpoints(func(id int32, host string, port int32) {
		b := kmsg.NewDescribeClusterResponseBroker()
		b.NodeID, b.Host, b.Port = id, host, port
		resp.Brokers = append(resp.Brokers, b)
	})
	return resp
}
