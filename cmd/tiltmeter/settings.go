package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/tiltmeter/tiltmeter/analyzers/builtin"
	"github.com/tiltmeter/tiltmeter/analyzers/runner"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

// The parts of a settings file that have no flag and no variable: rules for dialects, and for analyzers.
const (
	dialectsSection  = "dialects"
	analyzersSection = "analyzers"
)

// sections are those of the file; a nil one is not there.
type sections struct {
	rules  *dialect.Rules
	policy *runner.Policy
}

// resolve fills the flags that were not given on the command line: from TILTMETER_* variables,
// then from the file named by --config (or tiltmeter.yaml in the working directory). A flag
// `otlp-grpc-addr` is the variable TILTMETER_OTLP_GRPC_ADDR and the file's key `otlp-grpc-addr`.
// Every wrong setting is reported, not only the first.
func resolve(fs *pflag.FlagSet, lookup func(string) (string, bool)) (found sections, err error) {
	var errs []error
	fs.VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		if v, ok := lookup(name); ok && !f.Changed {
			if err := fs.Set(f.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("variable %s: %w", name, err))
			}
		}
	})
	path, required := "tiltmeter.yaml", false
	if f := fs.Lookup("config"); f != nil && f.Value.String() != "" {
		path, required = f.Value.String(), true
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && !required:
	case err != nil:
		errs = append(errs, fmt.Errorf("read configuration: %w", err))
	default:
		var wrong []error
		found, wrong = fromYAML(fs, path, text)
		errs = append(errs, wrong...)
	}
	return found, errors.Join(errs...)
}

// resolveClient fills the flags of a command that talks to a server from the server's own settings, so
// that one variable or file sets both: from where resolve takes them, in the same order. as names the
// server's setting where the command's flag has another name. --key is TILTMETER_KEY too: a secret on
// the command line can be seen by others.
func resolveClient(fs *pflag.FlagSet, lookup func(string) (string, bool), as map[string]string) error {
	var s serveSettings
	server := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	s.flags(server)
	setting := func(f *pflag.Flag) *pflag.Flag {
		if name, ok := as[f.Name]; ok {
			return server.Lookup(name)
		}
		return server.Lookup(f.Name)
	}
	var errs []error
	fs.Visit(func(f *pflag.Flag) {
		if to := setting(f); to != nil {
			errs = append(errs, server.Set(to.Name, f.Value.String()))
		}
	})
	_, err := resolve(server, lookup)
	errs = append(errs, err)
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			return
		}
		if from := setting(f); from != nil {
			errs = append(errs, fs.Set(f.Name, from.Value.String()))
		} else if v, ok := lookup(variable(f.Name)); ok && f.Name == "key" {
			errs = append(errs, fs.Set(f.Name, v))
		}
	})
	return errors.Join(errs...)
}

func variable(flag string) string {
	return "TILTMETER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func fromYAML(fs *pflag.FlagSet, path string, text []byte) (found sections, errs []error) {
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return found, []error{fmt.Errorf("%s: %w", path, err)}
	}
	rules, hasRules := doc[dialectsSection]
	policy, hasPolicy := doc[analyzersSection]
	delete(doc, dialectsSection)
	delete(doc, analyzersSection)
	for key, node := range doc {
		at := fmt.Sprintf("%s:%d: %s", path, node.Line, key)
		f := fs.Lookup(key)
		if f == nil || key == "config" {
			errs = append(errs, fmt.Errorf("%s: no such setting%s", at, nearest(fs, key)))
			continue
		}
		if f.Changed { // the command line and the environment go before the file
			continue
		}
		v, err := scalar(&node)
		if err == nil {
			err = fs.Set(key, v)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if hasRules {
		var err error
		if found.rules, err = dialect.ParseRules(path, &rules); err != nil {
			errs = append(errs, err)
		}
	}
	if hasPolicy {
		var err error
		if found.policy, err = runner.ParsePolicy(path, &policy, builtin.Descriptions()); err != nil {
			errs = append(errs, err)
		}
	}
	return found, errs
}

// scalar is a node's text; a list of scalars becomes a comma-separated one.
func scalar(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return n.Value, nil
	case yaml.SequenceNode:
		var items []string
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return "", errors.New("want a list of plain values")
			}
			items = append(items, c.Value)
		}
		return strings.Join(items, ","), nil
	}
	return "", errors.New("want a plain value or a list of them")
}

// nearest suggests the setting that starts like key or differs only by its separators.
func nearest(fs *pflag.FlagSet, key string) (hint string) {
	plain := func(s string) string {
		return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(s))
	}
	try := func(name string) {
		if hint == "" && (plain(name) == plain(key) || strings.HasPrefix(name, key)) {
			hint = fmt.Sprintf("; did you mean %q?", name)
		}
	}
	fs.VisitAll(func(f *pflag.Flag) { try(f.Name) })
	try(dialectsSection)
	try(analyzersSection)
	return hint
}

// size is a number of bytes that people write with a unit: 512MiB, 8GiB, 16777216.
type size int64

var sizeUnits = []struct {
	name string
	n    int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func (s *size) String() string {
	for _, u := range sizeUnits {
		if int64(*s) >= u.n && int64(*s)%u.n == 0 {
			return fmt.Sprintf("%d%s", int64(*s)/u.n, u.name)
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	unit, digits := int64(1), strings.TrimSpace(text)
	for _, u := range sizeUnits {
		if d, ok := strings.CutSuffix(digits, u.name); ok {
			unit, digits = u.n, strings.TrimSpace(d)
			break
		}
	}
	var n int64
	if _, err := fmt.Sscanf(digits+"\n", "%d\n", &n); err != nil || n < 0 || n > (1<<62)/unit {
		return fmt.Errorf("%q is not a size; write a number with B, KiB, MiB, GiB or TiB", text)
	}
	*s = size(n * unit)
	return nil
}

// Type implements pflag.Value.
func (*size) Type() string { return "size" }

// days is a flag of whole days: 30d, or a duration as Go writes it.
type days time.Duration

const day = days(24 * time.Hour)

func (d *days) String() string {
	if *d%day == 0 {
		return strconv.FormatInt(int64(*d/day), 10) + "d"
	}
	return time.Duration(*d).String()
}

// Set implements pflag.Value.
func (d *days) Set(text string) error {
	if digits, ok := strings.CutSuffix(strings.TrimSpace(text), "d"); ok {
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || n > int64(1<<63-1)/int64(day) || n < -int64(1<<63-1)/int64(day) {
			return fmt.Errorf("%q is not a number of days", text)
		}
		*d = days(n) * day
		return nil
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is neither days, like 30d, nor a duration, like 720h", text)
	}
	*d = days(v)
	return nil
}

// Type implements pflag.Value.
func (*days) Type() string { return "days" }
