package signature_test

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/switchyard-gateway/switchyard/gitsync/signature"
)

const made = 1767225600 // 2026-01-01

const payload = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n" +
	"parent 83baae61804e65cc73a7201a7252750c76066a30\nparent 83baae61804e65cc73a7201a7252750c76066a31\n" +
	"author Ada <ada@example.com> 1767225600 +0000\ncommitter Ada <ada@example.com> 1767225600 +0000\n\nmessage\n"

// with puts headers before the message.
func with(text string, headers ...string) string {
	head, message, _ := strings.Cut(text, "\n\n")
	return head + "\n" + strings.Join(headers, "") + "\n" + message
}

func header(name, value string) string {
	return name + " " + strings.ReplaceAll(strings.TrimRight(value, "\n"), "\n", "\n ") + "\n"
}

func sshKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sshSign(t *testing.T, key ssh.Signer, text, namespace string) string {
	t.Helper()
	sig, err := sshsig.Sign(strings.NewReader(text), key, sshsig.HashSHA512, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return string(sshsig.Armor(sig))
}

func pgpKey(t *testing.T) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Ada", "", "ada@example.com", &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return time.Unix(made-3600, 0) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// expire ends a key's life so many seconds after it was made.
func expire(t *testing.T, e *openpgp.Entity, seconds uint32) {
	t.Helper()
	for _, id := range e.Identities {
		id.SelfSignature.KeyLifetimeSecs = &seconds
		if err := id.SelfSignature.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func pgpSign(t *testing.T, key *openpgp.Entity, text string, at int64) string {
	t.Helper()
	var b bytes.Buffer
	c := &packet.Config{Time: func() time.Time { return time.Unix(at, 0) }}
	if err := openpgp.ArmoredDetachSign(&b, key, strings.NewReader(text), c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func exported(t *testing.T, keys ...*openpgp.Entity) string {
	t.Helper()
	var all bytes.Buffer
	for _, key := range keys {
		w, err := armor.Encode(&all, openpgp.PublicKeyType, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Serialize(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all.WriteString("\n")
	}
	return all.String()
}

func load(t *testing.T, keyring, allowed string) (*signature.Trusted, error) {
	t.Helper()
	var k signature.Keys
	for text, path := range map[string]*string{keyring: &k.Keyring, allowed: &k.AllowedSigners} {
		if text == "" {
			continue
		}
		f, err := os.CreateTemp(t.TempDir(), "keys")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		*path = f.Name()
	}
	return k.Load()
}

func verify(keys *signature.Trusted, raw string) (signature.Signer, error) {
	c, err := signature.Parse([]byte(raw))
	if err != nil {
		return signature.Signer{}, err
	}
	return keys.Verify(c)
}

func TestOnlyTheSignedContentIsTrusted(t *testing.T) {
	key, stranger := sshKey(t), sshKey(t)
	pgp, short, revoked, unknown := pgpKey(t), pgpKey(t), pgpKey(t), pgpKey(t)
	// go-crypto signs with no such keys: they sign before they become so.
	inTime, late := pgpSign(t, short, payload, made), pgpSign(t, short, payload, made+86400)
	byRevoked := pgpSign(t, revoked, payload, made)
	expire(t, short, 7200)
	if err := revoked.RevokeKey(packet.KeyRetired, "", nil); err != nil {
		t.Fatal(err)
	}
	line := string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	keys, err := load(t, exported(t, pgp, short, revoked), "ada@example.com namespaces=\"git,file\" "+line)
	if err != nil {
		t.Fatal(err)
	}
	bySSH := header("gpgsig", sshSign(t, key, payload, "git"))
	byPGP := header("gpgsig", pgpSign(t, pgp, payload, made))
	for name, c := range map[string]struct{ raw, want string }{
		"ssh":                  {with(payload, bySSH), ""},
		"pgp":                  {with(payload, byPGP), ""},
		"sha256 beside":        {with(payload, bySSH, header("gpgsig-sha256", "other\nthings")), ""},
		"pgp key expired now":  {with(payload, header("gpgsig", inTime)), ""},
		"pgp key expired then": {with(payload, header("gpgsig", late)), "not valid when it signed"},
		"pgp key revoked":      {with(payload, header("gpgsig", byRevoked)), "is revoked"},
		"pgp key unknown":      {with(payload, header("gpgsig", pgpSign(t, unknown, payload, made))), "is not in the keyring"},
		"ssh key unknown":      {with(payload, header("gpgsig", sshSign(t, stranger, payload, "git"))), "not among the allowed"},
		"namespace":            {with(payload, header("gpgsig", sshSign(t, key, payload, "file"))), `is for "file"`},
		"unsigned":             {payload, "not signed"},
		"sha256 only":          {with(payload, header("gpgsig-sha256", sshSign(t, key, payload, "git"))), "not signed"},
		"ssh message":          {with(payload, bySSH) + "more", "not over this content"},
		"pgp message":          {with(payload, byPGP) + "more", "not over this content"},
		"ssh tree":             {strings.Replace(with(payload, bySSH), "tree 4b", "tree 4c", 1), "not over this content"},
		"another header":       {with(payload, bySSH, "encoding x\n"), "not over this content"},
		"two headers":          {with(payload, bySSH, byPGP), "two signatures"},
		"two in one":           {with(payload, header("gpgsig", pgpSign(t, pgp, payload, made)+pgpSign(t, unknown, payload, made))), "two signatures"},
		"x509":                 {with(payload, header("gpgsig", "-----BEGIN SIGNED MESSAGE-----\nx")), "neither PGP nor SSH"},
		"cut":                  {with(payload, header("gpgsig", "-----BEGIN SSH SIGNATURE-----\nx")), "cannot be read"},
		"two trees":            {with(payload, "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4905\n", bySSH), "header"},
		"tree last":            {strings.Replace(with(payload, bySSH), "tree", "x", 1), "header"},
		"empty":                {"", "header"},
		"in the message":       {payload + "\n" + bySSH, "not signed"},
	} {
		got, err := verify(keys, c.raw)
		if c.want == "" && (err != nil || got.Key == "" || got.Name == "") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestAllowedSigners(t *testing.T) {
	key := sshKey(t)
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	raw := with(payload, header("gpgsig", sshSign(t, key, payload, "git")))
	for text, want := range map[string]string{
		"*@example.com " + line: "",
		`"a b,!c" ` + line:      "",
		"# who\n\na valid-after=\"20251231Z\",valid-before=\"20260102Z\" " + line: "",
		"a namespaces=\"g?t\" " + line:                                            "",
		"a namespaces=\"*,!git\" " + line:                                         "other namespaces",
		"a namespaces=\"file\" " + line + "\na " + line:                           "",
		"a valid-before=\"20251231Z\" " + line:                                    "not valid when",
		"a valid-after=\"20260102000000Z\" " + line:                               "not valid when",
		"a valid-after=\"soon\" " + line:                                          ":1: \"soon\" is no time",
		"\n*@x cert-authority " + line:                                            ":2: cert-authority is not supported",
		"a no-such " + line:                                                       "not known",
		line:                                                                      "PRINCIPALS",
		"a":                                                                       "PRINCIPALS",
		"# nobody":                                                                "lists nobody",
	} {
		keys, err := load(t, "", text)
		if err == nil {
			_, err = verify(keys, raw)
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What gpg and git make, with their own settings, is verified.
func TestCommitSignedWithGPG(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("there is no gpg")
	}
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // short, as gpg's sockets need
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = home
		cmd.Env = append(os.Environ(), "GNUPGHOME="+home, "GIT_CONFIG_GLOBAL="+os.DevNull)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
		return string(out)
	}
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "gpg-agent")
		cmd.Env = append(os.Environ(), "GNUPGHOME="+home)
		_ = cmd.Run()
		_ = os.RemoveAll(home)
	})
	run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "Ada <ada@example.com>", "ed25519", "sign", "never")
	run("git", "init", "-q", filepath.Join(home, "r"))
	git := func(args ...string) string {
		return run("git", append([]string{"-C", filepath.Join(home, "r"), "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
	}
	git("commit", "-q", "--allow-empty", "-S", "-m", "signed\n\nwith gpg")
	for _, ring := range []string{run("gpg", "--export"), run("gpg", "--armor", "--export")} {
		keys, err := load(t, ring, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := verify(keys, git("cat-file", "commit", "HEAD"))
		if err != nil || got.Kind != "pgp" || got.Name != "Ada <ada@example.com>" {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// What is taken for signed is the content without the signature, whatever that is.
func FuzzParse(f *testing.F) {
	f.Add([]byte(payload))
	f.Add([]byte(with(payload, header("gpgsig", "-----BEGIN PGP SIGNATURE-----\n\nx"))))
	keys, err := (signature.Keys{AllowedSigners: "testdata/allowed"}).Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := signature.Parse(raw)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(raw, []byte("tree ")) && !bytes.HasPrefix(raw, []byte("gpgsig")) {
			t.Errorf("%q is a commit", raw)
		}
		if s, err := keys.Verify(c); err == nil {
			t.Errorf("%q is signed by %s", raw, s)
		}
	})
}
