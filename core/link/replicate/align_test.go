package replicate

import (
	"strings"
	"testing"
)

// history makes a log's answer to OffsetForLeaderEpoch from (epoch, start)
// pairs.
func history(end int64, pairs ...int64) func(int32) (int32, int64) {
	return func(epoch int32) (int32, int64) {
		found, at := int32(-1), int64(-1)
		for i := 0; i < len(pairs); i += 2 {
			if int32(pairs[i]) > epoch {
				return found, pairs[i+1]
			}
			found, at = int32(pairs[i]), end
		}
		return found, at
	}
}

func TestAlign(t *testing.T) {
	local := func(start, end int64, epoch int32, pairs ...int64) LocalEnd {
		return LocalEnd{Start: start, End: end, Epoch: epoch, EpochEnd: history(end, pairs...)}
	}
	f := func(name string, l LocalEnd, s SourceEnd, step Step, to int64) {
		t.Helper()
		d := Align(l, s)
		if d.Step != step || d.To != to {
			t.Errorf("%s: got step %d to %d (%s), want step %d to %d", name, d.Step, d.To, d.Why, step, to)
		}
		if (d.Why == "") != (step == Follow) {
			t.Errorf("%s: step %d explains itself with %q", name, step, d.Why)
		}
	}
	f("both empty", local(0, 0, -1), SourceEnd{HistoryEpoch: -1}, Follow, 0)
	f("in step", local(0, 100, 5, 5, 0), SourceEnd{HighWatermark: 100, LeaderEpoch: 5, HistoryEpoch: 5, HistoryEnd: 100}, Follow, 100)
	f("behind", local(0, 60, 5, 5, 0), SourceEnd{HighWatermark: 100, LeaderEpoch: 5, HistoryEpoch: 5, HistoryEnd: 100}, Follow, 60)
	f("behind by an epoch", local(0, 60, 5, 5, 0), SourceEnd{HighWatermark: 100, LeaderEpoch: 7, HistoryEpoch: 5, HistoryEnd: 80}, Follow, 60)
	f("the high watermark lags after an election", local(0, 100, 5, 5, 0),
		SourceEnd{HighWatermark: 90, LeaderEpoch: 6, HistoryEpoch: 5, HistoryEnd: 100}, Follow, 100)
	f("retention overtook", local(0, 40, 5, 5, 0), SourceEnd{Start: 70, HighWatermark: 100, LeaderEpoch: 5, HistoryEpoch: 5, HistoryEnd: 100}, Skip, 70)
	f("empty log, trimmed source", local(0, 0, -1), SourceEnd{Start: 70, HighWatermark: 100, LeaderEpoch: 5, HistoryEpoch: -1}, Skip, 70)
	f("unclean election", local(0, 100, 5, 3, 0, 5, 50), SourceEnd{HighWatermark: 90, LeaderEpoch: 6, HistoryEpoch: 5, HistoryEnd: 80}, Cut, 80)
	f("the source never had our epoch", local(0, 100, 5, 3, 0, 5, 50), SourceEnd{HighWatermark: 90, LeaderEpoch: 7, HistoryEpoch: 3, HistoryEnd: 70}, Cut, 50)
	f("it ended the older epoch earlier", local(0, 100, 5, 3, 0, 5, 50), SourceEnd{HighWatermark: 90, LeaderEpoch: 7, HistoryEpoch: 3, HistoryEnd: 30}, Cut, 30)
	f("it knows an epoch between ours", local(0, 100, 6, 3, 0, 6, 50), SourceEnd{HighWatermark: 90, LeaderEpoch: 7, HistoryEpoch: 4, HistoryEnd: 60}, Cut, 50)
	f("no epoch in common", local(20, 100, 6, 6, 20), SourceEnd{HighWatermark: 90, LeaderEpoch: 7, HistoryEpoch: 4, HistoryEnd: 60}, Cut, 20)
	f("shorter under the same epoch", local(0, 100, 5, 5, 0), SourceEnd{HighWatermark: 80, LeaderEpoch: 5, HistoryEpoch: 5, HistoryEnd: 80}, Diverged, 80)
	f("shorter, the source does not say its epoch", local(0, 100, 5, 5, 0), SourceEnd{HighWatermark: 80, LeaderEpoch: -1, HistoryEpoch: 5, HistoryEnd: 80}, Diverged, 80)
	f("no history to compare, shorter", local(0, 100, 5, 5, 0), SourceEnd{HighWatermark: 80, LeaderEpoch: 6, HistoryEpoch: -1}, Wait, 80)
	f("leads with an older epoch than we hold", local(0, 100, 5, 5, 0), SourceEnd{HighWatermark: 200, LeaderEpoch: 4, HistoryEpoch: 5, HistoryEnd: 200}, Wait, 100)
	f("another topic of the same name", local(0, 100, 0, 0, 0),
		SourceEnd{HighWatermark: 200, LeaderEpoch: 0, HistoryEpoch: 0, HistoryEnd: 200, LastDiffers: "the batch at offset 99 differs"}, Diverged, 100)
	f("trimmed to the end", local(100, 100, -1), SourceEnd{Start: 100, HighWatermark: 100, LeaderEpoch: 5, HistoryEpoch: -1}, Follow, 100)
	f("no history to compare, longer", local(0, 100, 5, 5, 0), SourceEnd{HighWatermark: 180, LeaderEpoch: 6, HistoryEpoch: -1}, Follow, 100)
}

// TestAlignNeverCutsWithoutANewerEpoch is the rule that keeps a broken source
// from taking the copy with it (S3).
func TestAlignNeverCutsWithoutANewerEpoch(t *testing.T) {
	for end := int64(0); end <= 100; end += 10 {
		l := LocalEnd{End: 100, Epoch: 5, EpochEnd: history(100, 2, 0, 5, 40)}
		for he := int32(-1); he <= 5; he++ {
			d := Align(l, SourceEnd{HighWatermark: end, LeaderEpoch: 5, HistoryEpoch: he, HistoryEnd: end})
			if d.Step == Cut {
				t.Errorf("cut to %d although the source leads with our own epoch (history epoch %d ends at %d)", d.To, he, end)
			}
			if d.Step == Diverged && !strings.Contains(d.Why, "source") {
				t.Errorf("divergence explained as %q", d.Why)
			}
		}
	}
}
