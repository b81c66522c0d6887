package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// Role says what a user may do.
type Role string

// The roles of users.
const (
	Viewer Role = "viewer" // sees everything
	Editor Role = "editor" // may change what serves as well
)

// User is somebody who may log in.
type User struct {
	Name    string // what is typed in
	Role    Role
	Display string // the author of commits
	Email   string
	Subject string // what a provider calls the user; empty: he is one of the file
	hash    hash
}

// Editor reports whether the user may change what serves.
func (u User) Editor() bool { return u.Role == Editor }

// mostUsers and mostUsersBytes bound a file of users.
const (
	mostUsers      = 10_000
	mostUsersBytes = 4 << 20
)

// Parse reads the lines of a file. The error says in which line what is wrong,
// and nothing of the hash.
func Parse(path string, data []byte) ([]User, error) {
	if len(data) > mostUsersBytes {
		return nil, fmt.Errorf("%s: the file is larger than %d MiB", path, mostUsersBytes>>20)
	}
	var users []User
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		u, err := parseLine(line)
		if err == nil && slices.ContainsFunc(users, func(o User) bool { return o.Name == u.Name }) {
			err = fmt.Errorf("the user %s stands here twice", u.Name)
		}
		if err == nil && len(users) == mostUsers {
			err = fmt.Errorf("there are more than %d users", mostUsers)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		users = append(users, u)
	}
	return users, nil
}

func parseLine(line string) (User, error) {
	parts := strings.SplitN(line, ":", 4)
	if len(parts) != 4 {
		return User{}, errors.New("a line is NAME:ROLE:DISPLAY NAME <ADDRESS>:HASH")
	}
	u := User{Name: parts[0], Role: Role(parts[1])}
	if err := u.identify(parts[2]); err != nil {
		return User{}, err
	}
	var err error
	u.hash, err = parseHash(parts[3])
	return u, err
}

// identify checks who the user is; author is "DISPLAY NAME <ADDRESS>".
func (u *User) identify(author string) error {
	if !schema.IsLabel(u.Name) {
		return fmt.Errorf("%.40q is no name of a user; it takes letters, digits, _ . and -, beginning with a letter or a digit", u.Name)
	}
	if u.Role != Viewer && u.Role != Editor {
		return fmt.Errorf("%.40q is no role; viewer and editor are allowed", string(u.Role))
	}
	address, err := mail.ParseAddress(author)
	if err != nil || address.Name == "" || strings.ContainsAny(author, ":\x00\r\n") || strings.ContainsAny(address.Name+address.Address, "<>\r\n") {
		return fmt.Errorf("%.80q is no author of commits; write it as Display Name <name@example.com>, without colons", author)
	}
	u.Display, u.Email = address.Name, address.Address
	return nil
}

// ShortestPassword is how many bytes a password has at least.
const ShortestPassword = 12

// Line is the line of a file for a user with a password.
func Line(name string, role Role, author, password string) (string, error) {
	u := User{Name: name, Role: role}
	if err := u.identify(author); err != nil {
		return "", err
	}
	if len(password) < ShortestPassword {
		return "", fmt.Errorf("the password has fewer than %d bytes", ShortestPassword)
	}
	if len(password) > longestPassword {
		return "", fmt.Errorf("the password has more than %d bytes", longestPassword)
	}
	return strings.Join([]string{u.Name, string(u.Role), u.Display + " <" + u.Email + ">", newHash(password).String()}, ":"), nil
}

// longestPassword bounds what is hashed.
const longestPassword = 1024

// Users are those of a file. They are safe for concurrent use.
type Users struct {
	path  string
	queue chan struct{} // capacity mostQueued: who is being checked, or waits for that; who finds it full is told to come later
	busy  chan struct{} // capacity 2: hashes under way, since each takes memory; who comes later waits in the queue
	none  hash          // is compared with where there is no such user

	mu       sync.Mutex
	all      []User
	read     os.FileInfo // what all was read from
	throttle *throttle
}

// mostQueued bounds those whose passwords are checked or wait for that: some tenths of a
// second of hashes.
const mostQueued = 16

// Open reads the file of users.
func Open(path string) (*Users, error) {
	u := &Users{
		path: path, queue: make(chan struct{}, mostQueued), busy: make(chan struct{}, 2), none: newHash("nobody's"), throttle: newThrottle(),
	}
	_, err := u.list()
	return u, err
}

// list are the users of this moment. If the file cannot be read any more there
// are none: somebody who was taken out of it must not come in again.
func (u *Users) list() ([]User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	info, err := os.Stat(u.path)
	if err != nil {
		return nil, fmt.Errorf("read the users of the console: %w", err)
	}
	if u.read != nil && os.SameFile(u.read, info) && u.read.ModTime().Equal(info.ModTime()) && u.read.Size() == info.Size() {
		return u.all, nil
	}
	data, err := os.ReadFile(u.path)
	if err != nil {
		return nil, fmt.Errorf("read the users of the console: %w", err)
	}
	all, err := Parse(u.path, bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		return nil, err
	}
	u.all, u.read = all, info
	return all, nil
}

// Still is the user as the file has it, as long as it has him with the same
// password.
func (u *Users) Still(user User) Who {
	return func() (User, bool) {
		all, err := u.list()
		if err != nil {
			return User{}, false
		}
		i := slices.IndexFunc(all, func(o User) bool { return o.Name == user.Name })
		if i < 0 || all[i].hash.String() != user.hash.String() {
			return User{}, false
		}
		return all[i], true
	}
}

// ErrWrong is the answer to a wrong name or password; which of them is not told.
var ErrWrong = errors.New("the name or the password is wrong")

// ErrBusy is the answer while too many log in.
var ErrBusy = errors.New("too many log in at once; try again in a moment")

// WaitError is the answer to somebody who has tried too often.
type WaitError struct{ For time.Duration }

// Error says how long to wait.
func (e *WaitError) Error() string {
	return fmt.Sprintf("too many wrong ones; try again in %d s", int(e.For.Seconds())+1)
}

// Check is the user of a name and a password that come from an address. The
// error is ErrWrong, ErrBusy, a *WaitError, that of ctx, or says that the file
// cannot be read.
func (u *Users) Check(ctx context.Context, name, password, address string) (User, error) {
	all, err := u.list()
	if err != nil {
		return User{}, err
	}
	select {
	case u.queue <- struct{}{}:
		defer func() { <-u.queue }()
	default:
		return User{}, ErrBusy
	}
	keys := []string{atAddress(address)}
	if schema.IsLabel(name) { // nobody goes by another one, which may be as long as a request
		keys = append(keys, "name "+name)
	}
	if wait := u.throttle.try(keys, time.Now()); wait > 0 {
		return User{}, &WaitError{For: wait}
	}
	i := slices.IndexFunc(all, func(o User) bool { return o.Name == name })
	against := u.none
	if i >= 0 {
		against = all[i].hash
	}
	matches, err := u.matches(ctx, against, password)
	switch {
	case err != nil:
		return User{}, err
	case i < 0, !matches:
		return User{}, ErrWrong
	}
	u.throttle.forget(keys)
	return all[i], nil
}

// matches waits until there is memory for a hash.
func (u *Users) matches(ctx context.Context, against hash, password string) (bool, error) {
	select {
	case u.busy <- struct{}{}:
		defer func() { <-u.busy }()
	case <-ctx.Done():
		return false, fmt.Errorf("wait for the check of a password: %w", ctx.Err())
	}
	return len(password) <= longestPassword && against.matches(password), nil
}
