'use strict';
/*
 * Plays a transcript against a running server over raw sockets, in one of three ways:
 *   whole      one write per frame
 *   bytes      one write per byte
 *   coalesced  neighbouring sends of one person in one write
 */
const assert = require('node:assert/strict');
const { Client, envelopeFault } = require('./client.js');
const { sleep, within } = require('./harness.js');
const { Raw, OP, encode } = require('./raw.js');
const { person, token } = require('./tokens.js');
const { differs, fill, personOf } = require('./transcript.js');

const HEAR_MS = 10000;
const QUIET_MS = 150;

/* How a dialect's files are played: what each frame must be, what is added to what is sent and to
 * what is awaited, and how a person signs in. */
const QRYPT = {
	fault: envelopeFault,
	added: ['requestId', 'timestamp'],
	envelope: (sent, requestId) => ({ timestamp: new Date().toISOString(), ...sent, requestId }),
};
const NATIVE = { signsInByQuery: true };
const DIALECTS = { qrypt: QRYPT, native: NATIVE, realtime: NATIVE };

const PRESENCE = new Set(['user_online', 'user_offline']);

/* What is not JSON stays text. */
function parse(text) {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

/* One connection of a person: what it sent and what it has not read yet. */
class Line {
	constructor(raw, way, ignores, dialect) {
		this.raw = raw;
		this.way = way;
		this.unread = [];
		this.sentIds = new Set();
		this.wake = () => {};
		const hear = (frame) => {
			if (frame.op !== OP.text)
				return;
			const json = dialect.fault ? JSON.parse(frame.text) : parse(frame.text);
			if (dialect.fault)
				assert.equal(dialect.fault(json), null, frame.text);
			if (!ignores.has(json?.type))
				this.unread.push(json);
			this.wake();
		};
		raw.frames.forEach(hear); /* a greeting may have come with the handshake */
		raw.on_frame = hear;
	}

	async send(frames) {
		const bytes = Buffer.concat(frames);
		if (this.way === 'bytes')
			await this.raw.byteByByte(bytes);
		else
			this.raw.write(bytes);
	}

	/* The earliest unread frame of this type. */
	next(type) {
		return this.find((frame) => frame?.type === type, type);
	}

	async find(wanted, type) {
		const until = Date.now() + HEAR_MS;
		for (;;) {
			const at = this.unread.findIndex(wanted);
			if (at >= 0)
				return this.unread.splice(at, 1)[0];
			const left = until - Date.now();
			assert.ok(left > 0, `no ${type}; unread: ${JSON.stringify(this.unread)}`);
			await within(new Promise((resolve) => (this.wake = resolve)), left);
		}
	}
}

class Player {
	constructor(transcript, server, way, dialect = 'qrypt') {
		Object.assign(this, { transcript, server, way, dialect: DIALECTS[dialect] });
		this.people = {};
		this.names = {};
		this.lines = new Map();
		this.count = 0;
	}

	/* People exist before the play (unless the file is about that), and so do conversations. */
	async prepare() {
		const { transcript, server } = this;
		const setup = {};
		for (const name of transcript.people) {
			const who = person(name);
			this.people[name] = who;
			this.names[`${name}_name`] = who.username;
			this.names[`${name}_token`] = token(who);
			if (transcript.set['auth.provision'] === 'false')
				continue;
			setup[name] = await Client.signIn(server, who);
			this.names[name] = setup[name].id;
		}
		for (const { name, people } of transcript.conversations) {
			const participantIds = people.slice(1).map((p) => this.names[p]);
			const made = await setup[people[0]].ok(
				'create_conversation', { participantIds, isGroup: true, name }, 'conversation_created');
			this.names[name] = made.payload.conversation.id;
		}
		for (const client of Object.values(setup))
			await client.close();
		if (transcript.namesPresence)
			await sleep(1000);
	}

	async play() {
		await this.prepare();
		const { steps } = this.transcript;
		for (let i = 0; i < steps.length; i++) {
			const step = steps[i];
			try {
				if (step.verb === 'send' || step.verb === 'text')
					i += (await this.sendRun(steps, i)) - 1;
				else
					await this[step.verb](step);
			} catch (error) {
				error.message = `line ${step.line}: ${step.source.slice(0, 160)}\n${error.message}`;
				throw error;
			}
		}
		await sleep(QUIET_MS);
		for (const [who, line] of this.lines)
			assert.deepEqual(line.unread, [], `unread by ${who} at the end`);
	}

	finish() {
		for (const line of this.lines.values())
			line.raw.destroy();
	}

	line(who) {
		return this.lines.get(who) ?? assert.fail(`${who} is not connected`);
	}

	/* Sends the step, and in the coalesced way all sends of the same person that follow. */
	async sendRun(steps, from) {
		const { who } = steps[from];
		let to = from + 1;
		while (this.way === 'coalesced' && steps[to]?.who === who && ['send', 'text'].includes(steps[to].verb))
			to++;
		const frames = steps.slice(from, to).map((step) => this.frame(this.line(who), step));
		await this.line(who).send(frames);
		return to - from;
	}

	frame(line, { verb, text }) {
		const filled = fill(text, this.names);
		if (verb === 'text')
			return encode(filled);
		const sent = JSON.parse(filled);
		if (!this.dialect.envelope)
			return encode(JSON.stringify(sent));
		const requestId = 'requestId' in sent ? sent.requestId : `auto-${++this.count}`;
		line.sentIds.add(requestId);
		return encode(JSON.stringify(this.dialect.envelope(sent, requestId)));
	}

	async connect({ who, path, room, bare }) {
		const query = this.dialect.signsInByQuery && !bare ? `?token=${token(this.people[personOf(who)])}` : '';
		const raw = await Raw.connect(this.server, path + query);
		const ignores = this.transcript.namesPresence ? new Set() : PRESENCE;
		const line = new Line(raw, this.way, ignores, this.dialect);
		this.lines.set(who, line);
		if (bare || query)
			return;
		await this.ask(line, 'auth', { token: token(this.people[personOf(who)]) }, 'auth_success');
		if (room)
			await this.ask(line, 'join_conversation', { conversationId: this.names[room] }, 'conversation_joined');
		if (this.transcript.namesPresence)
			line.unread = [];
	}

	async ask(line, type, payload, answer) {
		await line.send([this.frame(line, { verb: 'send', text: JSON.stringify({ type, payload }) })]);
		await line.next(answer);
	}

	async hear({ who, pattern }) {
		const line = this.line(who);
		const wanted = pattern.members.find(([key]) => key === 'type')[1].scalar;
		const frame = await line.next(wanted);
		const named = pattern.members.some(([key]) => key === 'requestId');
		if (!named && this.dialect.fault)
			assert.ok(!line.sentIds.has(frame.requestId), `an id of the listener: ${frame.requestId}`);
		const node = { ...pattern, members: [...pattern.members] };
		for (const key of this.dialect.added ?? []) {
			if (!node.members.some(([known]) => known === key))
				node.members.push([key, { name: '_' }]);
		}
		const how = differs(node, frame, this.names);
		assert.ok(!how, `${how}\nin ${JSON.stringify(frame)}`);
	}

	/* A frame that is exactly this text (as JSON, where it is some). */
	async bare({ who, text }) {
		const wanted = JSON.stringify(parse(fill(text, this.names)));
		await this.line(who).find((frame) => JSON.stringify(frame) === wanted, text);
	}

	async nothing({ who }) {
		await sleep(QUIET_MS);
		assert.deepEqual(this.line(who).unread, []);
	}

	async closes({ who }) {
		const line = this.line(who);
		line.raw.write(encode(Buffer.from([3, 232]), { op: OP.close }));
		await line.raw.end();
	}

	async closed({ who, code }) {
		assert.equal((await this.line(who).raw.end()).code, code);
	}

	clock({ ms }) {
		return sleep(ms);
	}
}

const WAYS = ['whole', 'bytes', 'coalesced'];

module.exports = { Player, WAYS };
