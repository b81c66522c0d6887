package token

import "time"

// ParseKeys is how many keys a key set has that can verify tokens.
func ParseKeys(data []byte) (int, error) {
	s, err := parseKeys(data, time.Time{})
	if err != nil {
		return 0, err
	}
	return len(s.all), nil
}

// Discovered is where a discovery document says that the keys are.
func Discovered(text []byte, issuer string) (string, error) { return discovered(text, issuer) }
