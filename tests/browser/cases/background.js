// A blurred background: chosen in the lobby, painted in workers, sent in the call; and nothing of it loaded before.
import { callStats, join, joinUrl } from '../harness/room.js';
import { sleep, until } from '../harness/shell.js';
import { receiving } from '../harness/calls.js';

const SENDER = 1;
const SETTLES_MS = 3000;
// Steps of brightness, of 255: what a blur leaves of an edge, and what a poor link leaves.
const MOST_BLURRED = 90;
const LEAST_PLAIN = 130;

export const name = 'background';
export const about = 'a blurred background at 640×480: frames a second, what a picture costs, and off again';
export const needsServer = true;
export const cases = [{ name: 'background', run: blur }];

async function blur(context) {
  const page = await context.open('chromium', { id: SENDER }, joinUrl(context.room, { name: 'Ada' }));
  await page.waitForSelector('#lobby video');
  const before = await loaded(page);
  await choose(page, 'blur');
  await until('the model is loaded', async () => (await loaded(page)).length > 0);
  await page.click('#lobby [type=submit]');
  await until('the page is in the call', () => page.evaluate(() => volley.state().phase === 'call'));
  const viewer = await join(context, 'chromium', 2, context.room, { listens: true });
  await until('pictures come', async () => (await decoded(viewer)) > 0, { timeoutMs: 15_000 });
  await sleep(SETTLES_MS);
  const figures = await measure(page, viewer, Math.min(context.seconds, 20));
  const blurred = await steepest(viewer);
  await page.evaluate(() => volley.background.choose(null));
  await receiving(viewer.page, 'call', SENDER);
  const plain = await steepest(viewer);
  return {
    ...figures, steps: { blurred, plain }, loadedBefore: before,
    failures: [
      before.length === 0 || `loaded before anybody asked for it: ${before}`,
      figures.fps >= context.limits.leastBlurredFps || `${figures.fps} frames a second`,
      figures.encodableFps >= 0.8 * figures.fps || `of ${figures.fps} pictures painted a second the encoder was given ${figures.encodableFps}`,
      figures.lookedPerSecond > 0 || 'nobody looked where people are',
      blurred < MOST_BLURRED || `a step of ${blurred} in a blurred picture`,
      plain > LEAST_PLAIN || `a step of ${plain} at most in a picture that is not blurred`,
    ].filter((failure) => failure !== true),
  };
}

// What a blurred background is made of, as far as the page has loaded it.
const loaded = (page) => page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => /tflite|worker/.test(name)));

const choose = (page, kind) => page.evaluate((kind) => {
  const [select] = [...document.querySelectorAll('#lobby select')].filter(({ options }) => [...options].some(({ value }) => value === kind));
  select.value = kind;
  select.dispatchEvent(new Event('change', { bubbles: true }));
}, kind);

async function measure(page, viewer, seconds) {
  const look = async () => ({
    at: Date.now(), source: await captured(page), frames: await decoded(viewer), ...(await page.evaluate(() => volley.background.count())),
  });
  const first = await look();
  await sleep(seconds * 1000);
  const last = await look();
  const perSecond = (what) => Math.round(((last[what] - first[what]) * 10_000) / (last.at - first.at)) / 10;
  return {
    fps: perSecond('painted'), encodableFps: perSecond('source'), receivedFps: perSecond('frames'), lookedPerSecond: perSecond('found'),
    finderMs: Math.round(last.finderMs), painterMs: Math.round(last.painterMs * 10) / 10,
  };
}

// Pictures that the encoder was given.
async function captured(page) {
  const stats = await page.evaluate(async () => [...(await volley.pc.getStats()).values()]);
  return stats.find(({ type, kind }) => type === 'media-source' && kind === 'video')?.frames ?? 0;
}

async function decoded(person) {
  const stats = await callStats(person);
  return stats.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video').reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0);
}

// The steepest step of brightness along the strip on top of the picture, within an eightieth of its width: of
// 255 where blocks of black and white lie side by side.
function steepest({ page }) {
  return page.evaluate(() => {
    const video = [...document.querySelectorAll('.tile:not(.self) video')].find(({ videoWidth }) => videoWidth > 0);
    const canvas = new OffscreenCanvas(320, 1);
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, video.videoHeight / 30, video.videoWidth, 1, 0, 0, 320, 1);
    const { data } = context.getImageData(0, 0, 320, 1);
    let most = 0;
    for (let x = 4; x < 320; x += 1) most = Math.max(most, Math.abs(data[x * 4] - data[(x - 4) * 4]));
    return most;
  });
}
