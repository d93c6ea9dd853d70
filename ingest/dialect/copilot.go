package dialect

// copilot reads GitHub's Copilot CLI. Its spans are OpenTelemetry's. What it calls a cost is a number of premium
// requests and no money, so it stays an attribute.
var copilot = speaker{
	name:   "copilot-cli",
	scopes: []string{"github.copilot ", "@github/copilot"},
	own: []binding{
		{key: "github.copilot.cost", take: leave},
		{key: "github.copilot.nano_aiu", take: leave},
		{key: "github.copilot.total_premium_requests", take: leave},
		{key: "github.copilot.git.repository", take: leave},
		{key: "github.copilot.github.org", take: leave},
	},
}
