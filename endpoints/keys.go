package endpoints

import (
	"net/http"

	"github.com/switchyard-gateway/switchyard/schema"
)

// MaxBodyKey is how many bytes of a body are read ahead for a body key. A
// larger body counts as one without the key.
const MaxBodyKey = 1 << 20

// Keys is a ladder of keys: the first that is present and not empty wins.
type Keys []schema.Key

// NeedBody reports whether some key of the ladder is in the body.
func (ks Keys) NeedBody() bool { panic("not yet") }

// Subject is the value of the first key that is present and not empty in r.
// body is the whole body if it could be read ahead, else nil; it is looked at
// only when the ladder comes to a body key.
func (ks Keys) Subject(r *http.Request, body []byte) (subject string, ok bool) { panic("not yet") }
