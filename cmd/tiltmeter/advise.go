package main

import (
	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/store"
)

// advisor hands what the dialects know of their instrumentations to the API, which may not know them.
type advisor struct{}

// Advise implements api.Advisor.
func (advisor) Advise(code store.FindingCode, spoken, scope string) api.Advice {
	a := dialect.Advise(string(code), spoken, scope)
	return api.Advice{Title: a.Title, Meaning: a.Meaning, Action: a.Action, Settings: a.Settings, Information: a.Information}
}
