// Package forward owns one live attempt of one request.
package forward
