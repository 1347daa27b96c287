// A client that speaks protobuf alone: creates, watches through an informer, updates and deletes built-in kinds.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const protobuf = "application/vnd.kubernetes.protobuf"

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	check(err)
	config.ContentType = protobuf
	config.AcceptContentTypes = protobuf
	client, err := kubernetes.NewForConfig(config)
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()

	events := make(chan string, 100)
	factory := informers.NewSharedInformerFactory(client, 0)
	name := func(object any) string {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		return object.(*corev1.Pod).Name
	}
	_, err = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { events <- "added " + name(object) },
		UpdateFunc: func(_, object any) { events <- fmt.Sprintf("updated %s %s", name(object), object.(*corev1.Pod).Labels["step"]) },
		DeleteFunc: func(object any) { events <- "deleted " + name(object) },
	})
	check(err)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	pods := client.CoreV1().Pods("default")
	grace := int64(0)
	pod, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "from-go", Labels: map[string]string{"step": "one"}},
		Spec: corev1.PodSpec{
			SchedulerName: "nobody",
			Containers:    []corev1.Container{{Name: "c", Image: "busybox", Env: []corev1.EnvVar{{Name: "A", Value: "ü"}}}},
		},
	}, metav1.CreateOptions{})
	check(err)
	fmt.Println("created", pod.Name, pod.Spec.RestartPolicy, pod.Spec.Containers[0].Env[0].Value, pod.Status.QOSClass)
	await(ctx, events, "added from-go")
	pod.Labels["step"] = "two"
	pod, err = pods.Update(ctx, pod, metav1.UpdateOptions{})
	check(err)
	await(ctx, events, "updated from-go two")
	check(pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &grace}))
	await(ctx, events, "deleted from-go")
	_, err = pods.Get(ctx, pod.Name, metav1.GetOptions{})
	fmt.Println("gone:", err)
	namespaces, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 2})
	check(err)
	fmt.Println("namespaces", len(namespaces.Items), namespaces.Continue != "")
	document, err := client.Discovery().OpenAPISchema()
	check(err)
	fmt.Println("openapi", document.GetInfo().GetTitle())
}

func await(ctx context.Context, events <-chan string, wanted string) {
	for {
		select {
		case event := <-events:
			if event == wanted {
				fmt.Println(event)
				return
			}
		case <-ctx.Done():
			check(fmt.Errorf("no event %q", wanted))
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
