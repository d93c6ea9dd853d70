package storetest

import (
	"context"
	"fmt"
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
	s, err := store.Open(context.Background(), store.Options{ClickHouse: opts, TTLDays: store.MaxTTLDays})
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
