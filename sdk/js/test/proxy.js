/*
 * proxy.js - a TCP connection in the middle: lets everything through, or loses what one side says,
 * or cuts, also in the middle of a frame.
 */
import net from 'node:net';

export class Proxy {
	/** @param {number} to the server's port on 127.0.0.1 */
	static async start(to) {
		const proxy = new Proxy();
		proxy.pairs = new Set();
		proxy.isMute = false;
		proxy.isDead = false;
		proxy.accepted = 0;
		/* How many bytes one direction of a new connection lets through. */
		proxy.budget = () => Infinity;
		proxy.cuts = 0;
		proxy.up = [];
		proxy.listener = net.createServer((client) => proxy.accept(client, to));
		await new Promise((resolve) => proxy.listener.listen(0, '127.0.0.1', resolve));
		proxy.port = proxy.listener.address().port;
		return proxy;
	}

	accept(client, to) {
		const server = net.connect(to, '127.0.0.1');
		const pair = { client, server };
		this.accepted++;
		this.pairs.add(pair);
		const end = () => {
			client.destroy();
			server.destroy();
			this.pairs.delete(pair);
		};
		for (const socket of [client, server])
			socket.on('error', end).on('close', end);
		const up = this.counted(server, end);
		const down = this.counted(client, end);
		client.on('data', (data) => this.isDead || up(data));
		server.on('data', (data) => this.isMute || this.isDead || down(data));
	}

	counted(to, end) {
		let left = this.budget();
		return (data) => {
			if (data.length < left) {
				left -= data.length;
				to.write(data);
				return;
			}
			this.cuts++;
			to.write(data.subarray(0, left), end);
			left = 0;
		};
	}

	url(where = '/ws') {
		return `ws://127.0.0.1:${this.port}${where}`;
	}

	/** From now on the client hears nothing; the server hears all. */
	mute() {
		this.isMute = true;
	}

	/** Nobody hears anything, and nobody is told: a cable that was pulled. */
	die() {
		this.isDead = true;
	}

	/** Ends all connections; later ones are whole. */
	cut() {
		for (const { client, server } of [...this.pairs]) {
			client.destroy();
			server.destroy();
		}
		this.isMute = false;
		this.isDead = false;
	}

	async stop() {
		this.cut();
		await new Promise((resolve) => this.listener.close(resolve));
	}
}
