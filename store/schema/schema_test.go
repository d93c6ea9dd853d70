package schema_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/schema"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

var databases atomic.Int64

func TestMain(m *testing.M) { storetest.Main(m) }

// database makes an empty database of the shared engine.
func database(t *testing.T) driver.Conn {
	t.Helper()
	ctx := context.Background()
	name := fmt.Sprintf("schema_%d", databases.Add(1))
	opts := storetest.Engine(t).ClickHouse()
	admin, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	inside := storetest.Engine(t).ClickHouse()
	inside.Auth.Database = name
	conn, err := clickhouse.Open(inside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), admin.Close() })
	return conn
}

func apply(t *testing.T, conn driver.Conn) error {
	t.Helper()
	return schema.Apply(context.Background(), conn, schema.Params{TTLDays: 30}, slog.New(slog.DiscardHandler))
}

func dump(t *testing.T, conn driver.Conn) string {
	t.Helper()
	rows, err := conn.Query(context.Background(), `SELECT name, replaceAll(create_table_query, currentDatabase() || '.', '') FROM system.tables
WHERE database = currentDatabase() AND name NOT LIKE '.inner%' ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var b strings.Builder
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		// One column a line, so that a change shows as one.
		text = strings.NewReplacer(", `", ",\n    `", " ENGINE = ", "\nENGINE = ", " SETTINGS ", "\nSETTINGS ", ", INDEX ", ",\n    INDEX ", " AS SELECT ", "\nAS SELECT ").Replace(text)
		fmt.Fprintf(&b, "%s;\n\n", text)
	}
	return b.String()
}

func TestAllFromEmptyMatchesGoldenAndTwiceIsOnce(t *testing.T) {
	t.Parallel()
	conn := database(t)
	if err := apply(t, conn); err != nil {
		t.Fatal(err)
	}
	got := dump(t, conn)
	if err := apply(t, conn); err != nil {
		t.Fatalf("second time: %v", err)
	}
	if again := dump(t, conn); again != got {
		t.Errorf("the second time changed the schema")
	}
	const golden = "testdata/schema.golden.sql"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("schema differs from %s; run with -update and look at the difference", golden)
	}
	for _, table := range []string{"spans", "contents", "chunks", "fragments", "logs", "traces", "trace_times", "signals"} {
		if !strings.Contains(got, "CREATE TABLE "+table) {
			t.Errorf("no table %s", table)
		}
	}
	if n, later := strings.Count(got, "toIntervalDay(30)"), strings.Count(got, "TTL day + toIntervalDay(32)"); n != 5 || later != 3 {
		t.Errorf("%d tables expire after 30 days and %d with contents after 32, want 5 and 3", n, later)
	}
	if n := strings.Count(got, "ttl_only_drop_parts = 1"); n < 7 {
		t.Errorf("%d tables drop whole parts, want 7 and more", n)
	}
}

func TestRefusedDatabases(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, want string }{
		"newer":            {`INSERT INTO schema_migrations (number, name, checksum, finished_at) SELECT 9999, '9999_future.sql', '', now64(3)`, "newer than this binary"},
		"changed":          {`ALTER TABLE schema_migrations UPDATE checksum = 'x' WHERE 1 SETTINGS mutations_sync = 2`, "checksum"},
		"begun by another": {`ALTER TABLE schema_migrations UPDATE checksum = 'x', finished_at = NULL WHERE 1 SETTINGS mutations_sync = 2`, "was begun with checksum x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := database(t)
			if err := apply(t, conn); err != nil {
				t.Fatal(err)
			}
			if err := conn.Exec(context.Background(), c.sql); err != nil {
				t.Fatal(err)
			}
			err := apply(t, conn)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if _, ok := errors.AsType[*schema.RefusedError](err); !ok {
				t.Errorf("%T is no refusal: it would be tried again for ever", err)
			}
		})
	}
}

func TestTwoProcessesMigrateOnce(t *testing.T) {
	t.Parallel()
	conn := database(t)
	done := make(chan error)
	for range 3 {
		go func() { done <- apply(t, conn) }()
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A released migration is never changed: what it made exists in databases out there.
func TestChecksums(t *testing.T) {
	t.Parallel()
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range all {
		fmt.Fprintf(&b, "%04d %s\n", m.Number, m.Checksum)
	}
	if *update {
		if err := os.WriteFile("checksums.txt", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("checksums.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("migrations differ from checksums.txt: write a new one instead (-update only before a release)")
	}
}

func TestTemplateOfACluster(t *testing.T) {
	t.Parallel()
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		list, err := m.Statements(schema.Params{TTLDays: 7, Cluster: "prod"})
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range list {
			if !strings.Contains(sql, "ON CLUSTER `prod`") || strings.Contains(sql, "{{") {
				t.Errorf("%s: statement is not for a cluster: %.60s", m.Name, sql)
			}
		}
	}
}

func databaseOf(t *testing.T, conn driver.Conn) (name string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestCountedOperations: the view counts the usage of those operations that genai says are calls of a model.
func TestCountedOperations(t *testing.T) {
	t.Parallel()
	ddl, err := os.ReadFile("0001_spans.sql")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, op := range genai.InferenceOperations {
		want = append(want, "'"+string(op)+"'")
	}
	if list := "WITH operation IN (" + strings.Join(want, ", ") + ") AND usage_rollup = 0 AS counts"; !strings.Contains(string(ddl), list) {
		t.Errorf("0001_spans.sql has no %q", list)
	}
}
