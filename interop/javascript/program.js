// KafkaJS: producers, a transaction, a group of two, the admin client.
'use strict'
const { CompressionTypes, Kafka, logLevel } = require('kafkajs')

const NAME = 'kafkajs'
const kafka = new Kafka({
  clientId: NAME,
  brokers: [process.env.BOOTSTRAP_SERVERS],
  logLevel: logLevel.NOTHING,
  retry: { retries: 5, initialRetryTime: 100 },
})
const admin = kafka.admin()

function fact(what, value) {
  console.log(`${what}: ${JSON.stringify(value)}`)
}

// What the call returns, or the kind of its error.
async function attempt(what, call) {
  try {
    fact(what, (await call()) ?? 'done')
  } catch (error) {
    const inner = error.errors?.[0] ?? error.cause ?? error
    fact(what, inner.type ?? inner.name)
  }
}

const create = (topic, numPartitions = 1, rest = {}) =>
  attempt(`create ${topic}`, () => admin.createTopics({ topics: [{ topic, numPartitions, ...rest }] }))

async function read(topic, count, readUncommitted = false) {
  const consumer = kafka.consumer({ groupId: `${topic}-${readUncommitted}`, readUncommitted })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const found = []
  await new Promise((resolve) => {
    consumer.run({
      eachMessage: async ({ partition, message }) => {
        const headers = Object.entries(message.headers ?? {}).map(([key, value]) => `${key}=${value}`)
        found.push([partition, message.offset, String(message.key), String(message.value), headers])
        if (found.length === count) resolve()
      },
    })
  })
  fact('read', found.sort())
  await consumer.disconnect()
}

async function producing() {
  console.log('# producing')
  for (const [codec, compression] of [['none', CompressionTypes.None], ['gzip', CompressionTypes.GZIP]]) {
    const topic = `${NAME}-${codec}`
    await create(topic)
    for (const acks of [1, -1]) {
      const producer = kafka.producer({ idempotent: acks === -1 })
      await producer.connect()
      const messages = [{ key: 'k', value: `acks ${acks}`, headers: { h: 'v' } }]
      await attempt(`send acks=${acks}`, () => producer.send({ topic, acks, compression, messages }))
      await producer.disconnect()
    }
    await read(topic, 2)
  }
}

async function transactions() {
  console.log('# transactions')
  const topic = `${NAME}-transactional`
  await create(topic)
  const producer = kafka.producer({ transactionalId: NAME, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (const end of ['commit', 'abort', 'commit']) {
    const transaction = await producer.transaction()
    await attempt('send', () => transaction.send({ topic, messages: [{ key: 'k', value: end }] }))
    await attempt(end, () => transaction[end]())
  }
  await producer.disconnect()
  await read(topic, 2)
  await read(topic, 3, true)
}

async function group() {
  console.log('# a group')
  const topic = `${NAME}-shared`
  const groupId = `${NAME}-group`
  await create(topic, 4)
  const owned = [0, 0]
  const members = [0, 1].map(() => kafka.consumer({ groupId, heartbeatInterval: 200, rebalanceTimeout: 10000 }))
  await Promise.all(
    members.map(async (member, number) => {
      member.on(member.events.GROUP_JOIN, ({ payload }) => {
        owned[number] = (payload.memberAssignment[topic] ?? []).length
      })
      await member.connect()
      await member.subscribe({ topics: [topic], fromBeginning: true })
      await member.run({ eachMessage: async () => {} })
    })
  )
  while (owned[0] !== 2 || owned[1] !== 2) await new Promise((resolve) => setTimeout(resolve, 50))
  fact('two each', owned)
  const { groups } = await admin.describeGroups([groupId])
  fact('described', groups.map(({ state, protocolType, members: all }) => [state, protocolType, all.length]))
  await attempt('delete while it has members', () => admin.deleteGroups([groupId]))
  await Promise.all(members.map((member) => member.disconnect()))
  const partitions = [{ partition: 0, offset: '0' }]
  await attempt('set offsets', () => admin.setOffsets({ groupId, topic, partitions }))
  await attempt('offsets', () => admin.fetchOffsets({ groupId, topics: [topic] }))
  await attempt('delete', () => admin.deleteGroups([groupId]))
  await attempt('delete again', () => admin.deleteGroups([groupId]))
}

async function administration() {
  console.log('# administration')
  const topic = `${NAME}-administered`
  await create(topic, 2)
  await create(topic, 2)
  await create('with space')
  await create(`${NAME}-replicated`, 1, { replicationFactor: 3 })
  await create(`${NAME}-wrong`, 1, { configEntries: [{ name: 'retention.ms', value: 'soon' }] })
  const grow = (count) => admin.createPartitions({ topicPartitions: [{ topic, count }] })
  await attempt('more', () => grow(4))
  await attempt('fewer', () => grow(1))
  const resource = { type: 2, name: topic }
  const configEntries = [{ name: 'retention.ms', value: '1000' }]
  await attempt('alter', () => admin.alterConfigs({ resources: [{ ...resource, configEntries }] }))
  await attempt('offsets', () => admin.fetchTopicOffsets(`${NAME}-none`))
  const records = [{ partition: 0, offset: '1' }]
  await attempt('records', () => admin.deleteTopicRecords({ topic: `${NAME}-none`, partitions: records }))
  await attempt('offsets', () => admin.fetchTopicOffsets(`${NAME}-none`))
  await attempt('cluster', async () => (await admin.describeCluster()).brokers.length)
  const filter = { resourceName: topic, resourceType: 2, operation: 1, permissionType: 1, resourcePatternType: 3 }
  await attempt('acls', () => admin.describeAcls(filter))
  await attempt('delete', () => admin.deleteTopics({ topics: [topic] }))
  await attempt('delete again', () => admin.deleteTopics({ topics: [topic] }))
}

async function main() {
  await admin.connect()
  for (const part of [producing, transactions, group, administration]) await part()
  await admin.disconnect()
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
