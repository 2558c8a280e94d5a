/* store.js - values that can be watched: the contract of Svelte's stores, without Svelte. */
import { guarded } from './errors.js';

/**
 * @template T
 * @typedef {import('../types/index.d.ts').Readable<T>} Readable
 */
/**
 * @template T
 * @typedef {import('../types/index.d.ts').Writable<T>} Writable
 */

/** Primitives that are the same are no news; objects may have changed inside. @param {unknown} a @param {unknown} b */
function differs(a, b) {
	return (typeof a === 'object' && a !== null) || typeof a === 'function' || !Object.is(a, b);
}

/**
 * A value and those who watch it. `subscribe(run)` calls run at once and after each change, and
 * returns the function that ends it.
 * @template T
 * @param {T} value
 * @returns {Writable<T>}
 */
export function writable(value) {
	/** @type {Set<{run: (value: T) => void}>} */
	const watchers = new Set();
	/** @param {T} next */
	const set = (next) => {
		if (!differs(value, next))
			return;
		value = next;
		for (const watcher of [...watchers])
			if (watchers.has(watcher))
				guarded(() => watcher.run(value));
	};
	return {
		set,
		update: (change) => set(change(value)),
		subscribe(run) {
			const watcher = { run };
			watchers.add(watcher);
			run(value);
			return () => { watchers.delete(watcher); };
		},
	};
}

/**
 * What `pick` makes of another store's value. Watches it only while it is watched itself, and
 * tells only real changes: the same object again is none.
 * @template S, T
 * @param {Readable<S>} source
 * @param {(value: S) => T} pick
 * @returns {Readable<T>}
 */
export function derived(source, pick) {
	return {
		subscribe(run) {
			/** @type {{value: T} | null} */
			let last = null;
			return source.subscribe((value) => {
				const next = pick(value);
				if (last && Object.is(last.value, next))
					return;
				last = { value: next };
				run(next);
			});
		},
	};
}

/** The value of now. @template T @param {Readable<T>} store @returns {T} */
export function get(store) {
	/** @type {any} */
	let value;
	store.subscribe((now) => { value = now; })();
	return value;
}
