package engine_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/tiltmeter/tiltmeter/store/engine"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func open(t testing.TB, e *engine.Engine) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(e.ClickHouse())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestSelect(t *testing.T) {
	t.Parallel()
	conn := open(t, storetest.Engine(t))
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM numbers(10)").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 10 {
		t.Fatalf("got %d", n)
	}
}
