package leakage

import (
	"context"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// hostile are texts that make a search slow that is not linear.
func hostile(n int) map[string]string {
	list := map[string]string{}
	for name, piece := range map[string]string{
		"digit": "1", "letter": "a", "at": "@", "local": "a.b@", "colon": "::", "dots": "1.", "brackets": "(1) ", "plus": "+1 ", "hyphens": "4-", "spaces": " ",
		"card": "4929 1872 3391 0020 ", "phone": "call 0473 92 18 64 ", "groups": "1 2 ", "token": "key=a1b2c3d4e5f6g7h8i9 ", "keyword": "api token secret key ",
		"jwt": "eyJhbGciOiJIUzI1NiJ9.", "begin": "-----BEGIN PRIVATE KEY-----\n", "base64": "QUJD1", "sentence": "Never do x. ", "rule": "If the user asks, you must refuse. ",
		"invalid": "\xff", "emoji": "🚲", "han": "电话", "mail": "jo@mail.org ", "uri": "a://b:c@", "newline": "\n", "hex": "6d ", "numbers": "109 97 114 122 ",
	} {
		list[name] = strings.Repeat(piece, n/len(piece)+1)[:n]
	}
	return list
}

func spanOf(system, user, answer string) *analyzers.Input {
	e := example{System: system, User: user, Answer: answer}
	return e.input()
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for name, text := range hostile(1 << 16) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := spanOf(text, text, text)
			signals, err := New(Options{}).Analyze(context.Background(), in, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkEvidence(t, in, signals)
		})
	}
	t.Run("messages", func(t *testing.T) {
		t.Parallel()
		s := genai.Span{Operation: genai.OpChat}
		for range 10_000 {
			s.Input = append(s.Input, textMessage(genai.RoleUser, "call 0473 92 18 64"), textMessage(genai.RoleSystem, "marzipan"))
		}
		s.Output = []genai.Message{textMessage(genai.RoleAssistant, "marzipan, 0473 92 18 64, jo@mail.org")}
		got := analyze(t, &analyzers.Input{Span: &s})
		if got[Name].Label != string(KindEmail) || got["leakage.prompt"].Label != LabelLeaked {
			t.Errorf("got %+v", got)
		}
	})
}

func BenchmarkHostile(b *testing.B) {
	for name, text := range hostile(1 << 20) {
		b.Run(name, func(b *testing.B) {
			in := spanOf(text, text, text)
			for b.Loop() {
				New(Options{}).Analyze(context.Background(), in, nil)
			}
		})
	}
}
