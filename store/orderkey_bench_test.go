package store_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// orderKeys are the alternatives of docs/adr/005: the key, and how a look-up by id is asked.
var orderKeys = []struct{ name, key, lookup string }{
	{"time", "(project, toStartOfFiveMinutes(start), trace_id, start, span_id)", `toStartOfFiveMinutes(start) = toStartOfFiveMinutes(fromUnixTimestamp64Nano(%[2]d)) AND trace_id = unhex('%[1]s')`},
	{"trace_id", "(project, trace_id, start, span_id)", `trace_id = unhex('%[1]s')`},
	{"service", "(project, service, toStartOfFiveMinutes(start), trace_id, start, span_id)", `toStartOfFiveMinutes(start) = toStartOfFiveMinutes(fromUnixTimestamp64Nano(%[2]d)) AND trace_id = unhex('%[1]s')`},
}

const (
	keySpans  = 300_000 // of one day
	keyBatch  = 10_000  // rows in an insert
	perTrace  = 20      // spans
	questions = 50      // of each kind
)

// BenchmarkOrderKey stores one day of spans under each key and asks what people ask. Run it with
//
//	go test ./store -run xxx -bench OrderKey -benchtime 1x
//
// Columns: bytes a row on disk after merging; CPU seconds of the engine a million rows, merges included;
// granules and milliseconds (median) of a look-up by id; milliseconds of the last hour's traces of one service
// and of those with a failed call of one model.
func BenchmarkOrderKey(b *testing.B) {
	for _, k := range orderKeys {
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				orderKey(b, k.key, k.lookup)
			}
		})
	}
}

func orderKey(b *testing.B, key, lookup string) {
	b.Helper()
	ctx := context.Background()
	s, database := storetest.NamedStore(b)
	conn := inside(b, database)
	exec := func(sql string) {
		b.Helper()
		if err := conn.Exec(ctx, sql); err != nil {
			b.Fatal(err)
		}
	}
	var create string
	if err := conn.QueryRow(ctx, "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'spans'").Scan(&create); err != nil {
		b.Fatal(err)
	}
	exec("DROP VIEW trace_times_of_spans")
	exec("DROP VIEW traces_of_spans")
	exec("DROP TABLE spans SYNC")
	before, after, _ := strings.Cut(create, " ORDER BY ")
	_, after, _ = strings.Cut(after, " TTL ")
	exec(before + " ORDER BY " + key + " TTL " + after)

	day := base.Truncate(24 * time.Hour)
	cpu := engineCPU(b)
	batch := s.NewBatch()
	for n := 0; n < keySpans; n += keyBatch {
		batch.Reset()
		for i := n; i < n+keyBatch; i++ {
			batch.AddSpan(keySpan(i, day))
		}
		if err := s.InsertTable(ctx, batch, store.TableSpans, strconv.Itoa(n)); err != nil {
			b.Fatal(err)
		}
	}
	exec("OPTIMIZE TABLE spans FINAL")
	cpu = engineCPU(b) - cpu
	var bytes uint64
	if err := conn.QueryRow(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'spans'").Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/keySpans, "B/row")
	b.ReportMetric(cpu/keySpans*1e6, "cpu-s/Mrow")

	byID := func(i int) string {
		sp := keySpan(i, day)
		return "SELECT name, start FROM spans WHERE project = 'default' AND " + fmt.Sprintf(lookup, hex.EncodeToString(sp.TraceID[:]), sp.Start.UnixNano())
	}
	b.ReportMetric(float64(granules(b, conn, byID(keySpans/2))), "lookup-granules")
	b.ReportMetric(median(b, conn, func(i int) string { return byID(i * keySpans / questions) }), "lookup-ms")
	hour := func(i int) string {
		from := day.Add(time.Duration(i%23) * time.Hour)
		return fmt.Sprintf("project = 'default' AND start >= fromUnixTimestamp64Nano(%d) AND start < fromUnixTimestamp64Nano(%d)", from.UnixNano(), from.Add(time.Hour).UnixNano())
	}
	b.ReportMetric(median(b, conn, func(i int) string {
		return "SELECT trace_id, min(start) FROM spans WHERE " + hour(i) + " AND service = 'service-3' GROUP BY trace_id ORDER BY 2 DESC LIMIT 50"
	}), "list-service-ms")
	b.ReportMetric(median(b, conn, func(i int) string {
		return "SELECT trace_id, min(start) FROM spans WHERE " + hour(i) + " AND outcome = 1 AND request_model = 'model-2' GROUP BY trace_id ORDER BY 2 DESC LIMIT 50"
	}), "list-model-ms")
}

// keySpan is the i-th span of the day: its trace is one of ten that run at the same time.
func keySpan(i int, day time.Time) *genai.Span {
	group, in := i/(10*perTrace), i%(10*perTrace)
	trace := group*10 + in%10
	r := rand.New(rand.NewPCG(uint64(trace), 1))
	s := chat(0, i, day.Add(time.Duration(i)*(24*time.Hour/keySpans)))
	for j := range 8 {
		s.TraceID[j], s.TraceID[8+j] = byte(r.Uint64()), byte(r.Uint64())
	}
	s.SpanID = genai.SpanID{byte(r.Uint64()), byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i), 1, 1, 1}
	s.Service.Name = fmt.Sprint("service-", in/10%7)
	s.RequestModel = fmt.Sprint("model-", trace%5)
	s.Name = fmt.Sprint("chat ", s.RequestModel, " ", in%13)
	s.Conversation = fmt.Sprint("conversation-", trace/3)
	s.Input[0].Parts[0].Content = words(strconv.Itoa(i), 200)
	if i%17 == 0 {
		s.StatusCode = genai.StatusError
	}
	s.Raw = field(9, attr("user.request", words(fmt.Sprint("raw", i), 150)))
	return s
}

// engineCPU is what the engine's process has used so far, in seconds.
func engineCPU(b *testing.B) float64 {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", storetest.Engine(b).PID()))
	if err != nil {
		b.Skip("CPU is read from /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100 // ticks a second, on every Linux
}

func granules(b *testing.B, conn driver.Conn, sql string) (read int) {
	b.Helper()
	rows, err := conn.Query(context.Background(), "EXPLAIN indexes = 1 "+sql)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			b.Fatal(err)
		}
		var have int
		_, _ = fmt.Sscanf(strings.TrimSpace(line), "Granules: %d/%d", &read, &have)
	}
	return read
}

// median of the milliseconds that questions take.
func median(b *testing.B, conn driver.Conn, question func(i int) string) float64 {
	b.Helper()
	took := make([]float64, questions)
	for i := range took {
		began := time.Now()
		rows, err := conn.Query(context.Background(), question(i))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		rows.Close()
		if n == 0 {
			b.Fatalf("nothing found: %s", question(i))
		}
		took[i] = float64(time.Since(began).Microseconds()) / 1000
	}
	slices.Sort(took)
	return took[questions/2]
}
