package daemon

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"flashproxy/internal/scrub"
)

// Ready tells systemd (Type=notify) that the program serves: at the start, and
// again when a reload is done. Like the others here it does nothing, and returns
// nil, when systemd does not wait for it (no NOTIFY_SOCKET).
func Ready() error { return notify(daemon.SdNotifyReady) }

// Stopping tells systemd that the program is about to end.
func Stopping() error { return notify(daemon.SdNotifyStopping) }

// Reloading tells systemd that the program reads its configuration again; call
// [Ready] when it has. Type=notify-reload needs the time that is sent along
// (sd_notify(3), RELOADING=1).
func Reloading() error {
	return notify(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Status sets the line that systemctl status shows. Addresses are removed.
func Status(text string) error {
	return notify("STATUS=" + strings.Join(strings.Fields(scrub.String(text)), " "))
}

func notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Listeners returns the listening sockets that systemd opened for this process
// (sd_listen_fds(3)), in the order of the unit; nil when there are none. It takes
// them: a second call finds none.
func Listeners() ([]net.Listener, error) {
	var listeners []net.Listener
	var errs []error
	for i, f := range activation.Files(true) {
		ln, err := net.FileListener(f) // duplicates the descriptor
		f.Close()
		if err != nil {
			errs = append(errs, fmt.Errorf("use socket %d from systemd, which must be a ListenStream=: %w", i+1, err))
			continue
		}
		listeners = append(listeners, ln)
	}
	if err := errors.Join(errs...); err != nil {
		for _, ln := range listeners {
			ln.Close()
		}
		return nil, err
	}
	return listeners, nil
}
