/* account.js - whose messages the outbox holds, before the server has said so. */

/**
 * What a JWT says, unverified; null for what is no JWT.
 * @param {string} token
 * @returns {Record<string, unknown> | null}
 */
function claimsOf(token) {
	const part = token.split('.')[1];
	if (!part)
		return null;
	try {
		const bytes = Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
		return JSON.parse(new TextDecoder().decode(bytes));
	} catch {
		return null;
	}
}

/** @param {unknown} claim */
const textOr = (claim) => (typeof claim === 'string' && claim ? claim : null);

/**
 * The user that a JWT names: its `sub`. Null for what is no JWT. Nothing is verified: it only
 * decides under which name unsent messages are kept in this browser.
 * @param {string} token
 */
export function subjectOf(token) {
	const claims = claimsOf(token);
	return textOr(claims?.sub ?? claims?.userId);
}

/** The username that a JWT carries, or null. Nothing is verified: the server compares. @param {string} token */
export const usernameOf = (token) => textOr(claimsOf(token)?.username);
