package endpoints_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// request makes one with header fields given as names and values.
func request(t testing.TB, path string, fields ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

func ladder(t testing.TB, written ...string) endpoints.Keys {
	t.Helper()
	ks := make(endpoints.Keys, len(written))
	for i, s := range written {
		k, err := schema.ParseKey(s)
		if err != nil {
			t.Fatal(err)
		}
		ks[i] = k
	}
	return ks
}

func TestSubjectIsFoundWhereTheKeySays(t *testing.T) {
	long := strings.Repeat("x", endpoints.MaxSubject+1)
	for _, c := range []struct {
		name, key, path string
		fields          []string
		body            string
		claims          string
		want            string
	}{
		{name: "header", key: "header:x-user-id", fields: []string{"X-User-ID", "u1"}, want: "u1"},
		{name: "header, first empty", key: "header:x-user-id", fields: []string{"X-User-Id", "", "X-User-Id", "u2"}, want: "u2"},
		{name: "header, values are not combined", key: "header:x-user-id", fields: []string{"X-User-Id", "u1", "X-User-Id", "u2"}, want: "u1"},
		{name: "header, absent", key: "header:x-user-id", fields: []string{"X-User", "u1"}},
		{name: "header, too long", key: "header:x-user-id", fields: []string{"X-User-Id", long}},
		{name: "header, as long as allowed", key: "header:x-user-id", fields: []string{"X-User-Id", long[1:]}, want: long[1:]},
		{name: "cookie", key: "cookie:session_id", fields: []string{"Cookie", "a=b; session_id=s1; c=d"}, want: "s1"},
		{name: "cookie, quoted", key: "cookie:session_id", fields: []string{"Cookie", `session_id="s1"`}, want: "s1"},
		{name: "cookie, in another line", key: "cookie:session_id", fields: []string{"Cookie", "a=b", "Cookie", "session_id=s1"}, want: "s1"},
		{name: "cookie, with = in its value", key: "cookie:session_id", fields: []string{"Cookie", "session_id=a=b=="}, want: "a=b=="},
		{name: "cookie, names have letter case", key: "cookie:session_id", fields: []string{"Cookie", "Session_Id=s1"}},
		{name: "cookie, only like it", key: "cookie:session_id", fields: []string{"Cookie", "xsession_id=s1; session_id2=s2; session_id"}},
		{name: "cookie, empty", key: "cookie:session_id", fields: []string{"Cookie", `session_id=""; session_id=`}},
		{name: "query", key: "query:user", path: "/?a=b&user=u1&user=u2", want: "u1"},
		{name: "query, encoded", key: "query:us er", path: "/?us+er=a%20b%2Fc", want: "a b/c"},
		{name: "query, first empty", key: "query:user", path: "/?user=&user=u2", want: "u2"},
		{name: "query, bad encoding", key: "query:user", path: "/?user=%zz&user=u2", want: "u2"},
		{name: "query, semicolon", key: "query:user", path: "/?a=1;user=u1"},
		{name: "query, absent", key: "query:user", path: "/?users=1&use=2"},
		{name: "body", key: "body:/user/id", body: `{"data": [1, 2], "user": {"name": "x", "id": "u1"}}`, want: "u1"},
		{name: "body, number as written", key: "body:/user", body: `{"user": 1.50e3}`, want: "1.50e3"},
		{name: "body, boolean", key: "body:/user", body: `{"user": false}`, want: "false"},
		{name: "body, null", key: "body:/user", body: `{"user": null}`},
		{name: "body, object", key: "body:/user", body: `{"user": {"a": 1}}`},
		{name: "body, array", key: "body:/user", body: `{"user": [1]}`},
		{name: "body, empty string", key: "body:/user", body: `{"user": ""}`},
		{name: "body, element", key: "body:/data/1/0", body: `{"data": [[1, 2], ["row", 3]]}`, want: "row"},
		{name: "body, element beyond the end", key: "body:/data/2", body: `{"data": [0, 1]}`},
		{name: "body, index with a leading zero", key: "body:/data/01", body: `{"data": [0, 1]}`},
		{name: "body, the element after the last", key: "body:/data/-", body: `{"data": [0, 1]}`},
		{name: "body, digits name a member", key: "body:/1", body: `{"1": "one"}`, want: "one"},
		{name: "body, first of two", key: "body:/user", body: `{"user": "u1", "user": "u2"}`, want: "u1"},
		{name: "body, first of two is an object", key: "body:/user/id", body: `{"user": {}, "user": {"id": "u2"}}`},
		{name: "body, escaped", key: "body:/user", body: `{"us\u0065r": "a\n\ud83d\ude00"}`, want: "a\n😀"},
		{name: "body, ~1 and ~0", key: "body:/a~1b~01", body: `{"a/b~1": "u1"}`, want: "u1"},
		{name: "body, empty name", key: "body:/", body: `{"": "u1"}`, want: "u1"},
		{name: "body, not JSON", key: "body:/user", body: `user=u1`},
		{name: "body, broken behind the member", key: "body:/user", body: `{"user": "u1"`},
		{name: "body, two values", key: "body:/user", body: `{"user": "u1"} {}`},
		{name: "body, through a scalar", key: "body:/user/id", body: `{"user": "u1"}`},
		{name: "body, too long a text", key: "body:/user", body: `{"user": "` + long + `"}`},
		{name: "no body", key: "body:/user"},
		{name: "claim", key: "jwt:sub", claims: `{"iss": "x", "sub": "u1"}`, want: "u1"},
		{name: "claim, number", key: "jwt:tenant", claims: `{"tenant": 7}`, want: "7"},
		{name: "claim, named by a URL", key: "jwt:https://a.example/~tenant", claims: `{"https://a.example/~tenant": "t1"}`, want: "t1"},
		{name: "claim, list", key: "jwt:aud", claims: `{"aud": ["a"]}`},
		{name: "claim, absent", key: "jwt:org", claims: `{"sub": "u1"}`},
		{name: "no token", key: "jwt:sub", body: `{"sub": "u1"}`, fields: []string{"Sub", "u1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.path
			if path == "" {
				path = "/"
			}
			var body []byte
			if c.body != "" {
				body = []byte(c.body)
			}
			var claims []byte
			if c.claims != "" {
				claims = []byte(c.claims)
			}
			got, ok := ladder(t, c.key).Subject(request(t, path, c.fields...), body, claims)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("subject %q, %v, want %q", got, ok, c.want)
			}
		})
	}
}

func TestTheFirstKeyThatIsPresentWins(t *testing.T) {
	ks := endpoints.Keys(schema.DefaultSampling())
	for _, c := range []struct {
		fields []string
		want   string
	}{
		{[]string{"X-User-Id", "u", "Cookie", "session_id=s; JSESSIONID=j"}, "u"},
		{[]string{"X-User-Id", "", "Cookie", "JSESSIONID=j; session_id=s"}, "s"},
		{[]string{"Cookie", "JSESSIONID=j; session_id="}, "j"},
		{[]string{"Cookie", "jsessionid=j"}, ""},
	} {
		if got, ok := ks.Subject(request(t, "/", c.fields...), nil, nil); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: subject %q, %v, want %q", c.fields, got, ok, c.want)
		}
	}
}

func TestNeedBody(t *testing.T) {
	if ladder(t, "header:a", "query:b").NeedBody() || endpoints.Keys(nil).NeedBody() {
		t.Error("a ladder without a body key needs the body")
	}
	if !ladder(t, "header:a", "body:/b").NeedBody() {
		t.Error("a ladder with a body key does not need the body")
	}
}

func BenchmarkSubject(b *testing.B) {
	body := []byte(`{"data": [[1, 2.5, "text"], [2, 3.5, "more text"]], "user": {"name": "x", "id": "user-123456"}}`)
	large := []byte(`{"data": [` + strings.Repeat(`[1, 2.5, "text"],`, 60_000) + `0], "user": {"id": "user-123456"}}`)
	r := request(b, "/?user=user-123456", "X-User-Id", "user-123456", "Cookie", "a=b; session_id=user-123456", "Accept", "*/*")
	for _, c := range []struct {
		name, key string
		body      []byte
	}{
		{"header", "header:x-user-id", nil},
		{"cookie", "cookie:session_id", nil},
		{"query", "query:user", nil},
		{"body", "body:/user/id", body},
		{"body of 1 MB", "body:/user/id", large},
	} {
		b.Run(c.name, func(b *testing.B) {
			ks := ladder(b, c.key)
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				if got, _ := ks.Subject(r, c.body, nil); got != "user-123456" {
					b.Fatal(got)
				}
			}
		})
	}
}
