/*
 * storage.js - where unsent messages wait: IndexedDB, or memory where there is none.
 *
 * A storage keeps entries by their id; all methods return promises. `load(account)` gives the
 * entries of one account in no order.
 */

import { realClock } from './environment.js';
import { within } from './patience.js';

/** @typedef {import('../types/index.d.ts').OutboxEntry} OutboxEntry */
/** @typedef {import('../types/index.d.ts').OutboxStorage} OutboxStorage */

const DATABASE = 'parley-client';
const STORE = 'outbox';
const OPEN_MS = 3000;

/** @implements {OutboxStorage} */
export class MemoryStorage {
	constructor() {
		this.isLasting = false;
		/** @type {Map<string, OutboxEntry>} */
		this.entries = new Map();
	}

	/** @param {string} account */
	async load(account) {
		return [...this.entries.values()].filter((entry) => entry.account === account);
	}

	/** @param {OutboxEntry} entry */
	async put(entry) {
		this.entries.set(entry.id, { ...entry });
	}

	/** @param {string} id */
	async remove(id) {
		this.entries.delete(id);
	}

	async close() {}
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function answer(request) {
	return new Promise((resolve, reject) => {
		request.onsuccess = () => resolve(request.result);
		request.onerror = () => reject(request.error);
	});
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function committed(transaction) {
	return new Promise((resolve, reject) => {
		transaction.oncomplete = () => resolve();
		transaction.onabort = () => reject(transaction.error);
		transaction.onerror = () => reject(transaction.error);
	});
}

/** @implements {OutboxStorage} */
export class IndexedDbStorage {
	/** @type {Promise<IDBDatabase> | null} */
	#database = null;

	/** @param {IDBFactory} [factory] */
	constructor(factory = globalThis.indexedDB) {
		this.factory = factory;
	}

	/** @param {IDBFactory} [factory] @returns {Promise<IndexedDbStorage>} */
	static async open(factory) {
		const storage = new IndexedDbStorage(factory);
		await storage.#open();
		return storage;
	}

	/* A browser may take the database away (cleared data, a long sleep): it is opened anew when needed. */
	#open() {
		this.#database ??= this.#connect().catch((error) => {
			this.#database = null;
			throw error;
		});
		return this.#database;
	}

	/** @returns {Promise<IDBDatabase>} */
	async #connect() {
		const request = this.factory.open(DATABASE, 1);
		request.onupgradeneeded = () => {
			request.result.createObjectStore(STORE, { keyPath: 'id' }).createIndex('account', 'account');
		};
		const database = await answer(request);
		database.onclose = () => { this.#database = null; };
		/* A newer version of the page wants to change it: it must not wait for us. */
		database.onversionchange = () => {
			this.#database = null;
			database.close();
		};
		return database;
	}

	/** @param {IDBTransactionMode} mode @returns {Promise<IDBTransaction>} */
	async #begin(mode) {
		const database = await this.#open();
		try {
			return database.transaction(STORE, mode);
		} catch {
			this.#database = null;
			return (await this.#open()).transaction(STORE, mode);
		}
	}

	/** @param {string} account @returns {Promise<OutboxEntry[]>} */
	async load(account) {
		const transaction = await this.#begin('readonly');
		return answer(transaction.objectStore(STORE).index('account').getAll(account));
	}

	/** Done when it is committed. @param {OutboxEntry} entry */
	async put(entry) {
		const transaction = await this.#begin('readwrite');
		transaction.objectStore(STORE).put(entry);
		await committed(transaction);
	}

	/** @param {string} id */
	async remove(id) {
		const transaction = await this.#begin('readwrite');
		transaction.objectStore(STORE).delete(id);
		await committed(transaction);
	}

	async close() {
		const database = await this.#database;
		this.#database = null;
		database?.close();
	}
}

/**
 * The storage that was asked for: an object of one's own, 'memory', or the best there is.
 * @param {OutboxStorage | 'memory' | 'auto' | undefined} wanted
 * @param {(...line: unknown[]) => void} log
 * @returns {Promise<OutboxStorage>}
 */
export async function openStorage(wanted, log) {
	if (typeof wanted === 'object')
		return wanted;
	try {
		/* Where a page is forbidden to store, even looking at it may throw. */
		if (wanted !== 'memory' && globalThis.indexedDB)
			return await within(realClock, IndexedDbStorage.open(), OPEN_MS, 'IndexedDB');
	} catch (error) {
		log('no IndexedDB, unsent messages are kept in memory', error);
	}
	return new MemoryStorage();
}
