package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// maxQueued is how many statements may wait for a connection; more is a caller
// that does not wait for its answers, and is refused and counted.
const maxQueued = 1024

// logComment is the setting by which a connection's statement is found again
// in system.processes, to be killed.
const logComment = "log_comment"

// pool hands out connections: one statement at a time on each. What a request
// before has set on one is put right by prepare.
type pool struct {
	lib      *library
	base     map[string]string
	args     []string
	slots    chan struct{}
	queued   atomic.Int64
	refused  atomic.Int64
	sequence atomic.Int64
	admin    *connection // kept open so that the engine stays up; kills statements
	adminMu  sync.Mutex
	probe    *connection // asked whether the engine still answers; never waits for statements
	probeMu  sync.Mutex

	// mu guards everything below.
	mu     sync.Mutex
	idle   []*pooled
	closed bool
}

type pooled struct {
	*connection
	id       string            // its log_comment, or the beginning of it
	current  map[string]string // settings over the base, see prepare
	database string
}

func openPool(lib *library, opts childOptions, configFile string) (*pool, error) {
	p := &pool{
		lib: lib, base: baseSettings(opts), slots: make(chan struct{}, opts.Connections),
		args: []string{"clickhouse", "--path=" + filepath.Join(opts.Dir, "data"), "--config-file=" + configFile},
	}
	for _, name := range slices.Sorted(maps.Keys(p.base)) {
		p.args = append(p.args, "--"+name+"="+p.base[name])
	}
	admin, err := lib.open(p.args)
	if err != nil {
		return nil, err
	}
	p.admin = admin
	if p.probe, err = lib.open(p.args); err != nil {
		admin.close()
		return nil, err
	}
	return p, nil
}

// acquire waits for a connection as long as ctx allows.
func (p *pool) acquire(ctx context.Context) (*pooled, error) {
	if p.queued.Add(1) > maxQueued {
		p.queued.Add(-1)
		p.refused.Add(1)
		return nil, &exception{
			code: codeTooMany, name: "TOO_MANY_SIMULTANEOUS_QUERIES",
			text: fmt.Sprintf("%d statements are waiting already", maxQueued),
		}
	}
	defer p.queued.Add(-1)
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, &exception{code: codeCancelled, name: "QUERY_WAS_CANCELLED", text: "the client left while the statement waited"}
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.slots
		return nil, errors.New("engine is stopping")
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	id := fmt.Sprintf("tiltmeter-connection-%d", p.sequence.Add(1))
	c, err := p.lib.open(append(slices.Clone(p.args), "--"+logComment+"="+id))
	if err != nil {
		<-p.slots
		return nil, err
	}
	return &pooled{connection: c, id: id, database: defaultDatabase}, nil
}

// release takes a connection back; one whose state is not known is closed.
func (p *pool) release(c *pooled, clean bool) {
	p.mu.Lock()
	keep := clean && !p.closed
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.close()
	}
	<-p.slots
}

// kill ends the statement that runs on c, if one does.
func (p *pool) kill(c *pooled) {
	p.adminMu.Lock()
	defer p.adminMu.Unlock()
	if p.admin == nil {
		return
	}
	// An error means that nothing runs there any more.
	_, _ = p.admin.run("KILL QUERY WHERE splitByChar(' ', Settings['"+logComment+"'])[1] = "+quote(c.id)+" ASYNC", "Null", nil)
}

// ask runs one statement on the connection that is always open.
func (p *pool) ask(sql string) (string, error) {
	p.adminMu.Lock()
	defer p.adminMu.Unlock()
	out, err := p.admin.run(sql, "TabSeparatedRaw", nil)
	return strings.TrimSuffix(string(out), "\n"), err
}

// close ends the engine; every statement must have returned its connection.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	p.probeMu.Lock()
	p.probe.close()
	p.probe = nil
	p.probeMu.Unlock()
	p.adminMu.Lock()
	defer p.adminMu.Unlock()
	p.admin.close() // the last one: this shuts the engine down in order
	p.admin = nil
}
