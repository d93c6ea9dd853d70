package grounding

// What is shown for a doubt: the sentence, why, and the passage that it was held against.

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
)

// The reasons of evidence: a closed vocabulary.
const (
	ReasonURLInvented        = "url_invented"
	ReasonCitationInvented   = "citation_invented"
	ReasonCitationMisplaced  = "citation_misplaced"
	ReasonNumberUnsupported  = "number_unsupported"
	ReasonNumberMisplaced    = "number_misplaced"
	ReasonNameUnsupported    = "name_unsupported"
	ReasonNameMisplaced      = "name_misplaced"
	ReasonRolesSwapped       = "roles_swapped"
	ReasonNegationFlipped    = "negation_flipped"
	ReasonOppositeWord       = "opposite_word"
	ReasonWordReplaced       = "word_replaced"
	ReasonAbstainsWrongly    = "abstains_wrongly"
	ReasonToolResultInvented = "tool_result_invented"
	ReasonNovelContent       = "novel_content"
	ReasonRecombined         = "recombined"
	ReasonWeaklySupported    = "weakly_supported"
)

// reasons are what the kinds of findings are called and how they are told to a human.
var reasons = [...]struct{ reason, text string }{
	align.NewURL:       {ReasonURLInvented, "This address stands in nothing that the model was given."},
	align.NewCitation:  {ReasonCitationInvented, "It cites a passage that the model was not given."},
	align.NewNumber:    {ReasonNumberUnsupported, "This number stands nowhere in what the model was given, and follows from no two numbers there."},
	align.NewName:      {ReasonNameUnsupported, "This name stands nowhere in what the model was given."},
	align.Roles:        {ReasonRolesSwapped, "The nearest passage has these names the other way round."},
	align.Negated:      {ReasonNegationFlipped, "One of this sentence and the nearest passage denies what the other says."},
	align.Opposite:     {ReasonOppositeWord, "The nearest passage has the opposite word."},
	align.Denied:       {ReasonAbstainsWrongly, "It says that the sources do not say, but this passage speaks of what was asked."},
	align.OtherNumber:  {ReasonNumberMisplaced, "The sources have this number, but nowhere near these words."},
	align.OtherName:    {ReasonNameMisplaced, "The sources have this name, but nowhere near these words."},
	align.Swapped:      {ReasonWordReplaced, "In the same place the sources have another word."},
	align.OtherPassage: {ReasonCitationMisplaced, "The passage that it cites does not say this; another one does."},
}

// evidence is the doubtful sentences, the most doubtful first; at least one when there must be some.
func (w *work) evidence(parts []analyzers.Text, must bool) []analyzers.Evidence {
	type doubt struct {
		sentence int
		p        float64
	}
	var found []doubt
	n := len(w.margins)
	most := doubt{-1, -1}
	for i, m := range w.margins {
		if s := &w.align.Sentences[i]; !strings.ContainsFunc(parts[s.Text].Content[s.Start:s.End], unicode.IsLetter) && s.Finding.Kind == align.None {
			continue // a fence or a brace says nothing
		}
		d := doubt{i, model.Probability(m.Mixed(n, w.asked))}
		if d.p > most.p {
			most = d
		}
		if k := w.align.Sentences[i].Finding.Kind; d.p >= noticed || k != align.None && k <= align.Denied && k != align.NewName {
			found = append(found, d)
		}
	}
	if len(found) == 0 && must && most.sentence >= 0 {
		found = append(found, most)
	}
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b doubt) int { return cmp.Compare(b.p, a.p) })
	found = found[:min(len(found), analyzers.MaxEvidence)]
	out := make([]analyzers.Evidence, len(found))
	for i, d := range found {
		out[i] = w.tell(parts, &w.align.Sentences[d.sentence], d.p)
	}
	return out
}

// tell is the evidence of one sentence.
func (w *work) tell(parts []analyzers.Text, s *align.Sentence, p float64) analyzers.Evidence {
	e := analyzers.Evidence{Score: p, Passage: parts[s.Text].Passage(s.Start, s.End)}
	other := s.Best
	switch k := s.Finding.Kind; {
	case k != align.None:
		e.Reason, e.Text = reasons[k].reason, reasons[k].text
		at := s.Finding.Place
		e.Passage = parts[at.Text].Passage(at.Start, at.End)
		if s.Finding.Other.Text >= 0 {
			other = s.Finding.Other
		}
		if (k == align.NewNumber || k == align.NewName) && w.ofTool(parts[s.Text].Content[s.Start:s.End]) {
			e.Reason, e.Text = ReasonToolResultInvented, "The answer says that a tool gave this, but it stands in no tool's result."
		}
	case s.New() >= 0.25:
		e.Reason, e.Text = ReasonNovelContent, "Much of what this sentence says stands nowhere in what the model was given."
	case s.Apart() > 0:
		e.Reason, e.Text = ReasonRecombined, "Its words stand in the sources, but nowhere near each other."
	default:
		e.Reason, e.Text = ReasonWeaklySupported, "No passage bears this sentence out as a whole."
	}
	if other.Text >= 0 {
		at := w.sources[other.Text].Passage(other.Start, other.End)
		e.Source = &at
	}
	return e
}

// ofTool reports whether a sentence speaks of what a tool gave, and a tool gave something.
func (w *work) ofTool(sentence string) bool {
	tools := false
	for _, t := range w.sources {
		if t.Origin != analyzers.ToolResult {
			continue
		}
		if t.Name != "" && strings.Contains(sentence, t.Name) {
			return true
		}
		tools = true
	}
	if !tools {
		return false
	}
	for _, word := range [...]string{"tool", "Tool", "search result", "lookup", "look-up", "returned", "API", "database", "query"} {
		if strings.Contains(sentence, word) {
			return true
		}
	}
	return false
}
