"""Produce or consume one assigned partition with confluent-kafka.

confluent.py produce BOOTSTRAP TOPIC PARTITION CODEC ACKS       key<TAB>value lines on stdin
confluent.py consume BOOTSTRAP TOPIC PARTITION OFFSET COUNT     the same on stdout
"""
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition


def produce(bootstrap, topic, partition, codec, acks):
    failed = []

    def done(err, _msg):
        if err is not None:
            failed.append(err)

    p = Producer({
        "bootstrap.servers": bootstrap, "compression.type": codec, "acks": acks,
        "enable.idempotence": acks == "all", "linger.ms": 5, "message.timeout.ms": 30000,
    })
    for line in sys.stdin:
        key, _, value = line.rstrip("\n").partition("\t")
        p.produce(topic, key=key, value=value, partition=int(partition), on_delivery=done)
        p.poll(0)
    left = p.flush(30)
    if failed or left:
        sys.exit("not acknowledged: %d left, errors %s" % (left, failed[:3]))


def consume(bootstrap, topic, partition, offset, count):
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
                  "auto.offset.reset": "error"})
    c.assign([TopicPartition(topic, int(partition), int(offset))])
    deadline = time.monotonic() + 30
    n = 0
    while n < int(count):
        m = c.poll(1.0)
        if m is None:
            if time.monotonic() > deadline:
                sys.exit("nothing more after %d records" % n)
            continue
        if m.error():
            sys.exit("after %d records: %s" % (n, m.error()))
        sys.stdout.write("%s\t%s\n" % (m.key().decode(), m.value().decode()))
        n += 1
    c.close()


{"produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
