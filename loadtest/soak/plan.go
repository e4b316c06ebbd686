package soak

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is one thing the nemesis does.
type Kind string

const (
	KillUmbra    Kind = "kill-umbra"    // SIGKILL, down for Hold
	StopUmbra    Kind = "stop-umbra"    // SIGSTOP for Hold
	RestartUmbra Kind = "restart-umbra" // SIGTERM, then started again

	Reset     Kind = "reset"     // RST in mid-frame, on every connection to the source that comes to it
	Cut       Kind = "cut"       // RST, and refused for Hold
	Blackhole Kind = "blackhole" // nothing passes for Hold
	HalfOpen  Kind = "half-open" // requests pass, no answer comes, for Hold
	Slow      Kind = "slow"      // a thin line for Hold

	KillBroker    Kind = "kill-broker"    // SIGKILL of a source broker, down for Hold
	StopBroker    Kind = "stop-broker"    // SIGSTOP of a source broker for Hold
	RestartBroker Kind = "restart-broker" // a clean stop: its partitions move, then it returns

	PauseLink Kind = "pause-link" // paused for Hold, then resumed

	Elect    Kind = "elect"    // preferred leaders again
	Trim     Kind = "trim"     // DeleteRecords somewhere in a partition
	Grow     Kind = "grow"     // a partition more
	Create   Kind = "create"   // a new topic
	Delete   Kind = "delete"   // a topic that was created goes
	Recreate Kind = "recreate" // such a topic goes, and another of its name comes
)

// class is what a kind acts upon. Events of a class come one after the other, those of
// different ones side by side.
type class struct {
	name       string
	kinds      []Kind
	gap, short time.Duration // mean between the end of an event and the next
}

func classes() []class {
	return []class{
		{"umbra", []Kind{KillUmbra, KillUmbra, StopUmbra, RestartUmbra}, 18 * time.Second, 6 * time.Second},
		{"network", []Kind{Reset, Reset, Cut, Blackhole, HalfOpen, Slow}, 10 * time.Second, 4 * time.Second},
		{"brokers", []Kind{KillBroker, StopBroker, RestartBroker}, 40 * time.Second, 12 * time.Second},
		{"link", []Kind{PauseLink}, 45 * time.Second, 15 * time.Second},
		{"topics", []Kind{Trim, Trim, Trim, Elect, Grow, Create, Create, Delete, Recreate}, 9 * time.Second, 3 * time.Second},
	}
}

// Kinds lists every kind once.
func Kinds() []Kind {
	var all []Kind
	for _, c := range classes() {
		all = append(all, c.kinds...)
	}
	return compact(all)
}

func compact(kinds []Kind) (out []Kind) {
	for _, k := range kinds {
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// hold is the range of an event's length; a kind that is not listed is over at once.
func (k Kind) hold(short bool) (from, to time.Duration) {
	switch k {
	case KillUmbra:
		from, to = 0, 4*time.Second
	case StopUmbra:
		from, to = 300*time.Millisecond, 12*time.Second
	case Cut, Blackhole, HalfOpen:
		from, to = 500*time.Millisecond, 15*time.Second
	case Slow:
		from, to = 3*time.Second, 15*time.Second
	case KillBroker, StopBroker:
		from, to = time.Second, 10*time.Second
	case PauseLink:
		from, to = time.Second, 12*time.Second
	}
	if short {
		to = from + (to-from)/4
	}
	return from, to
}

// Event is one act of the nemesis.
type Event struct {
	Round int
	At    time.Duration // since the round began
	Class string
	Kind  Kind
	Hold  time.Duration // how long it lasts
	Draw  uint64        // for what is chosen when it happens: a broker, a topic, an offset
}

func (e Event) String() string {
	s := fmt.Sprintf("round %d +%.1fs %s", e.Round, e.At.Seconds(), e.Kind)
	if e.Hold > 0 {
		s += fmt.Sprintf(" for %.1fs", e.Hold.Seconds())
	}
	return s
}

// Plan draws what the nemesis does in every round, in order of time. It depends on
// nothing but the options; each class draws by itself, so that leaving one out changes
// nothing of the others.
func Plan(o Options) (rounds [][]Event) {
	for r := 0; time.Duration(r)*o.Every < o.For; r++ {
		length := min(o.Every, o.For-time.Duration(r)*o.Every)
		var events []Event
		for i, c := range classes() {
			rng := rand.New(rand.NewPCG(o.Seed, uint64(r)<<8|uint64(i)))
			events = append(events, c.draw(o, rng, r, length)...)
		}
		slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
		rounds = append(rounds, events)
	}
	return rounds
}

// draw is one class's events of a round; the last ends within it, as planned.
func (c class) draw(o Options, rng *rand.Rand, round int, length time.Duration) (out []Event) {
	mean := c.gap
	if o.Short {
		mean = c.short
	}
	at := time.Duration(0)
	for {
		at += time.Duration(float64(mean) * min(rng.ExpFloat64(), 4))
		kind := c.kinds[rng.IntN(len(c.kinds))]
		from, to := kind.hold(o.Short)
		hold := from
		if to > from {
			hold += time.Duration(rng.Int64N(int64(to - from)))
		}
		draw := rng.Uint64()
		if at+hold > length {
			return out
		}
		if len(o.Only) == 0 || slices.Contains(o.Only, string(kind)) {
			out = append(out, Event{Round: round, At: at.Truncate(time.Millisecond), Class: c.name, Kind: kind, Hold: hold.Truncate(time.Millisecond), Draw: draw})
		}
		at += hold
	}
}

// Ending is how the source dies.
type Ending string

const (
	DiesBusy Ending = "busy" // in the middle of writes
	DiesCut  Ending = "cut"  // a while after umbra could no longer reach it, in the middle of writes
	DiesIdle Ending = "idle" // with everything copied: nothing may be lost
)

// Setup is what else the seed decides.
type Setup struct {
	Engine      string   // storage engine of umbra
	LinkOptions []string // KEY=VALUE, besides the defaults
	Ending      Ending
	KillAmid    bool // umbra is killed in the middle of the failover
}

// Draw decides the setup.
func Draw(o Options) Setup {
	rng := rand.New(rand.NewPCG(o.Seed, 1<<40))
	s := Setup{Engine: []string{"auto", "auto", "pwrite"}[rng.IntN(3)]}
	if rng.IntN(2) == 0 {
		s.LinkOptions = []string{"metadata_refresh=1s", "request_timeout=3s", "backoff_max=2s"}
	}
	s.Ending = []Ending{DiesBusy, DiesCut, DiesIdle}[rng.IntN(3)]
	s.KillAmid = rng.IntN(2) == 0
	return s
}
