package main

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "example.test/memcached-operator/api/v1"
)

type webhooks struct{}

func (webhooks) Default(_ context.Context, cache *v1.Memcached) error {
	if cache.Spec.ContainerPort == 0 {
		cache.Spec.ContainerPort = 11211
	}
	if cache.Spec.Replicas == nil {
		one := int32(1)
		cache.Spec.Replicas = &one
	}
	return nil
}

func (webhooks) ValidateCreate(_ context.Context, cache *v1.Memcached) (admission.Warnings, error) {
	return check(cache)
}

func (webhooks) ValidateUpdate(_ context.Context, _, cache *v1.Memcached) (admission.Warnings, error) {
	return check(cache)
}

func (webhooks) ValidateDelete(context.Context, *v1.Memcached) (admission.Warnings, error) {
	return nil, nil
}

func check(cache *v1.Memcached) (admission.Warnings, error) {
	replicas := *cache.Spec.Replicas
	if replicas%2 == 0 && replicas > 0 {
		path := field.NewPath("spec", "replicas")
		return nil, apierrors.NewInvalid(v1.GroupVersion.WithKind("Memcached").GroupKind(), cache.Name,
			field.ErrorList{field.Invalid(path, replicas, "must be odd")})
	}
	if replicas > 5 {
		return admission.Warnings{"more than 5 replicas are rarely useful"}, nil
	}
	return nil, nil
}

func (w webhooks) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewWebhookManagedBy(manager, &v1.Memcached{}).WithDefaulter(w).WithValidator(w).Complete()
}
