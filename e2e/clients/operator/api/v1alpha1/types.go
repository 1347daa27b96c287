// Package v1alpha1 is the first version of Memcached, whose number of replicas was called size.
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/conversion"

	v1 "example.test/memcached-operator/api/v1"
)

var GroupVersion = schema.GroupVersion{Group: "cache.example.com", Version: "v1alpha1"}

type MemcachedSpec struct {
	Size          *int32 `json:"size,omitempty"`
	ContainerPort int32  `json:"containerPort,omitempty"`
}

type Memcached struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   MemcachedSpec      `json:"spec,omitempty"`
	Status v1.MemcachedStatus `json:"status,omitempty"`
}

type MemcachedList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Memcached `json:"items"`
}

func (in *Memcached) ConvertTo(hub conversion.Hub) error {
	out := hub.(*v1.Memcached)
	out.ObjectMeta, out.Status = in.ObjectMeta, in.Status
	out.Spec = v1.MemcachedSpec{Replicas: in.Spec.Size, ContainerPort: in.Spec.ContainerPort}
	return nil
}

func (in *Memcached) ConvertFrom(hub conversion.Hub) error {
	from := hub.(*v1.Memcached)
	in.ObjectMeta, in.Status = from.ObjectMeta, from.Status
	in.Spec = MemcachedSpec{Size: from.Spec.Replicas, ContainerPort: from.Spec.ContainerPort}
	return nil
}

func (in *Memcached) DeepCopyObject() runtime.Object {
	hub := &v1.Memcached{}
	_ = in.ConvertTo(hub)
	out := &Memcached{TypeMeta: in.TypeMeta}
	_ = out.ConvertFrom(hub.DeepCopyObject().(*v1.Memcached))
	return out
}

func (in *MemcachedList) DeepCopyObject() runtime.Object {
	out := &MemcachedList{TypeMeta: in.TypeMeta, ListMeta: *in.ListMeta.DeepCopy()}
	for i := range in.Items {
		out.Items = append(out.Items, *in.Items[i].DeepCopyObject().(*Memcached))
	}
	return out
}

func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Memcached{}, &MemcachedList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
