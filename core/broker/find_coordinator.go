package broker

import "umbra/kafkaproto"

// FindCoordinator (key 10, versions 0-5): there is no group or transaction
// coordinator yet, and the answer says so for every key with
// COORDINATOR_NOT_AVAILABLE.
//
//	v1: key type; one that is neither 0 (group) nor 1 (transaction) is INVALID_REQUEST
//	v1: a message
//	v4: many keys
func handleFindCoordinator(r *request) {
	var m kafkaproto.FindCoordinatorRequest
	if !decode(r, &m) {
		return
	}
	err := refuse(kafkaproto.CoordinatorNotAvailable, "this broker has no group coordinator yet; assign partitions by hand")
	switch m.CoordinatorType {
	case 0:
	case 1:
		err = refuse(kafkaproto.CoordinatorNotAvailable, "this broker has no transaction coordinator yet")
	default:
		err = refuse(kafkaproto.InvalidRequest, "coordinator type %d is unknown", m.CoordinatorType)
	}
	resp := &kafkaproto.FindCoordinatorResponse{ErrorCode: int16(code(err)), ErrorMessage: message(err), NodeID: -1, Port: -1}
	for _, key := range m.CoordinatorKeys {
		resp.Coordinators = append(resp.Coordinators, kafkaproto.FindCoordinatorResponseCoordinator{
			Key: key, NodeID: -1, Port: -1, ErrorCode: int16(code(err)), ErrorMessage: message(err)})
	}
	r.loop.stats.countError(code(err))
	r.reply(resp)
}
