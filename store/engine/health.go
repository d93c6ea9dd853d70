package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	// defaultHangTimeout is how long a child may owe an answer to SELECT 1
	// before it is killed. Heavy statements on all cores delay that answer by
	// seconds; a minute is a child that has come to a stop.
	defaultHangTimeout = time.Minute
	// missedProbes in a row, each waited for HangTimeout/missedProbes, make a
	// hang. More than one, so that a server that was itself suspended with a
	// probe under way does not blame its child.
	missedProbes = 3
	// probePause is the share of HangTimeout between two probes: 5 s of a minute.
	probePause = 12
	// errorsEvery is the time between two looks at the engine's own error counts.
	errorsEvery = 30 * time.Second
	// maxStatsBytes bounds the answer to /stats; about 1,000 error names exist.
	maxStatsBytes = 1 << 20
)

// engineError is a row of system.errors.
type engineError struct {
	Name  string `json:"name"`
	Code  int    `json:"code"`
	Count int64  `json:"count"`
}

// health answers whether the engine, not only this front, still works: a
// statement on a connection kept for it, so that no queue is in the way. An
// exception is an answer too.
func (f *front) health(w http.ResponseWriter) {
	if !f.pool.probeMu.TryLock() {
		http.Error(w, "the probe before has not been answered", http.StatusServiceUnavailable)
		return
	}
	defer f.pool.probeMu.Unlock()
	if f.pool.probe != nil {
		_, _ = f.pool.probe.run("SELECT 1", "Null", nil)
	}
	_, _ = io.WriteString(w, "Ok.\n")
}

// errors are the engine's error counts since it started; none while a probe
// is under way.
func (p *pool) errors() []engineError {
	if !p.probeMu.TryLock() {
		return nil
	}
	defer p.probeMu.Unlock()
	if p.probe == nil {
		return nil
	}
	out, err := p.probe.run("SELECT groupArray(name) AS names, groupArray(toInt64(code)) AS codes, groupArray(toInt64(n)) AS counts"+
		" FROM (SELECT name, code, sum(value) AS n FROM system.errors GROUP BY name, code ORDER BY code)"+
		" SETTINGS output_format_json_quote_64bit_integers = 0", "JSONEachRow", nil)
	if err != nil {
		return nil
	}
	var columns struct {
		Names  []string `json:"names"`
		Codes  []int    `json:"codes"`
		Counts []int64  `json:"counts"`
	}
	if json.Unmarshal(out, &columns) != nil {
		return nil
	}
	list := make([]engineError, len(columns.Names))
	for i := range list {
		list[i] = engineError{Name: columns.Names[i], Code: columns.Codes[i], Count: columns.Counts[i]}
	}
	return list
}

// tend follows one child from its boot to its end, and kills it when it owes
// an answer for too long; the reason is returned, empty when it was not killed.
func (e *Engine) tend(ctx context.Context, p *os.Process) string {
	booting, cancel := context.WithTimeout(ctx, e.cfg.StartTimeout)
	defer cancel()
	if !e.awaitPing(booting) {
		if ctx.Err() != nil {
			return ""
		}
		return e.killHung(p, fmt.Sprintf("it did not answer within %s of its start", e.cfg.StartTimeout))
	}
	e.setState(stateReady, nil, p.Pid)
	if !e.awaitHang(ctx) {
		return ""
	}
	return e.killHung(p, fmt.Sprintf("it did not answer for %s", e.cfg.HangTimeout))
}

func (e *Engine) killHung(p *os.Process, why string) string {
	e.metrics.hangs.Inc()
	_ = p.Kill() // fails only when it has ended just now
	return "killed, " + why
}

// awaitHang probes the child until it hangs (true) or ctx ends (false).
func (e *Engine) awaitHang(ctx context.Context) bool {
	pause := time.NewTicker(e.cfg.HangTimeout / probePause)
	defer pause.Stop()
	client := e.socketClient()
	defer client.CloseIdleConnections()
	client.Timeout = e.cfg.HangTimeout / missedProbes
	known := make(map[string]bool)
	var looked time.Time
	for missed := 0; missed < missedProbes; {
		select {
		case <-ctx.Done():
			return false
		case <-pause.C:
		}
		if asked := time.Now(); !get(ctx, client, "/health", nil) {
			missed++
			// A refusal comes at once; the child has its time all the same.
			if rest := client.Timeout - time.Since(asked); rest > 0 && !sleep(ctx, rest) {
				return false
			}
			continue
		}
		missed = 0
		if time.Since(looked) >= errorsEvery {
			looked = time.Now()
			e.reportErrors(ctx, client, known)
		}
	}
	return ctx.Err() == nil
}

// sleep waits for d, false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// reportErrors logs every error name that this child counts for the first
// time. The messages stay with the engine: they can quote what users store.
func (e *Engine) reportErrors(ctx context.Context, client *http.Client, known map[string]bool) {
	var s childStats
	if !get(ctx, client, "/stats", &s) {
		return
	}
	for _, x := range s.Errors {
		if !known[x.Name] {
			known[x.Name] = true
			e.log.Warn("engine counted an error for the first time", "name", x.Name, "code", x.Code, "count", x.Count)
		}
	}
}

// socketClient speaks to whatever child listens, ready or not.
func (e *Engine) socketClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConns: 1,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", e.socket)
		},
	}}
}

// get is true when path answers 200, with JSON that fits into when that is given.
func get(ctx context.Context, client *http.Client, path string, into any) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+path, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatsBytes))
	if err != nil || resp.StatusCode != http.StatusOK {
		return false
	}
	return into == nil || json.Unmarshal(body, into) == nil
}
