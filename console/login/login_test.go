package login_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/switchyard-gateway/switchyard/console/login"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

const password = "correct horse battery"

func line(t testing.TB, name string) string {
	t.Helper()
	l, err := login.Line(name, login.Editor, "Some Body <body@example.com>", password)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlyTheRightPasswordLogsIn(t *testing.T) {
	path := file(t, "# who may\n\n"+line(t, "a")+"\n")
	users, err := login.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	u, err := users.Check(t.Context(), "a", password, "192.0.2.1")
	if err != nil || u.Display != "Some Body" || u.Email != "body@example.com" || !u.Editor() {
		t.Errorf("%+v %v", u, err)
	}
	for name, with := range map[string]string{"a": password + " ", "b": password, "": ""} {
		if _, err := users.Check(t.Context(), name, with, "192.0.2.2"); !errors.Is(err, login.ErrWrong) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := os.WriteFile(path, []byte(line(t, "other")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := users.Check(t.Context(), "a", password, "192.0.2.3"); !errors.Is(err, login.ErrWrong) {
		t.Errorf("who was taken out of the file comes in: %v", err)
	}
}

func TestWhoFailsOftenHasToWait(t *testing.T) { synctest.Test(t, whoFailsOftenHasToWait) }

func whoFailsOftenHasToWait(t *testing.T) {
	users, err := login.Open(file(t, line(t, "a")+"\n"+line(t, "b")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := users.Check(t.Context(), "a", "wrong", "192.0.2.1"); !errors.Is(err, login.ErrWrong) {
			t.Fatal(err)
		}
	}
	wait := &login.WaitError{}
	for name, address := range map[string]string{"a": "192.0.2.9", "b": "192.0.2.1"} {
		if _, err := users.Check(t.Context(), name, password, address); !errors.As(err, &wait) || wait.For <= 0 {
			t.Errorf("%s from %s: %v", name, address, err)
		}
	}
	if _, err := users.Check(t.Context(), "b", password, "192.0.2.9"); err != nil {
		t.Errorf("somebody else from elsewhere has to wait: %v", err)
	}
}

// An address of IPv6 counts for its /64, of which each customer has one to himself.
func TestAddressesOfOneNetworkCountAsOne(t *testing.T) {
	for _, c := range []struct {
		from, same, other string
	}{
		{"2001:db8:1:2::%x", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"},
		{"fe80::%x%%eth0", "fe80::ffff", "fe80:0:0:1::1"},
		{"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			token := login.NewToken(func(string) bool { return false })
			for i := range 5 {
				address := c.from
				if strings.Contains(c.from, "%x") {
					address = fmt.Sprintf(c.from, i+1)
				}
				if _, err := token.Check("wrong", address); !errors.Is(err, login.ErrWrongToken) {
					t.Fatalf("%s: %v", address, err)
				}
			}
			wait := &login.WaitError{}
			if _, err := token.Check("wrong", c.same); !errors.As(err, &wait) {
				t.Errorf("%s need not wait for %s: %v", c.same, c.from, err)
			}
			if _, err := token.Check("wrong", c.other); !errors.Is(err, login.ErrWrongToken) {
				t.Errorf("%s has to wait for %s: %v", c.other, c.from, err)
			}
		})
	}
}

// Guesses that come at once are no more than those that come one after the other, from
// whatever addresses.
func TestGuessesAtOnceAreNotFree(t *testing.T) { synctest.Test(t, guessesAtOnceAreNotFree) }

func guessesAtOnceAreNotFree(t *testing.T) {
	users, err := login.Open(file(t, line(t, "a")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	var wrong, others atomic.Int64
	var guessing sync.WaitGroup
	for i := range 40 {
		guessing.Go(func() {
			_, err := users.Check(t.Context(), "a", "wrong", fmt.Sprint("192.0.2.", i))
			wait := &login.WaitError{}
			switch {
			case errors.Is(err, login.ErrWrong):
				wrong.Add(1)
			case errors.As(err, &wait), errors.Is(err, login.ErrBusy):
			default:
				others.Add(1)
			}
		})
	}
	guessing.Wait()
	if wrong.Load() > 5 || others.Load() > 0 {
		t.Errorf("%d guesses were looked at instead of 5, and %d came to something else", wrong.Load(), others.Load())
	}
}

// Few wait for a hash: the next are told to come later, and who leaves waits no longer.
func TestFewWaitForAHash(t *testing.T) {
	users, err := login.Open(file(t, line(t, "a")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	const browsers = 40
	came := make(chan error, browsers)
	for i := range browsers {
		go func() {
			_, err := users.Check(ctx, fmt.Sprint("b", i), "wrong", fmt.Sprint("192.0.2.", i))
			came <- err
		}()
	}
	left, busy := 0, 0
	for i := range browsers {
		err := testbed.Receive(t, "an answer", came)
		switch {
		case errors.Is(err, login.ErrBusy):
			busy++
		case errors.Is(err, context.Canceled):
			left++
		case !errors.Is(err, login.ErrWrong):
			t.Errorf("%v", err)
		}
		if i == 0 {
			leave()
		}
	}
	if busy == 0 && left == 0 {
		t.Error("all were served: nobody was told to come later, and nobody who left was let go")
	}
}

// Names that nobody can have are not kept in mind, however long they are.
func TestLongNamesAreNotKept(t *testing.T) {
	users, err := login.Open(file(t, line(t, "a")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	before := testbed.HeldBytes()
	for i := range 20 {
		if _, err := users.Check(t.Context(), strings.Repeat(fmt.Sprint(i), 1<<19), "wrong", fmt.Sprint("192.0.2.", i)); !errors.Is(err, login.ErrWrong) {
			t.Fatal(err)
		}
	}
	if held := testbed.HeldBytes() - before; held > 4<<20 {
		t.Errorf("%d bytes are held", held)
	}
	runtime.KeepAlive(users)
}

func TestMistakesAreSaidWithTheirLine(t *testing.T) {
	good := line(t, "a")
	hash := good[strings.LastIndex(good, ":")+1:]
	for text, want := range map[string]string{
		"a":                              "users:1: a line is NAME:ROLE",
		"\n" + good + "\n" + good:        "users:3: the user a stands here twice",
		"a:admin:A B <a@b.c>:" + hash:    `users:1: "admin" is no role; viewer and editor are allowed`,
		"a b:editor:A B <a@b.c>:" + hash: `users:1: "a b" is no name of a user`,
		"a:editor:a@b.c:" + hash:         "is no author of commits",
		"a:editor:A B <a@b.c>:secret":    "users:1: the hash is not of the form",
		"a:editor:A B <a@b.c>:" + strings.Replace(hash, "m=19456", "m=99999999", 1): "m=99999999; 1 to 262144 are allowed",
	} {
		_, err := login.Parse("users", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, without %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the hash: %v", err)
		}
	}
}

// FuzzParse holds that the lines of what is read make the same users again, and
// that an error names a line that is there.
func FuzzParse(f *testing.F) {
	f.Add("a:editor:A B <a@b.c>:$argon2id$v=19$m=19456,t=2,p=1$MTIzNDU2Nzg$MTIzNDU2Nzg5MDEyMzQ1Ng\n")
	f.Add("# none\n\n\r\na:viewer")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := login.Parse("users", []byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "users:") {
				t.Fatalf("no place: %v", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, u := range users {
			if seen[u.Name] || u.Display == "" || u.Email == "" || u.Role != login.Viewer && u.Role != login.Editor {
				t.Fatalf("%+v of %q", u, text)
			}
			seen[u.Name] = true
		}
	})
}
