package gateway

// Values of the field "event" for the life of the process that the gateway tells
// of.
const (
	eventSwap   = "swap"
	eventReject = "reject"
	eventPanic  = "panic"
)

// Fields of these events beside those of records.
const (
	fieldEndpoints   = "endpoints"   // how many serve now
	fieldProblems    = "problems"    // how many there are
	fieldDiagnostics = "diagnostics" // each as file:line:col: message [rule]
	fieldReason      = "reason"
	fieldStack       = "stack"
)
