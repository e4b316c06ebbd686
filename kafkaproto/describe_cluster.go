package kafkaproto

import "math"

// NoAuthorizedOperations is what an authorized-operations field holds when the
// client did not ask for it.
const NoAuthorizedOperations int32 = math.MinInt32

// DescribeClusterRequest (key 60, versions 0-1, always flexible) asks for the
// brokers and the controller.
//
//	v1: EndpointType
type DescribeClusterRequest struct {
	IncludeClusterAuthorizedOperations bool
	EndpointType                       int8 // v1+, default 1: brokers; 2: controllers
}

// Encode writes the body.
func (m *DescribeClusterRequest) Encode(w *Writer, version int16) {
	w.Bool(m.IncludeClusterAuthorizedOperations)
	if version >= 1 {
		w.Int8(m.EndpointType)
	}
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeClusterRequest) Decode(r *Reader, version int16) {
	*m = DescribeClusterRequest{EndpointType: 1}
	m.IncludeClusterAuthorizedOperations = r.Bool()
	if version >= 1 {
		m.EndpointType = r.Int8()
	}
	r.Tags()
}

// DescribeClusterResponse lists the cluster's brokers.
type DescribeClusterResponse struct {
	ThrottleMillis              int32
	ErrorCode                   int16
	ErrorMessage                *string
	EndpointType                int8 // v1+, default 1
	ClusterID                   string
	ControllerID                int32 // -1 is unknown
	Brokers                     []DescribeClusterResponseBroker
	ClusterAuthorizedOperations int32 // NoAuthorizedOperations unless asked for
}

// DescribeClusterResponseBroker is one broker.
type DescribeClusterResponseBroker struct {
	NodeID int32
	Host   string
	Port   int32
	Rack   *string
}

// Encode writes the body.
func (m *DescribeClusterResponse) Encode(w *Writer, version int16) {
	w.Int32(m.ThrottleMillis)
	w.Int16(m.ErrorCode)
	w.NullableString(m.ErrorMessage)
	if version >= 1 {
		w.Int8(m.EndpointType)
	}
	w.String(m.ClusterID)
	w.Int32(m.ControllerID)
	encodeArray(w, m.Brokers, func(b *DescribeClusterResponseBroker) {
		w.Int32(b.NodeID)
		w.String(b.Host)
		w.Int32(b.Port)
		w.NullableString(b.Rack)
		w.Tags()
	})
	w.Int32(m.ClusterAuthorizedOperations)
	w.Tags()
}

// Decode reads the body; r.Err tells whether it was whole.
func (m *DescribeClusterResponse) Decode(r *Reader, version int16) {
	*m = DescribeClusterResponse{EndpointType: 1}
	m.ThrottleMillis = r.Int32()
	m.ErrorCode = r.Int16()
	m.ErrorMessage = r.NullableString()
	if version >= 1 {
		m.EndpointType = r.Int8()
	}
	m.ClusterID = r.String()
	m.ControllerID = r.Int32()
	m.Brokers = decodeArray(r, 10, func(b *DescribeClusterResponseBroker) {
		b.NodeID = r.Int32()
		b.Host = r.String()
		b.Port = r.Int32()
		b.Rack = r.NullableString()
		r.Tags()
	})
	m.ClusterAuthorizedOperations = r.Int32()
	r.Tags()
}
