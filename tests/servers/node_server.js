// An HTTP/2 server that does, when a request is complete, what its path says.
'use strict';

const fs = require('node:fs');
const http2 = require('node:http2');

const [port, key, certificate] = process.argv.slice(2);
const { HTTP2_HEADER_STATUS: STATUS } = http2.constants;
const sockets = new Map(); // by the peer's port: a session does not give its socket away
const held = new Map(); // the streams of each session that wait to be answered
const seen = new Set();

const server = http2.createSecureServer({ key: fs.readFileSync(key), cert: fs.readFileSync(certificate) });
server.on('secureConnection', (socket) => sockets.set(socket.remotePort, socket));
server.on('session', (session) => held.set(session, []));
server.on('stream', (stream, headers) => {
  const pieces = [];
  stream.on('error', () => {}); // resets are what is tested
  stream.on('data', (piece) => pieces.push(piece));
  stream.on('end', () => {
    const url = new URL(headers[':path'], 'https://host');
    const given = Object.fromEntries(url.searchParams);
    const act = ACTS[url.pathname] ?? missing;
    act(stream, given, { headers, path: headers[':path'], body: Buffer.concat(pieces) });
  });
});
server.listen(Number(port), '127.0.0.1');

function answer(stream, body = '', headers = {}) {
  if (stream.destroyed) return;
  stream.respond({ [STATUS]: 200, ...headers });
  stream.end(body);
}

function missing(stream) {
  answer(stream, 'There is nothing here. '.repeat(5), { [STATUS]: 404 });
}

function release(session) {
  for (const stream of held.get(session).splice(0)) answer(stream);
}

function numbers(given) {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, Number(value)]));
}

// Acts the first time that a path is asked for; a request that comes again is answered.
function once(act) {
  return (stream, given, request) => {
    if (seen.has(request.path)) return answer(stream);
    seen.add(request.path);
    return act(stream, given, request);
  };
}

const ACTS = {
  '/ok': (stream) => answer(stream),
  '/echo': (stream, given, { body }) => answer(stream, body),
  '/received': (stream, given, { headers }) => answer(stream, JSON.stringify(headers)),
  '/headers': (stream, { count, octets }) => {
    const names = Array.from({ length: Number(count) }, (_, number) => `x-large-${number}`);
    answer(stream, '', Object.fromEntries(names.map((name) => [name, '~'.repeat(Number(octets))])));
  },
  '/hints': (stream) => {
    stream.additionalHeaders({ [STATUS]: 103, link: '</style.css>; rel=preload' });
    stream.additionalHeaders({ [STATUS]: 102 });
    answer(stream, 'after hints');
  },
  '/trailers': (stream) => {
    stream.respond({ [STATUS]: 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'yes' }));
    stream.end('before trailers');
  },
  '/push': (stream) => {
    try {
      stream.pushStream({ ':path': '/pushed' }, () => answer(stream, 'pushed'));
    } catch (error) {
      answer(stream, error.code);
    }
  },
  '/ping': (stream) => {
    stream.session.ping(Buffer.from('in order'), (error, duration, payload) => answer(stream, payload));
  },
  '/settings': (stream, given) => stream.session.settings(numbers(given), () => answer(stream)),

  '/reset': (stream, { code }) => stream.close(Number(code)),
  '/reset-once': once((stream, { code }) => stream.close(Number(code))),
  '/reset-when-answered': (stream, { code }) => {
    stream.respond({ [STATUS]: 200 });
    stream.write('all', () => stream.close(Number(code))); // ends the body before it resets
  },
  '/reset-halfway': (stream) => {
    stream.respond({ [STATUS]: 200 });
    stream.write('half', () => stream.destroy(new Error('halfway')));
  },

  '/hold': once((stream) => held.get(stream.session).push(stream)),
  '/goaway': once((stream, { code, last, debug }) => {
    const { session } = stream;
    held.get(session).push(stream);
    session.goaway(Number(code), Number(last), Buffer.from(debug));
    release(session);
  }),
  // A session stays open when it has said goodbye, and does not even hear that the peer closes.
  '/alone': (stream) => {
    const own = stream.session.socket.remotePort;
    for (const [peer, socket] of sockets) if (peer !== own) socket.destroy();
    answer(stream);
  },
  '/close': (stream) => {
    const { session } = stream;
    held.get(session).push(stream);
    session.close();
    release(session);
  },
  '/destroy': (stream, { code }) => stream.session.destroy(undefined, Number(code)),
  '/hang-up': (stream) => sockets.get(stream.session.socket.remotePort).destroy(),
};
