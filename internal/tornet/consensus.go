package tornet

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// waitRelays waits until the authority has the descriptors of both relays.
func (n *Network) waitRelays(ctx context.Context) error {
	ctx, done := n.relay.whileRunning(ctx)
	defer done()
	relay, err := n.relay.GetInfo(ctx, "fingerprint")
	if err != nil {
		return err
	}
	if _, err := n.authTor.Command(ctx, "SETEVENTS NEWDESC NEWCONSENSUS"); err != nil {
		return err
	}
	return n.authTor.until(ctx, "know both relays", func() (bool, error) {
		for _, fingerprint := range []string{n.auth.fingerprint, relay} {
			if _, err := n.authTor.GetInfo(ctx, "desc/id/"+fingerprint); err != nil {
				return false, notYet(err)
			}
		}
		return true, nil
	})
}

// vote makes the authority publish a consensus as soon as it can, and waits for it.
func (n *Network) vote(ctx context.Context) error {
	ctx, done := n.relay.whileRunning(ctx)
	defer done()
	// Consensuses become valid at Unix times that leave this rest when divided by
	// 5 s, the shortest interval with room for two delays of 2 s. Tor is late for
	// the voting that comes before the next one, and makes up for it at once. The
	// next must be far enough ahead for that: if it is not, 5 s are lost.
	at := time.Now().Add(1200 * time.Millisecond).Truncate(time.Second).Add(time.Second).Unix()
	if err := n.authTor.SetConf(ctx, "TestingV3AuthInitialVotingInterval=5",
		fmt.Sprintf("TestingV3AuthVotingStartOffset=%d", at%5)); err != nil {
		return err
	}
	return n.authTor.until(ctx, "publish a consensus with both relays", func() (bool, error) {
		consensus, err := n.authTor.GetInfo(ctx, "ns/all")
		return strings.Count("\n"+consensus, "\nr ") >= 2, notYet(err)
	})
}
