package dialect_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

var update = flag.Bool("update", false, "write docs/dialects.md's table anew")

const (
	docFile  = "../../docs/dialects.md"
	docBegin = "<!-- table: go test ./ingest/dialect -run TestTable -update -->\n"
	docEnd   = "<!-- end of table -->\n"
)

// TestTable: the table of the documentation is what the captures show, field by field.
func TestTable(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*/*_traces.pb")
	if err != nil || len(files) == 0 {
		t.Fatalf("find captures: %v, %d found", err, len(files))
	}
	read := map[string]map[string]string{} // by field and client, the attribute that filled it first
	clients := map[string]bool{}
	n := dialect.New(dialect.Options{})
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		client := strings.Split(filepath.ToSlash(file), "/")[1]
		clients[client] = true
		for r := wire.ReadTraces(b); r.Next(); {
			var s genai.Span
			for _, src := range n.Explain(&s, r.Resource(), r.Scope(), r.Span()) {
				if src.Outcome != dialect.Filled {
					continue
				}
				for _, f := range src.Fields {
					if read[f] == nil {
						read[f] = map[string]string{}
					}
					if read[f][client] == "" {
						read[f][client] = describe(src)
					}
				}
			}
		}
	}
	names := slices.Sorted(maps.Keys(clients))
	var w bytes.Buffer
	fmt.Fprintf(&w, "| Field | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, f := range slices.Sorted(maps.Keys(read)) {
		fmt.Fprintf(&w, "| %s |", f)
		for _, c := range names {
			fmt.Fprintf(&w, " %s |", read[f][c])
		}
		w.WriteByte('\n')
	}
	doc, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(doc, []byte(docBegin))
	_, after, ok2 := bytes.Cut(rest, []byte(docEnd))
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", docFile, docBegin, docEnd)
	}
	want := slices.Concat(before, []byte(docBegin), w.Bytes(), []byte(docEnd), after)
	if *update {
		if err := os.WriteFile(docFile, want, 0o600); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(doc, want) {
		t.Errorf("the table of %s is not what the captures show; run go test ./ingest/dialect -run TestTable -update", docFile)
	}
}

// describe is the attribute of a source, with N for the indices of flattened lists.
func describe(s dialect.Source) string {
	key := s.Key
	if key == "" {
		return "event `" + s.Event + "`"
	}
	parts := strings.Split(key, ".")
	for i := range parts {
		if parts[i] != "" && strings.Trim(parts[i], "0123456789") == "" {
			parts[i] = "N"
		}
	}
	if key = "`" + strings.Join(parts, ".") + "`"; s.Event != "" {
		key += " of event `" + s.Event + "`"
	}
	return key
}
