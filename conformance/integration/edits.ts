/** Which lines of upstream's files give way to a child, as `prepare.ts` replaces them. */

/** Everything from the line that begins with `from` up to the one that begins with `to` (not itself) becomes `by`. */
export type Cut = { from: string; to: string; by: string }

/** What is changed in one file of a module. */
export type Edit = {
  module: string
  file: string
  imports: readonly string[]
  unused?: readonly string[]
  cuts: readonly Cut[]
}

const CHILD = '"canopus.test/child"'

const EMULATION = `
	if emulated := effectiveVersion.EmulationVersion(); !emulated.EqualTo(effectiveVersion.BinaryVersion()) {
		canopus = append(canopus, fmt.Sprintf("--emulated-version=kube=%d.%d", emulated.Major(), emulated.Minor()))
	}
	if fresh := compatibility.DefaultKubeEffectiveVersionForTest(); !effectiveVersion.MinCompatibilityVersion().EqualTo(fresh.MinCompatibilityVersion()) {
		least := effectiveVersion.MinCompatibilityVersion()
		canopus = append(canopus, fmt.Sprintf("--min-compatibility-version=kube=%d.%d", least.Major(), least.Minor()))
	}
`

const FLAG_SETS = `
	var canopusGiven, canopusFresh []*pflag.FlagSet
	for _, set := range GIVEN.FlagSets {
		canopusGiven = append(canopusGiven, set)
	}
	for _, set := range options.NewServerRunOptions().Flags().FlagSets {
		canopusFresh = append(canopusFresh, set)
	}
	canopus := child.Arguments(canopusGiven, canopusFresh, featureGate)
`

const FRONT_PROXY = `
	if instanceOptions.EnableCertAuth {
		front := s.Authentication.RequestHeader
		canopus = append(canopus, "--requestheader-client-ca-file="+front.ClientCAFile, "--requestheader-allowed-names="+strings.Join(front.AllowedNames, ","))
		for name, values := range map[string][]string{
			"username-headers": front.UsernameHeaders, "uid-headers": front.UIDHeaders, "group-headers": front.GroupHeaders, "extra-headers-prefix": front.ExtraHeaderPrefixes,
		} {
			canopus = slices.DeleteFunc(canopus, func(each string) bool { return strings.HasPrefix(each, "--requestheader-"+name+"=") })
			if len(values) > 0 {
				canopus = append(canopus, "--requestheader-"+name+"="+strings.Join(values, ","))
			}
		}
	}
`

/** Ends the child with the context, and tells `errCh`; then does what else there is to do. */
const untilStopped = (context: string, then?: string): string => `\tgo func() {
		defer close(errCh)
		<-${context}.Done()
		if err := canopusStop(); err != nil {
			errCh <- err
		}
${then === undefined ? '' : `\t\t${then}\n`}	}()
`

/** `StartTestServer` of most tests: flags in, a server with an aggregator out. */
const testServer: Edit = {
  module: 'k8s.io/kubernetes',
  file: 'cmd/kube-apiserver/app/testing/testserver.go',
  imports: [CHILD, '"slices"', '"strings"'],
  unused: [
    'app.NewConfig',
    'wait.Poll',
    'errors.IsNotFound',
    'context.TODO',
    'metav1.GetOptions{}',
    'kubernetes.NewForConfig',
    'apiserver.StorageVersionPostStartHookName',
  ],
  cuts: [
    {
      from: '\tcompletedOptions, err := s.Complete(',
      to: '\tif err != nil {',
      by: `${FLAG_SETS.replace('GIVEN', 'namedFlagSets')}${EMULATION}${FRONT_PROXY}\n\tcompletedOptions, err := s.Complete(tCtx)`,
    },
    {
      from: '\tconfig, err := app.NewConfig(',
      to: '\tetcdClient, _, err := GetEtcdClients(',
      by: `
	s.SecureServing.Listener.Close()
	canopusServer := child.Server{
		Name: fmt.Sprint(t.Name()), Directory: s.SecureServing.ServerCert.CertDirectory, Port: s.SecureServing.BindPort, Arguments: canopus,
		Namespaces: []string{"default"},
	}
	if !instanceOptions.SkipHealthzCheck {
		canopusServer.Paths = []string{"/healthz"}
	}
	canopusConfig, canopusStop, err := child.Start(tCtx, t, canopusServer)
	if err != nil {
		return result, err
	}
	errCh = make(chan error)
${untilStopped('tCtx')}`,
    },
    {
      from: '\tresult.ClientConfig = restclient.CopyConfig(',
      to: '\tresult.ClientConfig.QPS',
      by: '\tresult.ClientConfig = restclient.CopyConfig(canopusConfig)',
    },
  ],
}

/** `StartTestServer` of tests that change the configuration of the server. */
const framework: Edit = {
  module: 'k8s.io/kubernetes',
  file: 'test/integration/framework/test_server.go',
  imports: [CHILD, '"fmt"', '"github.com/spf13/pflag"'],
  unused: [
    'time.Second',
    'http.StatusOK',
    'wait.PollImmediate',
    'metav1.GetOptions{}',
    'genericapiserver.NewEmptyDelegate',
  ],
  cuts: [
    {
      from: '\tcompletedOptions, err := opts.Complete(',
      to: '\tif err != nil {',
      by: `${FLAG_SETS.replace('GIVEN', 'opts.Flags()')}${EMULATION}\n\tcompletedOptions, err := opts.Complete(ctx)`,
    },
    {
      from: '\tif setup.ModifyServerConfig != nil {',
      to: '\tkubeAPIServerClient, err := client.NewForConfig(',
      by: `
	listener.Close()
	canopusHooks := child.Watch(kubeAPIServerConfig.ControlPlane.Generic)
	canopusExtra := kubeAPIServerConfig.ControlPlane.Extra
	canopusEndpoints := kubeAPIServerConfig.Extra.EndpointReconcilerType
	if setup.ModifyServerConfig != nil {
		setup.ModifyServerConfig(kubeAPIServerConfig)
	}
	if changed := kubeAPIServerConfig.Extra.EndpointReconcilerType; changed != canopusEndpoints {
		canopus = append(canopus, "--endpoint-reconciler-type="+string(changed))
	}
	if changed := kubeAPIServerConfig.ControlPlane.Extra; changed.ExtendExpiration != canopusExtra.ExtendExpiration || changed.ServiceAccountMaxExpiration != canopusExtra.ServiceAccountMaxExpiration {
		canopus = append(canopus, fmt.Sprintf("--service-account-extend-token-expiration=%t", changed.ExtendExpiration),
			"--service-account-max-token-expiration="+changed.ServiceAccountMaxExpiration.String())
	}
	canopusArguments, canopusDone := canopusHooks.Arguments(t, certDir, opts.Authorization.Modes, opts.Admission.GenericAdmission.RecommendedPluginOrder)
	canopusConfig, canopusStop, err := child.Start(ctx, t, child.Server{
		Name: t.Name(), Directory: certDir, Port: listener.Addr().(*net.TCPAddr).Port, Arguments: append(canopus, canopusArguments...),
		Paths: []string{"/healthz"}, Namespaces: []string{"default", "kube-system"},
	})
	if err != nil {
		t.Fatal(err)
	}
	errCh = make(chan error)
${untilStopped('ctx', 'canopusDone()')}	kubeAPIServerClientConfig := canopusConfig
	if token := kubeAPIServerConfig.ControlPlane.Generic.LoopbackClientConfig.BearerToken; token == "" {
		kubeAPIServerClientConfig.BearerToken = ""
	}
	kubeAPIServerClientConfig.CAFile = path.Join(certDir, "apiserver.crt")
	kubeAPIServerClientConfig.CAData = nil
`,
    },
  ],
}

/** `StartRealAPIServerOrDie`, of tests that want one of every kind. */
const everyKind: Edit = {
  module: 'k8s.io/kubernetes',
  file: 'test/integration/etcd/server.go',
  imports: [CHILD, '"fmt"', '"github.com/spf13/pflag"'],
  unused: ['app.NewConfig', 'wait.PollImmediate', 'http.StatusOK'],
  cuts: [
    {
      from: '\tcompletedOptions, err := opts.Complete(',
      to: '\tif err != nil {',
      by: `${FLAG_SETS.replace('GIVEN', 'opts.Flags()')}${EMULATION}\n\tcompletedOptions, err := opts.Complete(tCtx)`,
    },
    {
      from: '\tconfig, err := app.NewConfig(',
      to: '\t// we make lots of requests',
      by: `
	listener.Close()
	kubeClientConfig, canopusStop, err := child.Start(tCtx, t, child.Server{
		Name: t.Name(), Directory: certDir, Port: listener.Addr().(*net.TCPAddr).Port, Arguments: canopus, Paths: []string{"/healthz"}, Namespaces: []string{"default"},
	})
	if err != nil {
		t.Fatal(err)
	}
`,
    },
    {
      from: '\terrCh := make(chan error)',
      to: '\t// create CRDs so',
      by: `
	errCh := make(chan error)
${untilStopped('tCtx')}`,
    },
  ],
}

/** `StartTestServer` of the tests of apiextensions. */
const apiExtensions: Edit = {
  module: 'k8s.io/apiextensions-apiserver',
  file: 'pkg/cmd/server/testing/testserver.go',
  imports: [CHILD],
  unused: ['wait.Poll', 'kubernetes.NewForConfig', 'time.Second', 'genericapiserver.NewEmptyDelegate'],
  cuts: [
    {
      from: '\tif err := s.Complete(); err != nil {',
      to: '\t\treturn result',
      by: `
	canopusFresh := pflag.NewFlagSet("fresh", pflag.PanicOnError)
	options.NewCustomResourceDefinitionsServerOptions(os.Stdout, os.Stderr).AddFlags(canopusFresh)
	canopus := child.Arguments([]*pflag.FlagSet{fs}, []*pflag.FlagSet{canopusFresh}, featureGate)
	canopus = append(canopus, "--authorization-mode=AlwaysAllow")
${EMULATION}
	if err := s.Complete(); err != nil {`,
    },
    {
      from: '\tserver, err := completedConfig.New(',
      to: '\t// from here the caller',
      by: `
	s.RecommendedOptions.SecureServing.Listener.Close()
	canopusServer := child.Server{
		Name: "apiextensions", Directory: result.TmpDir, Port: s.RecommendedOptions.SecureServing.BindPort, Arguments: canopus, Paths: []string{"/healthz"},
	}
	if named, ok := t.(interface{ Name() string }); ok {
		canopusServer.Name = named.Name()
	}
	canopusConfig, canopusStop, err := child.Start(ctx, t, canopusServer)
	if err != nil {
		return result, err
	}
	errCh = make(chan error)
${untilStopped('ctx')}`,
    },
    {
      from: '\tresult.ClientConfig = server.GenericAPIServer',
      to: '\tresult.ServerOpts',
      by: '\tresult.ClientConfig = canopusConfig',
    },
  ],
}

/** Completing a configuration starts goroutines that a server of the process would end; waiting for them takes minutes. */
const leaks: Edit = {
  module: 'k8s.io/kubernetes',
  file: 'test/integration/framework/etcd.go',
  imports: [],
  cuts: [{ from: '\tif err := goleakFindRetry(goleakOpts', to: '\tos.Exit(result)', by: '' }],
}

export const EDITS: readonly Edit[] = [testServer, framework, everyKind, leaks, apiExtensions]

function cut(text: string, { from, to, by }: Cut): string {
  const start = text.indexOf(`\n${from}`)
  const end = start < 0 ? -1 : text.indexOf(`\n${to}`, start + from.length)
  if (end < 0) throw new Error(`upstream's file has no longer ${JSON.stringify(start < 0 ? from : to)}`)
  return `${text.slice(0, start)}\n${by}${text.slice(end)}`
}

/** The text of a file with its edit made. What it imports and no longer uses is used. */
export function edited(text: string, edit: Edit): string {
  const imported = text.replace('\nimport (\n', `\nimport (\n${edit.imports.map(each => `\t${each}\n`).join('')}`)
  const used = (edit.unused ?? []).map(each => `var _ = ${each}\n`).join('')
  return `${edit.cuts.reduce(cut, imported)}\n${used}`
}
