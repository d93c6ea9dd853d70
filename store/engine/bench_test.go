package engine_test

import (
	"context"
	"strconv"
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

// BenchmarkSelectWithSettings is what a question with three settings costs at least.
func BenchmarkSelectWithSettings(b *testing.B) {
	conn := open(b, storetest.Engine(b))
	ctx := clickhouse.Context(b.Context(), clickhouse.WithSettings(clickhouse.Settings{
		"max_execution_time": 30, "max_threads": 2, "log_comment": "bench",
	}))
	for b.Loop() {
		if err := conn.Exec(ctx, "SELECT 1"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsertOneWithSettings is the fixed cost of an insert under a token.
func BenchmarkInsertOneWithSettings(b *testing.B) {
	conn := open(b, storetest.Engine(b))
	exec(b, conn, "CREATE OR REPLACE TABLE bench_one (a UInt64, b String) ENGINE = Null")
	for i := 0; b.Loop(); i++ {
		ctx := clickhouse.Context(b.Context(), clickhouse.WithSettings(clickhouse.Settings{
			"insert_deduplication_token": strconv.Itoa(i), "log_comment": "bench", "max_execution_time": 30,
		}))
		if err := insert(b, conn, ctx, "INSERT INTO bench_one (a, b)", 0, 1); err != nil {
			b.Fatal(err)
		}
	}
}
