/*
 * tabs.js - which tabs of this origin are alive, by Web Locks: each holds a lock that the browser
 * takes from it when it ends, however it ends.
 *
 * Without Web Locks nobody else is known to be alive. Then two tabs may send one entry, and the
 * server, which knows its clientMessageId, keeps one.
 */
import { uuid } from './environment.js';

const PREFIX = 'parley-client:tab:';
const ADOPT = 'parley-client:adopt';

export class Tabs {
	/** @param {LockManager | undefined} [locks] */
	constructor(locks = globalThis.navigator?.locks) {
		this.id = uuid();
		/** @type {LockManager | undefined} */
		this.locks = locks;
		/** Ends the lock. */
		this.release = () => {};
		/** @type {Promise<void>} */
		this.isHeld = this.#hold();
	}

	/** @returns {Promise<void>} */
	#hold() {
		const { locks } = this;
		if (!locks)
			return Promise.resolve();
		return new Promise((resolve) => {
			locks.request(PREFIX + this.id, () => {
				resolve();
				return new Promise((end) => { this.release = () => end(undefined); });
			}).catch(() => {
				this.locks = undefined;
				resolve();
			});
		});
	}

	/** Ids of the tabs that are alive, this one among them. @returns {Promise<Set<string>>} */
	async alive() {
		const { held = [] } = (await this.locks?.query()) ?? {};
		const names = held.map(({ name }) => name ?? '').filter((name) => name.startsWith(PREFIX));
		return new Set([this.id, ...names.map((name) => name.slice(PREFIX.length))]);
	}

	/** One tab at a time. @template T @param {() => Promise<T>} act @returns {Promise<T>} */
	async alone(act) {
		await this.isHeld;
		return this.locks ? this.locks.request(ADOPT, act) : act();
	}

	close() {
		this.release();
	}
}
