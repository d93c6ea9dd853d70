package dialect

// liteLLM reads the callback of LiteLLM, the library and the gateway. Its messages are OpenLLMetry's lists, its
// counts OpenTelemetry's. What Python has as None it sends as "".
var liteLLM = speaker{
	name:   "litellm",
	scopes: []string{"litellm "},
	own: []binding{
		{key: "hidden_params", take: leave},
		{key: "gen_ai.cost.total_cost", take: takeCost},
		{key: "gen_ai.cost.input_cost", take: leave},
		{key: "gen_ai.cost.output_cost", take: leave},
	},
	also: []binding{
		{key: "llm.is_streaming", take: takeStream},
		{key: "metadata.session_id", take: textTo(conversation)},
		{key: "metadata.user_id", take: textTo(user)},
		{key: "metadata.user_api_key_end_user_id", take: textTo(user)},
		{key: "metadata.user_api_key_user_id", take: textTo(user)},
		{key: "metadata.prompt_name", take: promptName},
	},
}
