package process

import "context"

// A Part is a hidden command of another bench that runs as a process of its own.
// The two talk in JSON documents. One goroutine may use it at a time.
type Part struct{ *child }

// StartPart runs this program again with args; name stands in errors. The process
// dies with this one.
func StartPart(name string, args ...string) (*Part, error) {
	c, err := spawn(name, args...)
	if err != nil {
		return nil, err
	}
	return &Part{c}, nil
}

// Tell sends a document.
func (p *Part) Tell(doc any) error { return p.tell(doc) }

// Ask waits for the next document. When ctx ends, so does the process.
func (p *Part) Ask(ctx context.Context, into any) error {
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	return p.ask(into)
}
