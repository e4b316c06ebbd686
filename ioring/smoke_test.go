package ioring

import (
	"bytes"
	"os"
	"testing"
	"time"

	"umbra/ioring/buf"
)

func TestSmoke(t *testing.T) {
	for _, e := range []string{EngineUring, EnginePwrite} {
		t.Run(e, func(t *testing.T) {
			r, err := New(Config{Engine: e, CheckMemory: true})
			if err != nil {
				t.Fatal(err)
			}
			a, _ := buf.NewArena(buf.Config{Budget: 64 << 20, OnExtent: func(m []byte, i int) {
				if err := r.Register(m, i); err != nil {
					t.Error(err)
				}
			}, Poison: true})
			f, err := r.OpenFile("/root/umbra-smoke", os.O_RDWR|os.O_CREATE, 0o600, true)
			if err != nil {
				t.Fatal(err)
			}
			defer os.Remove("/root/umbra-smoke")
			s, _ := a.Alloc(1 << 20)
			w := s.Bytes()[:1<<20]
			for i := range w {
				w[i] = byte(i * 7)
			}
			wait := func(op *Op) {
				fin := false
				op.Done = func(*Op) { fin = true }
				if err := r.Push(op); err != nil {
					t.Fatal(err)
				}
				if err := r.Submit(); err != nil {
					t.Fatal(err)
				}
				for !fin {
					r.Wait(time.Second)
					r.Reap()
				}
				if op.Err != nil {
					t.Fatal(op.Err)
				}
			}
			wait(&Op{Kind: Write, File: f, Buf: w, Slab: s, Sync: true})
			q, _ := a.Alloc(1 << 20)
			wait(&Op{Kind: Read, File: f, Buf: q.Bytes()[:1<<20], Slab: q})
			if !bytes.Equal(w, q.Bytes()[:1<<20]) {
				t.Fatal("differ")
			}
			t.Logf("%s %s align %d %+v", r.Engine(), r.Reason(), f.Align(), r.Stats())
			s.Release()
			q.Release()
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
