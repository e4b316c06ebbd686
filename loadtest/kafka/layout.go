package kafka

// A Layout says what to run. The zero value of a field is its default.
type Layout struct {
	Version string // a release; default Newest
	Brokers int    // default 1. Node ids are 1..Brokers
	// DedicatedController runs one controller-only node (id 100) beside brokers
	// that are only brokers, so that any broker may be killed. Without it the first
	// three brokers are controllers too. KRaft only.
	DedicatedController bool
	Features            map[string]string // --feature NAME=LEVEL at format time; KRaft only
	Config              map[string]string // server properties added or replaced on every node
	HeapMiB             int               // of a broker; default 512
	JVM                 []string          // further flags of every broker's JVM, for instance ScriptJVM
	// Proxied gives every broker a second listener, for clients that come through a
	// proxy: it listens on Node.Behind and names itself as Node.Front, where the
	// test's proxy has to listen.
	Proxied bool
	Dir     string // data and logs; default a temporary folder, removed by Close
}

// Single is one KRaft node that is broker and controller.
func Single() Layout { return Layout{Brokers: 1} }

// Three is a KRaft cluster of three brokers that are controllers too; topics may have
// three replicas and one broker may be down.
func Three() Layout { return Layout{Brokers: 3, HeapMiB: 384} }

// Unclean is a controller and two brokers that allow an unclean leader election
// to be provoked: a lost broker is noticed in 3 s and eligible-leader replicas
// are off. The topic itself needs unclean.leader.election.enable=true.
func Unclean() Layout {
	return Layout{
		Brokers:             2,
		DedicatedController: true,
		Features:            map[string]string{"eligible.leader.replicas.version": "0"},
		Config:              map[string]string{"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"},
		HeapMiB:             384,
	}
}

// Old is one broker of a ZooKeeper release (ZK28, ZK21) and its ZooKeeper.
func Old(version string) Layout { return Layout{Version: version, Brokers: 1} }

func (l Layout) withDefaults() Layout {
	if l.Version == "" {
		l.Version = Newest
	}
	if l.Brokers == 0 {
		l.Brokers = 1
	}
	if l.HeapMiB == 0 {
		l.HeapMiB = 512
	}
	return l
}
