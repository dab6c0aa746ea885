// A Kafka broker for tests: franz-go's kfake on free ports of 127.0.0.1, up in ten milliseconds.
//
//	kfake [-brokers N] [-partitions N] [-data DIR] [-set key=value]...
//
// It prints its address list as one line on standard output, then obeys lines on standard input, answering each
// with "ok" or "error ...", and ends when its input does, so that a test that dies leaves no broker behind:
//
//	fail KEY CODE COUNT [TOPIC]   answer the next COUNT requests of an API key with a Kafka error code
//	slow KEY MS                   take so much longer for each request of an API key; 0: no longer
//	topic NAME PARTITIONS [KEY=VALUE]...
//	delete NAME
//	compact
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func pairs(words []string) map[string]string {
	found := map[string]string{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		found[key] = value
	}
	return found
}

// How many milliseconds longer the requests of an API key take.
var slower sync.Map

func slow(cluster *kfake.Cluster, key kmsg.Key, ms int) {
	if _, known := slower.Swap(key, ms); known {
		return
	}
	cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if ms, _ := slower.Load(key); ms.(int) > 0 {
			cluster.SleepControl(func() { time.Sleep(time.Duration(ms.(int)) * time.Millisecond) })
		}
		return nil, nil, false
	})
}

func obey(cluster *kfake.Cluster, words []string) error {
	number := func(i int) int {
		if i >= len(words) {
			return 0
		}
		n, _ := strconv.Atoi(words[i])
		return n
	}
	switch {
	case len(words) >= 4 && words[0] == "fail":
		fault := kfake.Fault{Keys: []kmsg.Key{kmsg.Key(number(1))}, Count: number(3)}
		fault.Err = kerr.TypedErrorForCode(int16(number(2)))
		if len(words) > 4 {
			fault.Topic = words[4]
		} else {
			fault.TopLevel = words[1] == "22" || words[1] == "26"
		}
		cluster.Fault(fault)
		return nil
	case len(words) == 3 && words[0] == "slow":
		slow(cluster, kmsg.Key(number(1)), number(2))
		return nil
	case len(words) >= 3 && words[0] == "topic":
		return cluster.CreateTopic(words[1], int32(number(2)), pairs(words[3:]))
	case len(words) == 2 && words[0] == "delete":
		return cluster.DeleteTopic(words[1])
	case len(words) == 1 && words[0] == "compact":
		cluster.Compact()
		return nil
	}
	return fmt.Errorf("unknown command %q", words)
}

type settings []string

func (s *settings) String() string         { return strings.Join(*s, " ") }
func (s *settings) Set(value string) error { *s = append(*s, value); return nil }

func main() {
	brokers := flag.Int("brokers", 1, "number of brokers")
	partitions := flag.Int("partitions", 1, "partitions of a topic created without a number")
	data := flag.String("data", "", "folder to keep state in")
	var set settings
	flag.Var(&set, "set", "broker configuration, key=value")
	flag.Parse()

	options := []kfake.Opt{kfake.NumBrokers(*brokers), kfake.DefaultNumPartitions(*partitions),
		kfake.BrokerConfigs(pairs(set))}
	if *data != "" {
		options = append(options, kfake.DataDir(*data), kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kfake:", err)
		os.Exit(1)
	}
	defer cluster.Close()
	fmt.Println(strings.Join(cluster.ListenAddrs(), ","))
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := obey(cluster, strings.Fields(lines.Text())); err != nil {
			fmt.Println("error", err)
		} else {
			fmt.Println("ok")
		}
	}
}
