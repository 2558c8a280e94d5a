'use strict';
/*
 * Proof that the way from long-polling to a WebSocket loses and doubles nothing: stock clients
 * upgrade while 100 messages a second come to each of them and 50 go from each. What each hears,
 * and what is heard of each, must be one number after the other.
 *
 *	node upgrades.js [--upgrades 1000] [--at-once 50] [--rate 100]
 *
 * Between the clients and the server stands a line that takes its time, so that messages are under
 * way at every step, and that lets a WebSocket through only once its client has heard something by
 * polling. Exit code 1 on any fault.
 */
const net = require('node:net');
const { parseArgs } = require('node:util');
const { io } = require('socket.io-client');
const { Program, settings } = require('./program.js');
const { sleep } = require('./harness.js');
const { Frames } = require('./socketio_raw.js');

const DOWN = 'down', UP = 'up';
const UP_EVERY_MS = 20;
const PATIENCE_MS = 30000;
const HEARD_BEFORE = 5; /* messages by polling, until the WebSocket may come */
const HEARD_AFTER = 30; /* ... and by it, until it is enough */
const POLL_DELAY_MS = 8, WEBSOCKET_DELAY_MS = 60;

async function until(condition) {
	for (const end = Date.now() + PATIENCE_MS; !condition(); await sleep(5))
		if (Date.now() > end)
			return false;
	return true;
}

/* Hands on what comes from `from`, each time all that has come, at most `most` late; after `first`. */
function crawl(from, to, most, first) {
	const kept = [];
	let isOver = false, isGoing = false;
	const go = async () => {
		isGoing = true;
		await first;
		while (kept.length) {
			await sleep(Math.random() * most);
			to.write(Buffer.concat(kept.splice(0)));
		}
		isGoing = false;
		if (isOver)
			to.end();
	};
	const wake = () => isGoing || go();
	from.on('data', (bytes) => {
		kept.push(bytes);
		wake();
	});
	from.on('close', () => {
		isOver = true;
		wake();
	});
	from.on('error', () => {});
}

/* A proxy. ready: the sessions whose WebSocket may come. */
class Crawler {
	static async to(port) {
		const crawler = new Crawler();
		crawler.ready = new Set();
		crawler.lines = new Set();
		crawler.server = net.createServer((client) => client.once('data', (head) => {
			const [, sid] = /sid=([^& ]+)[^]*upgrade: websocket/i.exec(head.toString('latin1')) ?? [];
			crawler.carry(client, net.connect(port, '127.0.0.1'), head, sid);
		}).on('error', () => {}));
		await new Promise((resolve) => crawler.server.listen(0, '127.0.0.1', resolve));
		crawler.port = crawler.server.address().port;
		return crawler;
	}

	/* sid: of the session that a WebSocket wants to take over; undefined: requests. */
	carry(client, server, head, sid) {
		const most = sid ? WEBSOCKET_DELAY_MS : POLL_DELAY_MS;
		const first = sid ? until(() => this.ready.has(sid)) : Promise.resolve();
		for (const line of [client, server]) {
			this.lines.add(line.setNoDelay(true));
			line.once('close', () => this.lines.delete(line));
		}
		crawl(client, server, most, first);
		crawl(server, client, most, first);
		client.emit('data', head);
	}

	close() {
		this.server.close();
		this.lines.forEach((line) => line.destroy());
	}
}

/* A sequence of numbers without gap, from any first one on. */
class Sequence {
	constructor(what, faults) {
		Object.assign(this, { what, faults, last: null, count: 0 });
	}

	take(n) {
		if (this.last !== null && n !== this.last + 1)
			this.faults.push(`${this.what}: ${n} after ${this.last}`);
		this.last = n;
		this.count++;
	}
}

async function joined(program, name, room) {
	const frames = await Frames.socket(program, JSON.stringify({ name }));
	frames.send(`420["join","${room}"]`);
	while (!(await frames.next()).startsWith('430'))
		;
	return frames;
}

/* Says numbers, `rate` a second, until stop(). */
async function speaker(program, rate) {
	const frames = await joined(program, 'speaker', DOWN);
	const began = Date.now();
	const speak = { said: 0 };
	const timer = setInterval(() => {
		for (const due = (Date.now() - began) * rate / 1000; speak.said < due; speak.said++)
			frames.send(`42["message","${DOWN}",${speak.said}]`);
		frames.kept.filter((frame) => frame === '2').forEach(() => frames.send('3'));
		frames.kept.length = 0;
	}, 5);
	speak.stop = () => {
		clearInterval(timer);
		frames.drop();
	};
	return speak;
}

/* Hears the numbers of all clients, which each count from 0. */
async function listener(program, faults) {
	const frames = await joined(program, 'listener', UP);
	const heard = new Map();
	const timer = setInterval(() => {
		for (const frame of frames.kept.splice(0)) {
			if (frame === '2')
				frames.send('3');
			if (!frame.startsWith('42["message"'))
				continue;
			const [, , who, n] = JSON.parse(frame.slice(2));
			if (!heard.has(who))
				heard.set(who, Object.assign(new Sequence(`from client ${who}`, faults), { last: -1 }));
			heard.get(who).take(n);
		}
	}, 5);
	return {
		last: (who) => heard.get(who)?.last ?? -1,
		stop() {
			clearInterval(timer);
			frames.drop();
		},
	};
}

/* One client from its first poll until it has heard enough by its WebSocket. */
async function upgrade(crawler, who, ears, faults) {
	const socket = io(`http://127.0.0.1:${crawler.port}`,
		{ auth: { name: `client ${who}` }, forceNew: true, reconnection: false });
	const heard = new Sequence(`to client ${who}`, faults);
	const by = { polling: 0, websocket: 0 };
	let said = 0, timer, ended;
	socket.on('disconnect', (why) => (ended = why));
	socket.on('connect_error', (error) => (ended = error.message));
	socket.on('message', (about, n) => {
		if (about.room !== DOWN)
			return;
		heard.take(n);
		if (++by[socket.io.engine.transport.name] === HEARD_BEFORE)
			crawler.ready.add(socket.io.engine.id);
	});
	socket.on('connect', () => {
		socket.emit('join', DOWN);
		socket.emit('join', UP);
		timer = setInterval(() => socket.emit('message', UP, who, said++), UP_EVERY_MS);
	});
	const isDone = await until(() => ended || by.websocket >= HEARD_AFTER);
	clearInterval(timer);
	if (ended || !isDone)
		faults.push(`client ${who}: ${ended ?? `no more after ${JSON.stringify(by)}`}`);
	else if (!(await until(() => ears.last(who) === said - 1)))
		faults.push(`from client ${who}: ${ears.last(who) + 1} of ${said}`);
	socket.close();
	return { ...by, said };
}

/* {faults, upgrades, polling, websocket, said}: how many heard by both, and the messages of all. */
async function run({ upgrades, atOnce, rate }) {
	const program = await Program.start('socketio_chat', { args: settings() });
	const crawler = await Crawler.to(program.port);
	const faults = [];
	const ears = await listener(program, faults), mouth = await speaker(program, rate);
	const sum = { faults, upgrades: 0, polling: 0, websocket: 0, said: 0 };
	let next = 0;
	const lane = async () => {
		while (next < upgrades) {
			const one = await upgrade(crawler, next++, ears, faults);
			sum.upgrades += one.polling > 0 && one.websocket > 0;
			for (const key of ['polling', 'websocket', 'said'])
				sum[key] += one[key];
		}
	};
	await Promise.all(Array.from({ length: atOnce }, lane));
	mouth.stop();
	ears.stop();
	crawler.close();
	await program.stop().catch((error) => faults.push(error.message));
	return sum;
}

async function main() {
	const { values } = parseArgs({ options: {
		'upgrades': { type: 'string', default: '1000' },
		'at-once': { type: 'string', default: '50' },
		'rate': { type: 'string', default: '100' },
	} });
	const began = Date.now();
	const { faults, ...sum } = await run({ upgrades: Number(values.upgrades),
		atOnce: Number(values['at-once']), rate: Number(values.rate) });
	console.log(JSON.stringify({ ...sum, faults: faults.length, seconds: (Date.now() - began) / 1000 }));
	faults.slice(0, 20).forEach((fault) => console.log(fault));
	process.exit(faults.length || sum.upgrades < Number(values.upgrades) ? 1 : 0);
}

if (require.main === module)
	main();

module.exports = { run };
