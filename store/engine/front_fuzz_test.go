package engine

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var exceptionBody = regexp.MustCompile(`(?s)^Code: (\d+)\. DB::Exception: .+\. \([A-Z_]+\)\n$`)

// FuzzHTTP gives the whole front whatever may come, and stops at the engine's edge: behind it is an
// engine whose queue is full, so no statement is run, no result is streamed, and what libchdb makes of
// a statement is not fuzzed here. (What passes the edge is held by FuzzParseRequest, and what comes
// back by the tests that run the engine.) So the answer is the front's own, and it is one of its
// answers: the status, the code in the header and the code in the text agree, and nothing is counted
// twice.
func FuzzHTTP(f *testing.F) {
	f.Add("POST", "/", "default_format=Native&max_threads=3&param_x=1", []byte("SELECT 1"))
	f.Add("POST", "/", "default_format=Native", []byte(helloStatement))
	f.Add("GET", "/", "query=SELECT+1", []byte(nil))
	f.Add("POST", "/", "query=INSERT+INTO+t+(a)+FORMAT+Native", []byte("\x00\x01"))
	f.Add("POST", "/", "query=INSERT+INTO+t+FORMAT+Native&database=d%60&session_id=1", []byte("/* SELECT"))
	f.Add("GET", "/ping", "", []byte(nil))
	f.Add("POST", "/", "compress=1&a%20b=1", []byte("SELECT 1"))
	f.Add("DELETE", "/", "", []byte("SELECT 1"))
	f.Add("POST", "/other", "%zz=1", []byte("SELECT 1"))
	hello, err := helloBlock("26.7", "UTC")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, query string, body []byte) {
		if path == "/health" || path == "/stats" || !slices.Contains([]string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"}, method) {
			return // these ask the engine; and what is no method does not pass net/http
		}
		front := &front{pool: &pool{slots: make(chan struct{})}, ctx: context.Background(), hello: hello}
		front.pool.queued.Store(maxQueued)
		r := httptest.NewRequestWithContext(t.Context(), method, "/", bytes.NewReader(body))
		r.URL = &url.URL{Path: path, RawQuery: query}
		w := httptest.NewRecorder()
		front.ServeHTTP(w, r)
		plain := map[int]bool{
			http.StatusOK:               path == "/ping" || bytes.Equal(w.Body.Bytes(), hello),
			http.StatusNotFound:         path != "/" && path != "",
			http.StatusMethodNotAllowed: method != http.MethodGet && method != http.MethodPost,
		}
		if plain[w.Code] {
			return
		}
		if !slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable}, w.Code) {
			t.Fatalf("status %d: %q", w.Code, w.Body)
		}
		m := exceptionBody.FindStringSubmatch(w.Body.String())
		if m == nil || m[1] != w.Header().Get(headerCode) {
			t.Fatalf("status %d, code %q: %q", w.Code, w.Header().Get(headerCode), w.Body)
		}
		full := w.Code == http.StatusServiceUnavailable
		if refused := front.pool.refused.Load(); full != (refused == 1) || full != (m[1] == strconv.Itoa(codeTooMany)) {
			t.Errorf("status %d, code %s, %d refused", w.Code, m[1], refused)
		}
		if full && strings.TrimSpace(query+string(body)) == "" {
			t.Error("an empty statement went to the engine")
		}
		s := &front.stats
		if n := s.failed.Load() + s.cancelled.Load() + s.tooLarge.Load(); s.statements.Load() != 1 || n != 1 {
			t.Errorf("%d statements and %d errors were counted", s.statements.Load(), n)
		}
		if front.pool.queued.Load() != maxQueued {
			t.Errorf("%d are queued", front.pool.queued.Load())
		}
	})
}
