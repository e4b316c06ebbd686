package process

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"umbra/kafkaproto/compress"
)

// Serve runs a hidden command by name with its arguments.
func Serve(ctx context.Context, name string, args []string, in io.Reader, out io.Writer) error {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	switch name {
	case SourceCommand:
		var c SourceConfig
		f.StringVar(&c.Topic, "topic", "", "")
		f.IntVar(&c.Topics, "topics", 1, "")
		f.IntVar(&c.Partitions, "partitions", 1, "")
		f.IntVar(&c.Record, "record", 1024, "")
		f.IntVar(&c.Batch, "batch", 16<<10, "")
		f.IntVar(&c.Chunk, "chunk", 1<<20, "")
		f.Int64Var(&c.Bytes, "bytes", 0, "")
		f.Func("codec", "", func(name string) (err error) {
			c.Codec, err = compress.Parse(name)
			return err
		})
		f.StringVar(&c.Advertise, "advertise", "", "")
		if err := f.Parse(args); err != nil {
			return err
		}
		return ServeSource(ctx, c, in, out)
	case DiscardCommand:
		var c DiscardConfig
		f.StringVar(&c.Bootstrap, "bootstrap", "", "")
		f.StringVar(&c.Topic, "topic", "", "")
		f.IntVar(&c.Chunk, "chunk", 1<<20, "")
		f.IntVar(&c.Answer, "answer", 16<<20, "")
		if err := f.Parse(args); err != nil {
			return err
		}
		return ServeDiscard(ctx, c, in, out)
	case WayCommand:
		var c WayConfig
		f.StringVar(&c.Front, "front", "", "")
		f.DurationVar(&c.RTT, "rtt", 0, "")
		f.Float64Var(&c.Rate, "rate", 0, "")
		if err := f.Parse(args); err != nil {
			return err
		}
		return ServeWay(ctx, c, in, out)
	}
	return fmt.Errorf("no hidden command %q", name)
}

// ServeIfChild serves as the part of a bench that this program's arguments name, and ends
// the program; it returns where they name none. A test binary whose children are itself
// calls it before it runs its tests.
func ServeIfChild() {
	if len(os.Args) < 2 || !slices.Contains([]string{SourceCommand, DiscardCommand, WayCommand}, os.Args[1]) {
		return
	}
	if err := Serve(context.Background(), os.Args[1], os.Args[2:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
