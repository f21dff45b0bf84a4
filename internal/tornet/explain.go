package tornet

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// tailLines is how much of a log an error carries.
const tailLines = 15

// explain adds to err what tor said last, and what that means if it is known.
func (n *Node) explain(err error) error {
	if errors.Is(err, errControlClosed) || errors.Is(err, errEnded) {
		// It is about to end; what it says last is what matters.
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		n.log.Wait(ctx, 0, func(string) bool { return false })
		cancel()
	}
	how := "is still running"
	select {
	case <-n.running.Done():
		how = "has ended"
		if n.exit != nil {
			how += " (" + n.exit.Error() + ")"
		}
	default:
	}
	tail := n.log.Tail(tailLines)
	return fmt.Errorf("tor %s: %w; it %s%s; its last lines:\n\t%s", n.name, err, how, advice(tail), strings.Join(tail, "\n\t"))
}

// advice says what to do about the faults that a machine may cause.
func advice(log []string) string {
	for _, known := range []struct{ said, do string }{
		{"terminated with status code", "what its transport said is after \"reported via standard error\""},
		{"Address already in use", "another program has its port: start the network again"},
		{"No space left on device", "the disk is full: free some space, or choose another Config.Dir"},
		{"Too many open files", "raise the limit of open files (ulimit -n)"},
	} {
		for _, line := range log {
			if strings.Contains(line, known.said) {
				return "; " + known.do
			}
		}
	}
	return ""
}

// said reports whether the log holds text.
func (n *Node) said(text string) bool {
	for _, line := range n.log.Tail(maxLines) {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}
