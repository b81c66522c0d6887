package forward

import (
	"encoding/json"
	"net/http"
	"strings"
)

// OpenAIPrefix is under which the gateway speaks OpenAI's API for all endpoints.
const OpenAIPrefix = "/openai/v1/"

// IsOpenAI reports whether a request came by that API, whose clients read errors of
// its shape.
func IsOpenAI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, OpenAIPrefix) }

// openAIError is an error as clients of OpenAI's API read it.
type openAIError struct {
	Error     openAIDetail `json:"error"`
	RequestID string       `json:"requestId"`
}

type openAIDetail struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// errorBody is the JSON of one of the gateway's errors.
func errorBody(r *http.Request, status int, message, requestID string) []byte {
	var v any = struct {
		Error     string `json:"error"`
		RequestID string `json:"requestId"`
	}{message, requestID}
	if IsOpenAI(r) {
		v = openAIError{openAIDetail{Message: message, Type: openAIType(status), Code: openAICode(status)}, requestID}
	}
	return marshal(v)
}

func marshal(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("forward: strings are always JSON: " + err.Error())
	}
	return append(body, '\n')
}

// openAIType is how that API calls errors of a status.
func openAIType(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status < http.StatusInternalServerError:
		return "invalid_request_error"
	}
	return "server_error"
}

// openAICode is the code by which that API's clients tell errors of a status apart, nil
// for those that they do not.
func openAICode(status int) *string {
	var code string
	switch status {
	case http.StatusUnauthorized:
		code = "invalid_api_key"
	case http.StatusTooManyRequests:
		code = "rate_limit_exceeded"
	default:
		return nil
	}
	return &code
}

// WriteModelError answers a client of OpenAI's API that what it says of the model is
// wrong. code may be empty.
func WriteModelError(w http.ResponseWriter, r *http.Request, status int, message, code, requestID string) {
	param := "model"
	detail := openAIDetail{Message: message, Type: openAIType(status), Param: &param}
	if code != "" {
		detail.Code = &code
	}
	writeError(w, r, status, marshal(openAIError{detail, requestID}), requestID)
}
