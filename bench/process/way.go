package process

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"umbra/bench/wan"
)

// WayCommand is the hidden command ServeWay stands behind.
const WayCommand = "way"

// WayConfig is a long way to a source.
type WayConfig struct {
	Front string // address to listen on; empty: a free port
	RTT   time.Duration
	Rate  float64 // bits a second in each direction; 0: no limit
}

// Args is the configuration as arguments of WayCommand.
func (c WayConfig) Args() []string {
	return []string{WayCommand, "--front", c.Front, "--rtt", c.RTT.String(), "--rate", strconv.FormatFloat(c.Rate, 'g', -1, 64)}
}

// Way is a long way in a process of its own.
type Way struct {
	*child
	Addr string // where clients connect
}

// StartWay runs a way that leads nowhere yet.
func StartWay(cfg WayConfig) (*Way, error) {
	c, err := spawn("long way", cfg.Args()...)
	if err != nil {
		return nil, err
	}
	w := &Way{child: c}
	if err := c.ask(&w.Addr); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return w, nil
}

// Forward says where the way leads.
func (w *Way) Forward(target string) error {
	if err := w.tell(target); err != nil {
		return err
	}
	var ready bool
	return w.ask(&ready)
}

// ServeWay is the child's side: it forwards to the last target it was told, until in ends.
func ServeWay(_ context.Context, cfg WayConfig, in io.Reader, out io.Writer) error {
	p, err := wan.Listen(cfg.Front, wan.Config{RTT: cfg.RTT, Rate: cfg.Rate})
	if err != nil {
		return err
	}
	defer p.Close()
	say, hear := json.NewEncoder(out), json.NewDecoder(in)
	if err := say.Encode(p.Addr()); err != nil {
		return err
	}
	for {
		var target string
		if err := hear.Decode(&target); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		p.Forward(target)
		if err := say.Encode(true); err != nil {
			return err
		}
	}
}
