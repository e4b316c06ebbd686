package metadata

import (
	"fmt"

	"umbra/core/link/spec"
)

// A fault is about one partition or about the topic:
//
//	            State    Faults      copied                    term
//	well        ACTIVE   -           all
//	partition   FAULTED  the stopped  all but these             stays: the others append with it
//	topic       FAULTED  -           none                      rises
//
// State is FAULTED in both, for that is what people and alarms look at. What
// keeps a stopped partition from being appended to is not the term then, but
// the partition's own loop, which stopped it and takes no assignment of that
// term any more (core/link/replicate), and Copies, which every new assignment
// is checked against.

// Copies reports whether the link may append to a partition.
func (s *Shadow) Copies(index int32) bool {
	return s.Copying() && s.Faults.Of(index).IsZero()
}

// Copying reports whether the link goes on with the topic: with all partitions
// but those in Faults, and with those that the source adds.
func (s *Shadow) Copying() bool {
	return s.State == spec.Active || s.State == spec.Faulted && len(s.Faults) > 0
}

// Stop makes the topic FAULTED as a whole. The term rises when anything of it
// was still copied, so that nothing that is on its way can be appended.
func (s *Shadow) Stop(r spec.Reason) error {
	next, err := spec.Next(s.State, spec.EventFault)
	if err != nil {
		return err
	}
	if s.State != next || len(s.Faults) > 0 {
		s.Term++
	}
	s.State, s.Reason, s.Faults = next, r, nil
	return nil
}

// StopPartitions makes the topic FAULTED with some of its partitions; those
// that stopped earlier stay what they are. Beyond spec.FaultsMax partitions it
// is Stop. It is refused (spec.ErrTransition) when all of the topic is stopped
// already.
func (t *Topic) StopPartitions(faults spec.Faults) error {
	s := t.Shadow
	next, err := spec.Next(s.State, spec.EventFault)
	if err != nil {
		return err
	}
	if s.State == spec.Faulted && !s.Copying() {
		return fmt.Errorf("stop partitions of a topic that is stopped as a whole: %w", spec.ErrTransition)
	}
	all := s.Faults
	for _, f := range faults {
		all = all.With(f)
	}
	reason := all.Reason(len(t.Partitions))
	if len(all) > spec.FaultsMax {
		return s.Stop(reason)
	}
	s.State, s.Faults, s.Reason = next, all, reason
	return nil
}

// Resume makes the topic ACTIVE, all of it, under a new term: what an earlier
// life of it may still have on the way is refused by the log.
func (s *Shadow) Resume() error {
	next, err := spec.Next(s.State, spec.EventResume)
	if err != nil {
		return err
	}
	s.State, s.Reason, s.Faults = next, spec.Reason{}, nil
	s.Term++
	return nil
}

// Stopped counts the partitions that a fault keeps from being copied.
func (t *Topic) Stopped() int {
	switch {
	case t.Shadow == nil || t.Shadow.State != spec.Faulted:
		return 0
	case t.Shadow.Copying():
		return len(t.Shadow.Faults)
	}
	return len(t.Partitions)
}

// StateOf is the state of one partition and its reason: the topic's, but where
// only some partitions are stopped each has its own.
func (s *Shadow) StateOf(index int32) (spec.TopicState, spec.Reason) {
	if len(s.Faults) == 0 {
		return s.State, s.Reason
	}
	r := s.Faults.Of(index)
	if s.State == spec.Faulted && r.IsZero() {
		return spec.Active, r
	}
	return s.State, r
}
