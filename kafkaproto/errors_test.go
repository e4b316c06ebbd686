package kafkaproto

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestErrorCodesAgainstOracle(t *testing.T) {
	known := 0
	for code := -2; code < 300; code++ {
		c := ErrorCode(code)
		want := kerr.TypedErrorForCode(int16(code))
		if want == nil || want.Code != int16(code) {
			if code != 0 && c.name() != "" {
				t.Errorf("%d is %s, the oracle does not know it", code, c)
			}
			continue
		}
		known++
		name, retriable := want.Message, want.Retriable
		switch c {
		case NotLeaderOrFollower:
			name = "NOT_LEADER_OR_FOLLOWER" // Kafka renamed it in 2.6, the oracle did not
		case ConcurrentTransactions:
			retriable = true // Kafka's clients retry it, the oracle does so by other means
		}
		if c.Error() != name || c.Retriable() != retriable {
			t.Errorf("%d: %s retriable=%v, want %s retriable=%v", code, c, c.Retriable(), name, retriable)
		}
	}
	if known < 130 {
		t.Fatalf("the oracle knows %d codes, want at least 130", known)
	}
}

func TestErrorCodeAsGoError(t *testing.T) {
	if err := None.Err(); err != nil {
		t.Errorf("None.Err() = %v, want nil", err)
	}
	err := fmt.Errorf("fetch: %w", NotLeaderOrFollower.Err())
	var code ErrorCode
	if !errors.As(err, &code) || code != NotLeaderOrFollower || !errors.Is(err, NotLeaderOrFollower) {
		t.Errorf("%v does not carry its code", err)
	}
	if got := ErrorCode(9999).Error(); got != "ERROR_CODE_9999" {
		t.Errorf("unknown code reads %q", got)
	}
	if got := None.Error(); got != "NONE" {
		t.Errorf("None reads %q", got)
	}
}
