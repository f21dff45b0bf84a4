package tornet

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// These options are for a network of a few processes that lives for minutes: see
// "TestingTorNetwork" in tor(1) for what that one changes by itself.

// baseTorrc is what every node has.
func (a *authority) baseTorrc(dir, name string) []string {
	return []string{
		"TestingTorNetwork 1",
		fmt.Sprintf("DirAuthority auth orport=%d v3ident=%s %v:%d %s", a.orPort, a.v3ident, a.host, a.dirPort, a.fingerprint),
		"DataDirectory " + strconv.Quote(filepath.Join(dir, name)),
		// Reading the real ones takes 0.4 s a process.
		"GeoIPFile /dev/null",
		"GeoIPv6File /dev/null",
		// Two legs need two ways out of the bridge; we have one.
		"ConfluxEnabled 0",
		"SafeLogging 0",
		"LogTimeGranularity 1",
		// From a transport also what it writes to its standard error.
		"Log [pt]info notice stdout",
	}
}

// relayTorrc is what every node has that others connect to.
func (a *authority) relayTorrc(dir, name string) []string {
	return append(a.baseTorrc(dir, name),
		"Nickname "+name,
		// Without these two it waits for others to find and reach it.
		fmt.Sprintf("Address %v", a.host),
		"AssumeReachable 1",
		"AddressDisableIPv6 1",
		"SocksPort 0",
		"__DisablePredictedCircuits 1",
	)
}

// exitTorrc lets a relay connect to anything on loopback. The policy can't say
// "and nothing else": clients see only a summary of it, the ports on which most of
// the Internet can be reached, and would know no exit. Binding to a loopback
// address says it.
func (a *authority) exitTorrc() []string {
	return []string{
		"ExitRelay 1",
		"ExitPolicy accept 127.0.0.0/8:*",
		fmt.Sprintf("OutboundBindAddressExit %v", a.host),
		// Otherwise it asks the system's name server for well-known names.
		"ServerDNSDetectHijacking 0",
	}
}

func (a *authority) authorityTorrc(dir string) []string {
	rc := append(a.relayTorrc(dir, authName), a.exitTorrc()...)
	return append(rc,
		fmt.Sprintf("ORPort %v:%d", a.host, a.orPort),
		fmt.Sprintf("DirPort %v:%d", a.host, a.dirPort),
		"AuthoritativeDirectory 1",
		"V3AuthoritativeDirectory 1",
		"ContactInfo test@test.invalid",
		"TestingDirAuthVoteExit *",
		"TestingDirAuthVoteGuard *",
		// The first consensus stays valid for a week, so that no later one is
		// needed. When it is voted on is set once the relays are known.
		"V3AuthVotingInterval 1 day",
		"V3AuthNIntervalsValid 7",
		"V3AuthVoteDelay 2",
		"V3AuthDistDelay 2",
		"TestingV3AuthInitialVoteDelay 2",
		"TestingV3AuthInitialDistDelay 2",
		"TestingV3AuthInitialVotingInterval 1800",
		"TestingV3AuthVotingStartOffset 0",
	)
}

func (a *authority) middleTorrc(dir string) []string {
	rc := append(a.relayTorrc(dir, relayName), a.exitTorrc()...)
	return append(rc,
		fmt.Sprintf("ORPort %v:auto", a.host),
		// As a directory mirror it would keep the client waiting for 10 s more.
		"DirCache 0",
	)
}

func (a *authority) bridgeTorrc(dir string, cfg *BridgeConfig) []string {
	rc := append(a.relayTorrc(dir, cfg.Name),
		fmt.Sprintf("ORPort %v:auto", a.host),
		"BridgeRelay 1",
		"PublishServerDescriptor 0",
	)
	if len(cfg.Transports) > 0 {
		names := make([]string, len(cfg.Transports))
		for i, t := range cfg.Transports {
			names[i] = t.Name
		}
		rc = append(rc, "ServerTransportPlugin "+strings.Join(names, ",")+" exec "+strings.Join(cfg.Exec, " "))
	}
	for _, t := range cfg.Transports {
		rc = append(rc, fmt.Sprintf("ServerTransportListenAddr %s %v", t.Name, t.Listen))
	}
	if cfg.ExtORPort {
		rc = append(rc, fmt.Sprintf("ExtORPort %v:auto", a.host))
	}
	return append(rc, cfg.ExtraTorrc...)
}

func (a *authority) clientTorrc(dir string, cfg *ClientConfig) []string {
	rc := append(a.baseTorrc(dir, cfg.Name),
		fmt.Sprintf("SocksPort %v:auto", a.host),
		"UseBridges 1",
	)
	for _, plugin := range cfg.Plugins {
		rc = append(rc, "ClientTransportPlugin "+plugin)
	}
	for _, bridge := range cfg.Bridges {
		rc = append(rc, "Bridge "+bridge)
	}
	return append(rc, cfg.ExtraTorrc...)
}
