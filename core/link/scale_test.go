package link_test

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"umbra/core/link"
	"umbra/core/link/linktest"
	"umbra/core/link/spec"
	"umbra/kafkaproto"
)

// scaleEnv says how large TestScale is: TOPICSxPARTITIONS, several with commas
// between.
const scaleEnv = "UMBRA_TEST_SCALE"

// TestScale begins many partitions, looks after them, starts again and fails them
// over with the source dead. What it says are figures, for which it is asked by
// hand: UMBRA_TEST_SCALE=100x10,1000x10,10000x1. By itself it is small.
func TestScale(t *testing.T) {
	for _, size := range strings.Split(cmp.Or(os.Getenv(scaleEnv), "60x3"), ",") {
		a, b, _ := strings.Cut(size, "x")
		topics, errA := strconv.Atoi(a)
		partitions, errB := strconv.Atoi(b)
		if errA != nil || errB != nil {
			t.Fatalf("%s=%q", scaleEnv, size)
		}
		t.Run(size, func(t *testing.T) { scale(t, topics, partitions) })
	}
}

func scale(t *testing.T, topics, partitions int) {
	s := newStory(t, linktest.Config{Brokers: 3}, nodeSetup{arena: 1 << 30})
	for i := range topics {
		name := fmt.Sprintf("t%05d", i)
		s.src.CreateTopic(name, partitions)
		for p := range partitions {
			s.src.AppendMany(name, p, 2, linktest.Batch{Records: 2, Size: 100})
		}
	}
	all := topics * partitions
	at := func(what string, f func()) time.Duration {
		began := time.Now()
		f()
		took := time.Since(began)
		t.Logf("%-44s %8.1f ms", what, took.Seconds()*1000)
		return took
	}
	here := func() bool {
		n := 0
		for _, top := range s.status().Topics {
			for _, p := range top.Partitions {
				if p.LogEnd == 4 && p.Following {
					n++
				}
			}
		}
		return n == all
	}
	normal := func(d *spec.Definition) { d.Options = spec.Options{} }
	at("from the link's creation to all copied", func() { s.link("t*", normal); s.patiently("all is here", here) })
	s.measureIdle(t, at)
	at("stop and start, all followed again", func() { s.restart(); s.patiently("all is followed", here) })
	// Every partition has just been written to when the source dies, so that each
	// has something to be fsynced.
	s.src.AppendAll(linktest.Batch{Records: 2, Size: 100})
	s.eventually("some of it is here", func() bool { return s.part("t00000", 0).LogEnd == 6 })
	for _, id := range []int32{1, 2, 3} {
		s.src.Kill(id)
	}
	r := s.failover()
	for _, p := range r.Phases {
		t.Logf("    %-40s %8.1f ms", p.Name, p.Seconds*1000)
	}
	t.Logf("%-44s %8.1f ms", fmt.Sprintf("failover of %d partitions", all), r.Finished.Sub(r.Started).Seconds()*1000)
	if r.Partial() {
		t.Error("partial")
	}
}

// measureIdle says what a link costs while nothing happens.
func (s *story) measureIdle(t *testing.T, at func(string, func()) time.Duration) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("%-44s %8.1f MiB", "heap in use, source included", float64(m.HeapInuse)/(1<<20))
	at("one status", func() { s.status() })
	cpu := cpuTime(t)
	looks := s.src.Requests(kafkaproto.KeyMetadata)
	began := time.Now()
	s.patiently("three looks", func() bool { return s.src.Requests(kafkaproto.KeyMetadata) >= looks+3 })
	t.Logf("%-44s %8.1f ms of CPU per second, source included", "idle", (cpuTime(t)-cpu).Seconds()*1000/time.Since(began).Seconds())
	at("candidates, nothing to do", link.Candidates(s.dr()))
}

func (s *story) patiently(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			open, followed, errs := 0, 0, map[string]int{}
			for _, top := range s.status().Topics {
				for _, p := range top.Partitions {
					if p.Open {
						open++
					}
					if p.Following {
						followed++
					}
					if p.Err != nil {
						errs[p.Err.Error()[:40]]++
					}
				}
			}
			s.t.Fatalf("it never came true that %s: %d open, %d followed, errors %v", what, open, followed, errs)
		}
	}
}
