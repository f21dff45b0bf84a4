package proxy

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"golang.org/x/time/rate"
)

// minBurst is the smallest burst of a limiter in bytes: what one read of a pair
// may bring at once. The limit holds on average in any case.
const minBurst = 32 << 10

// errRate says what ParseRate reads.
var errRate = errors.New("want \"off\", or bytes a second as a number above 0 with or without K, M or G, as in 500K or 1.5M")

// ParseRate reads a limit in bytes a second: a decimal number with or without
// one of the suffixes K, M and G (powers of 1024, in either case), or "off" for
// none, which is a nil limiter. The burst is a quarter of a second's bytes, at
// least minBurst.
func ParseRate(s string) (*rate.Limiter, error) {
	if s == "off" {
		return nil, nil
	}
	digits, unit := s, 1.0
	if n := len(s); n > 0 {
		if i := strings.IndexByte("KMGkmg", s[n-1]); i >= 0 {
			digits, unit = s[:n-1], math.Pow(1024, float64(i%3+1))
		}
	}
	// ParseFloat alone would take signs, exponents, hexadecimals and words.
	if strings.Trim(digits, "0123456789.") != "" {
		return nil, errRate
	}
	f, err := strconv.ParseFloat(digits, 64)
	bytes := f * unit
	if err != nil || bytes < 1 || bytes > math.MaxInt32*1024 {
		return nil, errRate
	}
	return rate.NewLimiter(rate.Limit(bytes), max(minBurst, int(bytes/4))), nil
}
