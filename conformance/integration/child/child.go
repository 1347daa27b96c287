// Package child runs an API server as a child process for upstream's integration tests, which start one in their own.
package child

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	_ "unsafe" // For go:linkname.

	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/trace/noop"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	_ "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/tracing"
)

// Log is what of a test is needed here.
type Log interface {
	Logf(format string, args ...any)
}

// Gates are the features as the test has them.
type Gates interface {
	GetAll() map[featuregate.Feature]featuregate.FeatureSpec
	Enabled(featuregate.Feature) bool
}

// Server says what to start.
type Server struct {
	// Name of the test; the log of the child is named after it.
	Name string
	// Directory is where the child makes its certificate.
	Directory string
	Port      int
	Arguments []string
	// Ready says what must be so before the test goes on: paths that answer 200, and namespaces.
	Paths      []string
	Namespaces []string
}

// Those of which the caller says more than the flags do.
var apart = map[string]bool{
	"feature-gates": true, "emulated-version": true, "min-compatibility-version": true,
	"secure-port": true, "bind-address": true, "cert-dir": true,
}

// Whose defaults may differ between servers.
var always = map[string]bool{
	"authorization-mode": true, "enable-aggregator-routing": true, "etcd-servers": true, "etcd-prefix": true, "allow-privileged": true,
}

// Arguments returns the flags that differ from fresh ones, and the gates that are not as by default.
func Arguments(given, fresh []*pflag.FlagSet, gates Gates) []string {
	defaults := map[string]string{}
	for _, set := range fresh {
		set.VisitAll(func(flag *pflag.Flag) { defaults[flag.Name] = flag.Value.String() })
	}
	var arguments []string
	seen := map[string]bool{}
	for _, set := range given {
		set.VisitAll(func(flag *pflag.Flag) {
			if seen[flag.Name] || apart[flag.Name] || !always[flag.Name] && flag.Value.String() == defaults[flag.Name] {
				return
			}
			seen[flag.Name] = true
			arguments = append(arguments, spelled(flag)...)
		})
	}
	if slices.Contains(arguments, "--authorization-mode=") {
		// What completing the options makes of it, unless a file says it.
		arguments = slices.DeleteFunc(arguments, func(each string) bool { return each == "--authorization-mode=" })
		if !slices.ContainsFunc(arguments, func(each string) bool { return strings.HasPrefix(each, "--authorization-config=") }) {
			arguments = append(arguments, "--authorization-mode=AlwaysAllow")
		}
	}
	for name, spec := range gates.GetAll() {
		if enabled := gates.Enabled(name); enabled != spec.Default && name != "AllAlpha" && name != "AllBeta" {
			arguments = append(arguments, fmt.Sprintf("--feature-gates=%s=%t", name, enabled))
		}
	}
	return arguments
}

// spelled is a flag as it stands on a command line: several times where it may be repeated.
func spelled(flag *pflag.Flag) []string {
	value := flag.Value.String()
	values := []string{value}
	if slice, ok := flag.Value.(pflag.SliceValue); ok {
		values = slice.GetSlice()
		if flag.Value.Type() != "stringArray" {
			values = []string{strings.Join(values, ",")}
		}
	} else if strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]") {
		values = strings.Split(value[1:len(value)-1], ";")
	}
	var result []string
	for _, each := range values {
		result = append(result, "--"+flag.Name+"="+each)
	}
	return result
}

var started atomic.Int32

// Start runs the program of CANOPUS_SERVER, and returns how it is spoken to and what ends it.
func Start(ctx context.Context, log Log, server Server) (*restclient.Config, func() error, error) {
	program := strings.Fields(os.Getenv("CANOPUS_SERVER"))
	if len(program) == 0 {
		return nil, nil, fmt.Errorf("CANOPUS_SERVER does not say which server to start")
	}
	certificate := filepath.Join(server.Directory, "apiserver.crt")
	if !isForLoopback(certificate) {
		// Made for other addresses when the options were completed.
		os.Remove(certificate)
		os.Remove(filepath.Join(server.Directory, "apiserver.key"))
	}

	token, arguments, err := withToken(server)
	if err != nil {
		return nil, nil, err
	}
	signing, err := signingArguments(server)
	if err != nil {
		return nil, nil, err
	}
	arguments = append(arguments, signing...)
	arguments = append(arguments, fmt.Sprintf("--secure-port=%d", server.Port), "--bind-address=127.0.0.1", "--cert-dir="+server.Directory)
	if !slices.ContainsFunc(arguments, func(each string) bool { return strings.HasPrefix(each, "--peer-advertise-") }) {
		// The server of the process advertises what it listens on; a flag for loopback addresses there is for this alone.
		arguments = append(arguments, "--peer-advertise-ip=127.0.0.1", fmt.Sprintf("--peer-advertise-port=%d", server.Port))
	}
	arguments, unknown := known(program, arguments)
	log.Logf("child: %s %s", strings.Join(program, " "), strings.Join(arguments, " "))
	if len(unknown) > 0 {
		log.Logf("child: not handed on, since it has no such flag: %s", strings.Join(unknown, " "))
	}
	command := exec.Command(program[0], append(program[1:], arguments...)...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if host := hostname(); host != "" {
		inside := append([]string{"-c", `hostname "$0" && exec "$@"`, host, program[0]}, command.Args[1:]...)
		command = exec.Command("sh", inside...)
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Cloneflags: syscall.CLONE_NEWUTS}
	}
	output, err := logFile(server)
	if err != nil {
		return nil, nil, err
	}
	defer output.Close()
	log.Logf("child: log in %s", output.Name())
	command.Stdout, command.Stderr = output, output
	begun, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		// The signal at the parent's death comes when this thread ends.
		goruntime.LockOSThread()
		err := command.Start()
		begun <- err
		if err == nil {
			ended <- command.Wait()
		}
	}()
	if err := <-begun; err != nil {
		return nil, nil, err
	}
	stop := func() error { return end(command, ended) }

	config := &restclient.Config{
		Host:          fmt.Sprintf("https://127.0.0.1:%d", server.Port),
		BearerToken:   token,
		ContentConfig: restclient.ContentConfig{ContentType: runtime.ContentTypeProtobuf},
		QPS:           -1,
	}
	// As the loopback client: what a test traces is told to the server.
	config.Wrap(tracing.WrapperFor(noop.NewTracerProvider()))
	if err := ready(ctx, config, certificate, server, ended); err != nil {
		last, _ := os.ReadFile(output.Name())
		stop()
		return nil, nil, fmt.Errorf("%w; the child said: %s", err, tail(string(last), 2000))
	}
	return config, stop, nil
}

// Tests set it, so that servers of one process have names (SetHostnameFuncForTests).
//
//go:linkname hostnameFunc k8s.io/apiserver/pkg/server.hostnameFunc
var hostnameFunc func() (string, error)

// hostname is what tests have set; nothing where it is the machine's.
func hostname() string {
	own, _ := os.Hostname()
	if name, err := hostnameFunc(); err == nil && name != own {
		return name
	}
	return ""
}

func isForLoopback(file string) bool {
	certificates, err := cert.CertsFromFile(file)
	return err == nil && certificates[0].VerifyHostname("127.0.0.1") == nil
}

func logFile(server Server) (*os.File, error) {
	name := regexp.MustCompile(`[^A-Za-z0-9_.-]+`).ReplaceAllString(server.Name, "_")
	directory := os.Getenv("CANOPUS_LOGS")
	if directory == "" {
		directory = os.TempDir()
	}
	return os.Create(filepath.Join(directory, fmt.Sprintf("%.150s-%d-%d.log", name, os.Getpid(), started.Add(1))))
}

// end asks once, since a second signal would end it at once.
func end(command *exec.Cmd, ended chan error) error {
	command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		ended <- err
		return err
	case <-time.After(70 * time.Second):
		command.Process.Kill()
		return fmt.Errorf("the server did not end in 70 s")
	}
}

// withToken adds a token of system:masters to those of the test.
func withToken(server Server) (string, []string, error) {
	bytes := make([]byte, 16)
	rand.Read(bytes)
	token := hex.EncodeToString(bytes)
	lines := fmt.Sprintf("%s,system:apiserver,%s,\"system:masters\"\n", token, token[:8])
	var arguments []string
	for _, argument := range server.Arguments {
		file, ok := strings.CutPrefix(argument, "--token-auth-file=")
		if !ok {
			arguments = append(arguments, argument)
			continue
		}
		others, err := os.ReadFile(file)
		if err != nil {
			return "", nil, err
		}
		lines += string(others)
	}
	tokens := filepath.Join(server.Directory, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(lines), 0o600); err != nil {
		return "", nil, err
	}
	return token, append(arguments, "--token-auth-file="+tokens), nil
}

// signingArguments names a key for tokens of service accounts where the test has none: the server of apiextensions signs no tokens.
func signingArguments(server Server) ([]string, error) {
	if slices.ContainsFunc(server.Arguments, func(each string) bool { return strings.HasPrefix(each, "--service-account-signing-key-file=") }) {
		return nil, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(server.Directory, "service-account.key")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return []string{
		"--service-account-signing-key-file=" + file, "--service-account-key-file=" + file, "--service-account-issuer=https://kubernetes.default.svc",
	}, nil
}

var flagsOfProgram map[string]bool

// Where a test is about controllers or the scheduler, in its own process, the server may stay as it is.
var asItIs = os.Getenv("CANOPUS_GATES") == "default"

var ofFeatures = map[string]bool{"--feature-gates": true, "--emulated-version": true, "--min-compatibility-version": true}

// known parts arguments into those that the program's --help names, and others.
func known(program, arguments []string) (kept, others []string) {
	if flagsOfProgram == nil {
		help, _ := exec.Command(program[0], append(program[1:], "--help")...).CombinedOutput()
		flagsOfProgram = map[string]bool{}
		for _, match := range regexp.MustCompile(`--[a-z0-9-]+`).FindAllString(string(help), -1) {
			flagsOfProgram[match] = true
		}
	}
	for _, argument := range arguments {
		if name, _, _ := strings.Cut(argument, "="); flagsOfProgram[name] && !(asItIs && ofFeatures[name]) {
			kept = append(kept, argument)
		} else {
			others = append(others, argument)
		}
	}
	return kept, others
}

// ready waits until the child answers, and gives the client its authority.
func ready(ctx context.Context, config *restclient.Config, certificate string, server Server, ended chan error) error {
	deadline := time.Now().Add(2 * time.Minute)
	for missing := "its certificate"; ; time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the server ended: %v", err)
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server is not ready: %s", missing)
		}
		if len(config.CAData) == 0 {
			authority := certificate
			for _, argument := range server.Arguments {
				if file, ok := strings.CutPrefix(argument, "--tls-cert-file="); ok {
					authority = file
				}
			}
			if config.CAData, _ = os.ReadFile(authority); len(config.CAData) == 0 {
				continue
			}
		}
		if missing = absent(ctx, config, server); missing == "" {
			return nil
		}
	}
}

func absent(ctx context.Context, config *restclient.Config, server Server) string {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err.Error()
	}
	defer http.DefaultClient.CloseIdleConnections()
	for _, path := range server.Paths {
		status := 0
		if err := client.CoreV1().RESTClient().Get().RequestURI(path).Do(ctx).StatusCode(&status).Error(); err != nil || status != http.StatusOK {
			return fmt.Sprintf("%s: %d, %v", path, status, err)
		}
	}
	for _, namespace := range server.Namespaces {
		if _, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{}); err != nil {
			return err.Error()
		}
	}
	return ""
}

func tail(text string, length int) string {
	return text[max(0, len(text)-length):]
}
