'use strict';
/*
 * People and their tokens: JWS by Node's crypto, so that the server's own signing code is not
 * what the server is tested with.
 */
const crypto = require('node:crypto');

const SECRET = crypto.randomBytes(48).toString('hex');

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/* A new person. Names are unique, so that many tests can share one server. */
function person(name) {
	const tag = crypto.randomBytes(4).toString('hex');
	return {
		name: name[0].toUpperCase() + name.slice(1),
		username: `${name}_${tag}`,
		email: `${name}.${tag}@example.org`,
		sub: crypto.randomUUID(),
	};
}

/* Claims as a Supabase project issues them, plus the two names. */
function claims(who, ttl = 3600) {
	const now = Math.floor(Date.now() / 1000);
	return {
		sub: who.sub,
		email: who.email,
		username: who.username,
		name: who.name,
		iat: now,
		exp: now + ttl,
	};
}

function sign(body, { secret = SECRET, alg = 'HS256', header = {} } = {}) {
	const head = `${part({ alg, typ: 'JWT', ...header })}.${part(body)}`;
	if (alg === 'none')
		return `${head}.`;
	const hash = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' }[alg];
	return `${head}.${crypto.createHmac(hash, secret).update(head).digest('base64url')}`;
}

const token = (who, { ttl = 3600, ...rest } = {}) => sign(claims(who, ttl), rest);

module.exports = { SECRET, person, claims, sign, token };
