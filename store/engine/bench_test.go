package engine_test

import (
	"context"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func clickhouseToken(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token}))
}

// BenchmarkInsert50k is one insert of 50,000 ready rows. Columns are appended
// whole: what remains is the driver's copy into its block and into the socket.
func BenchmarkInsert50k(b *testing.B) {
	conn := open(b, storetest.Engine(b))
	exec(b, conn, "CREATE OR REPLACE TABLE bench (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	b.ReportAllocs()
	for b.Loop() {
		if err := insert(b, conn, b.Context(), "INSERT INTO bench (a, b)", 0, 50_000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*50_000/b.Elapsed().Seconds(), "rows/s")
}
