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
func Store(t testing.TB) *store.Store {
	t.Helper()
	s, _ := NamedStore(t)
	return s
}

// NamedStore is Store, and the name of its database, for tests that look into tables.
func NamedStore(t testing.TB) (*store.Store, string) {
	t.Helper()
	opts := Engine(t).ClickHouse()
	opts.Auth.Database = fmt.Sprintf("test_%d", databases.Add(1))
	s, err := store.Open(context.Background(), store.Options{ClickHouse: opts, TTLDays: store.MaxTTLDays})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Drop(context.Background()); err != nil {
			t.Errorf("drop database: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return s, opts.Auth.Database
}
