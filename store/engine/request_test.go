package engine

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, query, body string
		want              *request
		wantErr           bool
	}{
		{
			"query in body", "default_format=Native&max_threads=3&param_x=1", "SELECT 1",
			&request{sql: "SELECT 1", format: "Native", params: []pair{{"x", "1"}}, settings: []pair{{"max_threads", "3"}}}, false,
		},
		{"query in url", "query=SELECT+1", "", &request{sql: "SELECT 1", format: "TabSeparated"}, false},
		{"insert", "query=INSERT+INTO+t+(a)+FORMAT+Native", "\x01\x02", &request{sql: "INSERT INTO t (a)", format: "Native", insert: true}, false},
		{"hello", "default_format=Native", helloStatement, &request{sql: helloStatement, format: "Native", hello: true}, false},
		{"set", "", "/* c */ set max_threads = 1", &request{sql: "/* c */ set max_threads = 1", format: "TabSeparated", session: true}, false},
		{"empty", "", " \n", nil, true},
		{"compressed", "compress=1", "SELECT 1", nil, true},
		{"name of a setting", "a%20b=1", "SELECT 1", nil, true},
		{"name of a format", "default_format=Na'tive", "SELECT 1", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			values, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parseRequest(values, func() (string, error) { return c.body, nil })
			if (err != nil) != c.wantErr {
				t.Fatalf("error %v, want one: %v", err, c.wantErr)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(request{}, pair{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzParseRequest: no request makes the parser panic, and what it lets
// through can be put into SET and USE without leaving its quotes.
func FuzzParseRequest(f *testing.F) {
	f.Add("default_format=Native&max_threads=3&param_x=1", "SELECT 1")
	f.Add("query=INSERT+INTO+t+FORMAT+Native", "\x00\x01")
	f.Add("query=--x%0ASELECT+1&database=d%60", "/* SELECT")
	f.Fuzz(func(t *testing.T, query, body string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := parseRequest(values, func() (string, error) { return body, nil })
		if err != nil {
			return
		}
		if r.sql == "" || !formatName.MatchString(r.format) {
			t.Errorf("let through %+v", r)
		}
		for _, p := range append(r.settings, r.params...) {
			if !identifier.MatchString(p.name) {
				t.Errorf("let through the name %q", p.name)
			}
		}
	})
}
