'use strict';
/*
 * The option names that the live tests pass to `parley serve --set`, in one place, so that a
 * renamed option is one edit here. The values are defaults for a test server: no rate limits
 * (limits.test.js turns them on), everything else as the server ships it.
 */
const OPTION = {
	limits: 'limits.enabled',
	accounts: 'accounts.enabled',
	messagesPerMinute: 'limits.messages_per_minute',
	burst: 'limits.burst',
	maxMessage: 'limits.max_message',
	connectionsPerIp: 'limits.connections_per_ip',
	outHard: 'limits.out_hard',
	outSoft: 'limits.out_soft',
	presenceGrace: 'presence.grace',
	typingExpiry: 'typing.expiry',
	heartbeatInterval: 'heartbeat.interval',
	heartbeatTimeout: 'heartbeat.timeout',
	authDeadline: 'auth.deadline',
	authWarning: 'auth.expiry_warning',
	authProvision: 'auth.provision',
	tlsCertificate: 'tls.certificate',
	tlsKey: 'tls.key',
};

const DEFAULTS = { [OPTION.limits]: 'false' };

module.exports = { OPTION, DEFAULTS };
