package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The manual pages in doc/ are what the programs print with --man.
func TestManualPages(t *testing.T) {
	for name, section := range map[string]string{"flashproxy-client": "1", "proxy-headless": "1", "facilitator": "8", "flashproxy-server": "8"} {
		want, err := exec.Command(programs.Path(name), "--man").Output()
		if err != nil {
			t.Fatalf("%s --man: %v", name, err)
		}
		file := filepath.Join("..", "..", "doc", name+"."+section)
		if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
			t.Errorf("%s is not what %s --man prints (%v): run make man", filepath.Base(file), name, err)
		}
	}
}
