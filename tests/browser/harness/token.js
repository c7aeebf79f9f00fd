// Tokens for rooms, as the site around a server would sign them.
import { createHmac, randomBytes } from 'node:crypto';

export const SECRET = randomBytes(32).toString('hex');

// It ends in so many seconds.
export function tokenFor(room, grants, seconds = 600) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: grants.join(' '), room, grants, exp: Math.floor(Date.now() / 1000) + seconds };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}
