/* fake.js - a clock that is moved by hand, and a WebSocket that does what the test says. */

export class FakeClock {
	constructor() {
		this.time = 1000000;
		this.timers = new Map();
		this.next = 1;
		this.chance = 0.5;
		/** How far the clock on the wall was set. */
		this.jump = 0;
		this.now = () => this.time + this.jump;
		this.ticks = () => this.time;
		this.random = () => this.chance;
		this.setTimeout = (act, ms) => {
			this.timers.set(this.next, { act, at: this.time + ms });
			return this.next++;
		};
		this.clearTimeout = (id) => { this.timers.delete(id); };
	}

	/** Lets promises that are settled be heard. */
	async settle() {
		for (let i = 0; i < 20; i++)
			await Promise.resolve();
	}

	/** Moves on, timer by timer. */
	async tick(ms) {
		const end = this.time + ms;
		await this.settle();
		for (;;) {
			const due = [...this.timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
			if (!due)
				break;
			this.timers.delete(due[0]);
			this.time = Math.max(this.time, due[1].at);
			due[1].act();
			await this.settle();
		}
		this.time = end;
		await this.settle();
	}

	/** Milliseconds until the next timer. */
	get pending() {
		return [...this.timers.values()].map((t) => t.at - this.time).sort((a, b) => a - b);
	}
}

/** A class of WebSockets for one test: `made` are its instances. */
export function fakeWebSocket() {
	return class FakeWebSocket {
		static made = [];

		static get last() {
			return this.made[this.made.length - 1];
		}

		constructor(url) {
			this.url = url;
			this.readyState = 0;
			this.sent = [];
			this.closedWith = null;
			this.constructor.made.push(this);
		}

		send(data) {
			this.sent.push(data);
		}

		close(code, reason) {
			this.closedWith = [code, reason];
			this.readyState = 2;
		}

		/* ---- what the other side does ---- */

		accept() {
			this.readyState = 1;
			this.onopen?.({});
		}

		say(frame) {
			this.onmessage?.({ data: typeof frame === 'object' && !(frame instanceof ArrayBuffer) ? JSON.stringify(frame) : frame });
		}

		end(code = 1006, reason = '') {
			this.readyState = 3;
			this.onclose?.({ code, reason });
		}

		fail() {
			this.onerror?.({ message: 'refused' });
			this.end();
		}

		get frames() {
			return this.sent.map((text) => JSON.parse(text));
		}
	};
}
