package failover

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Options are what is measured.
type Options struct {
	Shapes []Shape
	Rounds int           // at each shape
	Within time.Duration // rounds but the first of each shape are left out where the run would take longer; 0: none
	Seed   uint64        // of the order of the shapes
	Umbra  string        // path of the binary
	Dir    string        // where data goes; a folder of its own is made in it
}

// Validate reports every fault at once.
func (o Options) Validate() error {
	var errs []error
	if len(o.Shapes) == 0 {
		errs = append(errs, errors.New("--shape names none: want at least one"))
	}
	seen := map[Shape]bool{}
	for _, s := range o.Shapes {
		if seen[s] {
			errs = append(errs, fmt.Errorf("--shape names %v twice", s))
		}
		seen[s] = true
		errs = append(errs, s.validate())
	}
	if o.Rounds < 1 {
		errs = append(errs, fmt.Errorf("--rounds is %d: want 1 or more", o.Rounds))
	}
	if o.Within < 0 {
		errs = append(errs, fmt.Errorf("--within is %v: want 0 or more", o.Within))
	}
	return errors.Join(errs...)
}

// partitionsMax is the most partitions of a shape: what a machine of two cores makes
// in some minutes.
const partitionsMax = 100_000

// Shape is how many topics a link has, and how many partitions each of them.
type Shape struct{ Topics, Partitions int }

// ParseShape reads TOPICSxPARTITIONS.
func ParseShape(text string) (Shape, error) {
	a, b, _ := strings.Cut(text, "x")
	topics, errA := strconv.Atoi(a)
	partitions, errB := strconv.Atoi(b)
	if errA != nil || errB != nil {
		return Shape{}, fmt.Errorf("%q: want TOPICSxPARTITIONS, as in 100x10", text)
	}
	return Shape{topics, partitions}, nil
}

func (s Shape) String() string { return fmt.Sprintf("%dx%d", s.Topics, s.Partitions) }

// All is the partitions of all topics together.
func (s Shape) All() int { return s.Topics * s.Partitions }

func (s Shape) validate() error {
	if s.Topics < 1 || s.Partitions < 1 || s.Topics > partitionsMax/s.Partitions {
		return fmt.Errorf("--shape is %v: want 1 to %d partitions in all", s, partitionsMax)
	}
	return nil
}

// target is what a failover of the shape is to take at most, in seconds; nil where it
// is larger than any target speaks of.
func (s Shape) target() *float64 {
	for _, t := range []struct {
		partitions int
		seconds    float64
	}{{1_000, 1}, {10_000, 5}} {
		if s.All() <= t.partitions {
			return &t.seconds
		}
	}
	return nil
}
