/*
 * outbox.js - messages on their way: each is sent until the server has acknowledged it, under one
 * client id, so that it arrives once; and in the order in which they were given.
 *
 * A lane is a conversation. Its first item alone is under way; the next one follows when that one
 * is acknowledged or refused for good. So none can overtake another, whatever breaks in between.
 *
 * Invariants:  an item is in one lane, or done;  an item that is stored is removed from the storage
 *              when it is done, and only then;  nothing is sent before the storage was read.
 */
import { backoffDelay, isFrameFault } from './backoff.js';
import { byteLength, realClock, uuid } from './environment.js';
import { ParleyError } from './errors.js';
import { within } from './patience.js';

/** @typedef {import('../types/index.d.ts').OutboxEntry} OutboxEntry */
/** @typedef {import('../types/index.d.ts').OutboxStorage} OutboxStorage */
/** @typedef {import('../types/index.d.ts').Message} Message */
/** @typedef {import('../types/internal.d.ts').OutboxOptions} OutboxOptions */
/** @typedef {import('../types/internal.d.ts').Draft} Draft */
/** @typedef {import('../types/internal.d.ts').Item} Item */
/** @typedef {import('../types/internal.d.ts').Lane} Lane */

/** The connection was at fault, not the message. */
const LOST = new Set(['CONNECTION_LOST', 'CLOSED', 'REQUEST_TIMEOUT', 'UNAUTHORIZED', 'AUTH_REQUIRED']);
/** The server's trouble, which may pass: tried again a few times. */
const TROUBLE = new Set(['DATABASE_ERROR', 'SERVER_ERROR']);
const ENDING_MS = 50;
const TRIES = 5;
const TROUBLE_MS = 1000;
const TROUBLE_MAX_MS = 15000;
/** What an entry costs beside its content. */
const OVERHEAD = 512;
/** A message below this cannot have been too big for anybody. */
const SMALLEST_LIMIT = 1024;
const ADOPT_MS = 30000;
/** Databases of browsers can hang, and a tab that is frozen can hold the lock: then it goes on without. */
const STORAGE_MS = 5000;
const FIRST_ADOPT_MS = 8000;

/** @param {OutboxEntry} a @param {OutboxEntry} b */
const byNumber = (a, b) => a.n - b.n;

export class Outbox {
	/** @param {OutboxOptions} options */
	constructor(options) {
		this.options = options;
		this.clock = options.clock ?? realClock;
		/** @type {Map<string, Lane>} */
		this.lanes = new Map();
		/** @type {Map<string, Item>} by entry id: a clientMessageId is known in its conversation only */
		this.items = new Map();
		/** @type {string | null} */
		this.account = null;
		this.isLoaded = false;
		this.isRunning = false;
		this.bytes = 0;
		this.lastNumber = 0;
		this.inFlight = 0;
		/** Those that were under way when a frame of ours ended the connection. @type {Set<Item>} */
		this.suspects = new Set();
		/** @type {any} */
		this.pause = null;
		/** @type {any} */
		this.adoptTimer = null;
		/** @type {Set<Promise<void>>} */
		this.writes = new Set();
		this.epoch = 0;
	}

	/** What waits, oldest first. @returns {OutboxEntry[]} */
	get pending() {
		return [...this.items.values()].map((item) => item.entry).sort(byNumber);
	}

	/**
	 * Takes a message. Resolves with the row that the server stored; rejects when it was refused for
	 * good (nothing is left of it then), with OUTBOX_FULL, CLOSED or ACCOUNT_CHANGED.
	 * @param {Draft} draft
	 * @returns {Promise<Message>}
	 */
	add(draft) {
		const id = uuid();
		const clientMessageId = draft.clientMessageId || id;
		const known = this.lanes.get(draft.conversationId)?.items.find((item) => item.entry.clientMessageId === clientMessageId);
		if (known)
			return known.promise;
		const bytes = OVERHEAD + byteLength(JSON.stringify(draft));
		if (this.items.size >= this.options.maxEntries || this.bytes + bytes > this.options.maxBytes)
			return Promise.reject(new ParleyError('OUTBOX_FULL',
				`Too much waits to be sent: ${this.items.size} messages, ${this.bytes} bytes`));
		const entry = { ...draft, id, clientMessageId, bytes, n: this.#number(), account: this.account ?? '', owner: this.options.tabs.id, createdAt: this.clock.now() };
		const item = this.#enter(entry);
		this.#store(item);
		this.options.onChange();
		this.#pump(this.#lane(entry.conversationId));
		return item.promise;
	}

	/* Grows with time, and always: the order holds over a reload and a clock that was set back. */
	#number() {
		this.lastNumber = Math.max(this.lastNumber + 1, this.clock.now() * 1000);
		return this.lastNumber;
	}

	/** @param {OutboxEntry} entry @returns {Item} */
	#enter(entry) {
		/** @type {any} */
		const item = { entry, tries: 0, isStored: false, isSafe: false };
		item.promise = new Promise((resolve, reject) => Object.assign(item, { resolve, reject }));
		item.promise.catch(() => {}); /* after a reload nobody may be waiting */
		this.items.set(entry.id, item);
		this.bytes += entry.bytes;
		this.#lane(entry.conversationId).items.push(item);
		return item;
	}

	/** @param {string} id @returns {Lane} */
	#lane(id) {
		let lane = this.lanes.get(id);
		if (!lane) {
			lane = { items: [], isBusy: false, timer: null };
			this.lanes.set(id, lane);
		}
		return lane;
	}

	/** @param {Item} item */
	#store(item) {
		if (!this.account)
			return; /* open() does it: whose it is must be known first */
		item.entry.account = this.account;
		item.isStored = true;
		this.#write(this.#storage(async (storage) => {
			await storage.put(item.entry);
			item.isSafe = storage.isLasting !== false;
		}));
	}

	/** @template T @param {(storage: OutboxStorage) => Promise<T>} act @returns {Promise<T>} */
	#storage(act) {
		return within(this.clock, this.options.storage().then(act), STORAGE_MS, 'the storage');
	}

	/** @param {Promise<void>} work */
	#write(work) {
		const safe = work
			.catch((error) => this.options.log('the storage refuses; this message is kept in memory', error))
			.finally(() => this.writes.delete(safe));
		this.writes.add(safe);
	}

	/**
	 * Resolves when everything taken so far is written down, with whether it would survive a reload:
	 * not in a storage that is memory or refuses, nor before it is known whose it is.
	 * @returns {Promise<boolean>}
	 */
	async stored() {
		const items = [...this.items.values()];
		await Promise.all([...this.writes]);
		return items.every((item) => item.isSafe || this.items.get(item.entry.id) !== item);
	}

	/**
	 * Whose messages these are: reads what is left of earlier pages. What was taken before is that
	 * account's too. Another account's items leave the memory, not the storage.
	 * @param {string} account
	 */
	async open(account) {
		if (this.account === account)
			return;
		if (this.account !== null)
			this.#drop(new ParleyError('ACCOUNT_CHANGED', 'Somebody else signed in; the message is kept for its author'));
		this.account = account;
		const epoch = ++this.epoch;
		await within(this.clock, this.#adopt(true), FIRST_ADOPT_MS, 'the storage')
			.catch((error) => this.options.log('what waits from before is not known yet', error));
		if (this.epoch !== epoch)
			return;
		for (const item of this.items.values())
			if (!item.isStored)
				this.#store(item);
		this.isLoaded = true;
		this.options.onChange();
		this.#pumpAll();
	}

	/** Takes over what tabs that are gone have left. @param {boolean} isFirst */
	async #adopt(isFirst) {
		const { epoch, account } = this;
		const { tabs } = this.options;
		try {
			await tabs.alone(async () => {
				const alive = await tabs.alive();
				const left = (await this.#storage((storage) => storage.load(/** @type {string} */ (account))))
					.filter((entry) => !this.items.has(entry.id) && (entry.owner === tabs.id ? isFirst : !alive.has(entry.owner)))
					.sort(byNumber);
				for (const entry of left) {
					entry.owner = tabs.id;
					await this.#storage((storage) => storage.put(entry));
				}
				if (this.epoch === epoch)
					this.#take(left, isFirst);
			});
		} catch (error) {
			this.options.log('what waits from before could not be read', error);
		}
		this.clock.clearTimeout(this.adoptTimer);
		if (tabs.locks && this.epoch === epoch)
			this.adoptTimer = this.clock.setTimeout(() => this.#adopt(false), ADOPT_MS);
	}

	/**
	 * What an earlier page left is older than what was taken here, whatever its clock said.
	 * @param {OutboxEntry[]} entries sorted @param {boolean} isFirst
	 */
	#take(entries, isFirst) {
		if (!entries.length)
			return;
		const newest = entries[entries.length - 1].n;
		this.lastNumber = Math.max(this.lastNumber, newest);
		if (isFirst)
			this.#renumber([...this.items.values()], newest);
		for (const entry of entries)
			Object.assign(this.#enter(entry), { isStored: true, isSafe: true });
		for (const lane of this.lanes.values()) {
			const under = lane.isBusy ? lane.items.slice(0, 1) : [];
			const rest = lane.items.slice(under.length).sort((a, b) => byNumber(a.entry, b.entry));
			lane.items = [...under, ...rest];
		}
		this.options.onChange();
		this.#pumpAll();
	}

	/** @param {Item[]} items in their order @param {number} beyond */
	#renumber(items, beyond) {
		if (items.every((item) => item.entry.n > beyond))
			return;
		for (const item of items) {
			item.entry.n = this.#number();
			if (item.isStored)
				this.#store(item);
		}
	}

	/** Somebody is signed in: what waits may go. */
	start() {
		this.isRunning = true;
		this.#pumpAll();
	}

	/** Nobody is signed in. What is under way comes back by itself, as failed. */
	stop() {
		this.isRunning = false;
	}

	#pumpAll() {
		for (const lane of this.lanes.values())
			this.#pump(lane);
	}

	/** @param {Lane} lane */
	#pump(lane) {
		const mayRun = this.isRunning && this.isLoaded && !this.pause;
		if (!mayRun || lane.isBusy || lane.timer || !lane.items.length)
			return;
		if (this.suspects.size && this.inFlight)
			return;
		lane.isBusy = true;
		this.#deliver(lane, lane.items[0]);
	}

	/** @param {Lane} lane @param {Item} item */
	async #deliver(lane, item) {
		this.inFlight++;
		/** @type {ParleyError | null} */
		let error = null;
		/** @type {Message | null} */
		let message = null;
		try {
			message = await this.options.send(item.entry);
		} catch (caught) {
			error = /** @type {ParleyError} */ (caught);
		}
		const wasAlone = this.inFlight === 1;
		this.inFlight--;
		lane.isBusy = false;
		if (this.items.get(item.entry.id) !== item)
			return; /* somebody else signed in meanwhile */
		const verdict = error && this.#judge(lane, item, error, wasAlone);
		if (!error || verdict)
			this.#finish(lane, item, verdict, message);
		if (this.suspects.size)
			this.#pumpAll();
		else
			this.#pump(lane);
	}

	/**
	 * What a failure means: the error if it is for good, else null, and then it is known when to go on.
	 * @param {Lane} lane @param {Item} item @param {ParleyError} error @param {boolean} wasAlone
	 * @returns {ParleyError | null}
	 */
	#judge(lane, item, error, wasAlone) {
		if (error.closeCode && isFrameFault(error.closeCode))
			return this.#suspect(item, error, wasAlone);
		if (LOST.has(error.code)) {
			/* The connection is about to end, and that was not told yet. */
			if (this.isRunning)
				this.#rest(lane, ENDING_MS);
			return null;
		}
		if (error.retryAfterMs > 0 || error.code === 'RATE_LIMITED') {
			this.#wait(error.retryAfterMs || TROUBLE_MS);
			return null;
		}
		if (TROUBLE.has(error.code) && ++item.tries < TRIES) {
			const ms = TROUBLE_MS + backoffDelay(item.tries, TROUBLE_MS, TROUBLE_MAX_MS, this.clock.random);
			this.#rest(lane, ms);
			return null;
		}
		return error;
	}

	/** @param {Lane} lane @param {number} ms */
	#rest(lane, ms) {
		lane.timer = this.clock.setTimeout(() => {
			lane.timer = null;
			this.#pump(lane);
		}, ms);
	}

	/**
	 * The server closed because of a frame. Of several under way it is not known which: then each is
	 * sent alone, until the one is found.
	 * @param {Item} item @param {ParleyError} error @param {boolean} wasAlone
	 */
	#suspect(item, error, wasAlone) {
		const isBig = error.closeCode !== 1009 || item.entry.bytes >= SMALLEST_LIMIT;
		if (!isBig)
			return null;
		if (wasAlone && (this.suspects.has(item) || !this.suspects.size))
			return error.closeCode === 1009
				? new ParleyError('MESSAGE_TOO_BIG', 'The message is larger than the server accepts', { closeCode: 1009 })
				: new ParleyError('MESSAGE_REFUSED', `The server cannot read the message (${error.message})`, { closeCode: error.closeCode });
		this.suspects.add(item);
		return null;
	}

	/** All lanes wait: the limit is the user's. @param {number} ms */
	#wait(ms) {
		this.clock.clearTimeout(this.pause);
		this.pause = this.clock.setTimeout(() => {
			this.pause = null;
			this.#pumpAll();
		}, ms);
	}

	/** @param {Lane} lane @param {Item} item @param {Error | null} error @param {Message | null} message */
	#finish(lane, item, error, message) {
		lane.items = lane.items.filter((other) => other !== item);
		this.#out(item);
		if (!lane.items.length)
			this.lanes.delete(item.entry.conversationId);
		if (item.isStored)
			this.#write(this.#storage((storage) => storage.remove(item.entry.id)));
		if (error)
			item.reject(error);
		else
			item.resolve(/** @type {Message} */ (message));
		this.options.onChange();
	}

	/** @param {Item} item */
	#out(item) {
		this.items.delete(item.entry.id);
		this.suspects.delete(item);
		this.bytes -= item.entry.bytes;
	}

	/** Out of memory; what is stored stays stored. @param {Error} error */
	#drop(error) {
		this.epoch++;
		for (const lane of this.lanes.values())
			this.clock.clearTimeout(lane.timer);
		this.lanes.clear();
		for (const item of [...this.items.values()]) {
			this.#out(item);
			item.reject(error);
		}
		this.clock.clearTimeout(this.pause);
		this.clock.clearTimeout(this.adoptTimer);
		this.pause = null;
		this.isLoaded = false;
		this.account = null;
		this.options.onChange();
	}

	/** For ever. */
	async close() {
		this.isRunning = false;
		this.#drop(new ParleyError('CLOSED', 'The client was closed'));
		await this.stored();
		this.options.tabs.close();
		await this.#storage((storage) => storage.close()).catch((error) => this.options.log('the storage does not close', error));
	}
}
