package loadgen

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of a verification.
const (
	pollEvery      = 500 * time.Millisecond
	settledPolls   = 4       // polls without growth and without anything pending: settled
	listPage       = 500     // traces a page
	maxListedPages = 200     // pages listed before the rest is left to the sample
	maxKnownTraces = 5 << 20 // traces remembered, about 40 bytes each
	maxProblems    = 20      // problems told in words; all are counted
	maxRESTBytes   = 64 << 20
	restTimeout    = 30 * time.Second
)

// Verification compares what the server stored with what it acknowledged.
type Verification struct {
	OK             bool     `json:"ok"`
	AckedSpans     int64    `json:"acknowledged_spans"`
	UnknownSpans   int64    `json:"unknown_spans"` // may be stored or not
	StoredSpans    int64    `json:"stored_spans"`  // since before the run, in the whole project
	SettledSeconds float64  `json:"settled_seconds"`
	TracesCounted  int      `json:"traces_counted"`  // span count in the list compared
	TracesCompared int      `json:"traces_compared"` // span ids compared
	Missing        int64    `json:"missing_spans"`
	Doubled        int64    `json:"doubled_spans"`
	Problems       []string `json:"problems,omitempty"`
}

type known struct {
	entry   Entry
	outcome Outcome
}

type verifier struct {
	o      *Options
	base   string
	client *http.Client
	ids    idSource
	before int64
	from   time.Time

	mu      sync.Mutex
	traces  map[[16]byte]known // mu guards everything below
	acked   int64
	unknown int64
	out     Verification
}

func newVerifier(ctx context.Context, o *Options, ids idSource, roots *x509.CertPool) (*verifier, error) {
	v := &verifier{
		o: o, base: strings.TrimRight(o.Verify, "/"), ids: ids, traces: map[[16]byte]known{},
		client: &http.Client{
			Timeout:   restTimeout,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		},
		from: time.Now().Add(-2 * traceLength),
	}
	stored, _, err := v.stored(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify: count what is stored before the run: %w", err)
	}
	v.before = stored
	return v, nil
}

// note remembers a request's traces.
func (v *verifier) note(o Outcome, entries []Entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range entries {
		if o == Acked {
			v.acked += int64(e.Spans)
		} else {
			v.unknown += int64(e.Spans)
		}
		if len(v.traces) >= maxKnownTraces {
			continue
		}
		v.traces[e.TraceID] = known{e, o}
	}
}

// int64JSON reads proto3 JSON, which sends 64-bit numbers as strings.
type int64JSON int64

func (n *int64JSON) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = int64JSON(v)
	if err != nil {
		return fmt.Errorf("read number: %w", err)
	}
	return nil
}

// stored counts the spans of all projects and what still waits in the log.
func (v *verifier) stored(ctx context.Context) (spans, pending int64, err error) {
	var projects struct {
		Projects []struct {
			Spans int64JSON `json:"spans"`
		} `json:"projects"`
	}
	if err := v.get(ctx, "/v1/projects", nil, &projects); err != nil {
		return 0, 0, err
	}
	for _, p := range projects.Projects {
		spans += int64(p.Spans)
	}
	var st struct {
		Log struct {
			Pending int64JSON `json:"pendingMessages"`
		} `json:"log"`
	}
	if err := v.get(ctx, "/v1/ingest/status", nil, &st); err != nil {
		return 0, 0, err
	}
	return spans, int64(st.Log.Pending), nil
}

var errNotFound = errors.New("not found")

func (v *verifier) get(ctx context.Context, path string, q url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+path+"?"+q.Encode(), nil)
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	if v.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+v.o.Key)
	}
	res, err := v.client.Do(req)
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxRESTBytes))
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	switch {
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("get %s: %w", path, errNotFound)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("get %s: HTTP %d: %.300s", path, res.StatusCode, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("get %s: read answer: %w", path, err)
	}
	return nil
}

// check waits until the server has stored what it took, then compares the total, the list and a sample.
func (v *verifier) check(ctx context.Context) (*Verification, error) {
	began := time.Now()
	stored, err := v.settle(ctx)
	if err != nil {
		return nil, fmt.Errorf("verify: wait for the server to store: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	out := &v.out
	out.SettledSeconds = time.Since(began).Seconds()
	out.AckedSpans, out.UnknownSpans, out.StoredSpans = v.acked, v.unknown, stored-v.before
	if out.StoredSpans < v.acked {
		v.problem("%d of %d acknowledged spans are not stored", v.acked-out.StoredSpans, v.acked)
	}
	if most := v.acked + v.unknown; out.StoredSpans > most {
		v.problem("%d spans more are stored than were sent (or someone else is sending to this server)", out.StoredSpans-most)
	}
	out.Missing = max(0, v.acked-out.StoredSpans)
	out.Doubled = max(0, out.StoredSpans-v.acked-v.unknown)
	if err := v.compareList(ctx); err != nil {
		return nil, fmt.Errorf("verify: list traces: %w", err)
	}
	if err := v.compareSample(ctx); err != nil {
		return nil, fmt.Errorf("verify: read traces: %w", err)
	}
	out.OK = len(out.Problems) == 0
	return out, nil
}

func (v *verifier) problem(format string, args ...any) {
	if len(v.out.Problems) < maxProblems {
		v.out.Problems = append(v.out.Problems, fmt.Sprintf(format, args...))
	}
}

// settle polls until nothing is pending and the count has stopped growing, or the time is over. Errors on
// the way are the server's restart in a crash test and are waited out.
func (v *verifier) settle(ctx context.Context) (int64, error) {
	deadline := time.Now().Add(v.o.VerifyTimeout)
	var last int64 = -1
	var lastErr error
	for still := 0; ; {
		n, pending, err := v.stored(ctx)
		lastErr = err
		switch {
		case err != nil:
			still = 0
		case n == last && pending == 0:
			still++
		default:
			still, last = 0, n
		}
		if still >= settledPolls {
			return last, nil
		}
		if time.Now().After(deadline) {
			if last < 0 {
				return 0, lastErr
			}
			v.out.Problems = append(v.out.Problems, fmt.Sprintf("not settled after %v: %d requests are still pending", v.o.VerifyTimeout, pending))
			return last, nil
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return 0, err
		}
	}
}

// compareList walks the trace list over the run's time and compares span counts.
func (v *verifier) compareList(ctx context.Context) error {
	counts := map[[16]byte]int{}
	q := url.Values{
		"startTime": {v.from.UTC().Format(time.RFC3339Nano)},
		"endTime":   {time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)},
		"pageSize":  {strconv.Itoa(listPage)},
	}
	complete := false
	for range maxListedPages {
		var page struct {
			Traces []struct {
				TraceID   string    `json:"traceId"`
				SpanCount int64JSON `json:"spanCount"`
			} `json:"traces"`
			Next string `json:"nextPageToken"`
		}
		if err := v.get(ctx, "/v1/traces", q, &page); err != nil {
			return err
		}
		for _, t := range page.Traces {
			var id [16]byte
			if n, err := hex.Decode(id[:], []byte(t.TraceID)); err != nil || n != len(id) {
				return fmt.Errorf("trace id %q is not 32 hexadecimal characters", t.TraceID)
			}
			if binary.BigEndian.Uint64(id[:8]) == v.ids.prefix() {
				counts[id] += int(t.SpanCount)
			}
		}
		if complete = page.Next == ""; complete {
			break
		}
		q.Set("pageToken", page.Next)
	}
	for id, k := range v.traces {
		n, listed := counts[id]
		if !listed && (!complete || k.outcome == Unknown) {
			continue
		}
		v.out.TracesCounted++
		if n != k.entry.Spans {
			v.problem("trace %x has %d spans in the list, %d were sent", id, n, k.entry.Spans)
		}
	}
	return nil
}

// sample draws traces evenly over the run: those whose hashed ids are smallest.
func (v *verifier) sample() [][16]byte {
	key := func(id [16]byte) uint64 { return mix(binary.BigEndian.Uint64(id[8:])) }
	all := slices.SortedFunc(maps.Keys(v.traces), func(a, b [16]byte) int { return cmp.Compare(key(a), key(b)) })
	return all[:min(len(all), v.o.VerifySample)]
}

// compareSample fetches traces whole and compares the set of span ids.
func (v *verifier) compareSample(ctx context.Context) error {
	for _, id := range v.sample() {
		k := v.traces[id]
		var trace struct {
			Spans []struct {
				SpanID string `json:"spanId"`
			} `json:"spans"`
		}
		err := v.get(ctx, "/v1/traces/"+hex.EncodeToString(id[:]), nil, &trace)
		if errors.Is(err, errNotFound) {
			if k.outcome == Acked {
				v.problem("trace %x was acknowledged and is not there", id)
			}
			continue
		}
		if err != nil {
			return err
		}
		v.out.TracesCompared++
		ids := make([][8]byte, len(trace.Spans))
		for i, s := range trace.Spans {
			if n, err := hex.Decode(ids[i][:], []byte(s.SpanID)); err != nil || n != 8 {
				return fmt.Errorf("span id %q is not 16 hexadecimal characters", s.SpanID)
			}
		}
		if len(ids) != k.entry.Spans || SpanSetHash(ids) != k.entry.Hash {
			v.problem("trace %x holds %d spans that are not the %d that were sent", id, len(ids), k.entry.Spans)
		}
	}
	return nil
}
