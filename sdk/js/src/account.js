/* account.js - whose messages the outbox holds, before the server has said so. */

/**
 * The user that a JWT names: its `sub`. Null for what is no JWT. Nothing is verified: it only
 * decides under which name unsent messages are kept in this browser.
 * @param {string} token
 * @returns {string | null}
 */
export function subjectOf(token) {
	const part = token.split('.')[1];
	if (!part)
		return null;
	try {
		const bytes = Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
		const { sub, userId } = JSON.parse(new TextDecoder().decode(bytes));
		const subject = sub ?? userId;
		return typeof subject === 'string' && subject ? subject : null;
	} catch {
		return null;
	}
}
