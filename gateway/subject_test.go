package gateway_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestNoCredentialIsTheSubjectOfARecord(t *testing.T) {
	r := newReplica(t, "v1")
	s := newStage(t, options{access: schema.AccessPublic})
	f := files{"deployments/model.yaml": deployment(r.url)}
	for name, key := range map[string]string{"cookie": "cookie:session_id", "token": "query:Access-Token", "user": "query:user", "tenant": "header:x-tenant"} {
		f["endpoints/"+name+".yaml"] = aliasOf("model", "assignment: {key: '"+key+"'}\nmirrors: {m: {deployment: {branch: main, name: model, version: 1}}}")
	}
	s.serve(f)
	text, _ := access.NewKey()
	hash := func(text string) string {
		return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))[:len("sha256:")+32]
	}
	for i, c := range []struct {
		path, field, value, want string
	}{
		{"/v1/cookie", "Cookie", "session_id=s3cret", hash("s3cret")},
		{"/v1/token?Access-Token=s3cret%2B", "", "", hash("s3cret+")},
		{"/v1/user?user=ada&token=s3cret", "", "", "ada"},
		{"/v1/tenant", "X-Tenant", "blue", "blue"},
		{"/v1/tenant", "X-Tenant", "key " + text, hash("key " + text)},
	} {
		id := strconv.Itoa(i)
		header := []string{"X-Request-Id", id}
		if c.field != "" {
			header = append(header, c.field, c.value)
		}
		if got := s.do(http.MethodPost, c.path, strings.NewReader("{}"), header...); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.path, got.status, got.body)
		}
		for _, rec := range s.written(2, func(f fields) bool { return f["requestId"] == id }) { // live and copy
			if rec["subjectId"] != c.want {
				t.Errorf("%s: %v", c.path, rec)
			}
		}
	}
	s.stop()
	s.drained()
	if log := s.log.String(); strings.Contains(log, "s3cret") || strings.Contains(log, text) {
		t.Errorf("a credential is in the log:\n%s", log)
	}
}
