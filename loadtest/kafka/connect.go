package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	connectClass = "org.apache.kafka.connect.cli.ConnectDistributed"
	bytesAsBytes = "org.apache.kafka.connect.converters.ByteArrayConverter"
)

// connectLimit bounds one change of a connector: a worker that rebalances refuses it.
const connectLimit = 60 * time.Second

// A Worker is one Kafka Connect worker in distributed mode, alone in its group: what
// MirrorMaker 2 runs in. It keeps its state in topics of the cluster it writes to.
// Its methods belong to one goroutine at a time.
type Worker struct {
	*Node
	url string
}

// Connect says how a worker runs.
type Connect struct {
	Bootstrap string // of the cluster it writes to
	Group     string // names the worker and its topics in that cluster
	Dir       string // properties and log; it is made
	HeapMiB   int
	JVM       []string
}

// StartConnect runs a worker and returns when it takes connectors. Close of the
// worker is Kill or Stop.
func (d *Dist) StartConnect(ctx context.Context, c Connect) (*Worker, error) {
	w, err := d.startConnect(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("start Kafka Connect %s, group %s: %w", d.Version, c.Group, err)
	}
	return w, nil
}

func (d *Dist) startConnect(ctx context.Context, c Connect) (*Worker, error) {
	if err := d.needJars("connect-runtime", "connect-mirror"); err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, err
	}
	addr := local(ports[0])
	w := &Worker{url: "http://" + addr}
	w.Node = &Node{dist: d, dir: c.Dir, heapMiB: c.HeapMiB, class: connectClass, jvm: c.JVM, probe: addr, props: map[string]string{
		"bootstrap.servers": c.Bootstrap, "group.id": c.Group, "listeners": w.url, "plugin.discovery": "service_load",
		"key.converter": bytesAsBytes, "value.converter": bytesAsBytes, "header.converter": bytesAsBytes,
		"config.storage.topic": c.Group + "-configs", "config.storage.replication.factor": "1",
		"offset.storage.topic": c.Group + "-offsets", "offset.storage.replication.factor": "1",
		"status.storage.topic": c.Group + "-status", "status.storage.replication.factor": "1",
	}}
	if err := w.Start(ctx); err != nil {
		return nil, errors.Join(err, w.Kill())
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err = w.proc.Until(limited, 100*time.Millisecond, "wait until it takes connectors", func() bool {
		return w.rest(limited, http.MethodGet, "/connectors", nil, &[]string{}) == nil
	})
	if err != nil {
		return nil, errors.Join(err, w.Kill())
	}
	return w, nil
}

// needJars is the clear word on a cache that lacks what a class is in.
func (d *Dist) needJars(artifacts ...string) error {
	for _, a := range artifacts {
		file := filepath.Join(d.libs(), a+"-"+d.Version+".jar")
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("find %s of kafka %s: %w; remove %s and run loadtest/install.sh java, which fetches it again", a, d.Version, err, d.dir)
		}
	}
	return nil
}

// Put makes a connector and returns when the worker has taken it; its tasks start
// then.
func (w *Worker) Put(ctx context.Context, name string, config map[string]string) error {
	return w.until(ctx, "put connector "+name, func() error {
		return w.rest(ctx, http.MethodPut, "/connectors/"+name+"/config", config, nil)
	})
}

// connectorStatus is what a worker says of a connector.
type connectorStatus struct {
	Connector connectorState   `json:"connector"`
	Tasks     []connectorState `json:"tasks"`
}

type connectorState struct {
	State string `json:"state"`
	Trace string `json:"trace"`
}

// AwaitTasks waits until a connector runs and at least so many tasks of it do. One that
// failed is an error at once.
func (w *Worker) AwaitTasks(ctx context.Context, name string, tasks int) error {
	return w.until(ctx, "wait for connector "+name, func() error {
		s, err := w.status(ctx, name)
		if err != nil {
			return err
		}
		if n := s.count("RUNNING"); n < tasks+1 {
			return fmt.Errorf("it is %s with %d tasks, %d of all run", s.Connector.State, len(s.Tasks), n)
		}
		return nil
	})
}

// Failure is what a connector or one of its tasks failed with; nil while none did.
func (w *Worker) Failure(ctx context.Context, name string) error {
	_, err := w.status(ctx, name)
	return err
}

func (w *Worker) status(ctx context.Context, name string) (s connectorStatus, err error) {
	if err := w.rest(ctx, http.MethodGet, "/connectors/"+name+"/status", nil, &s); err != nil {
		return s, err
	}
	for _, t := range s.all() {
		if t.State == "FAILED" {
			return s, &finalError{fmt.Errorf("connector %s failed: %.600s", name, t.Trace)}
		}
	}
	return s, nil
}

// all are the connector and its tasks.
func (s *connectorStatus) all() []connectorState {
	return append([]connectorState{s.Connector}, s.Tasks...)
}

// count is how many of all are in a state.
func (s *connectorStatus) count(state string) int {
	n := 0
	for _, t := range s.all() {
		if t.State == state {
			n++
		}
	}
	return n
}

// Delete takes a connector away and returns when it is gone; one that is not
// there is no error.
func (w *Worker) Delete(ctx context.Context, name string) error {
	return w.until(ctx, "delete connector "+name, func() error {
		err := w.rest(ctx, http.MethodDelete, "/connectors/"+name, nil, nil)
		var s *statusError
		if errors.As(err, &s) && s.code == http.StatusNotFound {
			return nil
		}
		if err == nil {
			err = errors.New("it is still there")
		}
		return err
	})
}

// until tries until it works. A worker that is gone, or a final error, ends it.
func (w *Worker) until(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	var last error
	err := w.proc.Until(ctx, 50*time.Millisecond, what, func() bool {
		last = try()
		var final *finalError
		return last == nil || errors.As(last, &final)
	})
	if err != nil {
		return errors.Join(err, last)
	}
	if last != nil {
		return fmt.Errorf("%s: %w", what, last)
	}
	return nil
}

// finalError is one that another try does not mend.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// statusError is an answer other than 2xx.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %.400s", e.code, e.text) }

func (w *Worker) rest(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, &b)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusBadRequest:
		return &finalError{&statusError{resp.StatusCode, strings.TrimSpace(string(text))}}
	case resp.StatusCode >= 300:
		return &statusError{resp.StatusCode, strings.TrimSpace(string(text))}
	case into == nil:
		return nil
	}
	return json.Unmarshal(text, into)
}
