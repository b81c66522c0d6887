package schema_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/schema"
)

// TestSettingsTable holds the one table to what flags, the environment and the
// file need of it.
func TestSettingsTable(t *testing.T) {
	key := regexp.MustCompile(`^[a-z][a-z0-9]*([A-Z][a-z]+)*$`)
	seen := map[string]bool{}
	group := ""
	groups := map[string]bool{}
	for _, s := range schema.Settings() {
		switch {
		case !key.MatchString(s.Key) || seen[s.Key]:
			t.Errorf("%q is a bad or a doubled key", s.Key)
		case s.Group != group && groups[s.Group]:
			t.Errorf("%s: the group %s comes twice", s.Key, s.Group)
		case !strings.HasSuffix(s.Help, ".") || strings.Contains(s.Help, "\n"):
			t.Errorf("%s: the help is no sentence: %q", s.Key, s.Help)
		}
		seen[s.Key], groups[s.Group], group = true, true, s.Group
		if err := s.Check(s.Default); err != nil {
			t.Errorf("%s: the default %q is refused: %v", s.Key, s.Default, err)
		}
		if flag := strings.ReplaceAll(s.Flag, "-", ""); flag != strings.ToLower(s.Key) {
			t.Errorf("%s has the flag %s", s.Key, s.Flag)
		}
		if env := strings.ToUpper("switchyard_" + strings.ReplaceAll(s.Flag, "-", "_")); env != s.Env {
			t.Errorf("%s has the variable %s", s.Key, s.Env)
		}
	}
}

func TestSettingsAreTheCallersOwn(t *testing.T) {
	schema.Settings()[0].Key = "changed"
	if schema.Settings()[0].Key == "changed" {
		t.Error("the table can be changed")
	}
}

func TestSettingCheck(t *testing.T) {
	table := map[string]schema.Setting{}
	for _, s := range schema.Settings() {
		table[s.Key] = s
	}
	tests := []struct{ key, value, want string }{
		{"poll", "30s", ""},
		{"poll", "5ms", "5ms is below 10ms"},
		{"poll", "25h", "25h is above 24h"},
		{"poll", "30", `"30" has no unit; write 30s, or another unit of h, m, s and ms`},
		{"maxRequestBytes", "10GiB", ""},
		{"mirrorBudget", "1KiB", "1KiB is below 1MiB"},
		{"mirrorQueue", "1000001", "1000001 is above 1000000"},
		{"mirrorQueue", "0x10", `"0x10" is no integer in plain decimal digits`},
		{"logCompress", "yes", `"yes" is neither true nor false`},
		{"logLevel", "", `"" is not known; allowed are debug, info, warn, error`},
		{"front", "onw", `"onw" is not known; did you mean "own"?`},
		{"trustedProxies", " 10.0.0.0/8 , ::1", ""},
		{"trustedProxies", "10.0.0.0/8,", `"" is no address or CIDR prefix; write it as 10.0.0.0/8`},
		{"repo", "https://token@host/r.git", "the URL holds credentials; use gitUsername and gitTokenFile instead"},
		{"repo", "bob:hunter2@git.example.com/models.git", "there is an @ behind its first colon, as if https:// were missing before a user name and a password; write it as a URL without credentials, such as ssh://HOST/PATH"},
		{"repo", "bob:hun/ter2@git.example.com:models.git", "there is an @ behind its first colon, as if https:// were missing before a user name and a password; write it as a URL without credentials, such as ssh://HOST/PATH"},
		{"repo", "https://user:%zz@host/", "the URL cannot be read"},
		{"repo", `C:\models`, ""},
		{"tlsCertFile", "a.crt, b.crt", ""},
		{"tlsCertFile", "a.crt,,b.crt", "the list has an empty path; write them with one comma between two"},
		{"acmeHost", "models.example.com, xn--bcher-kva.example", ""},
		{"acmeHost", "*.example.com", `"*.example.com" is no name that a certificate can be issued for; write it in full, such as models.example.com`},
		{"listen", "localhost", `"localhost" is no address; write HOST:PORT, such as :8080 or 127.0.0.1:9090`},
	}
	for _, tt := range tests {
		got := ""
		if err := table[tt.key].Check(tt.value); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q: got %q, want %q", tt.key, tt.value, got, tt.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "65536": 65536, "64KiB": 65536, "1MiB": 1 << 20, "1.5MiB": 3 << 19, "2GiB": 2 << 30, "10kB": 10_000, "5MB": 5_000_000, "1GB": 1e9, "7B": 7} {
		if got, err := schema.ParseSize(s); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "B", "KiB", "-1", "1 KiB", "1K", "1kib", "1e3", "0x10", "1_000", "NaN", "Inf", "0.3KiB", "9999999999GiB", "1KiBKiB", ".5MiB"} {
		if got, err := schema.ParseSize(s); err == nil {
			t.Errorf("%q is accepted as %d", s, got)
		}
	}
}

func TestParseOtherKinds(t *testing.T) {
	if d, err := schema.ParseDuration("1m30s"); d != 90*time.Second || err != nil {
		t.Errorf("got %v, %v", d, err)
	}
	if n, err := schema.ParseInt("-12"); n != -12 || err != nil {
		t.Errorf("got %v, %v", n, err)
	}
	if f, err := schema.ParseFloat("1.5e2"); f != 150 || err != nil {
		t.Errorf("got %v, %v", f, err)
	}
	if b, err := schema.ParseBool("true"); !b || err != nil {
		t.Errorf("got %v, %v", b, err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, schema.ParseStrings(" a,b ")); diff != "" || schema.ParseStrings(" ") != nil {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if p, err := schema.ParsePrefix("192.0.2.1"); p.String() != "192.0.2.1/32" || err != nil {
		t.Errorf("got %v, %v", p, err)
	}
	for name, err := range map[string]error{
		"duration": second(schema.ParseDuration("-1s")), "int": second(schema.ParseInt("9223372036854775808")), "float": second(schema.ParseFloat("1e999")),
		"float of words": second(schema.ParseFloat("NaN")), "bool": second(schema.ParseBool("True")), "zone": second(schema.ParsePrefix("fe80::1%eth0")),
	} {
		if err == nil {
			t.Errorf("a bad %s is accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestSettingsFileKeepsPositions shows where a value was written, for messages
// about values that do not go together.
func TestSettingsFileKeepsPositions(t *testing.T) {
	values, ds := schema.ParseSettings(schema.File{Path: "switchyard.yaml", Data: []byte("branch: main\npoll:   5s\n")})
	want := map[string]schema.Value[string]{
		"branch": {V: "main", Pos: schema.Position{File: "switchyard.yaml", Line: 1, Column: 9}},
		"poll":   {V: "5s", Pos: schema.Position{File: "switchyard.yaml", Line: 2, Column: 9}},
	}
	if diff := cmp.Diff(want, values); diff != "" || ds != nil {
		t.Errorf("%v (-want +got)\n%s", ds, diff)
	}
}
