package store

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updateDocs = flag.Bool("update-docs", false, "write docs/filters.md anew")

// TestFilterDocs holds docs/filters.md to the vocabulary.
func TestFilterDocs(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`# Filters

A filter is ` + "`field op value`" + `: ` + "`filter=model=gpt-4o&filter=duration > 2s`" + ` in a URL, one line each in the page's filter bar.
All fields must hold on one span of the trace; several ` + "`=`" + ` on one field are alternatives. ` + "`~`" + ` is "contains", upper and
lower case alike. A value may stand in double quotes.

<!-- Written by go test ./store -run TestFilterDocs -update-docs -->

| field | operators | counted as a facet | what it is |
| --- | --- | --- | --- |
`)
	for i := range fields {
		f := &fields[i]
		var ops []string
		for _, op := range f.typ.ops() {
			ops = append(ops, "`"+string(op)+"`")
		}
		facet := ""
		if f.facet {
			facet = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, strings.Join(ops, " "), facet, f.doc)
	}
	b.WriteString(`
## Words
` + "`query=refund policy`" + ` asks for traces with one content that holds all words: a message, document, tool result or error of a span
or of its log records. Words are what letters, digits and marks of any script make, upper and lower case alike;
a script that puts no spaces between words is found by whole stretches between its punctuation. A search refuses words that occur
in more contents than it can follow, and says so: name more words, or a shorter time.

## What filters do not see
Filters and facets look at spans as they were sent. What came as log records alone (messages, finish reasons, evaluations, a model
or token count that the span itself lacks) is shown with the span, counted on its trace page and found by words, but not
by filters. A trace is listed, counted and drawn where it starts, with those of its spans that start within a day of that.
`)
	path := filepath.Join("..", "docs", "filters.md")
	if *updateDocs {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is stale: go test ./store -run TestFilterDocs -update-docs", path)
	}
}
