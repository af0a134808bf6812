// Drives a running etcd with its own official client, so that scripts/bench-etcd.sh can set its
// figures beside shardkv-cli's: a closed loop of independent clients, each with its own connection
// and one request in flight, over the same keys and value sizes. Prints one JSON document.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/clientv3"
)

type result struct {
	latencies []time.Duration
	errors    int
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "etcd-bench:", err)
	os.Exit(1)
}

func main() {
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "client addresses, comma separated")
	clients := flag.Int("c", 64, "clients")
	seconds := flag.Float64("z", 3, "seconds")
	warmup := flag.Float64("warmup", 0, "seconds of load before measuring")
	size := flag.Int("d", 256, "bytes of a value")
	keys := flag.Int("r", 1000, "number of keys")
	operation := flag.String("op", "put", "put or get (linearizable)")
	seed := flag.Int64("seed", 1, "seed of the key choice")
	flag.Parse()
	if *operation != "put" && *operation != "get" {
		fail(fmt.Errorf("-op is put or get, not %q", *operation))
	}
	addresses := strings.Split(*endpoints, ",")
	value := strings.Repeat("x", *size)
	connected := make([]*clientv3.Client, *clients)
	for number := range connected {
		client, err := clientv3.New(clientv3.Config{Endpoints: addresses, DialTimeout: 5 * time.Second})
		if err != nil {
			fail(err)
		}
		defer client.Close()
		connected[number] = client
		// Opens the connection before the clock starts.
		if _, err := client.Get(context.Background(), "bench:0"); err != nil {
			fail(err)
		}
	}
	results := make([]result, *clients)
	var group sync.WaitGroup
	start := time.Now().Add(time.Duration(*warmup * float64(time.Second)))
	end := start.Add(time.Duration(*seconds * float64(time.Second)))
	for number := range connected {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			random := rand.New(rand.NewSource(*seed + int64(number)))
			mine := &results[number]
			for now := time.Now(); now.Before(end); {
				key := fmt.Sprintf("bench:%d", random.Intn(*keys))
				var err error
				if *operation == "put" {
					_, err = connected[number].Put(context.Background(), key, value)
				} else {
					_, err = connected[number].Get(context.Background(), key)
				}
				after := time.Now()
				if now.Before(start) {
					// Warming up.
				} else if err != nil {
					mine.errors++
				} else {
					mine.latencies = append(mine.latencies, after.Sub(now))
				}
				now = after
			}
		}(number)
	}
	group.Wait()
	elapsed := time.Since(start).Seconds()
	report(results, elapsed)
}

func report(results []result, elapsed float64) {
	var all []time.Duration
	errors := 0
	for _, one := range results {
		all = append(all, one.latencies...)
		errors += one.errors
	}
	if len(all) == 0 {
		fail(fmt.Errorf("no request succeeded, %d failed", errors))
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	at := func(quantile float64) float64 {
		return float64(all[int(quantile*float64(len(all)-1))]) / float64(time.Millisecond)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"operations":          len(all),
		"operationsPerSecond": float64(len(all)) / elapsed,
		"seconds":             elapsed,
		"errors":              errors,
		"latencyMs": map[string]float64{
			"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": at(1),
		},
	})
}
