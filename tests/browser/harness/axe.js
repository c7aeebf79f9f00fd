// The rules of WCAG 2.2 A and AA that a program can check, in the page as it stands.
import fs from 'node:fs';

const SOURCE = fs.readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// Each violation in a line.
export async function violations(page) {
  await page.evaluate(SOURCE);
  return page.evaluate(async (values) => {
    const { violations } = await axe.run(document, { runOnly: { type: 'tag', values }, rules: { 'target-size': { enabled: true } } });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary.split('\n').at(-1).trim()}`).join(' | ')}`);
  }, RULES);
}

// Motion is over first: a half transparent letter has no contrast.
export async function assertAccessible(checks, page, screen, known = []) {
  await page.evaluate(() => document.getAnimations().forEach((one) => {
    if (one.effect?.getComputedTiming().endTime !== Infinity) one.finish();
  }));
  const found = await violations(page);
  // Rules that somebody else's part of the page is known to break.
  const news = found.filter((line) => !known.some((rule) => line.startsWith(`${rule}:`)));
  checks.that(`axe finds nothing wrong: ${screen}`, news.length === 0, news);
}
