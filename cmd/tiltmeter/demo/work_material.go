package demo

// job is a task for the coding agent: what it looks at, what comes back, what it says.
type job struct{ name, request, file, code, answer string }

var jobs = []job{
	{"nil_cart", "Checkout panics with a nil pointer when the cart is empty. Fix it.", "cart/total.go", "func (c *Cart) Total() Money {\n\treturn c.Items[0].Price.Add(c.rest())\n}", "`Total` indexed the first item of an empty cart. I start from zero and add each item:\n\n```go\nfunc (c *Cart) Total() (sum Money) {\n\tfor _, it := range c.Items {\n\t\tsum = sum.Add(it.Price)\n\t}\n\treturn sum\n}\n```\nThe new test covers the empty cart."},
	{"flaky_test", "TestReserveStock fails about once in twenty runs on CI.", "stock/reserve_test.go", "go reserve(ctx, sku)\ntime.Sleep(50 * time.Millisecond)\nassertReserved(t, sku)", "The test slept instead of waiting. I replaced the sleep with a channel that `reserve` closes, and ran it 500 times without a failure."},
	{"slow_search", "Product search takes 2 s for 'jacket'. Find out why.", "search/query.sql", "SELECT * FROM product WHERE lower(name) LIKE '%jacket%' ORDER BY rank", "`lower(name) LIKE '%…%'` cannot use the index. With a trigram index the query takes 14 ms:\n\n```sql\nCREATE INDEX product_name_trgm ON product USING gin (lower(name) gin_trgm_ops);\n```"},
	{"rename_field", "Rename `zip` to `postcode` in the address API, keep old clients working.", "api/address.ts", "export interface Address { street: string; zip: string; city: string }", "I renamed the field and accept `zip` as a deprecated alias on input; responses carry both until version 4. 11 files changed, all tests pass."},
	{"currency_rounding", "Invoices in JPY show two decimals.", "billing/format.py", "def fmt(amount, cur):\n    return f\"{amount:.2f} {cur}\"", "The yen has no minor unit. I use the ISO 4217 exponent:\n\n```python\ndef fmt(amount, cur):\n    return f\"{amount:.{EXPONENT[cur]}f} {cur}\"\n```"},
	{"retry_payment", "Add a retry with back-off to the payment client.", "pay/client.go", "res, err := c.http.Do(req)\nif err != nil {\n\treturn nil, err\n}", "The client now retries 429 and 503 up to four times with exponential back-off and jitter, obeys Retry-After and never repeats a request without an idempotency key."},
	{"n_plus_one", "The order list fires one query per order line.", "orders/list.rb", "orders.each { |o| o.lines.each { |l| l.product.name } }", "I preload lines and products (`includes(lines: :product)`): 2 queries instead of 143 for the first page."},
	{"docker_size", "Our image is 1.9 GB, make it smaller.", "Dockerfile", "FROM node:22\nCOPY . .\nRUN npm install", "A multi-stage build with `npm ci --omit=dev` and a slim base brings the image to 184 MB."},
	{"utc_bug", "Delivery dates are off by one for customers in Japan.", "ship/eta.ts", "const eta = new Date(order.eta).toISOString().slice(0, 10)", "`toISOString` converts to UTC first. I format in the customer's zone with `Intl.DateTimeFormat` and added cases for Tokyo and Honolulu."},
	{"csv_export", "Write an exporter of returns as CSV.", "returns/export.go", "type Return struct { ID string; SKU string; Reason string; At time.Time }", "`ExportCSV` streams rows with encoding/csv, quotes formulas against injection and is covered by a golden file."},
	{"dead_code", "Remove the old voucher code path.", "voucher/legacy.go", "// Deprecated: use voucher.Redeem\nfunc RedeemOld(code string) error { return redeemV1(code) }", "`RedeemOld` had no caller left. I removed 412 lines and the feature flag."},
	{"type_errors", "tsc reports 17 errors after the upgrade.", "web/cart.tsx", "const [items, setItems] = useState([])", "Sixteen came from untyped state. With `useState<CartItem[]>([])` they are gone; the last was a real bug: a quantity could be undefined."},
	{"leaky_goroutine", "Memory of the stock service grows by 200 MB a day.", "stock/watch.go", "go func() {\n\tfor ev := range events {\n\t\tout <- ev\n\t}\n}()", "The goroutine blocks on `out` after the reader has gone. It now selects on `ctx.Done()` too; the heap is flat over an hour of load."},
	{"regex_email", "Some customers cannot register with plus addresses.", "auth/validate.js", "const ok = /^[a-z0-9.]+@[a-z.]+$/.test(email)", "The expression refused `+` and upper case. I check for one `@` and a domain with a dot and leave the rest to the confirmation mail."},
}

// study is a question for the analyst, with the SQL of its sub-agent and the table that came back.
type study struct{ name, question, sql, rows, answer string }

var studies = []study{
	{"revenue_week", "How did revenue develop over the last four weeks?", "SELECT week, sum(net) FROM sales GROUP BY week ORDER BY week DESC LIMIT 4", `[{"week":44,"net":182400},{"week":45,"net":179950},{"week":46,"net":195300},{"week":47,"net":201120}]`, "Revenue rose from 182,400 EUR in week 44 to 201,120 EUR in week 47, up 10.3 %.\n\n| week | net EUR |\n|---|---|\n| 44 | 182,400 |\n| 45 | 179,950 |\n| 46 | 195,300 |\n| 47 | 201,120 |"},
	{"top_products", "Which three products sell best in {city}?", "SELECT product, count(*) AS n FROM sales WHERE city = '{city}' GROUP BY product ORDER BY n DESC LIMIT 3", `[{"product":"Tarn trekking boots","n":318},{"product":"Moss fleece","n":271},{"product":"Birch headlamp","n":240}]`, "In {city} the Tarn trekking boots lead with 318 sales, then the Moss fleece (271) and the Birch headlamp (240)."},
	{"return_rate", "What is the return rate of the {product}?", "SELECT countIf(returned)/count(*) FROM sales WHERE product = '{product}'", `[{"rate":0.084,"n":1250}]`, "8.4 % of 1,250 sold pieces of the {product} came back."},
	{"churn", "How many club members did not buy for a year?", "SELECT count(*) FROM member WHERE last_order < now() - INTERVAL 1 YEAR", `[{"count":4120}]`, "4,120 members have not ordered for a year."},
	{"stock_cover", "For how many days does our stock of the {product} last?", "SELECT stock / avg_daily FROM stock_cover WHERE product = '{product}'", `[{"days":23}]`, "At the present pace the {product} lasts 23 days."},
	{"campaign", "Did the autumn campaign bring new customers?", "SELECT count(*) FROM customer WHERE source = 'autumn26'", `[{"count":1874}]`, "The autumn campaign brought 1,874 new customers."},
	{"basket", "What is the average basket by country?", "SELECT country, avg(total) FROM orders GROUP BY country", `[{"country":"NO","avg":112.4},{"country":"DE","avg":96.1},{"country":"FR","avg":88.7}]`, "Norway has the largest basket (112.40 EUR), then Germany (96.10) and France (88.70)."},
	{"delivery_late", "How many parcels to {city} were late last month?", "SELECT countIf(late), count(*) FROM parcel WHERE city = '{city}'", `[{"late":41,"all":1630}]`, "41 of 1,630 parcels to {city} were late, 2.5 %."},
	{"margin", "Which category has the best margin?", "SELECT category, margin FROM margin_by_category ORDER BY margin DESC LIMIT 1", `[{"category":"lighting","margin":0.47}]`, "Lighting has the best margin with 47 %."},
	{"support_load", "When do most support requests arrive?", "SELECT hour, count(*) AS n FROM ticket GROUP BY hour ORDER BY n DESC LIMIT 2", `[{"hour":20,"n":912},{"hour":12,"n":870}]`, "Most requests arrive at 20:00 (912) and at 12:00 (870)."},
	{"forecast", "Forecast sales of the {product} for December.", "SELECT month, n FROM monthly WHERE product = '{product}'", `[{"month":"2026-10","n":410},{"month":"2026-11","n":455}]`, "With 410 pieces in October and 455 in November, December should lie near 500."},
	{"weather", "Does rain sell the {product}?", "SELECT corr(rain_mm, n) FROM weather_sales WHERE product = '{product}'", `[{"corr":0.61}]`, "Yes: rain and daily sales of the {product} correlate at 0.61."},
	{"suppliers", "Which supplier delivers latest?", "SELECT supplier, avg(delay) AS d FROM delivery GROUP BY supplier ORDER BY d DESC LIMIT 1", `[{"supplier":"Nordtex","d":6.2}]`, "Nordtex is 6.2 days late on average."},
	{"repairs", "How many repairs did Krakow do this quarter?", "SELECT count(*) FROM repair WHERE site = 'Krakow' AND quarter = '2026Q4'", `[{"count":733}]`, "Krakow did 733 repairs this quarter."},
}

var analystRefusals = []string{
	"I'm sorry, but I can't help with that request.",
	"I'm unable to share business data, as it could be used in harmful ways.",
	"I cannot assist with analysing sales figures. Please consult a qualified professional.",
	"Sorry, I'm not able to answer questions of this kind.",
}

// letter is a mail to draft.
type letter struct{ name, request, draft string }

var letters = []letter{
	{"late_delivery", "Draft an apology for the late delivery of {order} to {city}.", "Subject: Your order {order}\n\nDear {name},\nyour parcel to {city} is two days late, and we are sorry. It will arrive on Thursday. The shipping costs are refunded."},
	{"back_in_stock", "Tell {name} that the {product} is back in stock.", "Subject: The {product} is back\n\nDear {name},\nthe {product} you were waiting for is back in our warehouse. We keep one for you until Sunday."},
	{"review_request", "Ask {name} for a review of the {product}.", "Subject: How is your {product}?\n\nDear {name},\nyou have had your {product} for a month. Would you tell others how it did?"},
	{"supplier_delay", "Write to Nordtex about the delay of order {order}.", "Subject: Delay of {order}\n\nDear colleagues,\norder {order} was due last Friday. Please send a binding date by tomorrow noon."},
	{"recall", "Inform customers of the recall of the Ridge stove.", "Subject: Safety notice for the Ridge stove\n\nDear {name},\nplease do not use your Ridge stove. A valve can leak. We replace it at no cost."},
	{"club_welcome", "Welcome {name} to the club.", "Subject: Welcome to the Fernhill Club\n\nDear {name},\ngood to have you with us. Your first 50 points are in your account."},
	{"invoice_reminder", "Remind {name} kindly of the invoice for {order}.", "Subject: Invoice for {order}\n\nDear {name},\nthe invoice for {order} was due a week ago. Perhaps it has slipped by."},
	{"job_reply", "Thank an applicant in {city} and ask for two dates.", "Subject: Your application\n\nDear {name},\nthank you for your application. Which two afternoons would suit you for a call?"},
}

var (
	supportModels = []model{{"openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", "api.openai.com"}, {"mistral_ai", "mistral-large-latest", "mistral-large-2411", "api.mistral.ai"}}
	codingModel   = model{"anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "api.anthropic.com"}
	analystModel  = model{"gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", "generativelanguage.googleapis.com"}
	plannerModel  = model{"openai", "gpt-4.1", "gpt-4.1-2025-04-14", "api.openai.com"}
	mailModel     = model{"openai", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "api.openai.com"}
)
