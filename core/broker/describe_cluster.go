package broker

import "umbra/kafkaproto"

// The endpoint types of KIP-919.
const (
	endpointBrokers     = 1
	endpointControllers = 2
)

// handleDescribeCluster serves DescribeCluster 0-1. v1 adds the endpoint type:
// this is a broker, so a client that wants controllers gets
// MISMATCHED_ENDPOINT_TYPE, as from a broker of Kafka.
func handleDescribeCluster(r *request) {
	var req kafkaproto.DescribeClusterRequest
	if !decode(r, &req) {
		return
	}
	snap := r.snapshot()
	resp := &kafkaproto.DescribeClusterResponse{
		EndpointType: endpointBrokers, ClusterID: snap.ClusterID, ControllerID: snap.Broker.ID,
		ClusterAuthorizedOperations: operations(req.IncludeClusterAuthorizedOperations, clusterOperations),
	}
	var err error
	switch req.EndpointType {
	case endpointBrokers:
		for _, n := range brokersOf(snap) {
			resp.Brokers = append(resp.Brokers, kafkaproto.DescribeClusterResponseBroker{NodeID: n.ID, Host: n.Host, Port: n.Port})
		}
	case endpointControllers:
		err = refuse(kafkaproto.MismatchedEndpointType, "this is a broker, and the client asks for controllers")
	default:
		err = refuse(kafkaproto.UnsupportedEndpointType, "endpoint type %d is unknown", req.EndpointType)
	}
	resp.ErrorCode, resp.ErrorMessage = int16(code(err)), message(err)
	r.countError("describe cluster", err)
	r.reply(resp)
}
