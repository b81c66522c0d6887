package login

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// hash is an Argon2id hash with what it was made by.
type hash struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	key     []byte
}

// The cost of new hashes, and the most that is accepted of others: a line of a
// file must not make a login take minutes, or gigabytes. The cost is the second
// of those that the OWASP Password Storage Cheat Sheet recommends.
const (
	memory  = 19 << 10
	passes  = 2
	threads = 1

	mostMemory  = 256 << 10
	mostPasses  = 16
	mostThreads = 16
)

// newHash hashes a password with a salt of its own.
func newHash(password string) hash {
	h := hash{memory: memory, time: passes, threads: threads, salt: make([]byte, 16)}
	_, _ = rand.Read(h.salt) // it never fails
	h.key = h.of(password, 32)
	return h
}

func (h hash) of(password string, size uint32) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, size)
}

// matches reports whether it is the hash of a password.
func (h hash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.of(password, uint32(len(h.key))), h.key) == 1 //nolint:gosec // parse bounds it
}

// String is the hash in the PHC string format.
func (h hash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

var errHash = errors.New("the hash is not of the form $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH; make one with switchyard console user")

// parseHash is the inverse of String.
func parseHash(s string) (hash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return hash{}, errHash
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return hash{}, errHash
	}
	m, errM := cost(costs[0], "m=", mostMemory)
	t, errT := cost(costs[1], "t=", mostPasses)
	p, errP := cost(costs[2], "p=", mostThreads)
	if err := errors.Join(errM, errT, errP); err != nil {
		return hash{}, err
	}
	h := hash{memory: uint32(m), time: uint32(t), threads: uint8(p)} //nolint:gosec // cost bounds them
	var errSalt, errKey error
	h.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.key, errKey = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 {
		return hash{}, errHash
	}
	return h, nil
}

// cost is a number from 1 to most behind its name.
func cost(s, name string, most int) (int, error) {
	digits, ok := strings.CutPrefix(s, name)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || digits != strconv.Itoa(n) {
		return 0, errHash
	}
	if n < 1 || n > most {
		return 0, fmt.Errorf("the hash has %s; 1 to %d are allowed", s, most)
	}
	return n, nil
}
