// The page people meet in: every feature as a person uses it, on every screen checked for what keeps people
// out, with `--screens FOLDER` photographed instead, with axe on each.
import { again } from './page/again.js';
import { inCall } from './page/call.js';
import { errors } from './page/errors.js';
import { inFirefox } from './page/firefox.js';
import { byKeyboard } from './page/keyboard.js';
import { inLobby } from './page/lobby.js';
import { beyond, many } from './page/many.js';
import { recordingEnvironment } from './page/recording.js';
import { photograph } from './page/screens.js';
import { trouble } from './page/trouble.js';
import { SECRET } from '../harness/token.js';

export const name = 'page';
export const about = 'the page people meet in, feature by feature, with axe; --screens FOLDER takes pictures of every screen';
export const needsServer = true;
// Everybody of these rooms comes from one address, and who has a token may do more than others.
export const environment = { VOLLEY_SECURITY__RATE_LIMIT__ENABLED: 'false', VOLLEY_SECURITY__TOKEN_SECRETS: SECRET, ...recordingEnvironment };
export const cases = [
  { name: 'page-lobby', run: inLobby },
  { name: 'page-call', run: inCall },
  { name: 'page-keyboard', run: byKeyboard },
  { name: 'page-trouble', run: trouble },
  { name: 'page-errors', run: errors },
  { name: 'page-firefox', run: inFirefox },
  { name: 'page-again', run: again },
  { name: 'page-many', run: many },
  { name: 'page-beyond', run: beyond },
];
export const screens = [{ name: 'page-screens', run: photograph }];
