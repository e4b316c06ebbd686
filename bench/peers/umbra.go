package peers

import "context"

// shadowing is umbra: its link copies, its broker serves, one process.
type shadowing struct{ *stage }

func (u *shadowing) transfer(ctx context.Context, t topic) (out Sample, err error) {
	w, err := u.begin(nil)
	if err != nil {
		return out, err
	}
	c, err := u.shadow.Begin(ctx, u.source.addr, t.name)
	if err != nil {
		return out, err
	}
	if err := c.Await(ctx, t.ends); err != nil {
		return out, err
	}
	if out, err = u.end(w, t.bytes, Umbra, ""); err != nil {
		return out, err
	}
	return out, c.Forget(ctx)
}

func (u *shadowing) follow(ctx context.Context, t topic) (addr string, stop func(context.Context) error, err error) {
	c, err := u.shadow.Begin(ctx, u.source.addr, t.name)
	if err != nil {
		return "", nil, err
	}
	return c.Daemon.Listen, c.Forget, c.Await(ctx, t.ends)
}
