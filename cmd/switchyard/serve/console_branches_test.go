package serve_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
)

// A branch that the console is to make is not moved if there is one already.
func TestABranchThatIsThereIsSaid(t *testing.T) {
	const document = "schemaVersion: 1\nbackends:\n  a: {static: 1, weight: 3}\n  b: {static: 2, weight: 1}\n"
	r := start(t, serve.Options{Console: &serve.ConsoleOptions{Write: true, Users: editors(t)}}, map[string]string{"endpoints/e.yaml": document})
	v := logIn(t, r.admin)
	for weight, want := range []string{"Pushed to a branch", "There is a branch mine already. Nothing was pushed."} {
		page := v.post("/console/publish", url.Values{
			"token": {v.token}, "about": {"change"}, "endpoint": {"e"}, "mode": {"form"}, "where": {"branch"}, "own": {"mine"},
			"was": {strings.ReplaceAll(document, "\n", "\r\n")}, "b.b.weight": {string(rune('5' + weight))},
		})
		if !strings.Contains(page, want) {
			t.Errorf("nothing says %q:\n%s", want, page)
		}
	}
}
