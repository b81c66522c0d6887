package gateway

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// assign chooses the backend.
func (q *request) assign() {
	e := q.e
	if len(e.Assignment) > 0 {
		if subject, key, ok := e.Assignment.Find(q.r, q.keyed(), q.claims()); ok {
			q.subject, q.subjectID = subject, q.recorded(subject, key)
			q.backend = &e.backends[e.Assign(subject)]
			return
		}
	}
	if len(e.backends) == 1 {
		q.backend = &e.backends[0]
		return
	}
	q.backend = &e.backends[e.AssignRandom()]
}

// recorded is a subject as records have it. What is or may be a credential must not stand
// there; its hash tells as well which requests belong together.
func (q *request) recorded(subject string, key schema.Key) string {
	if _, found := q.s.door.redactPlain(subject); !found && !key.Confidential() {
		return subject
	}
	sum := sha256.Sum256([]byte(subject))
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// keyed is the body as keys may look at it: they read so much of it and no more, whoever
// else has read all of it.
func (q *request) keyed() []byte {
	if len(q.read) > endpoints.MaxBodyKey {
		return nil
	}
	return q.read
}

// claims are those of the caller's token, nil without one.
func (q *request) claims() []byte {
	if q.caller.token == nil {
		return nil
	}
	return q.caller.token.Claims
}
