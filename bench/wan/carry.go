package wan

import (
	"errors"
	"io"
	"net"
	"time"
)

const (
	readBytes  = 128 << 10 // most of one read, and of one parcel
	smallBytes = 8 << 10   // a parcel up to this has memory of its own size
	atOnce     = 64        // parcels handed to the kernel together
)

// receive puts what comes from src on the way. The end of src arrives as late as a
// byte would.
func (p *Proxy) receive(pr *pair, src *net.TCPConn, l *line, f *flight) {
	for {
		slab := p.slabs.Get().(*[]byte)
		n, err := src.Read(*slab)
		if n > 0 && !f.put(p.parcel(slab, n, l.arrives(p.now(), n))) {
			return
		}
		if n == 0 {
			p.slabs.Put(slab)
		}
		if errors.Is(err, io.EOF) {
			f.put(parcel{due: l.arrives(p.now(), 0)})
			return
		}
		if err != nil {
			pr.end()
			return
		}
	}
}

// parcel packs the first n bytes of a slab, which it takes; few bytes are copied, so
// that the bound of a flight is one of memory too.
func (p *Proxy) parcel(slab *[]byte, n int, due time.Duration) parcel {
	if n > smallBytes {
		return parcel{bytes: (*slab)[:n], due: due, slab: slab}
	}
	b := append([]byte(nil), (*slab)[:n]...)
	p.slabs.Put(slab)
	return parcel{bytes: b, due: due}
}

// deliver writes what is due to dst, and waits for what is not.
func (p *Proxy) deliver(pr *pair, dst *net.TCPConn, f *flight) {
	var due []parcel
	for {
		at, ok := f.next()
		if !ok || !p.await(at) {
			return
		}
		due = f.take(p.now(), atOnce, due[:0])
		if !p.write(dst, due) {
			pr.end()
			return
		}
		if n := len(due); n > 0 && len(due[n-1].bytes) == 0 {
			dst.CloseWrite()
			return
		}
	}
}

// await waits until a time of this proxy's clock; false means that it was closed.
func (p *Proxy) await(at time.Duration) bool {
	early := at - p.now()
	if early <= 0 {
		return true
	}
	t := time.NewTimer(early)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.stopped:
		return false
	}
}

// write delivers parcels and gives their slabs back.
func (p *Proxy) write(dst *net.TCPConn, parcels []parcel) bool {
	bufs := make(net.Buffers, 0, atOnce)
	for _, d := range parcels {
		if len(d.bytes) > 0 {
			bufs = append(bufs, d.bytes)
		}
	}
	_, err := bufs.WriteTo(dst)
	for _, d := range parcels {
		if d.slab != nil {
			p.slabs.Put(d.slab)
		}
	}
	return err == nil
}
