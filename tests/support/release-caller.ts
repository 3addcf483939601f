import { headersOf, rpc } from '../security/requests.ts'

/** A client that calls a tool without pause until it is told to end, and then says how that went. */
const [url = '', token = ''] = process.argv.slice(2)
const call = rpc('tools/call', { name: 'get_system_status', arguments: { targets: ['local'] } })
const wrong: string[] = []
let [ended, right, lost, lostSince, longestMs] = [false, 0, 0, 0, 0]
process.on('SIGTERM', () => {
  ended = true
})

function answered(text: string, isRight: boolean): void {
  if (lostSince > 0) longestMs = Math.max(longestMs, performance.now() - lostSince)
  lostSince = 0
  if (isRight) right++
  else wrong.push(text.slice(0, 500))
}

async function ask(): Promise<void> {
  try {
    const response = await fetch(url, { method: 'POST', headers: headersOf(token), body: call })
    const text = await response.text()
    if (response.status === 503 && text.includes('the gateway is stopping')) return await again()
    const isRight = response.status === 200 && text.includes('hostname:') && !text.includes('"isError":true')
    answered(`${response.status} ${text}`, isRight)
  } catch {
    await again()
  }
}

/** Not reached, cut off or told that it stops: a client connects again and asks again. */
async function again(): Promise<void> {
  lost++
  if (lostSince === 0) lostSince = performance.now()
  await new Promise((turned) => setTimeout(turned, 10))
}

while (!ended) await Promise.all([ask(), ask()])
console.log(JSON.stringify({ right, wrong, lost, longestMs: Math.round(longestMs) }))
