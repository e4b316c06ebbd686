package spec

import (
	"errors"
	"fmt"
	"slices"
)

// TopicState is where a shadow topic stands.
//
//	           resume                         +--- resume ---+
//	PAUSED <---------> ACTIVE ----- fault ----+--> FAULTED --+
//	   |     pause        |                           |
//	   +------------------+------- failover ----------+
//	                      v
//	                 FAILING_OVER ---- done ----> FAILED_OVER
//	                                                   |
//	                      ACTIVE <------- resync ------+
//
// FAILING_OVER only goes forward (F1); nothing but deletion is final.
type TopicState uint8

const (
	Active      TopicState = iota + 1 // copied from the source
	Paused                            // an operator stopped the copying
	Faulted                           // umbra stopped the copying, of all partitions or of some; see the Reason
	FailingOver                       // decided, not yet writable
	FailedOver                        // an ordinary, writable topic
)

// ErrTransition says that a state does not allow an event; the error that
// wraps it names both.
var ErrTransition = errors.New("not allowed in this state")

var stateNames = [...]string{"", "ACTIVE", "PAUSED", "FAULTED", "FAILING_OVER", "FAILED_OVER"}

func (s TopicState) String() string {
	if int(s) < len(stateNames) && s != 0 {
		return stateNames[s]
	}
	return fmt.Sprintf("TopicState(%d)", uint8(s))
}

// Writable reports whether clients may change the topic (W1).
func (s TopicState) Writable() bool { return s == FailedOver }

// MarshalText and UnmarshalText use the form of String.
func (s TopicState) MarshalText() ([]byte, error) {
	if s == 0 || int(s) >= len(stateNames) {
		return nil, fmt.Errorf("topic state %d is unknown", uint8(s))
	}
	return []byte(s.String()), nil
}

func (s *TopicState) UnmarshalText(b []byte) error {
	i := slices.Index(stateNames[1:], string(b))
	if i < 0 {
		return fmt.Errorf("topic state %q is unknown", b)
	}
	*s = TopicState(i + 1)
	return nil
}

// States lists every state in the order status shows them.
func States() []TopicState { return []TopicState{Active, Paused, Faulted, FailingOver, FailedOver} }

// Event moves a topic from one state to another.
type Event uint8

const (
	EventPause        Event = iota + 1 // operator
	EventResume                        // operator, after the cause of a fault is gone
	EventFault                         // the link cannot go on by itself, with one partition or with the topic
	EventFailover                      // operator: make it writable
	EventFailoverDone                  // every step of the failover is persisted
	EventResync                        // operator: shadow it again, after a divergence check
)

func (e Event) String() string {
	names := [...]string{"", "pause", "resume", "fault", "failover", "failover-done", "resync"}
	if int(e) < len(names) && e != 0 {
		return names[e]
	}
	return fmt.Sprintf("Event(%d)", uint8(e))
}

// Next returns the state after e. An event that asks for what is already so
// returns the same state, so that callers may repeat one after a crash.
func Next(s TopicState, e Event) (TopicState, error) {
	if to := transition(s, e); to != 0 {
		return to, nil
	}
	return s, fmt.Errorf("%s a topic that is %s: %w", e, s, ErrTransition)
}

// transition is the table; 0 means refused.
func transition(s TopicState, e Event) TopicState {
	switch e {
	case EventPause:
		return pick(s, Paused, Active, Paused, Faulted)
	case EventResume:
		return pick(s, Active, Active, Paused, Faulted)
	case EventFault:
		return pick(s, Faulted, Active, Paused, Faulted)
	case EventFailover:
		if s == FailedOver {
			return FailedOver
		}
		return pick(s, FailingOver, Active, Paused, Faulted, FailingOver)
	case EventFailoverDone:
		return pick(s, FailedOver, FailingOver, FailedOver)
	case EventResync:
		return pick(s, Active, FailedOver)
	}
	return 0
}

func pick(s, to TopicState, from ...TopicState) TopicState {
	if slices.Contains(from, s) {
		return to
	}
	return 0
}
