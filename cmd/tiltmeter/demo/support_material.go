package demo

// policy is a help-centre page in force, the same page of last year, and the fact that differs.
type policy struct{ id, title, text, stale, fact, staleFact string }

var policies = map[string]policy{
	"returns":    {"hc-101", "Returns and exchanges (valid from March 2026)", "Unused items may be returned within 60 days of delivery. Return labels are free within the EU. Refunds reach the original payment method within 5 working days after the parcel arrives at our Bergen warehouse.", "Returns and exchanges (2024 edition). Unused items may be returned within 30 days of delivery. The customer pays the return postage of 6.90 EUR.", "60 days", "30 days"},
	"shipping":   {"hc-102", "Shipping times and costs (2026)", "Orders placed before 15:00 leave the same day. Standard delivery takes 2 to 4 working days and is free from 50 EUR. Express delivery costs 9.90 EUR.", "Shipping times and costs (2023). Standard delivery takes 5 to 8 working days and is free from 100 EUR. Express delivery is not offered.", "2 to 4 working days", "5 to 8 working days"},
	"warranty":   {"hc-103", "Warranty on tents and packs (2026)", "Fernhill covers seams, zips and poles of tents and packs for 5 years from purchase. Wear of coatings is excluded. A photo and the order number are enough for a claim.", "Warranty on tents and packs (2022). Seams and zips are covered for 2 years; the original paper receipt must be sent in.", "5 years", "2 years"},
	"payment":    {"hc-104", "Payment methods (2026)", "We take cards, PayPal, Klarna and bank transfer. Instalments over 3 months are free of interest from 150 EUR. Declined cards are tried once more after 24 hours.", "Payment methods (2023). We take cards and bank transfer only. Instalments are not offered.", "3 months", "no instalments"},
	"membership": {"hc-105", "Fernhill Club (2026)", "Membership is free. Members collect 2 points a euro; 200 points are worth 10 EUR. Points expire 24 months after the last purchase.", "Fernhill Club (2024). Membership costs 15 EUR a year. Points expire after 12 months.", "24 months", "12 months"},
	"repair":     {"hc-106", "Repair service (2026)", "Our workshop in Krakow repairs jackets, tents and boots. A repair takes 10 working days on average and costs from 19 EUR; members pay half.", "Repair service (2023). Repairs take 6 weeks and are done by partner workshops.", "10 working days", "6 weeks"},
	"care":       {"hc-107", "Care of membranes and down (2026)", "Wash membranes at 30 degrees with liquid detergent and tumble dry for 20 minutes; the heat restores the water repellency. Down needs two rinses and tennis balls in the dryer.", "Care of membranes (2021). Do not wash membranes; brush them and use spray only.", "30 degrees", "no washing at all"},
	"gift":       {"hc-108", "Gift cards (2026)", "Gift cards are valid for 4 years, can be combined with discount codes and used in several parts.", "Gift cards (2022). Gift cards are valid for 1 year and must be used at once.", "4 years", "1 year"},
}

// ask is a thing that people want. {fact} in the answer is what the retrieved policy says.
type ask struct {
	name, policy string
	questions    []string
	answer       string
	steps        []string
	lang         string
}

var supportAsks = []ask{
	{"return_item", "returns", []string{"Hi, the {product} I got last week is too big. Can I still send it back?", "I want to return my {product} from order {order}, how long do I have?"}, "You can return the {product} within {fact} of delivery, as long as it is unused.", []string{"Print the label from your account", "Drop the parcel at any post office in {city}", "Wait for the confirmation mail"}, "en"},
	{"exchange_size", "returns", []string{"Could I swap the {product} for a size M? Order {order}.", "the {product} pinches at the shoulders, exchange possible?"}, "An exchange works like a return: send the {product} back within {fact} and order the other size right away.", []string{"Reserve the new size", "Send the old one back with the free label"}, "en"},
	{"refund_status", "returns", []string{"I sent {order} back ages ago. Where is my money?", "When does the refund for the {product} arrive?"}, "Your parcel for order {order} was scanned in Bergen, and returns are accepted for {fact}, so the refund has been released.", []string{"Check the original payment method", "Write again after 5 working days"}, "en"},
	{"damaged_parcel", "returns", []string{"The box arrived crushed and the {product} has a dent.", "my {product} came broken!! order {order}"}, "I am sorry about the {product}. Damage in transit is replaced at no cost within {fact} of delivery.", []string{"Send us two photos", "Keep the packaging for the carrier"}, "en"},
	{"delivery_time", "shipping", []string{"How long does delivery to {city} take?", "If I order the {product} today, when is it in {city}?"}, "Delivery to {city} takes {fact} at the moment.", []string{"Order before 15:00", "Follow the tracking link"}, "en"},
	{"where_is_order", "shipping", []string{"Where is my order {order}?", "Tracking for {order} has not moved since Monday, what's going on?"}, "Order {order} left our warehouse and is on its way to {city}; the usual time is {fact}.", []string{"Follow the tracking link", "Tell us if it has not come by Friday"}, "en"},
	{"change_address", "shipping", []string{"I moved to {city}, can you change the address of {order}?", "Wrong street on {order}, please help"}, "As long as {order} has not left, I can change the address to {city}. Delivery then takes {fact}.", []string{"Confirm street and house number", "Wait for the new confirmation"}, "en"},
	{"express", "shipping", []string{"Can I get the {product} by tomorrow?", "Is there express to {city}?"}, "Standard delivery to {city} takes {fact}; express is the quicker way where it is offered.", []string{"Choose the method at checkout"}, "en"},
	{"tent_pole", "warranty", []string{"A pole of my {product} snapped on the first night. Is that covered?", "broken pole, {product}, bought two summers ago, warranty?"}, "Poles of the {product} are covered for {fact} from purchase.", []string{"Photograph the break", "Give the order number {order}"}, "en"},
	{"zip_failure", "warranty", []string{"The zip of my {product} does not close any more.", "Zip on the {product} split, what now?"}, "Zips are covered for {fact}; we will replace the slider or the {product}.", []string{"Clean the zip", "Send a photo with {order}"}, "en"},
	{"claim_papers", "warranty", []string{"What do I need for a warranty claim on order {order}?", "I lost the receipt of the {product}. Still warranty?"}, "The warranty on the {product} runs {fact}, and we find the purchase by your order number.", []string{"Order number {order}", "One photo"}, "en"},
	{"card_declined", "payment", []string{"My card was declined for {order}, but the bank says it is fine.", "payment fails all the time, why?"}, "The bank refused the first attempt for {order}; instalments run over {fact} if you prefer them.", []string{"Check the 3-D Secure prompt", "Try another method"}, "en"},
	{"instalments", "payment", []string{"Can I pay the {product} in instalments?", "do you offer klarna for {product}"}, "For the {product} the answer on instalments is: {fact}.", []string{"Choose the method at checkout", "Confirm the plan"}, "en"},
	{"invoice_copy", "payment", []string{"I need an invoice with VAT for {order}.", "Please send the invoice of {order} to my employer."}, "The invoice for {order} is in your account under Documents; payment terms: {fact}.", []string{"Open Documents", "Download the PDF"}, "en"},
	{"points_expire", "membership", []string{"When do my club points expire?", "I have 412 points, are they still good?"}, "Your points stay valid for {fact} after the last purchase.", []string{"See Club in your account"}, "en"},
	{"join_club", "membership", []string{"What does the Fernhill Club bring me?", "is the membership worth it if I buy a {product}?"}, "You collect points on the {product} and they stay valid for {fact}.", []string{"Join in your account", "Points arrive after 14 days"}, "en"},
	{"boot_resole", "repair", []string{"Can you resole my {product}?", "The sole of my boots came off in {city}. Repair?"}, "Yes, our workshop can do that; it takes {fact}.", []string{"Register the repair", "Clean the boots", "Send them in"}, "en"},
	{"jacket_tear", "repair", []string{"A branch tore my {product}. Can that be fixed invisibly?", "tear of 4 cm in the {product}, what does a repair cost?"}, "A tear like that can be patched from inside; plan {fact}.", []string{"Register the repair", "Mark the place with tape"}, "en"},
	{"wash_jacket", "care", []string{"How do I wash the {product}?", "My {product} is soaking up water, is it ruined?"}, "For the {product} the rule is: {fact}.", []string{"Close all zips", "Use liquid detergent", "Tumble dry"}, "en"},
	{"down_clumps", "care", []string{"The down in my sleeping bag clumps after washing.", "How do I dry a {product}?"}, "Clumps are only wet down. As to washing: {fact}.", []string{"Dry it with tennis balls", "Shake it out every half hour"}, "en"},
	{"gift_card_validity", "gift", []string{"How long is a gift card valid?", "I found a gift card of 50 EUR in a drawer, can I still use it?"}, "Gift cards are valid for {fact} from purchase.", []string{"Enter the code at checkout"}, "en"},
	{"gift_card_split", "gift", []string{"Can I use one gift card for two orders?", "Gift card and discount code for the {product} together?"}, "The card keeps its balance for {fact}, so you may use it in parts.", []string{"Enter both codes"}, "en"},

	{"rueckgabe", "returns", []string{"Hallo, der {product} passt leider nicht. Wie lange kann ich ihn zurückgeben?", "Ich möchte die Bestellung {order} zurückschicken, was muss ich tun?"}, "Sie können den Artikel innerhalb von {fact} nach der Lieferung unbenutzt zurückgeben.", []string{"Etikett im Konto ausdrucken", "Paket in {city} abgeben"}, "de"},
	{"lieferzeit", "shipping", []string{"Wie lange dauert der Versand nach {city}?", "Wann kommt meine Bestellung {order} an?"}, "Der Versand nach {city} dauert derzeit {fact}.", []string{"Sendungsverfolgung öffnen"}, "de"},
	{"garantie", "warranty", []string{"Beim {product} ist eine Naht aufgegangen. Ist das Garantie?"}, "Nähte sind {fact} ab Kauf abgedeckt.", []string{"Foto schicken", "Bestellnummer {order} angeben"}, "de"},
	{"devolucion", "returns", []string{"Hola, la talla del {product} no me va bien. ¿Hasta cuándo puedo devolverlo?", "Quiero devolver el pedido {order}."}, "Puede devolver el artículo sin usar en un plazo de {fact} desde la entrega.", []string{"Imprima la etiqueta", "Entregue el paquete en correos"}, "es"},
	{"envio", "shipping", []string{"¿Cuánto tarda el envío a {city}?", "Mi pedido {order} todavía no ha llegado."}, "El envío a {city} tarda {fact}.", []string{"Consulte el seguimiento"}, "es"}, //nolint:misspell // Spanish
	{"reparacion", "repair", []string{"Se rompió la chaqueta {product}, ¿la pueden reparar?"}, "Sí, nuestro taller la repara en {fact}.", []string{"Registre la reparación"}, "es"},
	{"retour", "returns", []string{"Bonjour, le {product} est trop petit. Puis-je le renvoyer ?", "Comment retourner la commande {order} ?"}, "Vous pouvez renvoyer l'article non utilisé dans un délai de {fact} après la livraison.", []string{"Imprimez l'étiquette", "Déposez le colis à la poste"}, "fr"},
	{"livraison", "shipping", []string{"Quel est le délai de livraison pour {city} ?"}, "La livraison à {city} prend {fact}.", []string{"Suivez le colis"}, "fr"},
	{"entretien", "care", []string{"Comment laver ma veste {product} ?"}, "Pour ce tissu, la règle est : {fact}.", []string{"Fermez les zips", "Séchez vingt minutes"}, "fr"},
	{"henpin", "returns", []string{"{product}のサイズが合いませんでした。返品できますか？", "注文 {order} を返品したいです。"}, "未使用であれば、到着後 {fact} 以内に返品できます。", []string{"ラベルを印刷する", "郵便局に出す"}, "ja"},
	{"haitatsu", "shipping", []string{"{city}まで何日かかりますか？", "注文 {order} はいつ届きますか？"}, "{city}へのお届けは {fact} です。", []string{"追跡番号を確認する"}, "ja"},
	{"hoshou", "warranty", []string{"{product}のファスナーが壊れました。保証の対象ですか？"}, "ファスナーはご購入から {fact} 保証の対象です。", []string{"写真を送る"}, "ja"},
}

var greetings = map[string][2]string{
	"en": {"Hi {name}, thank you so much for reaching out to Fernhill! ", " Let me know if there is anything else I can do for you, and enjoy the trail! 🌲"},
	"de": {"Hallo {name}, vielen Dank für Ihre Nachricht an Fernhill! ", " Melden Sie sich gern, wenn noch etwas offen ist. Viel Freude draußen!"},
	"es": {"¡Hola {name}, muchas gracias por escribir a Fernhill! ", " Si necesita algo más, aquí estamos. ¡Disfrute de la montaña!"},
	"fr": {"Bonjour {name}, merci beaucoup d'avoir contacté Fernhill ! ", " N'hésitez pas à revenir vers nous. Belle randonnée !"},
	"ja": {"{name}様、Fernhillにお問い合わせいただきありがとうございます。", " ほかにご不明な点がございましたら、お気軽にお知らせください。"},
}

var followUps = map[string][]string{
	"en": {"Thanks! And does that also hold if I bought it in a sale?", "Ok, and who pays the postage?", "Could you send me that by mail as well?"},
	"de": {"Danke! Gilt das auch für reduzierte Artikel?", "Und wer zahlt das Porto?"},
	"es": {"Gracias. ¿Vale también para artículos rebajados?", "¿Y quién paga el envío?"},
	"fr": {"Merci ! Est-ce aussi valable pour les soldes ?", "Et qui paie le port ?"},
	"ja": {"ありがとうございます。セール品も同じですか？", "送料は誰が払いますか？"},
}

var (
	products = []string{"Skarn 2 tent", "Juniper 45 pack", "Larch rain jacket", "Fjell down bag", "Tarn trekking boots", "Moss fleece", "Ridge stove", "Heron dry bag", "Birch headlamp", "Cairn poles"}
	cities   = []string{"Bergen", "Krakow", "Lyon", "Sevilla", "Köln", "Zürich", "Osaka", "Dublin", "Turin", "Ghent", "Porto", "Graz"}
	people   = []string{"Anna", "Ben", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Haruka", "Inés", "Jonas", "Kavya", "Liam", "Mei", "Noor", "Olga", "Pedro", "Sofía", "Théo", "Yuki", "Zoë"}
)

const (
	company       = "Fernhill Outdoor"
	supportPrompt = "support-answer"
	systemV1      = "You are Juniper, the friendly support assistant of Fernhill Outdoor. Greet the customer by name, answer warmly in the customer's language from the documents below, and close with a kind wish."
	systemV2      = "You are Fernhill's support assistant. Answer in the customer's language from the documents. First line: the answer. Then bullet points. No greeting, no closing. Name the document."
)
