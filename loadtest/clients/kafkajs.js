// Produce or consume one partition with kafkajs.
//
// kafkajs.js produce BOOTSTRAP TOPIC PARTITION CODEC ACKS     key<TAB>value lines on stdin
// kafkajs.js consume BOOTSTRAP TOPIC PARTITION OFFSET COUNT   the same on stdout
//
// kafkajs consumes through groups only; here the fetch of its own broker class is
// called, which encodes, decodes and decompresses as its consumer does.
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const snappy = require('kafkajs-snappy')
const lz4 = require('lz4js')
const { ZstdCodec } = require('zstd-codec')
const { readFileSync } = require('fs')

CompressionCodecs[CompressionTypes.Snappy] = snappy
// lz4js marks its blocks as dependent, which Kafka refuses; there is only one block
// here, so the header may say independent (0x73 is that header's checksum).
const independent = frame => (frame.set([0x60, 0x70, 0x73], 4), frame)
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => independent(Buffer.from(lz4.compress(encoder.buffer))),
  decompress: async buffer => Buffer.from(lz4.decompress(buffer)),
})
const zstd = new Promise(resolve => ZstdCodec.run(z => resolve(new z.Streaming())))
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async buffer => Buffer.from((await zstd).decompress(buffer)),
})

const types = {
  none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD,
}

async function produce(kafka, topic, partition, codec, acks) {
  const messages = readFileSync(0, 'utf8').split('\n').filter(l => l !== '').map(line => {
    const tab = line.indexOf('\t')
    return { key: line.slice(0, tab), value: line.slice(tab + 1), partition: Number(partition) }
  })
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  await producer.send({ topic, messages, acks: acks === 'all' ? -1 : Number(acks), compression: types[codec] })
  await producer.disconnect()
}

async function consume(kafka, topic, partition, offset, count) {
  const create = Object.getOwnPropertySymbols(kafka).find(s => s.toString().includes('createCluster'))
  const cluster = kafka[create]({ isolationLevel: 0, allowAutoTopicCreation: false })
  await cluster.connect()
  await cluster.addTargetTopic(topic)
  const leaders = cluster.findLeaderForPartitions(topic, [Number(partition)])
  const broker = await cluster.findBroker({ nodeId: Object.keys(leaders)[0] })
  let next = Number(offset)
  for (let n = 0; n < Number(count);) {
    const { responses } = await broker.fetch({
      isolationLevel: 0, maxWaitTime: 500, minBytes: 1, maxBytes: 10485760,
      topics: [{ topic, partitions: [{ partition: Number(partition), fetchOffset: String(next), maxBytes: 1048576 }] }],
    })
    for (const m of responses[0].partitions[0].messages) {
      if (Number(m.offset) < next || n === Number(count)) continue
      process.stdout.write(`${m.key}\t${m.value}\n`)
      next = Number(m.offset) + 1
      n++
    }
  }
  await cluster.disconnect()
}

const [verb, bootstrap, ...rest] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'kafkajs', brokers: bootstrap.split(','), logLevel: logLevel.ERROR })
;({ produce, consume })[verb](kafka, ...rest).catch(e => {
  console.error(e)
  process.exit(1)
})
