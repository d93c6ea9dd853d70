// Package schema brings a database to the schema that this binary was built for.
//
// Migrations are the numbered .sql files of this folder, applied in order, each once, under a
// lock that other processes on the same database respect. Every statement may be repeated, so that
// one that was killed goes on where it was. A database that is newer than the binary or that
// holds a changed migration is refused with a *RefusedError; every other error may be gone at the
// next attempt. How long data is kept is no migration: it is brought up to date by every Apply.
//
// It knows SQL text and a connection; it imports nothing of ours and no migration depends on Go types.
package schema

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed *.sql
var files embed.FS

// Params are what the templates of the migrations are filled with.
type Params struct {
	TTLDays int
	Cluster string // for ON CLUSTER and replicated engines; "" is a single server
	// Fsync makes new tables sync what is inserted. The embedded engine has it in its own
	// configuration, where it can be switched off for tables that exist.
	Fsync bool
	// Exclusive says that no other process can be at this database: no lock is taken.
	Exclusive bool
}

// keepLonger is for how many days some tables keep rows after the spans of the same day. Their rows
// know only a day, which begins up to 24 hours before a span of it; and the engine drops what has
// expired in its own time, in which no span may be without its contents.
var keepLonger = map[string]int{"contents": 2, "chunks": 2, "trace_times": 2}

// Days is after how many days the rows of a table expire.
func (p Params) Days(table string) int { return p.TTLDays + keepLonger[table] }

// Migration is one numbered file.
type Migration struct {
	Number   int
	Name     string // of the file
	Text     string // as released, before templating
	Checksum string // SHA-256 of Text, hexadecimal
}

var fileName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// Migrations returns all migrations of this binary, in order.
func Migrations() ([]Migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	slices.Sort(names)
	all := make([]Migration, 0, len(names))
	for i, name := range names {
		m := fileName.FindStringSubmatch(name)
		if m == nil {
			return nil, fmt.Errorf("migration %s: want a name like 0001_spans.sql", name)
		}
		n, _ := strconv.Atoi(m[1])
		if n != i+1 {
			return nil, fmt.Errorf("migration %s: want number %04d, numbers have no gaps", name, i+1)
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		sum := sha256.Sum256(text)
		all = append(all, Migration{Number: n, Name: name, Text: string(text), Checksum: hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// Statements fills the template and splits it at the semicolons that end lines.
func (m Migration) Statements(p Params) ([]string, error) {
	t, err := template.New(m.Name).Option("missingkey=error").Parse(m.Text)
	if err != nil {
		return nil, fmt.Errorf("parse migration %s: %w", m.Name, err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("fill migration %s: %w", m.Name, err)
	}
	var list []string
	for part := range strings.SplitSeq(out.String(), ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list, nil
}

// OnCluster is the clause that makes a statement run on every server.
func (p Params) OnCluster() string {
	if p.Cluster == "" {
		return ""
	}
	return "ON CLUSTER `" + strings.ReplaceAll(p.Cluster, "`", "") + "`"
}

// Engine is the table engine with its own arguments, replicated on a cluster.
func (p Params) Engine(name string, args ...string) string {
	if p.Cluster != "" {
		name, args = "Replicated"+name, append([]string{"'/clickhouse/tables/{shard}/{database}/{table}'", "'{replica}'"}, args...)
	}
	if len(args) == 0 {
		return name
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// Settings are those of every table.
//
// The deduplication window is how many blocks the server remembers, one for each day of an insert:
// the writer repeats at most the last insert, which has a day for each of the longest retention
// (store.MaxTTLDays) at most. Rows go in by blocks of tens of megabytes, and one file a part instead
// of one a column spares the engine most of the cost of an insert; merges write wide parts from
// 256 MiB. A change of the retention rewrites the parts' expiry and none of their data.
func (p Params) Settings() string {
	window := "non_replicated_deduplication_window = 10000"
	if p.Cluster != "" {
		window = "replicated_deduplication_window = 10000"
	}
	if p.Fsync {
		window += ", fsync_after_insert = 1, fsync_part_directory = 1"
	}
	return "ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, min_bytes_for_wide_part = 268435456, " + window
}
