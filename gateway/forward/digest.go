package forward

import "net/http"

// Digest reports whether a field, named in the form of the keys of http.Header, is
// wrong about a body that was changed on its way (RFC 9530, RFC 3230, RFC 2616
// 14.15).
func Digest(key string) bool {
	switch key {
	case "Content-Digest", "Repr-Digest", "Digest", "Content-Md5":
		return true
	}
	return false
}

func dropDigests(h http.Header) {
	for key := range h {
		if Digest(key) {
			delete(h, key)
		}
	}
}
