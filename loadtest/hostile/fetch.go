package hostile

import (
	"encoding/binary"
	"math"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerFetch long-polls, builds the response and sends it as the worst fault among
// its partitions wants.
func (s *Server) answerFetch(c net.Conn, broker int32, req *kmsg.FetchRequest, corr int32) error {
	deadline := time.Now().Add(min(time.Duration(req.MaxWaitMillis)*time.Millisecond, 5*time.Second))
	for {
		resp, kind, bytes := s.buildFetch(broker, req)
		if bytes > 0 || kind != None || time.Now().After(deadline) {
			return s.send(c, resp, kind, corr)
		}
		if !s.wait(2 * time.Millisecond) {
			return errHangUp
		}
	}
}

// buildFetch fills in what there is, and names the fault of the connection's kind
// that the request ran into, if any. Sessions are not offered (id 0).
func (s *Server) buildFetch(broker int32, req *kmsg.FetchRequest) (resp *kmsg.FetchResponse, kind Kind, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp = req.ResponseKind().(*kmsg.FetchResponse)
	for _, t := range req.Topics {
		out := kmsg.NewFetchResponseTopic()
		out.Topic, out.TopicID = t.Topic, t.TopicID
		for _, rp := range t.Partitions {
			fp, fault := s.fetchPartition(broker, t, rp)
			switch {
			case fault == WrongTopic:
				odd := kmsg.NewFetchResponseTopic()
				odd.Topic, odd.TopicID = "nobody-asked", [16]byte{15: 0xee}
				odd.Partitions = append(odd.Partitions, fp)
				resp.Topics = append(resp.Topics, odd)
			case !fault.InRecords():
				kind = fault
				fallthrough
			default:
				out.Partitions = append(out.Partitions, fp)
			}
			bytes += len(fp.RecordBatches)
			if fp.ErrorCode != 0 {
				bytes++ // an error is an answer
			}
		}
		if len(out.Partitions) > 0 {
			resp.Topics = append(resp.Topics, out)
		}
	}
	return resp, kind, bytes
}

func (s *Server) fetchPartition(broker int32, t kmsg.FetchRequestTopic, rp kmsg.FetchRequestTopicPartition) (kmsg.FetchResponseTopicPartition, Kind) {
	fp := kmsg.NewFetchResponseTopicPartition()
	fp.Partition, fp.RecordBatches = rp.Partition, []byte{}
	p := s.find(t.Topic, t.TopicID, rp.Partition)
	switch {
	case p == nil:
		fp.ErrorCode, fp.HighWatermark = kerr.UnknownTopicOrPartition.Code, -1
		return fp, None
	case p.Leader != broker:
		fp.ErrorCode, fp.HighWatermark = kerr.NotLeaderForPartition.Code, -1
		return fp, None
	}
	end := p.end()
	fp.HighWatermark, fp.LastStableOffset, fp.LogStartOffset = end, end, p.Start
	if rp.FetchOffset < p.Start || rp.FetchOffset > end {
		fp.ErrorCode = kerr.OffsetOutOfRange.Code
		return fp, None
	}
	fault := p.Fault.Kind
	limit := int64(math.MaxInt64)
	if fault != None && rp.FetchOffset < p.Fault.At {
		fault, limit = None, p.Fault.At
	}
	for _, b := range p.batches {
		if lastOf(b) < rp.FetchOffset || baseOf(b) >= limit {
			continue
		}
		if len(fp.RecordBatches) > 0 && len(fp.RecordBatches)+len(b) > int(rp.PartitionMaxBytes) {
			break
		}
		fp.RecordBatches = append(fp.RecordBatches, b...)
	}
	if len(fp.RecordBatches) == 0 {
		return fp, None
	}
	if fault != None {
		p.fetches++
	}
	fp.RecordBatches = fault.spoil(fp.RecordBatches)
	if fault == WrongPartition {
		fp.Partition += 1000
	}
	return fp, fault
}

// send writes the response, or what the fault makes of it.
func (s *Server) send(c net.Conn, resp *kmsg.FetchResponse, kind Kind, corr int32) error {
	switch kind {
	case WrongCorrelation:
		corr += 7
	case Throttle:
		resp.ThrottleMillis = math.MaxInt32
		resp.Topics = nil
	}
	frame := encode(resp, corr)
	switch kind {
	case HugeFrame:
		binary.BigEndian.PutUint32(frame, 1<<31-1)
	case LyingRecords:
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4-(len(frame)/3)))
		frame = frame[:len(frame)-len(frame)/3]
	case SlowBytes:
		return s.trickle(c, frame)
	case CutAndReset:
		if _, err := c.Write(frame[:len(frame)/2]); err != nil {
			return err
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) // close sends RST
		}
		return errHangUp
	case Silence:
		<-s.closed
		return errHangUp
	}
	_, err := c.Write(frame)
	return err
}

// trickle sends one byte a second until the peer goes away.
func (s *Server) trickle(c net.Conn, frame []byte) error {
	for i := range frame {
		if _, err := c.Write(frame[i : i+1]); err != nil {
			return err
		}
		if !s.wait(time.Second) {
			return errHangUp
		}
	}
	return nil
}

// wait pauses; false means the server closes.
func (s *Server) wait(d time.Duration) bool {
	select {
	case <-s.closed:
		return false
	case <-time.After(d):
		return true
	}
}
