// Command secretrules writes analyzers/leakage/secrets.json: the rules of gitleaks (MIT), as far as they look at text alone.
//
//	go run -C internal/tools/secretrules . > analyzers/leakage/secrets.json
//
// It is a module of its own, so that what gitleaks depends on stays out of the product: see docs/adr/008-secret-rules.md.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// source is the part of gitleaks' configuration that is taken.
type source struct {
	Allowlist allowlist `toml:"allowlist"`
	Rules     []struct {
		ID          string      `toml:"id"`
		Regex       string      `toml:"regex"`
		Path        string      `toml:"path"`
		SecretGroup int         `toml:"secretGroup"`
		Entropy     float64     `toml:"entropy"`
		Keywords    []string    `toml:"keywords"`
		Allowlists  []allowlist `toml:"allowlists"`
	} `toml:"rules"`
}

type allowlist struct {
	Paths       []string `toml:"paths"`
	RegexTarget string   `toml:"regexTarget"`
	Regexes     []string `toml:"regexes"`
	StopWords   []string `toml:"stopwords"`
}

// rule is what is written: the fields that analyzers/leakage reads.
type rule struct {
	ID       string   `json:"id"`
	Regex    string   `json:"regex"`
	Group    int      `json:"group,omitempty"`
	Entropy  float64  `json:"entropy,omitempty"`
	Keywords []string `json:"keywords"`
	Allow    []allow  `json:"allow,omitempty"`
}

type allow struct {
	Target  string   `json:"target,omitempty"` // "" the secret, "match", "line"
	Regexes []string `json:"regexes,omitempty"`
	Words   []string `json:"words,omitempty"`
}

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	var in source
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &in); err != nil {
		return fmt.Errorf("read the configuration of gitleaks: %w", err)
	}
	out := struct {
		Everywhere allow  `json:"everywhere"`
		Rules      []rule `json:"rules"`
	}{Everywhere: allow{Regexes: in.Allowlist.Regexes, Words: in.Allowlist.StopWords}}
	for _, r := range in.Rules {
		if r.Regex == "" || r.Path != "" || len(r.Keywords) == 0 {
			continue // these look at files
		}
		if _, err := regexp.Compile(r.Regex); err != nil {
			return fmt.Errorf("rule %s: %w", r.ID, err)
		}
		to := rule{ID: r.ID, Regex: r.Regex, Group: r.SecretGroup, Entropy: r.Entropy}
		for _, k := range r.Keywords {
			to.Keywords = append(to.Keywords, strings.ToLower(k))
		}
		sort.Strings(to.Keywords)
		for _, a := range r.Allowlists {
			if len(a.Paths) == 0 {
				to.Allow = append(to.Allow, allow{a.RegexTarget, a.Regexes, a.StopWords})
			}
		}
		out.Rules = append(out.Rules, to)
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}
