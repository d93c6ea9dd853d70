package store

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// answering is a server that answers every insert alike, and counts them.
func answering(t *testing.T, code, status int, text string, seen *atomic.Pointer[url.Values]) (addr string, n *atomic.Int64) {
	t.Helper()
	n = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		if q := r.URL.Query(); seen != nil {
			seen.Store(&q)
		}
		if code != 0 {
			w.Header().Set("X-ClickHouse-Exception-Code", "469")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), n
}

func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	return addr
}

func posterTo(t *testing.T, addrs ...string) *poster {
	t.Helper()
	o, err := ParseDSN("http://me:secret@" + strings.Join(addrs, ",") + "/db?insert_quorum=2&async_insert=1&dial_timeout=3s")
	if err != nil {
		t.Fatal(err)
	}
	p := newPoster(o)
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// TestInsertGoesToWhoAnswers: all addresses of the DSN are tried, with its settings, and what
// exactly once rests on is set whatever the DSN says.
func TestInsertGoesToWhoAnswers(t *testing.T) {
	t.Parallel()
	var seen atomic.Pointer[url.Values]
	proxy, atProxy := answering(t, 0, http.StatusBadGateway, "no upstream", nil)
	good, atGood := answering(t, 0, http.StatusOK, "", &seen)
	p := posterTo(t, silent(t), proxy, good)
	rows := &table{name: "spans", rows: 1}
	for range 3 {
		if err := p.insert(t.Context(), rows, "token", &block{}); err != nil {
			t.Fatal(err)
		}
	}
	if atProxy.Load() != 1 || atGood.Load() != 3 {
		t.Errorf("the proxy without a server behind it got %d inserts, the good one %d: want 1 and 3", atProxy.Load(), atGood.Load())
	}
	q := *seen.Load()
	for name, want := range map[string]string{
		"insert_quorum": "2", "async_insert": "0", "insert_deduplication_token": "token", "database": "db",
		"deduplicate_blocks_in_dependent_materialized_views": "1",
	} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
}

// TestAnAnswerIsTheAnswer: what ClickHouse refuses is not offered to another server.
func TestAnAnswerIsTheAnswer(t *testing.T) {
	t.Parallel()
	refusing, _ := answering(t, 469, http.StatusInternalServerError, "Code: 469. DB::Exception: Constraint", nil)
	other, atOther := answering(t, 0, http.StatusOK, "", nil)
	err := posterTo(t, refusing, other).insert(t.Context(), &table{name: "spans", rows: 1}, "token", &block{})
	e, ok := errors.AsType[*InsertError](err)
	if !ok || e.Code != 469 || !e.AboutRows() || e.Table != "spans" {
		t.Errorf("got %v", err)
	}
	if atOther.Load() != 0 {
		t.Error("the refused block went to another server")
	}
}

// TestAnInsertEnds: a server that takes a block and never answers does not keep the writer for ever.
func TestAnInsertEnds(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	p := posterTo(t, strings.TrimPrefix(s.URL, "http://"))
	tr, ok := p.client.Transport.(*http.Transport)
	if !ok || tr.ResponseHeaderTimeout != answerTimeout || p.client.Timeout != insertTimeout {
		t.Fatalf("timeouts of %+v are not set", p.client)
	}
	tr.ResponseHeaderTimeout = 50 * time.Millisecond
	err := p.insert(t.Context(), &table{name: "spans", rows: 1}, "token", &block{})
	if n, ok := errors.AsType[net.Error](err); !ok || !n.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
}

// TestABlockIsReadNoMore: when an insert returns, nobody reads the batch's memory any more, even
// where the answer came before the block was sent.
func TestABlockIsReadNoMore(t *testing.T) {
	t.Parallel()
	refusing, _ := answering(t, 469, http.StatusInternalServerError, "Code: 469. DB::Exception: Constraint", nil)
	p := posterTo(t, refusing)
	for range 20 {
		column := bytes.Repeat([]byte("x"), 8<<20)
		b := &block{pieces: [][]byte{column}, bytes: int64(len(column))}
		if err := p.insert(t.Context(), &table{name: "spans", rows: 1}, "token", b); err == nil {
			t.Fatal("no error")
		}
		clear(column) // a race, if it is read
	}
}

// TestABlockArrivesWhole: the pieces come in order, as one body of a known length.
func TestABlockArrivesWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("column", 50_000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if want := "head" + long + "tail"; err != nil || string(body) != want || r.ContentLength != int64(len(want)) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	var b block
	b.small = append(b.small, "head"...)
	b.column(nil)
	b.column([]byte(long))
	b.small = append(b.small, "tail"...)
	b.cut()
	if err := posterTo(t, strings.TrimPrefix(s.URL, "http://")).insert(t.Context(), &table{name: "spans", rows: 1}, "token", &b); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsAboutRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, status int
		text         string
		rows, memory bool
	}{
		{469, 500, "constraint", true, false},
		{117, 500, "incorrect data", true, false},
		{307, 413, "too many bytes", true, false},
		{0, 413, "proxy says too large", true, false},
		{241, 500, "Query memory limit exceeded", true, false},
		{241, 500, "(total) memory limit exceeded", true, true},
		{0, 502, "bad gateway", false, false},
		{0, 400, "a proxy's", false, false},
		{252, 500, "too many parts", false, false},
		{243, 500, "not enough space", false, false},
		{60, 404, "unknown table", false, false},
		{516, 403, "password", false, false},
		{394, 500, "cancelled", false, false},
	} {
		e := &InsertError{Code: c.code, Status: c.status, Text: c.text}
		if e.AboutRows() != c.rows || e.AboutMemory() != c.memory {
			t.Errorf("%d/%d %s: about rows %t, about memory %t", c.code, c.status, c.text, e.AboutRows(), e.AboutMemory())
		}
	}
}
