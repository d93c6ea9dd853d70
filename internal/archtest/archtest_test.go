// Package archtest holds the rules of the house as tests: who may import whom, and that every
// package introduces itself.
//
// It knows package paths and comments, nothing of what the packages do.
package archtest

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tiltmeter/tiltmeter/"

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	TestGoFiles,
	XTestGoFiles []string
	Imports []string
	Deps    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		all = append(all, p)
	}
}

// within reports whether path is the package named prefix or lies below it.
func within(path, prefix string) bool {
	path = strings.TrimPrefix(path, module)
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// rule says that packages below from must not import, even through others, what lies below mustNot.
type rule struct {
	from    string
	mustNot []string
	except  []string
	because string
}

var rules = []rule{
	{
		"genai",
		[]string{"ingest", "store", "analyzers", "api", "proto", "cmd", "web"},
		nil,
		"the canonical span is the vocabulary of everyone and depends on nobody",
	},
	{
		"store",
		[]string{"ingest", "analyzers", "api", "proto", "cmd", "web"},
		nil,
		"the store knows spans and SQL, not where they came from or who asks",
	},
	{
		"ingest/wire",
		[]string{"genai", "store", "api", "proto", "cmd", "web", "ingest/otlp", "ingest/spanlog", "ingest/writer", "ingest/dialect"},
		nil,
		"the walk over the wire format is shared by the two ends of the log",
	},
	{
		"ingest/spanlog",
		[]string{"genai", "store", "api", "proto", "cmd", "web", "ingest/otlp", "ingest/writer", "ingest/dialect", "ingest/wire"},
		nil,
		"the log knows bytes and a content hash, not what a span is",
	},
	{
		"ingest/otlp",
		[]string{"genai", "store", "api", "proto", "cmd", "web", "ingest/writer", "ingest/dialect"},
		nil,
		"a request is acknowledged when its bytes are on disk: receivers know no dialect and no store",
	},
	{
		"ingest/dialect",
		[]string{"store", "api", "proto", "cmd", "web", "ingest/otlp", "ingest/spanlog", "ingest/writer", "ingest/pricing"},
		nil,
		"a dialect turns wire spans into canonical spans and does nothing else",
	},
	{
		"ingest/pricing",
		[]string{"store", "api", "proto", "cmd", "web", "ingest/otlp", "ingest/spanlog", "ingest/writer", "ingest/dialect", "ingest/wire"},
		nil,
		"a price follows from a canonical usage and the book, nothing else",
	},
	{
		"ingest/writer",
		[]string{"api", "proto", "cmd", "web", "ingest/otlp"},
		nil,
		"the writer reads the log and fills the store",
	},
	{
		"api",
		[]string{"ingest", "cmd", "web"},
		nil,
		"the API translates what the store and the interfaces it declares give it",
	},
	{
		"web",
		[]string{"genai", "ingest", "store", "api", "proto", "cmd"},
		nil,
		"the page speaks REST only",
	},
}

// analyzerParts are the folders of analyzers that are no detectors; those that detectors may import have a true.
var analyzerParts = map[string]bool{
	"analyzers/analyzertest": false, "analyzers/builtin": false, "analyzers/eval": false, "analyzers/runner": false,
	"analyzers/stats": true, "analyzers/text": true, "analyzers/embed": true, "analyzers/language": true,
}

// TestDetectors: a detector knows spans, texts and mathematics, and no other detector; the API knows what an analyzer is, and none of them.
func TestDetectors(t *testing.T) {
	below := func(path string) (name string) {
		path = strings.TrimPrefix(path, module)
		if rest, ok := strings.CutPrefix(path, "analyzers/"); ok {
			first, _, _ := strings.Cut(rest, "/")
			return "analyzers/" + first
		}
		return ""
	}
	for _, p := range packages(t) {
		from := below(p.ImportPath)
		_, isPart := analyzerParts[from]
		for _, dep := range p.Deps {
			to := below(dep)
			switch {
			case !strings.HasPrefix(dep, module) || from != "" && from == to:
			case from != "" && !isPart && !within(dep, "genai") && dep != module+"analyzers" && !analyzerParts[to]:
				t.Errorf("%s must not depend on %s, because a detector knows genai, analyzers and the parts for it alone", p.ImportPath, dep)
			case within(p.ImportPath, "api") && to != "" && to != "analyzers/stats":
				t.Errorf("%s must not depend on %s, because the API says what analyzers found and runs none", p.ImportPath, dep)
			case within(p.ImportPath, "ingest") && within(dep, "analyzers"):
				t.Errorf("%s must not depend on %s, because what is stored does not wait for what is said of it", p.ImportPath, dep)
			}
		}
	}
}

// owners names the one package below which a foreign engine's client may be imported directly.
var owners = map[string]string{
	"github.com/ClickHouse/clickhouse-go/v2": "store",
	"github.com/ClickHouse/ch-go":            "store",
	"github.com/nats-io":                     "ingest/spanlog",
	"github.com/ebitengine/purego":           "store/engine",
}

func TestImports(t *testing.T) {
	all := packages(t)
	for _, r := range rules {
		found := false
		for _, p := range all {
			if !within(p.ImportPath, r.from) {
				continue
			}
			found = true
			for _, dep := range p.Deps {
				if !strings.HasPrefix(dep, module) || within(dep, r.from) {
					continue
				}
				for _, no := range r.mustNot {
					if within(dep, no) {
						t.Errorf("%s must not depend on %s, because %s", p.ImportPath, dep, r.because)
					}
				}
			}
		}
		if !found {
			t.Errorf("the rules name %q, which does not exist: remove the rule or restore the package", r.from)
		}
	}
}

func TestEngineOwners(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for engine, owner := range owners {
				if strings.HasPrefix(imp, engine) && !within(p.ImportPath, owner) {
					t.Errorf("%s imports %s, which only %s may: ask the owner for what you need", p.ImportPath, imp, owner)
				}
			}
		}
	}
}

func TestNoTestCodeInTheBinary(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"cmd/tiltmeter" {
			continue
		}
		for _, dep := range p.Deps {
			if dep == "testing" || strings.HasPrefix(dep, "pgregory.net/rapid") || within(dep, "store/storetest") {
				t.Errorf("the binary links %s", dep)
			}
		}
	}
}

func TestEveryPackageIntroducesItself(t *testing.T) {
	for _, p := range packages(t) {
		if strings.Contains(p.ImportPath, "/proto/gen") {
			continue
		}
		files := p.GoFiles
		if len(files) == 0 {
			files = slices.Concat(p.TestGoFiles, p.XTestGoFiles)
		}
		var with []string
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil && (strings.HasPrefix(f.Doc.Text(), "Package ") || strings.HasPrefix(f.Doc.Text(), "Command ")) {
				with = append(with, name)
			}
		}
		if len(with) != 1 {
			t.Errorf("%s: want one file with the package's comment, got %v", p.ImportPath, with)
		}
	}
}
