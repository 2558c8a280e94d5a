// uws-server.js PORT - the npm package `uwebsockets` doing what bench-server does: /echo answers each
// message, and what is sent on /pub goes to every connection on /sub. Prints "ready" when it listens.
'use strict';

const uws = require('uwebsockets');

const TOPIC = 'all';
const limits = {
  compression: uws.DISABLED,
  maxPayloadLength: 16 * 1024 * 1024,
  maxBackpressure: 64 * 1024 * 1024,
  idleTimeout: 120,
};

const app = uws.App();
app.ws('/echo', { ...limits, message: (socket, data, binary) => socket.send(data, binary) });
app.ws('/sub', { ...limits, open: (socket) => socket.subscribe(TOPIC) });
app.ws('/pub', { ...limits, message: (socket, data, binary) => app.publish(TOPIC, data, binary) });
app.listen('127.0.0.1', Number(process.argv[2]), (bound) => {
  console.log(bound ? 'ready' : 'cannot listen');
  if (!bound) process.exit(1);
});
