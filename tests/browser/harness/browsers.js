// Chromium over CDP and Firefox over WebDriver BiDi, both headless and with a fake camera.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import puppeteer from 'puppeteer-core';
import { until } from './shell.js';

const CHROMIUM = {
  browser: 'chrome',
  paths: ['/usr/bin/chromium', '/usr/bin/google-chrome'],
  options: {
    pipe: true,
    args: [
      // Everything runs as root of the namespaces, where Chromium's own sandbox cannot start.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--mute-audio',
      '--window-size=660,560',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream=fps=30',
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
      // Addresses behind mDNS names, which nobody resolves in our namespaces.
      '--disable-features=WebRtcHideLocalIpsWithMdns',
    ],
  },
};

const FIREFOX = {
  browser: 'firefox',
  paths: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
  options: {
    args: ['--width=660', '--height=560'],
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      'media.autoplay.blocking_policy': 0,
      // H.264 in Firefox is a plug-in fetched from the network, which the namespace does not have.
      'media.gmp-manager.updateEnabled': false,
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
    },
  },
};

// `place`: in which network, when not in that of the tests.
export async function launch(name, place) {
  const { browser, paths, options } = name === 'firefox' ? FIREFOX : CHROMIUM;
  const found = paths.find((path) => fs.existsSync(path));
  if (!found) throw new Error(`${name} is not installed: ./scripts/test installs it`);
  const executablePath = place ? place.program(found) : found;
  const env = name === 'firefox' ? { ...process.env, PULSE_SERVER: await startSound() } : process.env;
  return puppeteer.launch({ browser, executablePath, env, headless: true, defaultViewport: null, timeout: 60_000, ...options });
}

// Without a sound card Firefox never starts an AudioContext, and its mock device runs 6 % slow; PulseAudio's
// null sink keeps time. Chromium has a null device of its own that does.
let sound = null;
async function startSound() {
  const socket = '/run/pulse.sock';
  const modules = ['module-null-sink rate=48000', `module-native-protocol-unix auth-anonymous=1 socket=${socket}`];
  const flags = ['-n', '--daemonize=no', '--exit-idle-time=-1', '--use-pid-file=no', '--disallow-exit'];
  sound ??= spawn('pulseaudio', [...flags, ...modules.flatMap((module) => ['-L', module])], { stdio: 'ignore' });
  sound.once('error', () => {});
  await until('PulseAudio (apt-get install pulseaudio)', () => fs.existsSync(socket));
  return `unix:${socket}`;
}

const SCRIPTS = ['format', 'sound', 'painters', 'portrait', 'source', 'meter', 'yardstick', 'detour', 'steady']
  .map((name) => fs.readFileSync(new URL(`../page/${name}.js`, import.meta.url), 'utf8'))
  .join('\n');

// Chromium as it was before it had script transforms.
const OLDER = 'delete globalThis.RTCRtpScriptTransform;\n';

// A window of its own for each page, since a tab behind another one paints nothing.
// `config.id` is what the page's picture and tone say about their origin.
export async function openPage(browser, url, config, onConsole = () => {}) {
  const page = await browser.newPage({ type: 'window' });
  page.on('console', (message) => onConsole(message.text()));
  page.on('pageerror', (error) => onConsole(`uncaught: ${error.message}`));
  await page.evaluateOnNewDocument(`globalThis.volleyTest = { config: ${JSON.stringify(config)} };\n${config.oldStreams ? OLDER : ''}${SCRIPTS}`);
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await until('test scripts in the page', () => page.evaluate(() => Boolean(globalThis.volleyTest?.yardstick)));
  return page;
}
