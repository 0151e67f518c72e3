// The other of two clients that talk to each other through a server that breaks: Node, with ws and JSON. See chat.py.
import { createHash, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";

const [base, name, roomName, countText, packages] = process.argv.slice(2);
const WebSocket = createRequire(join(packages, "package.json"))("ws");
const count = Number(countText);
const WINDOW = 8;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function check(condition, what) {
  if (!condition) throw new Error(what);
}

let access;
async function call(method, path, body, key) {
  const headers = { "content-type": "application/json" };
  if (access) headers.authorization = `Bearer ${access}`;
  if (key) headers["idempotency-key"] = key;
  for (;;) {
    let reply;
    try {
      reply = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    } catch {
      await sleep(100);
      continue;
    }
    const text = await reply.text();
    check(reply.ok, `${method} ${path}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
}

const heard = []; // { seq, sender, text }, in order
const pending = new Map(); // id -> request, in the order sent
const acknowledged = new Map(); // number of mine -> seq
let resume, socket, resumed = 0, stale = 0;

const signedIn = await call("POST", "/v1/accounts/guests", { name });
access = signedIn.access_token;
const me = signedIn.user.id;
const room = (await call("POST", "/v1/rooms/open", { name: roomName }, randomUUID())).id;
await call("POST", `/v1/rooms/${room}/join`, {}, randomUUID());

function take(message) {
  check(message.seq === heard.length + 1, `${name} heard ${message.seq} after ${heard.length}`);
  heard.push({ seq: message.seq, sender: message.sender_id, text: message.text });
}

async function catchUp() {
  for (;;) {
    const part = await call("GET", `/v1/rooms/${room}/messages?after=${heard.length}&limit=50`);
    for (const message of part.items) take(message);
    if (part.after === null) return;
  }
}

// One connection. Messages are dealt with one after the other, whatever they wait for.
function listen() {
  return new Promise((ended, failed) => {
    const query = resume ? `?resume=${resume.token}&seq=${resume.seq}` : "";
    const connection = new WebSocket(`${base.replace("http", "ws")}/v1/socket${query}`, ["moothall.v1.json"], {
      headers: { authorization: `Bearer ${access}` },
    });
    let overlap = 0, repeated = 0;
    let last = Promise.resolve();
    connection.on("message", (raw) => {
      last = last.then(() => receive(JSON.parse(raw.toString()))).catch(failed);
    });
    connection.on("error", () => {});
    connection.on("close", () => last.then(ended));

    async function receive(message) {
      if (!("event" in message)) return answered(message);
      const { event, data, seq } = message;
      if (event === "session.ready" || event === "session.stale") {
        check(seq === 1, `${event} is number ${seq}`);
        if (event === "session.stale") stale += 1;
        resume = { token: data.resume_token, seq: 1 };
        await catchUp();
        overlap = heard.length;
      } else if (event === "session.resumed") {
        check(seq === resume.seq, `resumed at ${seq}, not ${resume.seq}`);
        resumed += 1;
      } else {
        check(seq === resume.seq + 1, `${seq} after ${resume.seq}`);
        resume.seq = seq;
      }
      if (event.startsWith("session.")) {
        socket = connection;
        for (const request of pending.values()) connection.send(JSON.stringify(request));
      } else if (event === "communication.message_sent") {
        if (data.seq <= overlap) {
          // The history had it: once, in order, and not any more after the first that it had not.
          check(data.seq > repeated, `${name} heard ${data.seq} again`);
          repeated = data.seq;
        } else {
          overlap = 0;
          take(data);
        }
      }
    }
  });
}

function answered(message) {
  const request = pending.get(message.id);
  if (!request) return; // sent twice, answered twice
  pending.delete(message.id);
  check("out" in message, JSON.stringify(message));
  acknowledged.set(Number(request.in.text.split(" ")[1]), message.out.seq);
}

async function stayConnected() {
  for (;;) {
    await listen();
    socket = undefined;
    // Soon: the server is killed in the middle, and its own break must be over by then.
    await sleep(10);
  }
}

async function talk() {
  while ((await call("GET", `/v1/rooms/${room}`)).members < 2 || !socket) await sleep(20);
  for (let number = 0; number < count; number += 1) {
    while (pending.size >= WINDOW) await sleep(1);
    const id = number + 1;
    const request = {
      id,
      op: "communication.send",
      in: { room_id: room, text: `${name} ${number}` },
      key: randomUUID(),
    };
    pending.set(id, request);
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request));
    // Later than the other one breaks.
    if (number === Math.floor(count / 3)) socket?.terminate();
  }
  while (acknowledged.size < count || heard.length < 2 * count) await sleep(5);
}

await Promise.race([stayConnected(), talk()]);
const mine = heard.filter((message) => message.sender === me);
mine.forEach((message, number) => {
  check(message.text === `${name} ${number}`, `${message.text} is not number ${number}`);
  check(message.seq === acknowledged.get(number), `${message.text} was acknowledged as another`);
});
check(mine.length === count, `${mine.length} of mine`);
const text = heard.map(({ seq, sender, text }) => `${seq} ${sender} ${text}`).join("\n");
const digest = createHash("sha256").update(text).digest("hex");
console.log(JSON.stringify({ heard: heard.length, resumed, stale, digest }));
process.exit(0);
