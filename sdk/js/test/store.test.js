/* The store contract that Svelte relies on: called at once, then at changes, until unsubscribed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { derived, get, writable } from '../src/store.js';

test('writable: at once, at changes, not for the same primitive, not after the end', () => {
	const store = writable(1);
	const seen = [];
	const stop = store.subscribe((value) => seen.push(value));
	store.set(2);
	store.set(2);
	store.update((n) => n + 1);
	stop();
	store.set(9);
	assert.deepEqual(seen, [1, 2, 3]);
	assert.equal(get(store), 9);
});

test('writable: an object may have changed inside', () => {
	const object = {};
	const store = writable(object);
	let calls = 0;
	store.subscribe(() => calls++);
	store.set(object);
	assert.equal(calls, 2);
});

test('writable: unsubscribing while being told', () => {
	const store = writable(0);
	const seen = [];
	const stops = [];
	stops.push(store.subscribe((n) => n && stops[1]()));
	stops.push(store.subscribe((n) => seen.push(n)));
	store.set(1);
	assert.deepEqual(seen, [0], 'who left is not told any more');
});

test('derived: only real changes, and only while it is watched', () => {
	const store = writable({ a: 1, list: [] });
	let picks = 0;
	const part = derived(store, (state) => {
		picks++;
		return state.list;
	});
	assert.equal(picks, 0);
	const seen = [];
	const stop = part.subscribe((list) => seen.push(list.length));
	store.update((state) => ({ ...state, a: 2 }));
	store.update((state) => ({ ...state, list: [1] }));
	stop();
	store.update((state) => ({ ...state, list: [1, 2] }));
	assert.deepEqual(seen, [0, 1]);
	assert.deepEqual(get(part), [1, 2]);
});

test('a watcher that throws is told as uncaught; the others, and the caller, go on', (t) => {
	const uncaught = [];
	t.mock.method(globalThis, 'queueMicrotask', (act) => uncaught.push(act));
	const store = writable(0);
	const seen = [];
	store.subscribe((n) => { if (n) throw new Error('broken component'); });
	store.subscribe((n) => seen.push(n));
	store.set(1);
	assert.deepEqual(seen, [0, 1]);
	assert.throws(uncaught[0], /broken component/);
});
