package signature_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A day after what is signed here, and after the keys have expired that live for an hour.
const renewed = made + 86400

// renew has a key live for so many seconds from when it was made, or without end
// for 0, as gpg --quick-set-expire does at a time: all that the key's owner says
// of it is said anew.
func renew(t *testing.T, e *openpgp.Entity, at int64, seconds uint32) {
	t.Helper()
	when := time.Unix(at, 0)
	for _, id := range e.Identities {
		id.SelfSignature.CreationTime, id.SelfSignature.KeyLifetimeSecs = when, &seconds
		if err := id.SelfSignature.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range e.Subkeys {
		if !sub.Sig.FlagSign {
			continue
		}
		sub.Sig.CreationTime, sub.Sig.KeyLifetimeSecs = when, &seconds
		sub.Sig.EmbeddedSignature.CreationTime = when
		if err := sub.Sig.EmbeddedSignature.CrossSignKey(sub.PublicKey, e.PrimaryKey, sub.PrivateKey, nil); err != nil {
			t.Fatal(err)
		}
		if err := sub.Sig.SignKey(sub.PublicKey, e.PrivateKey, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// withSubkey gives a key a subkey, which signs from then on.
func withSubkey(t *testing.T, e *openpgp.Entity) *openpgp.Entity {
	t.Helper()
	c := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return time.Unix(made-3600, 0) }}
	if err := e.AddSigningSubkey(c); err != nil {
		t.Fatal(err)
	}
	return e
}

// What was signed before a key was extended stays good, as for gpg, and what was
// signed while it was not valid stays bad.
func TestExtendedKeysKeepWhatTheySigned(t *testing.T) {
	for name, key := range map[string]*openpgp.Entity{"primary key": pgpKey(t), "subkey": withSubkey(t, pgpKey(t))} {
		t.Run(name, func(t *testing.T) {
			before := with(payload, header("gpgsig", pgpSign(t, key, payload, made)))
			after := with(payload, header("gpgsig", pgpSign(t, key, payload, renewed+10)))
			short := 2 * uint32(3600)
			renew(t, key, made-3600, short)
			old := exported(t, key)
			for _, c := range []struct {
				what     string
				seconds  uint32
				with     string
				signed   string
				complain string
			}{
				{"extended for ever", 0, "", before, ""},
				{"extended for ever, signed afterwards", 0, "", after, ""},
				{"extended by a week, beside the old key", 7 * 86400, old, after, ""},
				{"extended by a week, beside the old key, signed before", 7 * 86400, old, before, ""},
				{"renewed and expired by now", short, "", before, ""},
				{"renewed, but not for so long", short, "", after, "not valid when it signed"},
			} {
				renew(t, key, renewed, c.seconds)
				keys, err := load(t, c.with+exported(t, key), "")
				if err != nil {
					t.Fatal(err)
				}
				_, err = verify(keys, c.signed)
				if c.complain == "" && err != nil || c.complain != "" && (err == nil || !strings.Contains(err.Error(), c.complain)) {
					t.Errorf("%s: %v", c.what, err)
				}
			}
		})
	}
}

// A key that was extended does not make good what was changed.
func TestExtendedKeysStillSignTheirContentOnly(t *testing.T) {
	key := pgpKey(t)
	signed := with(payload, header("gpgsig", pgpSign(t, key, payload, made)))
	renew(t, key, renewed, 0)
	keys, err := load(t, exported(t, key), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(keys, signed+"more"); err == nil || !strings.Contains(err.Error(), "not over this content") {
		t.Errorf("a message that was changed: %v", err)
	}
}
