package shard

import (
	"net"
	"testing"
	"time"
)

func TestClientLimits(t *testing.T) {
	refused := func(c net.Conn) bool {
		c.SetDeadline(time.Now().Add(patience))
		_, err := c.Read(make([]byte, 1))
		return err != nil
	}
	from := func(g *Group, ip string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: patience}
		c, err := d.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	opened := make(chan struct{}, 100)
	g := startGroup(t, Config{MaxConnections: 3, MaxConnectionsPerIP: 2}, func(c *Conn) Protocol {
		opened <- struct{}{}
		return &spy{t: t}
	})
	open := func(ip string) net.Conn {
		c := from(g, ip)
		receive(t, "a connection", opened)
		return c
	}
	first := open("127.0.0.1")
	open("127.0.0.1")
	if !refused(from(g, "127.0.0.1")) {
		t.Error("a third connection of one address was let in")
	}
	open("127.0.0.2")
	if !refused(from(g, "127.0.0.3")) {
		t.Error("a fourth connection was let in")
	}
	first.Close()
	eventually(t, "the end of the first connection", func() bool { return g.Connections() == 2 })
	open("127.0.0.1")
	onLoop(t, g.Shard(0), func() {
		if st := g.Shard(0).Stats(); st.RefusedPerIP != 1 || st.RefusedTotal != 1 || st.ConnsAccepted != 4 {
			t.Errorf("stats %+v", *st)
		}
	})
}

func TestClientsWaitForServe(t *testing.T) {
	g := startGroup(t, Config{HoldAccept: true}, func(c *Conn) Protocol { return newEcho(c, 1) })
	if err := echoOnce(g.Addr().String(), 1, 1000); err == nil {
		t.Error("served before Serve")
	}
	g.Serve()
	if err := echoOnce(g.Addr().String(), 1, 1000); err != nil {
		t.Error(err)
	}
}

func TestLastDescriptorsAreNotForClients(t *testing.T) {
	g := startGroup(t, Config{}, func(c *Conn) Protocol { return newEcho(c, 1) })
	onLoop(t, g.Shard(0), func() { g.fdLimit = 3 })
	if err := echoOnce(g.Addr().String(), 1, 1000); err == nil {
		t.Error("a client got a descriptor of the reserve")
	}
	onLoop(t, g.Shard(0), func() {
		if n := g.Shard(0).Stats().RefusedFiles; n != 1 {
			t.Errorf("%d refused", n)
		}
		g.fdLimit = 1 << 20
	})
	if err := echoOnce(g.Addr().String(), 1, 1000); err != nil {
		t.Error(err)
	}
}
