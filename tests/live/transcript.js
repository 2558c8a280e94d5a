'use strict';
/*
 * Transcripts (tests/wire/README.md): reading them, and matching a frame against a pattern.
 * A pattern is parsed once into small nodes; names are bound while it is matched.
 */
const { UUID, isTime } = require('./client.js');

const KINDS = {
	uuid: (x) => typeof x === 'string' && UUID.test(x),
	time: isTime,
	int: Number.isSafeInteger,
	string: (x) => typeof x === 'string',
	bool: (x) => typeof x === 'boolean',
	hex: (x) => /^[0-9a-f]{32}$/.test(x),
	ms: (x) => Number.isSafeInteger(x) && Math.abs(x - Date.now()) < 600000,
};

/* ---- patterns ---- */

class PatternReader {
	constructor(text) {
		this.text = text;
		this.at = 0;
	}

	fail(what) {
		throw new Error(`pattern: ${what} at "${this.text.slice(this.at, this.at + 20)}"`);
	}

	token(regexp) {
		regexp.lastIndex = this.at;
		const found = regexp.exec(this.text);
		if (found)
			this.at = regexp.lastIndex;
		return found;
	}

	skip(mark) {
		this.token(/\s*/y);
		if (!this.text.startsWith(mark, this.at))
			return false;
		this.at += mark.length;
		return true;
	}

	value() {
		if (this.skip('{'))
			return this.object();
		if (this.skip('['))
			return this.array();
		const name = this.token(/\$(\w+)(?::(\w+))?/y);
		if (name)
			return { name: name[1], kind: this.kind(name[2]) };
		const scalar = this.token(/"(?:[^"\\]|\\.)*"|-?[\d.]+(?:[eE][-+]?\d+)?|true|false|null/y);
		return scalar ? { scalar: JSON.parse(scalar[0]) } : this.fail('no value');
	}

	kind(word) {
		return word === undefined || KINDS[word] ? word : this.fail(`unknown kind ${word}`);
	}

	object() {
		const node = { members: [], open: false };
		while (!this.skip('}')) {
			if (this.skip('...')) {
				node.open = true;
			} else {
				this.skip('');
				const key = this.token(/"(?:[^"\\]|\\.)*"/y) ?? this.fail('no key');
				if (!this.skip(':'))
					this.fail('no colon');
				this.skip('');
				node.members.push([JSON.parse(key[0]), this.value()]);
			}
			this.skip(',');
		}
		return node;
	}

	array() {
		const node = { items: [], open: null };
		while (!this.skip(']')) {
			if (this.skip('...'))
				node.open = node.items.length ? 'end' : 'start';
			else
				node.items.push(this.value());
			this.skip(',');
		}
		return node;
	}

	static read(text) {
		const reader = new PatternReader(text);
		const node = reader.value();
		reader.skip('');
		return reader.at === text.length ? node : reader.fail('trailing text');
	}
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const show = (x) => JSON.stringify(x);

/* `$name` inside a text; an unknown name is a mistake in the transcript. */
function fill(text, names) {
	return text.replace(/\$([A-Za-z]\w*)/g, (all, name) => {
		if (!(name in names))
			throw new Error(`$${name} is not known here`);
		return names[name];
	});
}

/* Returns null, or where and how `value` differs. Binds names as it goes. */
function differs(node, value, names, where = '$') {
	if ('name' in node)
		return differsName(node, value, names, where);
	if ('scalar' in node) {
		const want = typeof node.scalar === 'string' ? fill(node.scalar, names) : node.scalar;
		return same(want, value) ? null : `${where}: ${show(value)}, not ${show(want)}`;
	}
	return node.members
		? differsObject(node, value, names, where)
		: differsArray(node, value, names, where);
}

function differsName({ name, kind }, value, names, where) {
	if (value === undefined)
		return `${where}: missing`;
	if (kind && !KINDS[kind](value))
		return `${where}: ${show(value)} is no ${kind}`;
	if (name === '_')
		return null;
	if (!(name in names))
		names[name] = value;
	return same(names[name], value) ? null : `${where}: ${show(value)}, not $${name} ${show(names[name])}`;
}

function differsObject({ members, open }, value, names, where) {
	if (typeof value !== 'object' || value === null || Array.isArray(value))
		return `${where}: ${show(value)} is no object`;
	for (const [key, node] of members) {
		if (!(key in value))
			return `${where}.${key}: missing`;
		const how = differs(node, value[key], names, `${where}.${key}`);
		if (how)
			return how;
	}
	const more = Object.keys(value).filter((key) => !members.some(([known]) => known === key));
	return open || more.length === 0 ? null : `${where}: more keys: ${more.join(', ')}`;
}

function differsArray({ items, open }, value, names, where) {
	if (!Array.isArray(value))
		return `${where}: ${show(value)} is no array`;
	if (open ? value.length < items.length : value.length !== items.length)
		return `${where}: ${value.length} items, not ${items.length}`;
	const from = open === 'start' ? value.length - items.length : 0;
	for (const [i, node] of items.entries()) {
		const how = differs(node, value[from + i], names, `${where}[${from + i}]`);
		if (how)
			return how;
	}
	return null;
}

/* ---- files ---- */

const WHO = '([a-z]+(?:\\/[a-z]+)?)';
const GRAMMAR = [
	['set', /^set ([\w.]+)=(\S+)$/, (m) => ({ key: m[1], value: m[2] })],
	['conversation', /^conversation ([A-Z]\w*):((?: [a-z]+)+)$/, (m) => ({ name: m[1], people: m[2].trim().split(' ') })],
	['connect', new RegExp(`^connect ${WHO}\\s+(/\\S*)(?:\\s+(?:in ([A-Z]\\w*)|(bare)))?$`),
		(m) => ({ who: m[1], path: m[2], room: m[3], bare: Boolean(m[4]) })],
	['text', new RegExp(`^${WHO}\\s+>> (.*)$`), (m) => ({ who: m[1], text: m[2] })],
	['send', new RegExp(`^${WHO}\\s+> (\\{.*\\})$`), (m) => ({ who: m[1], text: m[2] })],
	['bare', new RegExp(`^${WHO}\\s+<< (.*)$`), (m) => ({ who: m[1], text: m[2] })],
	['nothing', new RegExp(`^${WHO}\\s+< nothing$`), (m) => ({ who: m[1] })],
	['hear', new RegExp(`^${WHO}\\s+< (\\{.*\\})$`), (m) => ({ who: m[1], pattern: PatternReader.read(m[2]) })],
	['closes', new RegExp(`^${WHO} closes$`), (m) => ({ who: m[1] })],
	['closed', new RegExp(`^${WHO} closed (\\d+)$`), (m) => ({ who: m[1], code: Number(m[2]) })],
	['clock', /^clock \+ (\d+)(ms|s)$/, (m) => ({ ms: Number(m[1]) * (m[2] === 's' ? 1000 : 1) })],
];

function readLine(text, number) {
	for (const [verb, regexp, build] of GRAMMAR) {
		const m = regexp.exec(text);
		if (m)
			return { verb, line: number, source: text, ...build(m) };
	}
	throw new Error(`line ${number}: ${text}`);
}

const personOf = (who) => who.split('/')[0];

/* A transcript: its title, its options, its people and its steps. */
function readTranscript(source) {
	const lines = source.split('\n');
	if (!lines[0].startsWith('# '))
		throw new Error('line 1: the sentence that says what is shown');
	const steps = lines
		.map((text, i) => [text.trimEnd(), i + 1])
		.filter(([text]) => text && !text.startsWith('#'))
		.map(([text, number]) => readLine(text, number));
	const people = new Set();
	for (const step of steps) {
		if (step.who)
			people.add(personOf(step.who));
		for (const name of step.people ?? [])
			people.add(name);
	}
	return {
		title: lines[0].slice(2),
		set: Object.fromEntries(steps.filter((s) => s.verb === 'set').map((s) => [s.key, s.value])),
		conversations: steps.filter((s) => s.verb === 'conversation'),
		steps: steps.filter((s) => s.verb !== 'set' && s.verb !== 'conversation'),
		people: [...people],
		namesPresence: /user_(online|offline)/.test(source),
	};
}

module.exports = { PatternReader, differs, fill, personOf, readTranscript };
