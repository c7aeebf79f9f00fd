// A page of another site joins by the client library, exactly as the README prints it.
import fs from 'node:fs';
import { receiving } from '../harness/calls.js';

const ROOT = new URL('../../../', import.meta.url);

export const name = 'library';
export const about = 'pages of another site that call by the client library, as the README prints it';
export const needsServer = true;
export const cases = [{ name: 'library', run: asPrinted }];

async function asPrinted(context) {
  const address = await context.fixture('library.html');
  const [one, two] = [await context.open('chromium', { id: 1 }, address), await context.open('chromium', { id: 2 }, address)];
  await receiving(one, 'call', 2);
  await receiving(two, 'call', 1);
  const page = fs.readFileSync(new URL('tests/browser/fixtures/library.html', ROOT), 'utf8');
  const [script] = /<script[^]*<\/script>/.exec(page);
  const isPrinted = fs.readFileSync(new URL('README.md', ROOT), 'utf8').includes(script);
  return { failures: isPrinted ? [] : ['the README prints another page than the one that was tried'] };
}
