// ws-server.js PORT - the npm package `ws` doing what bench-server does: /echo answers each message,
// and what is sent on /pub goes to every connection on /sub. Prints "ready" when it listens.
'use strict';

const { WebSocketServer } = require('ws');

const listeners = new Set();

const roles = {
  '/echo': (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  },
  '/sub': (socket) => {
    listeners.add(socket);
    socket.on('close', () => listeners.delete(socket));
  },
  '/pub': (socket) => {
    socket.on('message', (data, binary) => {
      for (const listener of listeners) listener.send(data, { binary });
    });
  },
};

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  backlog: 4096,
  perMessageDeflate: false,
});

server.on('connection', (socket, request) => {
  socket.on('error', () => socket.terminate());
  const play = roles[request.url];
  if (play) play(socket);
  else socket.close(1008);
});
server.on('listening', () => console.log('ready'));
