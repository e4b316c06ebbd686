package segment

import (
	"path/filepath"
	"testing"

	"umbra/ioring/disktest"
)

// TestRecoveryReadsTheDisk: bytes that a failed write-back has lost stay in the page
// cache, valid and clean. A log that is opened again does not take them for its own:
// it holds the same when the cache has forgotten them.
func TestRecoveryReadsTheDisk(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		dir, starve := disktest.Lying(t, false)
		r := newRig(t, engine, Config{})
		r.dir = filepath.Join(dir, "orders-0")
		r.open()
		r.appendCached()
		r.must(r.log.Flush)
		feed := starve()
		for r.failed == nil {
			r.appendCached()
			_ = r.await(r.log.Flush) // a loop device says yes to a write of which it took the first block
		}
		path := r.log.active().path
		_ = r.await(r.log.Close)
		r.pump()
		r.log.Release()
		r.log.dropPieces()
		feed()
		r.open()
		taken, size := r.log.EndOffset(), r.log.active().size
		r.close()
		if err := emptyCache(path); err != nil {
			t.Fatal(err)
		}
		if n := validBatches(t, path, size); int64(n) != taken {
			t.Errorf("%d batches were taken for the log's, the disk has %d", taken, n)
		}
	})
}

// validBatches counts what is whole in a file's first bytes.
func validBatches(t *testing.T, path string, size int64) (n int) {
	t.Helper()
	in, err := openScanner(path, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	for {
		if _, _, err := in.next(true); err != nil {
			return n
		}
		n++
	}
}

// appendCached appends a batch that goes to the page cache.
func (r *rig) appendCached() {
	r.t.Helper()
	if err := r.mirror(makeBatch(batchSpec{base: r.log.EndOffset(), size: 30 << 10})); err != nil {
		r.t.Fatal(err)
	}
	r.pump()
	if r.log.WrittenOffset() != r.log.EndOffset() {
		r.t.Fatalf("written to %d of %d: the cache did not take it", r.log.WrittenOffset(), r.log.EndOffset())
	}
}
