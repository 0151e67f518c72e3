// Node's ws against a server that echoes, with and without deflate: node ws_echo.mjs ws://HOST:PORT FOLDER, where the folder has
// the package. Prints how many messages came back as they were sent.

import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [url, folder] = process.argv.slice(2);
const { WebSocket } = createRequire(join(folder, 'package.json'))('ws');

const sizes = [0, 1, 125, 126, 255, 256, 1_000, 1_024, 5_000, 65_535, 65_536, 1_000_000];
const offers = [
  false,
  true,
  { threshold: 0 },
  { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  { threshold: 0, serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
];

const messages = sizes.flatMap((size) => {
  const text = Array.from({ length: size }, (_, index) => 'aé部"{:,}'[(index * index) % 8]).join('');
  const noise = Buffer.from(Array.from({ length: size }, () => Math.floor(Math.random() * 256)));
  return [text, noise];
});

let count = 0;
for (const perMessageDeflate of offers) {
  const socket = new WebSocket(url, { perMessageDeflate });
  const heard = [];
  let pongs = 0;
  socket.on('message', (data, isBinary) => heard.push(isBinary ? data : data.toString()));
  socket.on('pong', () => (pongs += 1));
  await once(socket, 'open');
  if (socket.extensions.startsWith('permessage-deflate') !== Boolean(perMessageDeflate)) {
    throw new Error(`agreed on ${socket.extensions}`);
  }
  for (const message of messages) {
    const half = Math.floor(message.length / 2);
    socket.send(message);
    socket.send(message.slice(0, half), { fin: false });
    socket.ping('between');
    socket.send(message.slice(half), { fin: true });
  }
  const sent = messages.flatMap((message) => [message, message]);
  while (heard.length < sent.length) {
    await once(socket, 'message');
  }
  sent.forEach((message, index) => {
    const same = Buffer.isBuffer(message) ? message.equals(heard[index]) : message === heard[index];
    if (!same) throw new Error(`message ${index} with ${JSON.stringify(perMessageDeflate)}`);
  });
  if (pongs === 0) throw new Error('no pong');
  socket.close(1000, 'done');
  const [code] = await once(socket, 'close');
  if (code !== 1000) throw new Error(`closed with ${code}`);
  count += sent.length;
}
console.log(count);
