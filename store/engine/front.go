package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ClickHouse/ch-go/proto"
)

const (
	// helloRevision is the protocol at which clickhouse-go reads the answer to
	// its first question; that answer's revision() = 0 makes it read every
	// later block at revision 0, which is what the engine writes.
	helloRevision = 54460

	// appendBytes is the size of the pieces in which an insert's data is handed
	// to the engine, which copies them: larger ones gain nothing.
	appendBytes = 1 << 20

	headerCode   = "X-Clickhouse-Exception-Code"
	headerTag    = "X-Clickhouse-Exception-Tag"
	headerFormat = "X-Clickhouse-Format"
)

// front answers the part of ClickHouse's HTTP interface that clickhouse-go
// and curl use: POST / and GET /?query=, GET /ping, and /health and /stats of ours.
type front struct {
	pool    *pool
	hello   []byte // the answer to helloStatement
	buffers sync.Pool
	ctx     context.Context // ends every statement when the child must stop
	cancel  context.CancelFunc
	stats   struct{ statements, failed, cancelled, tooLarge, insertBytes atomic.Int64 }
}

// childStats is what /stats answers; counters since the child started.
type childStats struct {
	Statements int64 `json:"statements"`
	Failed     int64 `json:"failed"`
	Cancelled  int64 `json:"cancelled"`
	TooLarge   int64 `json:"too_large"`
	QueueFull  int64 `json:"queue_full"`
	Queued     int64 `json:"queued"`
	Running    int64 `json:"running"`
	// InsertBytes is counted as the data goes to the engine.
	InsertBytes int64 `json:"insert_bytes"`
	// Errors is the engine's own count by name, background work included.
	Errors []engineError `json:"errors"`
}

func newFront(p *pool) (*front, error) {
	answer, err := p.ask("SELECT version(), timezone()")
	if err != nil {
		return nil, fmt.Errorf("ask engine for its version: %w", err)
	}
	version, timezone, _ := strings.Cut(answer, "\t")
	f := &front{pool: p}
	if f.hello, err = helloBlock(version, timezone); err != nil {
		return nil, err
	}
	f.buffers.New = func() any { b := make([]byte, appendBytes); return &b }
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f, nil
}

func helloBlock(version, timezone string) ([]byte, error) {
	var name, ver, zone proto.ColStr
	var revision proto.ColUInt32
	name.Append("tiltmeter embedded")
	ver.Append(version)
	zone.Append(timezone)
	revision.Append(0)
	var buf proto.Buffer
	block := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: 4, Rows: 1}
	if err := block.EncodeBlock(&buf, helloRevision, []proto.InputColumn{
		{Name: "displayName()", Data: &name},
		{Name: "version()", Data: &ver},
		{Name: "revision()", Data: &revision},
		{Name: "timezone()", Data: &zone},
	}); err != nil {
		return nil, fmt.Errorf("encode hello block: %w", err)
	}
	return buf.Buf, nil
}

// cancelAll ends every running statement.
func (f *front) cancelAll() { f.cancel() }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping":
		_, _ = io.WriteString(w, "Ok.\n")
	case r.URL.Path == "/health":
		f.health(w)
	case r.URL.Path == "/stats":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(f.snapshot())
	case r.URL.Path != "/" && r.URL.Path != "":
		http.NotFound(w, r)
	case r.Method != http.MethodPost && r.Method != http.MethodGet:
		http.Error(w, "use POST, or GET with ?query=", http.StatusMethodNotAllowed)
	default:
		f.statement(w, r)
	}
}

func (f *front) snapshot() childStats {
	return childStats{
		Statements: f.stats.statements.Load(), Failed: f.stats.failed.Load(),
		Cancelled: f.stats.cancelled.Load(), TooLarge: f.stats.tooLarge.Load(),
		QueueFull: f.pool.refused.Load(), Queued: f.pool.queued.Load(), Running: int64(len(f.pool.slots)),
		InsertBytes: f.stats.insertBytes.Load(), Errors: f.pool.errors(),
	}
}

// statement parses and executes one request and writes the one answer.
func (f *front) statement(w http.ResponseWriter, r *http.Request) {
	f.stats.statements.Add(1)
	req, err := parseRequest(r.URL.Query(), func() (string, error) { return readStatement(w, r) })
	if err != nil {
		f.fail(w, err, http.StatusBadRequest)
		return
	}
	if req.insert && r.ContentLength > maxInsertBytes {
		f.fail(w, tooLargeOr(&http.MaxBytesError{Limit: maxInsertBytes}), http.StatusRequestEntityTooLarge)
		return
	}
	if req.hello {
		w.Header().Set(headerFormat, "Native")
		_, _ = w.Write(f.hello)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	out := &answer{w: w, format: req.format}
	if err := f.execute(ctx, req, r, out); err != nil {
		if out.started {
			_ = f.count(err) // its exception is written by breakOff
			out.breakOff(err)
			return
		}
		f.fail(w, err, statusOf(err))
	}
}

// statusOf tells a refusal that is over in a moment from a failure.
func statusOf(err error) int {
	if asException(err).code == codeTooMany {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// execute runs the request on a connection and gives that back.
func (f *front) execute(ctx context.Context, req *request, r *http.Request, out *answer) error {
	conn, err := f.pool.acquire(ctx)
	if err != nil {
		return err
	}
	// From here a client that leaves ends its statement. The connection must
	// not go back before a kill on its way has landed: it would hit the next.
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(killed); f.pool.kill(conn) })
	clean, err := f.run(ctx, conn, req, r, out)
	if !stop() {
		<-killed
		clean = false
	}
	f.pool.release(conn, clean && !req.session)
	return err
}

// run executes the request on conn; clean tells whether conn may be used again.
func (f *front) run(ctx context.Context, conn *pooled, req *request, r *http.Request, out *answer) (clean bool, err error) {
	if req.sql, err = f.pool.prepare(conn, req); err != nil {
		return false, err
	}
	switch {
	case req.insert:
		return f.insert(ctx, conn, req, http.MaxBytesReader(out.w, r.Body, maxInsertBytes))
	case req.streams():
		if err = f.query(ctx, conn, req, out); noStreaming(err) {
			err = f.whole(conn, req, out)
		}
	default:
		err = f.whole(conn, req, out)
	}
	return true, err
}

// whole runs a statement whose answer is small.
func (f *front) whole(conn *pooled, req *request, out *answer) error {
	text, err := conn.run(req.sql, req.format, req.params)
	if err != nil {
		return err
	}
	return out.write(text)
}

// query streams a result: one chunk of the engine is in memory at a time.
func (f *front) query(ctx context.Context, conn *pooled, req *request, out *answer) error {
	stream, err := conn.stream(req.sql, req.format, req.params)
	if err != nil {
		return err
	}
	defer stream.destroy()
	for {
		if ctx.Err() != nil {
			conn.cancel(stream)
			return errCancelled
		}
		chunk, err := conn.fetch(stream)
		if err != nil {
			return err
		}
		data := chunk.bytes()
		if len(data) == 0 {
			chunk.destroy()
			return nil
		}
		err = out.write(data)
		chunk.destroy()
		if err != nil {
			conn.cancel(stream)
			return err
		}
	}
}

var errCancelled = &exception{code: codeCancelled, name: "QUERY_WAS_CANCELLED", text: "the client left, or the engine is stopping"}

// insert hands the body to the engine. A body that breaks off commits nothing
// of what the engine still holds; clean tells whether the connection may be
// used again.
func (f *front) insert(ctx context.Context, conn *pooled, req *request, body io.Reader) (clean bool, err error) {
	stream, err := conn.insert(req.sql, req.format, req.params)
	if err != nil {
		return true, err
	}
	defer stream.destroy()
	buf := f.buffers.Get().(*[]byte)
	defer f.buffers.Put(buf)
	for {
		n, readErr := fill(body, *buf)
		f.stats.insertBytes.Add(int64(n))
		if err := stream.append((*buf)[:n]); err != nil {
			return false, err
		}
		switch {
		case errors.Is(readErr, io.EOF) && ctx.Err() == nil:
			// The library can keep a refused insert among the running ones, with its locks, until the
			// connection ends: DROP TABLE would wait for it for ever.
			err := stream.done()
			return err == nil, err
		case readErr != nil:
			stream.cancel()
			return false, tooLargeOr(readErr)
		}
	}
}

// fill reads until buf is full. Unlike io.ReadFull it keeps the end of a body
// (io.EOF) apart from one that broke off (io.ErrUnexpectedEOF).
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

func readStatement(w http.ResponseWriter, r *http.Request) (string, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxStatementBytes))
	if err != nil {
		return "", tooLargeOr(err)
	}
	return string(b), nil
}

func tooLargeOr(err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &exception{code: codeTooLarge, name: "TOO_MANY_BYTES", text: fmt.Sprintf("body is larger than %d bytes", e.Limit)}
	}
	return &exception{code: codeCancelled, name: "QUERY_WAS_CANCELLED", text: "the request's body broke off: " + err.Error()}
}

func (f *front) count(err error) *exception {
	e := asException(err)
	switch e.code {
	case codeCancelled:
		f.stats.cancelled.Add(1)
	case codeTooLarge:
		f.stats.tooLarge.Add(1)
	default:
		f.stats.failed.Add(1)
	}
	return e
}

// fail answers with an error as ClickHouse does.
func (f *front) fail(w http.ResponseWriter, err error, status int) {
	e := f.count(err)
	w.Header().Set(headerCode, strconv.Itoa(e.code))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, e.Error()+"\n")
}

// answer writes a result; the head goes out with the first byte.
type answer struct {
	w       http.ResponseWriter
	format  string
	tag     string
	started bool
}

func (a *answer) write(data []byte) error {
	if !a.started {
		a.started = true
		a.tag = strings.ToLower(rand.Text()[:16])
		a.w.Header().Set(headerFormat, a.format)
		a.w.Header().Set(headerTag, a.tag)
		if a.format == "Native" {
			a.w.Header().Set("Content-Type", "application/octet-stream")
		}
	}
	if len(data) == 0 {
		return nil
	}
	if _, err := a.w.Write(data); err != nil {
		return &exception{code: codeCancelled, name: "QUERY_WAS_CANCELLED", text: "the client left: " + err.Error()}
	}
	return nil
}

// breakOff ends a result that was begun, in ClickHouse's framing of an
// exception in the middle of one.
func (a *answer) breakOff(err error) {
	const maxText = 16 << 10 // the framing's own limit
	text := asException(err).Error()
	text = text[:min(len(text), maxText)]
	_, _ = fmt.Fprintf(a.w, "\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", a.tag, text, len(text)+1, a.tag)
}
