package genai

import "testing"

// TestPrinterAllocatesNothing asks a printer of its own: under the race detector a sync.Pool forgets what it was given.
func TestPrinterAllocatesNothing(t *testing.T) {
	temperature := 0.2
	s := Span{
		Provider: "openai", ResponseModel: "gpt-4o", User: "ann",
		System: []Part{{Type: PartText, Content: "You talk to ann on Wednesday, November 25, 2026."}},
		Tools: []ToolDefinition{
			{Name: "get_weather", Parameters: `{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`},
			{Name: "search"},
		},
		Request: Request{Temperature: &temperature},
	}
	var p printer
	p.print(&s)
	if n := testing.AllocsPerRun(100, func() { p.print(&s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
