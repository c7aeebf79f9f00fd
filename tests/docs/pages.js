// What stands in a page of Markdown: blocks of code, links, headings.

// With the line on which each begins. A block in a list is as indented as the list's text.
export function blocksOf(text) {
  const blocks = [];
  let open = null;
  text.split('\n').forEach((line, index) => {
    const fence = /^( *)```(\w*)/.exec(line);
    if (fence && !open) open = { line: index + 1, language: fence[2], indent: fence[1].length, lines: [] };
    else if (fence && open) {
      const { indent, lines, ...rest } = open;
      blocks.push({ ...rest, text: lines.map((one) => one.slice(Math.min(indent, one.search(/\S|$/)))).join('\n') });
      open = null;
    } else open?.lines.push(line);
  });
  if (open) throw new Error(`the block that begins on line ${open.line} has no end`);
  return blocks;
}

// Of text alone: what looks like one in a block of code is none.
export function linksOf(text) {
  return [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)].map(([, link]) => link);
}

const SECTIONS = /^(server|tls|webrtc|rooms|recording|performance|security|telemetry|webhooks|video|audio)\.(?!yaml)[a-z0-9_.]*[*…]?/;

// Keys of the configuration that text names, each once; one that ends with * stands for all that begin so.
export function keysOf(text) {
  return unique(spansOf(text).flatMap((span) => SECTIONS.exec(span)?.[0].replace('…', '*') ?? []));
}

// Commands of ours that text names, each once, without what follows a pipe; those with a word to be filled in are left out.
export function commandsOf(text) {
  const commands = spansOf(text).map((span) => /^(?:sudo )?((?:tuning\/tune|volley) [^|]+)/.exec(span)?.[1].trim());
  return unique(commands.filter((command) => command && !/[A-Z]{2}|…/.test(command)));
}

// Commands that run and do nothing, or not what they are named for: what they look like, where (a page's path), and why.
const VAIN = [
  [/\bnft add rule\b/, /./, 'behind a rule that drops the rest it does nothing: nft insert rule'],
  [/^(?!.*--user 0).*--cap-add /, /./, 'of the image whose user is not root it gives no right: --user 0 besides'],
  [/\bvolley config check (?!--config)/, /^docs\/runbooks\//, 'it reads ./config, and not what the service has: --config /etc/volley --env-file /etc/volley/volley.env'],
];

// Which of them a page names, in a sentence or in a block.
export function vainCommandsOf(page, text) {
  const commands = [...spansOf(text), ...blocksOf(text).flatMap((block) => block.text.split('\n'))];
  return VAIN.filter(([, where]) => where.test(page)).flatMap(([pattern, , why]) => commands.filter((command) => pattern.test(command)).map((command) => `${command}: ${why}`));
}

function spansOf(text) {
  return [...withoutCode(text, { spans: false }).matchAll(/`([^`\n]+)`/g)].map(([, span]) => span);
}

const unique = (all) => [...new Set(all)];

// What can be linked to: headings, as GitHub makes anchors of them, and anchors that are written out.
export function anchorsOf(text) {
  const headings = [...withoutCode(text, { spans: false }).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);
  const written = [...withoutCode(text).matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id);
  return new Set([...written, ...headings.map((heading) => heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))]);
}

function withoutCode(text, { spans = true } = {}) {
  const plain = text.replace(/^ *```[\s\S]*?^ *```/gm, '');
  return spans ? plain.replace(/`[^`\n]*`/g, '') : plain;
}
