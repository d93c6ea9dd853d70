// Package builtin is the list of the analyzers that this binary has.
//
// A new analyzer is a folder beside this one and a line here.
package builtin

import (
	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/behaviour"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding"
	"github.com/tiltmeter/tiltmeter/analyzers/injection"
	"github.com/tiltmeter/tiltmeter/analyzers/leakage"
	"github.com/tiltmeter/tiltmeter/analyzers/refusal"
)

// New makes every analyzer, in the order in which they are listed.
func New() []analyzers.Analyzer {
	return []analyzers.Analyzer{
		refusal.New(),
		grounding.New(grounding.Options{}),
		injection.New(injection.Options{}),
		leakage.New(leakage.Options{}),
		behaviour.New(behaviour.Options{}),
	}
}

// Descriptions introduces every analyzer.
func Descriptions() []analyzers.Description {
	list := New()
	out := make([]analyzers.Description, len(list))
	for i, a := range list {
		out[i] = a.Describe()
	}
	return out
}
