package embed_test

import (
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers/embed"
)

// prose is an answer of 1,500 characters whose words differ.
var prose = func() string {
	s := `The Antikythera mechanism is an ancient Greek hand-powered device, described as the oldest known example of an analogue
computer, used to predict astronomical positions and eclipses decades in advance. It could also be used to track the four-year cycle of
athletic games, which was similar to an Olympiad, the cycle of the ancient Olympic Games. The artefact was among wreckage retrieved
from a shipwreck off the coast of the island in 1901. In 2005, a team from Cardiff University used computer X-ray tomography and high
resolution scanning to image inside fragments of the crust-encased mechanism and read the faintest inscriptions that once covered the
outer casing. This suggests it had 37 meshing bronze gears enabling it to follow the movements of the Moon and the Sun through the
zodiac, to predict eclipses and to model the irregular orbit of the Moon, where its velocity is higher in its perigee than in its apogee.

1. **Where it was found**: divers who gathered sponges came upon it; 45 metres deep, beside statues, coins & jewellery.
2. **Who built it**: nobody knows. Scholars named Rhodes, Syracuse, and Corinth; the inscriptions' dialect doesn't settle the matter!
3. **What it shows**: craftsmanship like this wasn't reached again until medieval cathedral clocks - some fourteen centuries later.

If you'd like, I can explain how epicyclic gearing reproduces the lunar anomaly, or compare reconstructions by Price, Wright, Freeth.`
	return strings.Repeat(s, 2)[:1500]
}()

func BenchmarkSketch(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"prose", prose},
		{"han", strings.Repeat("安提基特拉机械是古希腊时期为了计算天体在天空中的位置而设计的青铜机器。", 15)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var k embed.Sketcher
			var style, topic embed.Vector
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				k.Sketch(c.text, &style, &topic)
			}
			b.ReportMetric(float64(len(style.Values)), "style-dims")
			b.ReportMetric(float64(len(topic.Values)), "topic-dims")
		})
	}
}
