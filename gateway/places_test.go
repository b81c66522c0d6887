package gateway_test

import (
	"fmt"
	"net/http"
	"testing"
)

// TestDeclaredPathsServeWhatLiesUnderThem: whole segments count, at any depth,
// and whatever no endpoint has is 404.
func TestDeclaredPathsServeWhatLiesUnderThem(t *testing.T) {
	static := func(answer int, path string) string {
		return fmt.Sprintf("schemaVersion: 1\npath: %s\nbackends: {only: {static: %d}}\n", path, answer)
	}
	s := newStage(t, options{})
	s.serve(files{
		"endpoints/one.yaml":   static(1, "/user"),
		"endpoints/two.yaml":   static(2, "/a/b/c"),
		"endpoints/three.yaml": static(3, "/a/b/d.e~f"),
		"endpoints/four.yaml":  "schemaVersion: 1\nbackends: {only: {static: 4}}\n",
	})
	for path, want := range map[string]string{
		"/user": "1", "/user/": "1", "/user/x/y": "1", "/user?q=/a": "1", "/user/a%2Fb": "1",
		"/users": "", "/use": "", "/User": "", "/%75ser": "", "//user": "", "/x/user": "",
		"/a": "", "/a/b": "", "/a/b/": "", "/a/b/cc": "", "/a/b/c": "2", "/a/b/c/d.e~f": "2", "/a/b/d.e~f/g": "3", "/a//b/c": "",
		"/v1/four": "4", "/v1/four/": "4", "/v1/four/x": "4", "/v1/four/latest": "4", "/v1/four/main/latest": "4", "/v1/%66our": "",
		"/v1/fou": "", "/v1/fours": "", "/v1/": "", "/v1//four": "", "/v1": "", "/four": "", "/": "",
	} {
		got := s.post(path, "")
		if want == "" && got.status != http.StatusNotFound || want != "" && got.body != want {
			t.Errorf("%s: %d %s, want %q", path, got.status, got.body, want)
		}
	}
}
