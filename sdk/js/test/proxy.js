/*
 * proxy.js - a TCP connection in the middle: lets everything through, or loses what one side says,
 * or cuts.
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
		client.on('data', (data) => this.isDead || server.write(data));
		server.on('data', (data) => this.isMute || this.isDead || client.write(data));
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
