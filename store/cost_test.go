package store_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// inside connects to a store's database, to look into its tables.
func inside(t testing.TB, database string) driver.Conn {
	t.Helper()
	opts := storetest.Engine(t).ClickHouse()
	opts.Auth.Database = database
	conn, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// words makes text that no other seed makes and that compresses as prose does.
func words(seed string, n int) string {
	h := fnv.New64()
	_, _ = h.Write([]byte(seed))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s%d ", []string{"the", "of", "margin", "request", "report", "and", "to", "value"}[r.IntN(8)], r.IntN(10000))
	}
	return b.String()[:n]
}

// An agent that resends its history with every step costs storage that grows with what is new.
func TestResentHistoryCostsWhatIsNew(t *testing.T) {
	t.Parallel()
	const textBytes = 1000
	ctx := context.Background()
	perStep := map[int]float64{}
	for _, steps := range []int{50, 100, 200, 400} {
		s, database := storetest.NamedStore(t)
		b := s.NewBatch()
		var history []genai.Message
		var encoded []string
		for step := range steps {
			text := words(fmt.Sprint(steps, step), textBytes)
			m := fmt.Sprintf(`{"role":"user","parts":[{"type":"text","content":%q}]}`, text)
			encoded = append(encoded, m)
			history = append(history, genai.Message{Role: genai.RoleUser, Parts: []genai.Part{{Type: genai.PartText, Content: text}}, Encoded: genai.JSON(m)})
			sp := chat(1, step+1, base.Add(time.Duration(step)*time.Second))
			sp.Input = history
			sp.Raw = field(9, attr("gen_ai.input.messages", "["+strings.Join(encoded, ",")+"]"))
			b.AddSpan(sp)
		}
		if err := s.Insert(ctx, b, "a"); err != nil {
			t.Fatal(err)
		}
		conn := inside(t, database)
		for _, table := range []string{"spans", "contents", "chunks"} {
			if err := conn.Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
				t.Fatal(err)
			}
		}
		stats, err := s.StorageStats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var bytes int64
		for _, st := range stats {
			if !strings.HasPrefix(st.Table, "schema") {
				bytes += st.BytesOnDisk
			}
		}
		perStep[steps] = float64(bytes) / float64(steps)
		t.Logf("%d steps: %.0f bytes on disk a step of %d bytes of new text", steps, perStep[steps], textBytes)
	}
	if perStep[400] > 1.1*perStep[100] {
		t.Errorf("bytes a step grow from %.0f at 100 steps to %.0f at 400", perStep[100], perStep[400])
	}
}

// A look-up by id reads a bounded number of granules, however much is stored.
func TestLookupByIDReadsFewGranules(t *testing.T) {
	t.Parallel()
	s, database := storetest.NamedStore(t)
	ctx := context.Background()
	b := s.NewBatch()
	for i := range 60_000 { // a day's spans: eight granules and more in each table
		sp := chat(i%20_000, i, base.Add(time.Duration(i)*time.Second/2))
		sp.TraceID[5] = byte(i % 20_000 >> 6)
		b.AddSpan(sp)
		addNameless(b, sp.TraceID, i, genai.Span{Name: "gen_ai.choice", Start: sp.Start})
	}
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	conn := inside(t, database)
	from, to := strconv.FormatInt(base.UnixNano(), 10), strconv.FormatInt(base.Add(time.Hour).UnixNano(), 10)
	for sql, most := range map[string]int{
		// Records without a trace, of an hour of a day of records that have one: they lie before these in each five minutes.
		`SELECT detail FROM fragments WHERE project = 'default' AND trace_id = toFixedString('', 16) AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano(` + from + `)) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano(` + to + `))`: 2,
		`SELECT first FROM trace_times WHERE project = 'default' AND trace_id = unhex('` + id(7).String() + `')`:                                                                                                                                                       2,
		`SELECT name FROM spans WHERE project = 'default' AND trace_id = unhex('` + id(7).String() + `') AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano(` + strconv.FormatInt(base.UnixNano(), 10) + `)) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano(` + strconv.FormatInt(base.UnixNano(), 10) + `)) AND start BETWEEN fromUnixTimestamp64Nano(` + strconv.FormatInt(base.UnixNano(), 10) + `) AND fromUnixTimestamp64Nano(` + strconv.FormatInt(base.UnixNano()+1e9, 10) + `)`: 2,
		`SELECT body FROM contents WHERE project = 'default' AND day = '2026-03-04' AND hash IN (SELECT toFixedString(unhex('` + id(7).String() + `'), 16))`: 2,
	} {
		rows, err := conn.Query(ctx, "EXPLAIN indexes = 1 "+sql)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		read := -1
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
			var have int
			if n, _ := fmt.Sscanf(strings.TrimSpace(line), "Granules: %d/%d", &read, &have); n == 2 && have == 0 {
				t.Errorf("nothing to read")
			}
		}
		_ = rows.Close()
		if read < 0 || read > most {
			t.Errorf("reads %d granules, want at most %d: %s\n%s", read, most, sql, plan.String())
		}
	}
}

func TestEveryColumnOfATableIsFilled(t *testing.T) {
	t.Parallel()
	s, database := storetest.NamedStore(t)
	conn := inside(t, database)
	for table, want := range store.InsertedColumns(s) {
		rows, err := conn.Query(context.Background(), "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} AND default_kind = ''", clickhouse.Named("table", table))
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]string{}
		for rows.Next() {
			var name, typ string
			if err := rows.Scan(&name, &typ); err != nil {
				t.Fatal(err)
			}
			have[name] = typ
		}
		_ = rows.Close()
		for name, typ := range want {
			if have[name] != typ {
				t.Errorf("%s.%s: batch has %s, table has %q", table, name, typ, have[name])
			}
			delete(have, name)
		}
		for name := range have {
			t.Errorf("%s.%s: no batch fills it", table, name)
		}
	}
}
