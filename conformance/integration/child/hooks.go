package child

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// Hooks are what a test puts into the Go configuration of a server. A child asks them as webhooks.
type Hooks struct {
	config    *genericapiserver.Config
	admission admission.Interface
}

type nobody struct{}

func (nobody) AuthenticateRequest(*http.Request) (*authenticator.Response, bool, error) {
	return nil, false, nil
}

type noOpinion struct{}

func (noOpinion) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "", nil
}

// Watch puts stand-ins of the child's own authenticators and authorizers into the configuration, before the test changes it.
func Watch(config *genericapiserver.Config) *Hooks {
	config.Authentication.Authenticator = nobody{}
	config.Authorization.Authorizer = noOpinion{}
	return &Hooks{config: config, admission: config.AdmissionControl}
}

// Arguments serves what the test has put there, until done is called, and says how the child reaches it.
func (h *Hooks) Arguments(log Log, directory string, modes []string, plugins []string) (arguments []string, done func()) {
	mux := http.NewServeMux()
	mux.HandleFunc("/authenticate", func(w http.ResponseWriter, r *http.Request) {
		var review authenticationv1.TokenReview
		json.NewDecoder(r.Body).Decode(&review)
		review.Status = authenticate(h.config.Authentication.Authenticator, review.Spec.Token)
		json.NewEncoder(w).Encode(review)
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		var review authorizationv1.SubjectAccessReview
		json.NewDecoder(r.Body).Decode(&review)
		review.Status = authorize(h.config.Authorization.Authorizer, review.Spec)
		json.NewEncoder(w).Encode(review)
	})
	server := httptest.NewServer(mux)
	if _, same := h.config.Authentication.Authenticator.(nobody); !same {
		arguments = append(arguments, "--authentication-token-webhook-version=v1", "--authentication-token-webhook-cache-ttl=0s",
			"--authentication-token-webhook-config-file="+kubeconfig(directory, "authentication", server.URL+"/authenticate"))
	}
	if _, same := h.config.Authorization.Authorizer.(noOpinion); !same {
		arguments = append(arguments, "--authorization-mode="+strings.Join(append([]string{"Webhook"}, modes...), ","),
			"--authorization-webhook-version=v1", "--authorization-webhook-cache-authorized-ttl=0s", "--authorization-webhook-cache-unauthorized-ttl=0s",
			"--authorization-webhook-config-file="+kubeconfig(directory, "authorization", server.URL+"/authorize"))
	}
	if h.config.AdmissionControl != h.admission {
		arguments = append(arguments, h.plugins(log, plugins)...)
	}
	return arguments, server.Close
}

// plugins are turned on where they are upstream's, by the name that their package has; all others are turned off.
func (h *Hooks) plugins(log Log, all []string) []string {
	var on, off []string
	packages := map[string]bool{}
	add := func(plugin any) {
		kind := reflect.TypeOf(plugin)
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		packages[kind.PkgPath()[strings.LastIndex(kind.PkgPath(), "/")+1:]] = true
	}
	if value := reflect.ValueOf(h.config.AdmissionControl); value.Kind() == reflect.Slice {
		for i := range value.Len() {
			add(value.Index(i).Interface())
		}
	} else if h.config.AdmissionControl != nil {
		add(h.config.AdmissionControl)
	}
	for _, name := range all {
		if lower := strings.ToLower(name); packages[lower] {
			on = append(on, name)
			delete(packages, lower)
		} else {
			off = append(off, name)
		}
	}
	if len(packages) > 0 {
		log.Logf("child: admission plugins of the test's own, which it does not have: %v", packages)
	}
	arguments := []string{"--disable-admission-plugins=" + strings.Join(off, ",")}
	if len(on) > 0 {
		arguments = append(arguments, "--enable-admission-plugins="+strings.Join(on, ","))
	}
	return arguments
}

func kubeconfig(directory, name, url string) string {
	file := filepath.Join(directory, name+".kubeconfig")
	os.WriteFile(file, fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],`+
		`"users":[{"name":"u","user":{}}],"clusters":[{"name":"c","cluster":{"server":%q}}]}`, url), 0o600)
	return file
}

func authenticate(asked authenticator.Request, token string) authenticationv1.TokenReviewStatus {
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	response, ok, err := asked.AuthenticateRequest(request)
	if err != nil || !ok {
		status := authenticationv1.TokenReviewStatus{}
		if err != nil {
			status.Error = err.Error()
		}
		return status
	}
	extra := map[string]authenticationv1.ExtraValue{}
	for key, values := range response.User.GetExtra() {
		extra[key] = values
	}
	return authenticationv1.TokenReviewStatus{
		Authenticated: true,
		Audiences:     response.Audiences,
		User: authenticationv1.UserInfo{
			Username: response.User.GetName(), UID: response.User.GetUID(), Groups: response.User.GetGroups(), Extra: extra,
		},
	}
}

func authorize(asked authorizer.Authorizer, spec authorizationv1.SubjectAccessReviewSpec) authorizationv1.SubjectAccessReviewStatus {
	extra := map[string][]string{}
	for key, values := range spec.Extra {
		extra[key] = values
	}
	attributes := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: spec.User, UID: spec.UID, Groups: spec.Groups, Extra: extra}}
	if of := spec.ResourceAttributes; of != nil {
		attributes.ResourceRequest = true
		attributes.Verb, attributes.Namespace, attributes.Name = of.Verb, of.Namespace, of.Name
		attributes.APIGroup, attributes.APIVersion, attributes.Resource, attributes.Subresource = of.Group, of.Version, of.Resource, of.Subresource
		if of.FieldSelector != nil {
			attributes.FieldSelectorRequirements = fieldRequirements(of.FieldSelector)
		}
		if of.LabelSelector != nil {
			attributes.LabelSelectorRequirements = labelRequirements(of.LabelSelector)
		}
	}
	if of := spec.NonResourceAttributes; of != nil {
		attributes.Verb, attributes.Path = of.Verb, of.Path
	}
	decision, reason, err := asked.Authorize(context.Background(), attributes)
	status := authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow, Denied: decision == authorizer.DecisionDeny, Reason: reason,
	}
	if err != nil {
		status.EvaluationError = err.Error()
	}
	return status
}

func fieldRequirements(of *authorizationv1.FieldSelectorAttributes) fields.Requirements {
	selector, err := fields.ParseSelector(of.RawSelector)
	if err == nil && of.RawSelector != "" {
		return selector.Requirements()
	}
	return nil
}

func labelRequirements(of *authorizationv1.LabelSelectorAttributes) labels.Requirements {
	var expressions []metav1.LabelSelectorRequirement
	expressions = append(expressions, of.Requirements...)
	selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: expressions})
	if err != nil {
		return nil
	}
	requirements, _ := selector.Requirements()
	return requirements
}
