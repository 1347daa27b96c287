package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "example.test/memcached-operator/api/v1"
)

const finalizer = "cache.example.com/finalizer"

// Reconciler keeps a deployment for each Memcached.
type Reconciler struct {
	client.Client
	Events events.EventRecorder
}

func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	cache := &v1.Memcached{}
	if err := r.Get(ctx, request.NamespacedName, cache); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !cache.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finish(ctx, cache)
	}
	if controllerutil.AddFinalizer(cache, finalizer) {
		return ctrl.Result{}, r.Update(ctx, cache)
	}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: cache.Name, Namespace: cache.Namespace}}
	done, err := controllerutil.CreateOrUpdate(ctx, r.Client, deployment, func() error {
		labels := map[string]string{"app.kubernetes.io/name": "memcached", "app.kubernetes.io/instance": cache.Name}
		deployment.Spec.Replicas = cache.Spec.Replicas
		deployment.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
		deployment.Spec.Template.Labels = labels
		if len(deployment.Spec.Template.Spec.Containers) == 0 {
			deployment.Spec.Template.Spec.Containers = []corev1.Container{{Name: "memcached", Image: "memcached"}}
		}
		container := &deployment.Spec.Template.Spec.Containers[0]
		container.Ports = []corev1.ContainerPort{{Name: "memcached", ContainerPort: cache.Spec.ContainerPort, Protocol: corev1.ProtocolTCP}}
		return controllerutil.SetControllerReference(cache, deployment, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	if done != controllerutil.OperationResultNone {
		r.Events.Eventf(cache, deployment, corev1.EventTypeNormal, "Deployment", "Reconcile", "Deployment %s %s", deployment.Name, done)
	}
	return ctrl.Result{}, r.writeStatus(ctx, cache, deployment)
}

func (r *Reconciler) writeStatus(ctx context.Context, cache *v1.Memcached, deployment *appsv1.Deployment) error {
	before := client.MergeFromWithOptions(cache.DeepCopyObject().(*v1.Memcached), client.MergeFromWithOptimisticLock{})
	ready, wanted := deployment.Status.ReadyReplicas, *cache.Spec.Replicas
	condition := metav1.Condition{Type: "Available", Status: metav1.ConditionFalse, Reason: "Progressing", ObservedGeneration: cache.Generation}
	if ready == wanted {
		condition.Status, condition.Reason = metav1.ConditionTrue, "AllReady"
	}
	condition.Message = fmt.Sprintf("%d of %d are ready", ready, wanted)
	meta.SetStatusCondition(&cache.Status.Conditions, condition)
	cache.Status.ReadyReplicas = ready
	cache.Status.Selector = "app.kubernetes.io/instance=" + cache.Name
	return r.Status().Patch(ctx, cache, before)
}

func (r *Reconciler) finish(ctx context.Context, cache *v1.Memcached) error {
	if !controllerutil.ContainsFinalizer(cache, finalizer) {
		return nil
	}
	r.Events.Eventf(cache, nil, corev1.EventTypeWarning, "Deleting", "Delete", "Custom resource %s is being deleted", cache.Name)
	controllerutil.RemoveFinalizer(cache, finalizer)
	return r.Update(ctx, cache)
}

func (r *Reconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).For(&v1.Memcached{}).Owns(&appsv1.Deployment{}).Complete(r)
}
