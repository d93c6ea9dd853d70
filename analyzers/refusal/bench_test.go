package refusal

import (
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers"
)

// plain is an answer of 1,500 characters without a refusal, like most.
var plain = strings.Repeat("To set up the project, first install the tools and then open the folder in your editor. "+
	"It is important to check that the version is not older than the one in the notes, since older ones cannot read the file. "+
	"If you have questions, ask the people who maintain it; they can help you with the details.\n", 6)[:1500]

func BenchmarkAnalyze(b *testing.B) {
	d := New()
	for name, answer := range map[string]string{
		"plain":   plain,
		"refusal": "I'm sorry, but I can't help with that. " + plain[:1461],
		"code":    strings.Repeat("func main() { fmt.Println(\"x\", i+1) } // prints\n", 32)[:1500],
		"chinese": strings.Repeat("抱歉，我无法协助处理这个请求。以下是三个聚会的主意：野餐、游戏和音乐会。", 45),
	} {
		b.Run(name, func(b *testing.B) {
			in := call("How do I set up the project?", answer)
			b.ReportAllocs()
			b.SetBytes(int64(len(answer)))
			var dst []analyzers.Signal
			for b.Loop() {
				var err error
				if dst, err = d.Analyze(b.Context(), in, dst[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
