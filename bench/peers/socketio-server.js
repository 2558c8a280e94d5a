// socketio-server.js PORT [MAX_PAYLOAD] - the npm package `socket.io` doing what bench-socketio does: `echo`
// is acknowledged with its argument, `join` enters a room, `pub` goes to the room "all" as `msg`. Default
// options; the room and the names are those of bench/socketio.c. Prints "ready" when it listens.
'use strict';

const http = require('http');
const { Server } = require('socket.io');

const ROOM = 'all';
const server = http.createServer();
const io = new Server(server, {
  serveClient: false,
  ...(process.argv[3] && { maxHttpBufferSize: Number(process.argv[3]) }),
});

io.on('connection', (socket) => {
  socket.on('echo', (value, acknowledge) => acknowledge(value));
  socket.on('join', (room, acknowledge) => {
    socket.join(room);
    acknowledge();
  });
  socket.on('pub', (value) => io.to(ROOM).emit('msg', value));
});

server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'));
