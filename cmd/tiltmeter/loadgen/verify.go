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
	settledPolls   = 4 // polls in a row that find everything stored: an attempt that was hung up on may come late
	listPage       = 500
	maxListedPages = 20_000  // 10 million traces, those of others included
	maxKnownTraces = 5 << 20 // traces remembered, about 40 bytes each
	maxProblems    = 20      // problems told in words; all are counted
	maxRESTBytes   = 64 << 20
	restTimeout    = 30 * time.Second
	baselineWithin = 15 * time.Second // a server that is just starting again is waited for
)

// Verification compares what the server stored with what it acknowledged. Only this run's own traces
// are counted, so that others may send to the server meanwhile.
type Verification struct {
	OK             bool     `json:"ok"`
	AckedSpans     int64    `json:"acknowledged_spans"`
	UnknownSpans   int64    `json:"unknown_spans"` // may be stored or not
	StoredSpans    int64    `json:"stored_spans"`  // of this run's traces, as the list counts them
	SettledSeconds float64  `json:"settled_seconds"`
	TracesCounted  int      `json:"traces_counted"`  // span count in the list compared
	TracesCompared int      `json:"traces_compared"` // span ids compared
	RowsCompared   bool     `json:"rows_compared"`   // the rows of spans held against the list's counts; false: others never paused
	ExtraRows      int64    `json:"extra_rows"`      // rows of spans that the list does not count, since before the run; negative: rows missing
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
	before surplus
	from   time.Time

	mu      sync.Mutex
	traces  map[[16]byte]known // mu guards everything below
	acked   int64
	unknown int64
	beyond  int64 // spans of traces that are not remembered
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
	deadline := time.Now().Add(baselineWithin)
	for {
		var err error
		if v.before, err = v.surplus(ctx); err == nil {
			return v, nil
		}
		if errors.Is(err, errReadKey) {
			return nil, fmt.Errorf("verify: %w", err)
		}
		if time.Now().After(deadline) || sleep(ctx, pollEvery) != nil {
			return nil, fmt.Errorf("verify: count what is stored before the run: %w", err)
		}
	}
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
			v.beyond += int64(e.Spans)
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

// inProject names the project that is looked into, if one was said.
func (v *verifier) inProject(q url.Values) url.Values {
	if v.o.Project != "" {
		q.Set("project", v.o.Project)
	}
	return q
}

// counts is what the server holds of all projects that the key may read.
type counts struct {
	summed int64 // spans by the summaries that the trace list is made from
	rows   int64 // rows of the table of spans
}

func (v *verifier) summed(ctx context.Context) (names []string, spans int64, err error) {
	var list struct {
		Projects []struct {
			Name  string    `json:"name"`
			Spans int64JSON `json:"spans"`
		} `json:"projects"`
	}
	if err := v.get(ctx, "/v1/projects", nil, &list); err != nil {
		return nil, 0, err
	}
	for _, p := range list.Projects {
		if v.o.Project != "" && p.Name != v.o.Project {
			continue
		}
		names = append(names, p.Name)
		spans += int64(p.Spans)
	}
	return names, spans, nil
}

func (v *verifier) counts(ctx context.Context) (c counts, err error) {
	names, spans, err := v.summed(ctx)
	if err != nil {
		return c, err
	}
	c.summed = spans
	for _, name := range names {
		var storage struct {
			Spans int64JSON `json:"spans"`
		}
		if err := v.get(ctx, "/v1/storage", url.Values{"project": {name}}, &storage); err != nil {
			return c, err
		}
		c.rows += int64(storage.Spans)
	}
	return c, nil
}

// surplus is how many rows of spans there are more than the summaries count. known is false when
// others wrote whenever it was read.
type surplus struct {
	rows  int64
	known bool
}

// surplus reads both counts until they stand still for a poll: an insert reaches the one a moment
// before the other.
func (v *verifier) surplus(ctx context.Context) (surplus, error) {
	deadline := time.Now().Add(v.o.VerifyTimeout)
	last, err := v.counts(ctx)
	for err == nil {
		if err = sleep(ctx, pollEvery); err != nil {
			break
		}
		var now counts
		if now, err = v.counts(ctx); err != nil || now == last {
			break
		}
		if last = now; time.Now().After(deadline) {
			return surplus{}, nil
		}
	}
	return surplus{last.rows - last.summed, true}, err
}

// backlog says how many requests wait in the log, and how old the oldest of them is.
func (v *verifier) backlog(ctx context.Context) (pending int64, age time.Duration, err error) {
	var st struct {
		Log struct {
			Pending int64JSON `json:"pendingMessages"`
			Lag     string    `json:"lag"`
		} `json:"log"`
	}
	if err := v.get(ctx, "/v1/ingest/status", nil, &st); err != nil {
		return 0, 0, err
	}
	if st.Log.Lag != "" {
		if age, err = time.ParseDuration(st.Log.Lag); err != nil {
			return 0, 0, fmt.Errorf("get /v1/ingest/status: read lag: %w", err)
		}
	}
	return int64(st.Log.Pending), age, nil
}

// errReadKey ends a verification at once: waiting makes no key good.
var errReadKey = errors.New("--verify needs a key with the scope read")

var errNotFound = errors.New("not found")

func (v *verifier) get(ctx context.Context, path string, q url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+path+"?"+q.Encode(), nil)
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	if v.o.ReadKey != "" {
		req.Header.Set("Authorization", "Bearer "+v.o.ReadKey)
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
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("get %s: HTTP %d: %w: name one of that project with --read-key", path, res.StatusCode, errReadKey)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("get %s: HTTP %d: %.300s", path, res.StatusCode, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("get %s: read answer: %w", path, err)
	}
	return nil
}

// check waits until the server has stored what it took, then compares the list, a sample span by
// span, and the rows of the table with the list's counts.
func (v *verifier) check(ctx context.Context) (*Verification, error) {
	began := time.Now()
	if err := v.settle(ctx, began); err != nil {
		return nil, fmt.Errorf("verify: wait for the server to store: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	out := &v.out
	out.SettledSeconds = time.Since(began).Seconds()
	out.AckedSpans, out.UnknownSpans = v.acked, v.unknown
	if v.beyond > 0 {
		v.problem("%d spans lie beyond the %d traces that are remembered and were not compared", v.beyond, maxKnownTraces)
	}
	if err := v.compareList(ctx); err != nil {
		return nil, fmt.Errorf("verify: list traces: %w", err)
	}
	if err := v.compareSample(ctx); err != nil {
		return nil, fmt.Errorf("verify: read traces: %w", err)
	}
	if err := v.compareRows(ctx); err != nil {
		return nil, fmt.Errorf("verify: count rows: %w", err)
	}
	out.OK = len(out.Problems) == 0
	return out, nil
}

// compareRows holds the rows of the table against what the summaries count, which a reader of
// traces cannot see: it is shown each span id once.
func (v *verifier) compareRows(ctx context.Context) error {
	after, err := v.surplus(ctx)
	if err != nil || !v.before.known || !after.known {
		return err
	}
	v.out.RowsCompared = true
	v.out.ExtraRows = after.rows - v.before.rows
	v.out.Doubled += max(0, v.out.ExtraRows)
	v.out.Missing += max(0, -v.out.ExtraRows)
	if v.out.ExtraRows != 0 {
		v.problem("the table of spans holds %+d rows against what the trace list counts", v.out.ExtraRows)
	}
	return nil
}

func (v *verifier) problem(format string, args ...any) {
	if len(v.out.Problems) < maxProblems {
		v.out.Problems = append(v.out.Problems, fmt.Sprintf(format, args...))
	}
}

// settle polls until all that was in the log when the run ended is stored, or the time is over.
// Errors on the way are the server's restart in a crash test and are waited out.
func (v *verifier) settle(ctx context.Context, ended time.Time) error {
	var pending int64
	answered := false
	for still := 0; still < settledPolls; {
		asked := time.Now()
		n, age, err := v.backlog(ctx)
		switch {
		case err != nil:
			still = 0
		case n == 0 || age < asked.Sub(ended): // what waits came after the run
			answered, pending = true, n
			still++
		default:
			answered, pending, still = true, n, 0
		}
		if time.Since(ended) > v.o.VerifyTimeout {
			if !answered {
				return err
			}
			v.problem("not settled after %v: %d requests are still pending", v.o.VerifyTimeout, pending)
			return nil
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
	return nil
}

// compareList walks the trace list over the run's time and compares span counts.
func (v *verifier) compareList(ctx context.Context) error {
	listed := map[[16]byte]int64{}
	q := url.Values{
		"startTime": {v.from.UTC().Format(time.RFC3339Nano)},
		"endTime":   {time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)},
		"pageSize":  {strconv.Itoa(listPage)},
	}
	v.inProject(q)
	complete := false
	for seen := 0; seen < maxListedPages && !complete; seen++ {
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
				listed[id] += int64(t.SpanCount)
			}
		}
		complete = page.Next == ""
		q.Set("pageToken", page.Next)
	}
	if !complete {
		v.problem("the list has more than %d pages; the rest of the traces was not counted", maxListedPages)
		return nil
	}
	v.compareCounts(listed)
	return nil
}

// compareCounts holds the spans that each trace has in the list against what was sent in it. A
// request is one record of the log, so one whose answer is unknown is there whole or not at all.
func (v *verifier) compareCounts(listed map[[16]byte]int64) {
	for id, k := range v.traces {
		n, sent := listed[id], int64(k.entry.Spans)
		v.out.StoredSpans += n
		if n == 0 && k.outcome == Unknown {
			continue
		}
		v.out.TracesCounted++
		if n != sent {
			v.out.Missing += max(0, sent-n)
			v.out.Doubled += max(0, n-sent)
			v.problem("trace %x has %d spans in the list, %d were sent", id, n, sent)
		}
	}
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
		err := v.get(ctx, "/v1/traces/"+hex.EncodeToString(id[:]), v.inProject(url.Values{}), &trace)
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
