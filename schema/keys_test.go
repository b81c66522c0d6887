package schema_test

import (
	"testing"

	"github.com/switchyard-gateway/switchyard/schema"
)

func TestKeysWhoseValuesMayBeCredentials(t *testing.T) {
	for text, want := range map[string]bool{
		"cookie:session_id": true, "cookie:theme": true,
		"query:api_key": true, "query:API-Key": true, "query:apikey": true, "query:Access_Token": true, "query:token": true, "query:key": true, "query:sid": true, "query:X-Amz-Signature": true,
		"query:user": false, "query:tokens": false, "query:keyword": false, "query:user id": false,
		"header:x-user-id": false, "body:/token": false, "jwt:sub": false,
	} {
		k, err := schema.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := k.Confidential(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
