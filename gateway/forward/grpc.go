package forward

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
)

// IsGRPC reports whether a request is a call of gRPC over HTTP/2. gRPC-Web, which
// has its errors in bodies, is not.
func IsGRPC(r *http.Request) bool {
	return r.ProtoMajor >= 2 && r.Method == http.MethodPost && deployments.HoldsMessages(r.Header)
}

// GRPCTimeout is the time that the caller of gRPC gives the call, from its
// grpc-timeout; false without one.
func GRPCTimeout(r *http.Request) (time.Duration, bool) {
	v := r.Header["Grpc-Timeout"]
	if len(v) != 1 || len(v[0]) < 2 || len(v[0]) > 9 {
		return 0, false
	}
	last := len(v[0]) - 1
	n, err := strconv.ParseUint(v[0][:last], 10, 32) // at most 8 digits
	if err != nil {
		return 0, false
	}
	unit, ok := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}[v[0][last]]
	const most = 1000 * time.Hour // further ahead nobody can tell the difference
	if n > uint64(most/time.Nanosecond)/uint64(max(unit, 1)) {
		return most, ok
	}
	return time.Duration(n) * unit, ok // n has at most 8 digits
}

// pushback is after what time a server of gRPC wants a call to be made again that has
// failed, from the head of its answer; false if it says nothing of that. What cannot be
// read is negative, which means not at all (gRFC A6).
func pushback(h http.Header) (time.Duration, bool) {
	v := h["Grpc-Retry-Pushback-Ms"]
	if len(v) == 0 {
		return 0, false
	}
	ms, err := strconv.ParseInt(v[0], 10, 32)
	if err != nil || len(v) > 1 {
		return -1, true
	}
	return time.Duration(ms) * time.Millisecond, true
}

// grpcStatus is the status of gRPC for one of the gateway's errors.
func grpcStatus(status int) int {
	switch status {
	case http.StatusBadRequest:
		return 3 // INVALID_ARGUMENT
	case http.StatusGatewayTimeout:
		return 4 // DEADLINE_EXCEEDED
	case http.StatusNotFound:
		return 5 // NOT_FOUND
	case http.StatusForbidden:
		return 7 // PERMISSION_DENIED
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return 8 // RESOURCE_EXHAUSTED
	case http.StatusMethodNotAllowed:
		return 12 // UNIMPLEMENTED
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return 14 // UNAVAILABLE
	case http.StatusUnauthorized:
		return 16 // UNAUTHENTICATED
	}
	return 13 // INTERNAL
}

// writeGRPCError answers with a status and no messages, which gRPC calls
// Trailers-Only: HTTP status 200, and the status in a head that is also the end.
func writeGRPCError(w http.ResponseWriter, status int, message, requestID string) {
	h := w.Header()
	delete(h, "Content-Length")
	h["Content-Type"] = []string{"application/grpc"}
	h["Grpc-Status"] = []string{strconv.Itoa(grpcStatus(status))}
	h["Grpc-Message"] = []string{percentEncoded(message)}
	if _, ok := h[fieldRequestID]; !ok && requestID != "" {
		h[fieldRequestID] = []string{requestID}
	}
	w.WriteHeader(http.StatusOK)
}

// percentEncoded is a message as grpc-message has it: printable ASCII but for "%".
func percentEncoded(message string) string {
	var b strings.Builder
	for i := range len(message) {
		if c := message[i]; c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(message[i])
	}
	return b.String()
}
