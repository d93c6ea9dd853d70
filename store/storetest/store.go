package storetest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tiltmeter/tiltmeter/store"
)

var databases atomic.Int64

// Store returns a store on an empty, migrated database of the shared engine, dropped after the test.
func Store(tb testing.TB) *store.Store {
	tb.Helper()
	s, _ := NamedStore(tb)
	return s
}

// NamedStore is Store, and the name of its database, for tests that look into tables.
func NamedStore(tb testing.TB) (*store.Store, string) {
	tb.Helper()
	opts := Engine(tb).ClickHouse()
	opts.Auth.Database = fmt.Sprintf("test_%d", databases.Add(1))
	s, err := store.Open(context.Background(), store.Options{ClickHouse: opts, TTLDays: store.MaxTTLDays, Exclusive: true})
	if err != nil {
		tb.Fatalf("open store: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Drop(context.Background()); err != nil {
			tb.Errorf("drop database: %v", err)
		}
		if err := s.Close(); err != nil {
			tb.Errorf("close store: %v", err)
		}
	})
	return s, opts.Auth.Database
}

// Statement runs SQL on a database of the shared engine, for tests that look into tables from outside of the
// store, and returns the answer as tab-separated text.
func Statement(tb testing.TB, database, sql string) string {
	tb.Helper()
	e := Engine(tb)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) },
	}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://engine/?database="+url.QueryEscape(database), strings.NewReader(sql))
	if err != nil {
		tb.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		tb.Fatalf("statement: %s %s (%v)", res.Status, body, err)
	}
	return string(body)
}
