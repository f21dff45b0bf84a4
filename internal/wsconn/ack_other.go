//go:build !linux

package wsconn

import (
	"net"
	"time"
)

// unanswered cannot tell here.
func unanswered(net.Conn) time.Duration { return 0 }
