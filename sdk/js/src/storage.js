/*
 * storage.js - where unsent messages wait: IndexedDB, or memory where there is none.
 *
 * A storage keeps entries by their id; all methods return promises. `load(account)` gives the
 * entries of one account in no order.
 */

/** @typedef {import('../types/index.d.ts').OutboxEntry} OutboxEntry */
/** @typedef {import('../types/index.d.ts').OutboxStorage} OutboxStorage */

const DATABASE = 'parley-client';
const STORE = 'outbox';

/** @implements {OutboxStorage} */
export class MemoryStorage {
	constructor() {
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
	/** @param {IDBDatabase} database */
	constructor(database) {
		this.database = database;
		/* A newer version of the page wants to change it: it must not wait for us. */
		database.onversionchange = () => database.close();
	}

	/** @param {IDBFactory} [factory] @returns {Promise<IndexedDbStorage>} */
	static async open(factory = globalThis.indexedDB) {
		const request = factory.open(DATABASE, 1);
		request.onupgradeneeded = () => {
			request.result.createObjectStore(STORE, { keyPath: 'id' }).createIndex('account', 'account');
		};
		return new IndexedDbStorage(await answer(request));
	}

	/** @param {IDBTransactionMode} mode */
	#begin(mode) {
		const transaction = this.database.transaction(STORE, mode);
		return { transaction, store: transaction.objectStore(STORE) };
	}

	/** @param {string} account @returns {Promise<OutboxEntry[]>} */
	async load(account) {
		const { store } = this.#begin('readonly');
		return answer(store.index('account').getAll(account));
	}

	/** Done when it is committed. @param {OutboxEntry} entry */
	async put(entry) {
		const { transaction, store } = this.#begin('readwrite');
		store.put(entry);
		await committed(transaction);
	}

	/** @param {string} id */
	async remove(id) {
		const { transaction, store } = this.#begin('readwrite');
		store.delete(id);
		await committed(transaction);
	}

	async close() {
		this.database.close();
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
	if (wanted !== 'memory' && globalThis.indexedDB) {
		try {
			return await IndexedDbStorage.open();
		} catch (error) {
			log('no IndexedDB, unsent messages are kept in memory', error);
		}
	}
	return new MemoryStorage();
}
